"""CMT: vectors mapped to prototypes by a network with one hidden layer."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.methods.base import Citation, Method
from unseen.methods.projection.nearness import METRICS, nearness
from unseen.methods.samples import blocks
from unseen.validation import check_choice, check_number, check_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["CMT"]

_BATCH = 64
# Training stops when the loss has not fallen by this share in this many passes.
_TOLERANCE, _PATIENCE = 1e-3, 10
# The loss is judged on at most so many samples, evenly spread.
_JUDGED = 4096


class CMT(Method):
    r"""Cross-modal transfer: a tanh layer and a linear one map vectors to prototypes; the nearest prototype wins.

    .. math:: \min_\theta \frac1n\sum_i \lVert \tilde s_{y_i} - \theta_2 \tanh(\theta_1 \tilde x_i)\rVert^2
       + \alpha \lVert\theta\rVert_F^2, \qquad f_c(x) = \cos\bigl(\theta_2\tanh(\theta_1 \tilde x),\; p_c - \bar s\bigr)

    or :math:`f_c(x) = -\lVert\cdot\rVert^2` of their difference with the Euclidean metric; both layers have offsets,
    left out here. Vectors are centred and divided by one common scale, prototypes too.

    Parameters
    ----------
    n_hidden : int, default 100
        Width of the hidden layer, at least 1.
    alpha : float, default 0.03
        Strength of the penalty, at least 0, for targets of total variance one. Larger is smoother.
    learning_rate : float, default 0.001
        Step size of the optimiser (Adam), above 0.
    max_iter : int, default 50
        Most passes over the samples, at least 1; training ends sooner when the loss stops falling.
    metric : {"cosine", "euclidean"}, default "cosine"
        How nearness to prototypes is measured.
    random_state : int, RandomState or None, default None
        What the weights start from and the order of the samples; an int makes a fit repeatable.

    Attributes
    ----------
    hidden_coef_ : ndarray of shape (d, n_hidden)
        First layer, for centred vectors.
    hidden_intercept_ : ndarray of shape (n_hidden,)
        Its offsets.
    output_coef_ : ndarray of shape (n_hidden, k)
        Second layer.
    output_intercept_ : ndarray of shape (k,)
        Its offsets.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.
    n_iter_ : int
        Passes over the samples.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Notes
    -----
    Inductive. O(n n_hidden (d + k)) a pass, in the precision of the vectors, of which a centred copy is made. Trained
    in batches of 64 with scikit-learn's multilayer perceptron.
    The authors minimise with L-BFGS, then rank by Gaussians around the prototypes, which is the Euclidean metric here,
    after an outlier detector has told seen classes from unseen ones: that is a decision rule, not part of the map.

    References
    ----------
    Socher, Ganjoo, Manning and Ng, "Zero-Shot Learning Through Cross-Modal Transfer", NIPS 2013.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.cmt import CMT
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = CMT(random_state=0).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.9]], prototypes=p).item()
    'high'
    """

    family = "projection"
    citation = Citation(
        authors="Socher, Ganjoo, Manning and Ng",
        title="Zero-Shot Learning Through Cross-Modal Transfer",
        venue="NIPS",
        year=2013,
        url="https://arxiv.org/abs/1301.3666",
    )
    search_space = MappingProxyType({"alpha": (0.01, 0.03, 0.1), "n_hidden": (50, 100)})

    def __init__(
        self,
        n_hidden: int = 100,
        *,
        alpha: float = 0.03,
        learning_rate: float = 1e-3,
        max_iter: int = 50,
        metric: str = "cosine",
        random_state: Any = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.metric = metric
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        n_hidden = int(check_number("CMT", "n_hidden", self.n_hidden, low=1, integer=True))
        alpha = check_number("CMT", "alpha", self.alpha, low=0)
        rate = check_number("CMT", "learning_rate", self.learning_rate, low=0, low_open=True)
        max_iter = int(check_number("CMT", "max_iter", self.max_iter, low=1, integer=True))
        check_choice("CMT", "metric", self.metric, METRICS)
        # An instance moves on from pass to pass; a bare number would put the samples in the same order every time.
        random = check_seed("CMT", self.random_state)
        share = samples.counts / samples.n
        self.feature_mean_, self.semantic_mean_ = samples.mean, share @ S
        centred = S - self.semantic_mean_
        spread = float(np.sqrt(share @ np.square(centred).sum(axis=1)))
        self.hidden_coef_, self.hidden_intercept_ = np.zeros((samples.d, n_hidden)), np.zeros(n_hidden)
        self.output_coef_, self.output_intercept_ = np.zeros((n_hidden, S.shape[1])), np.zeros(S.shape[1])
        self.n_iter_ = 0
        if len(samples.values) == 0 or spread <= 1e-7 * float(np.abs(S).max()):
            return  # nothing varies, so that there is nothing to learn: every vector maps to the mean
        scale = float(np.sqrt(samples.scale / samples.n))
        # Not along the principal axes, cheaper as that is where samples are few: their signs hang on rounding, and so
        # would what random weights make of them.
        X = np.empty_like(samples.X, order="C")
        for rows, block in blocks(samples.X):
            X[rows] = (block - samples.mean) / scale
        targets = (centred / spread).astype(X.dtype)[samples.y]
        (hidden, output), (hidden_0, output_0), self.n_iter_ = _train(
            X, targets, n_hidden=n_hidden, alpha=alpha, rate=rate, max_iter=max_iter, random=random
        )
        self.hidden_coef_, self.hidden_intercept_ = hidden / scale, hidden_0
        self.output_coef_, self.output_intercept_ = output * spread, output_0 * spread

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        near = nearness(P - self.semantic_mean_, self.metric)

        def score(X: Array) -> Array:
            hidden = np.tanh((X - self.feature_mean_) @ self.hidden_coef_ + self.hidden_intercept_)
            return near(hidden @ self.output_coef_ + self.output_intercept_)

        return score

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)


def _train(
    X: Array, targets: Array, *, n_hidden: int, alpha: float, rate: float, max_iter: int, random: Any
) -> tuple[list[Array], list[Array], int]:
    """Return the weights and the offsets of both layers in double precision, and the number of passes."""
    from sklearn.neural_network import MLPRegressor

    batch = min(_BATCH, len(X))
    # Its penalty is divided by the number of samples in a batch.
    network = MLPRegressor(
        hidden_layer_sizes=(n_hidden,),
        activation="tanh",
        alpha=alpha * batch,
        batch_size=batch,
        learning_rate_init=rate,
        random_state=random,
    )
    given = targets[:, 0] if targets.shape[1] == 1 else targets
    judged = slice(None, None, -(-len(X) // _JUDGED))
    shown = targets[judged]
    best, stale, passes = np.inf, 0, 0
    # One pass at a time: `fit` warns where it runs out of passes, which here is a choice and no fault.
    while passes < max_iter and stale < _PATIENCE:
        network.partial_fit(X, given)
        passes += 1
        # Not its loss_, which averages the error over the outputs, but not the penalty: it does not minimise that.
        error = float(np.square(network.predict(X[judged]).reshape(len(shown), -1) - shown).sum(axis=1).mean())
        loss = error + alpha * sum(float(np.square(layer).sum()) for layer in network.coefs_)
        stale = 0 if loss < best * (1 - _TOLERANCE) else stale + 1
        best = min(best, loss)
    weights = [layer.astype(np.float64) for layer in network.coefs_]
    return weights, [layer.astype(np.float64) for layer in network.intercepts_], passes
