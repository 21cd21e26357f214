"""What the methods of this family share: attributes as targets, their classifiers, and their product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from unseen.methods.base import Method
from unseen.methods.classifiers import linear_outputs
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["attribute_classifiers", "attribute_product", "attribute_range", "presence"]


def attribute_range(S: Array) -> tuple[Array, Array, Array]:
    """Return which columns (m,) of seen prototypes S (C, k) vary, and their means and standard deviations (m,).

    An attribute that all seen classes have alike cannot be learned, nor does its presence tell them apart.
    """
    used = np.flatnonzero(np.ptp(S, axis=0) > 0)
    return used, S[:, used].mean(axis=0), S[:, used].std(axis=0)


def presence(P: Array, mean: Array, spread: Array, *, attributes: str, sharpness: float) -> Array:
    r"""Return the degree (C, m), in [0, 1], to which classes have attributes that vary.

    .. math:: a_{cj} = \sigma\bigl(\text{sharpness}\,(p_{cj}-\bar s_j)/\operatorname{std} s_j\bigr)
       \quad\text{or}\quad a_{cj} = [\,p_{cj} > \bar s_j\,]

    Parameters
    ----------
    P : ndarray of shape (C, m)
        Prototypes.
    mean, spread : ndarray of shape (m,)
        Means and standard deviations over seen classes.
    attributes : {"soft", "binary"}
        The first formula or the second.
    sharpness : float
        How close soft attributes come to binary ones.
    """
    if attributes == "binary":
        return np.greater(P, mean).astype(np.float64)
    soft: Array = expit(sharpness * (P - mean) / spread)
    return soft


class _AttributeMethod(Method):
    """Base of methods that describe classes by the attributes in which seen prototypes differ."""

    family = "combination"
    attributes: str
    sharpness: float
    prior: str

    def _fit_attributes(self, samples: Samples, S: Array) -> Array:
        """Learn range and prior of the attributes; return their presence in seen classes, (C_seen, m)."""
        owner = type(self).__name__
        check_choice(owner, "attributes", self.attributes, ("soft", "binary"))
        check_choice(owner, "prior", self.prior, ("uniform", "seen"))
        check_number(owner, "sharpness", self.sharpness, low=0, low_open=True)
        self.attributes_, self.attribute_mean_, self.attribute_spread_ = attribute_range(S)
        table = self._presence(S)
        share = samples.counts / samples.n
        self.prior_ = share @ table if self.prior == "seen" else np.full(table.shape[1], 0.5)
        return table

    def _presence(self, P: Array) -> Array:
        return presence(
            P[:, self.attributes_],
            self.attribute_mean_,
            self.attribute_spread_,
            attributes=self.attributes,
            sharpness=self.sharpness,
        )


def attribute_classifiers(samples: Samples, targets: Array, *, C: float) -> tuple[Array, Array]:
    """Fit a logistic regression of each attribute, all at once: weights (m, d) and offsets (m,).

    Parameters
    ----------
    samples : Samples
        Vectors and their classes.
    targets : ndarray of shape (C_seen, m)
        Presence of each attribute in each class, in [0, 1], not the same in all classes.
    C : float
        Inverse strength of the penalty, above 0, for features that are centred and scaled together.
    """

    def loss(Z: Array, _: Array) -> tuple[float, Array]:
        small = np.exp(-np.abs(Z))
        value = float((np.maximum(Z, 0) + np.log1p(small)).sum(dtype=np.float64))
        return value, np.where(Z >= 0, 1, small) / (1 + small)

    return linear_outputs(samples, loss, targets.shape[1], penalty=1 / C, curvature=0.25, targets=targets)


def attribute_product(present: Array, absent: Array, prior: Array, table: Array) -> Array:
    r"""Return the logarithm (n, C) of the product over attributes of probability over prior.

    .. math:: \sum_j a_{cj} \log\frac{p(a_j\mid x)}{p(a_j)} + (1-a_{cj}) \log\frac{1-p(a_j\mid x)}{1-p(a_j)}

    Parameters
    ----------
    present, absent : ndarray of shape (n, m)
        Logarithms of the probabilities that an attribute is present and that it is absent.
    prior : ndarray of shape (m,)
        Probability of each attribute, above 0 and below 1.
    table : ndarray of shape (C, m)
        Presence of attributes in classes, in [0, 1].
    """
    product: Array = (present - np.log(prior)) @ table.T + (absent - np.log1p(-prior)) @ (1 - table).T
    return product
