"""Cosine: the method of recognisers whose images and texts already share a space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.linalg import class_means, cosine

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["Cosine"]


class Cosine(Method):
    r"""Score a class by the cosine between vector and prototype; nothing is learned.

    .. math:: f_c(x) = \frac{x^\top p_c}{\lVert x\rVert\,\lVert p_c\rVert}

    Notes
    -----
    For encoders whose vectors and prototypes live in one space (CLIP and its kin; sentences against class
    descriptions). Without prototypes, `fit` takes each class's mean vector for its prototype, which is the
    nearest-class-mean classifier. A zero vector scores zero everywhere. Inductive; cost O(n C d).

    References
    ----------
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.cosine import Cosine
    >>> p = Prototypes(["up", "right"], [[0, 1], [1, 0]])
    >>> Cosine().class_scores([[3, 4]], prototypes=p).round(2).tolist()
    [[0.8, 0.6]]
    """

    family = "projection"
    citation = Citation(
        authors="Radford, Kim, Hallacy, et al.",
        title="Learning Transferable Visual Models From Natural Language Supervision",
        venue="ICML",
        year=2021,
        url="https://arxiv.org/abs/2103.00020",
    )
    capabilities = Capabilities(stateless=True, shared_space=True)

    def _own_prototypes(self, X: Array, y: Array, n_classes: int) -> Array:
        return class_means(X, y, n_classes)

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        _check_shared_space(X, S)

    def _class_scores(self, X: Array, P: Array) -> Array:
        _check_shared_space(X, P)
        return cosine(X, P)


def _check_shared_space(X: Array, P: Array) -> None:
    from unseen.errors import InputError
    from unseen.validation import message, verbatim

    if X.shape[1] != P.shape[1]:
        raise InputError(
            message(
                "Cosine",
                "prototypes",
                f"of {X.shape[1]} dimensions, like the vectors",
                verbatim(f"{P.shape[1]} dimensions"),
                "Use an encoder with a shared space, or a method that learns to join two spaces",
            )
        )
