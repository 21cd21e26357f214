"""DeViSE: a bilinear compatibility in which the true class beats every other by a margin."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from unseen.methods.base import Citation
from unseen.methods.correspondence.bilinear import _Bilinear, summed_violations

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["DeViSE"]


class DeViSE(_Bilinear):
    r"""Learn a compatibility in which every wrong class within a margin of the true one costs alike.

    .. math:: \min_W \sum_i \sum_{c \neq y_i} \max\bigl(0,\; 1 + f_c(x_i) - f_{y_i}(x_i)\bigr), \qquad
       f_c(x) = (x - \bar x)^\top W \tilde p_c

    Parameters
    ----------
    learning_rate : float, default 0.01
        Step of one sample, above 0, for vectors of mean squared length one and unit prototypes. Too small a step
        stops before the classes are told apart, too large a one wanders.
    n_epochs : int, default 10
        Passes over the samples, at least 1. Fewer act like a penalty.
    batch_size : int, default 32
        Samples judged by the same W, at least 1; 1 is the papers' loop, larger is faster.
    average : bool, default True
        Whether the mean of W after every step is kept in place of the last one, which wanders more.
    center : bool, default True
        Whether prototypes are taken as directions from the mean of the seen ones, :math:`\tilde p = (p - \bar s) /
        \lVert p - \bar s\rVert`; False takes them as given.
    balanced : bool, default True
        Whether classes weigh alike however many samples they have: the loss of a sample counts n / (C n_c) times.
    normalize : bool, default True
        Whether the classifier of every class, :math:`W \tilde p_c`, is scaled to length one when scoring.
    random_state : int, RandomState or None, default None
        Orders the samples; a whole number repeats a fit.

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        W.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of the seen prototypes; zero where `center` is False.

    Raises
    ------
    InputError
        When a number is out of range, or a switch is not True or False.

    Notes
    -----
    Inductive. O(n_epochs n d q), q at most the number of seen classes and k: the loop runs in the span of the seen
    prototypes, which W never leaves, so this changes nothing. The losses of a mini-batch are judged together and its
    steps add up. The authors stop at the first wrong class that violates its margin, in random
    order; here all of them push.
    W starts at zero instead of at random numbers: what a random start holds outside of the spans of vectors and
    prototypes is never unlearned. From zero, a margin of m and a step m times as long only multiply W by m, so the
    margin is one. Vectors are centred and of mean squared length one, so that one step suits features of any scale.
    Without `average`, `center`, `balanced` and `normalize` this is the paper's method; on held-out training classes
    the last three took the accuracy (mean over classes) from 0.58 to 0.64 on CUB100 and
    left it within 0.01 on AWA1
    (``benchmarks/departures.py``).

    References
    ----------
    Frome, Corrado, Shlens, Bengio, Dean, Ranzato and Mikolov, "DeViSE: A Deep Visual-Semantic Embedding Model",
    NIPS 2013.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.correspondence.devise import DeViSE
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
    >>> method = DeViSE(random_state=0).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[1.0, 0.2], [0.2, 1.0]], prototypes=p).tolist()
    ['low', 'high']
    """

    citation = Citation(
        authors="Frome, Corrado, Shlens, Bengio, Dean, Ranzato and Mikolov",
        title="DeViSE: A Deep Visual-Semantic Embedding Model",
        venue="NIPS",
        year=2013,
        url="https://papers.nips.cc/paper/5204",
    )
    search_space = MappingProxyType({"learning_rate": (0.003, 0.01, 0.03), "n_epochs": (5, 20)})

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        n_epochs: int = 10,
        batch_size: int = 32,
        average: bool = True,
        center: bool = True,
        balanced: bool = True,
        normalize: bool = True,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            learning_rate,
            n_epochs=n_epochs,
            batch_size=batch_size,
            average=average,
            center=center,
            balanced=balanced,
            normalize=normalize,
            random_state=random_state,
        )

    def _weigh(self, violations: Array) -> Array:
        return summed_violations(violations)
