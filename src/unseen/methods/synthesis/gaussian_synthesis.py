"""GaussianSynthesis: made-up vectors from predicted Gaussians train an ordinary classifier."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.base import Capabilities, Citation
from unseen.methods.synthesis.gfzsl import GFZSL
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.validation import check_number, check_seed, check_switch, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["GaussianSynthesis"]

# Share of the default classifier's covariance matrix that is replaced by a multiple of the identity.
_SHRUNK = 0.5


class GaussianSynthesis(GFZSL, Synthesizer):
    r"""Draw vectors of every class from its predicted Gaussian, and train a classifier on them.

    .. math:: \tilde z_{ci} = \mu_c \pm \sqrt{v_c}\,A^\top\epsilon_{ci}, \quad
       \epsilon_{ci} \sim \mathcal N(0, I_d), \qquad
       f = \operatorname{fit}\bigl(\{(\tilde z_{ci}/\sqrt v,\; c)\}\bigr)

    with the means :math:`\mu_c`, variances :math:`v_c` and axes of
    :class:`~unseen.methods.synthesis.gfzsl.GFZSL`.

    Parameters
    ----------
    alpha : float, default 0.3
        Strength of the penalty in the regression of means, at least 0; measured as in GFZSL.
    kernel : {"rbf", "linear"}, default "rbf"
        How prototypes are compared, as in GFZSL.
    gamma : float, default 0.5
        Narrowness of "rbf", above 0; no effect for "linear".
    shrinkage : float, default 1.0
        What is added to each variance, above 0, in units of the mean variance within classes.
    variance_alpha : float or None, default None
        Strength of the penalty in the regression of log-variances, at least 0; None shares the variances.
    n_per_class : int, default 20
        How many vectors to make up for each class, at least 2. More cost time; they come in pairs on either side of
        the mean, so that even a few have the right mean, and an odd number leaves one of them alone.
    classifier : scikit-learn classifier or None, default None
        What is trained on them; a copy, so it stays as it is. It needs ``decision_function`` or ``predict_proba``.
        None gives the scores of ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)``, faster.
    keep_seen : bool, default True
        Whether a class whose prototype is exactly that of a seen class is drawn around the mean of its real vectors,
        not around a predicted one.
    random_state : int, RandomState or None, default None
        Where the draws come from.

    Attributes
    ----------
    feature_mean_, axes_, kernel_width_, mean_coef_, mean_offset_, variance_, variance_coef_, variance_offset_
        The Gaussians; see :class:`~unseen.methods.synthesis.gfzsl.GFZSL`.
    seen_means_ : ndarray of shape (C_seen, r)
        Means of the seen classes' real vectors, in principal axes.
    seed_ : int
        Drawn from `random_state`; with it, scoring draws the same vectors every time.

    Raises
    ------
    InputError
        When a parameter is out of range, or `classifier` cannot classify.

    Notes
    -----
    Inductive. Fitting costs what GFZSL costs. The classifier depends on the classes to tell apart, so it is trained
    when they are known, in ``scorer``: keep its result for a stream of vectors. It sees ``n_per_class * C``
    vectors of r numbers, 8 r n_per_class C bytes; the default one takes O(n_per_class C r^2 + r^3).

    A class's draws depend on its prototype and the seed alone, not on its position or its rivals; its score does
    depend on its rivals. Classes with one prototype are one class to the classifier and get equal scores. Features are
    divided by the shared standard deviations, the scale at which a classifier's own penalty means something.

    Departures from the paper. (1) It writes an unseen prototype as a linear combination of seen ones and combines
    their means and covariances; here GFZSL's regressions predict both. (2) It draws independently. In a thousand
    dimensions the mean of twenty independent draws lies further from the class's mean than other classes do. (3) It
    takes support vector machines; linear discriminant analysis has a closed form, and so gives the same scores
    everywhere.

    A method with a `classifier` of your own cannot be saved, because a class cannot be written into a file of numbers.

    References
    ----------
    Guo, Ding, Han and Gao, "Synthesizing Samples for Zero-shot Learning", IJCAI 2017.
    Verma and Rai, "A Simple Exponential Family Framework for Zero-Shot Learning", ECML-PKDD 2017.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis
    >>> p = Prototypes(["low", "middle", "high"], [[0.0], [0.5], [1.0]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = GaussianSynthesis(0.01, random_state=0).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "synthesis"
    citation = Citation(
        authors="Guo, Ding, Han and Gao",
        title="Synthesizing Samples for Zero-shot Learning",
        venue="IJCAI",
        year=2017,
    )
    capabilities = Capabilities(generative=True)
    search_space = MappingProxyType({"alpha": (0.1, 0.3, 1.0), "kernel": ("linear", "rbf"), "shrinkage": (0.3, 3.0)})

    def __init__(
        self,
        alpha: float = 0.3,
        *,
        kernel: str = "rbf",
        gamma: float = 0.5,
        shrinkage: float = 1.0,
        variance_alpha: float | None = None,
        n_per_class: int = 20,
        classifier: Any = None,
        keep_seen: bool = True,
        random_state: Any = None,
    ) -> None:
        super().__init__(alpha, kernel=kernel, gamma=gamma, shrinkage=shrinkage, variance_alpha=variance_alpha)
        self.n_per_class = n_per_class
        self.classifier = classifier
        self.keep_seen = keep_seen
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        check_number("GaussianSynthesis", "n_per_class", self.n_per_class, low=2, integer=True)
        check_switch("GaussianSynthesis", "keep_seen", self.keep_seen)
        random = check_seed("GaussianSynthesis", self.random_state)
        usable = hasattr(self.classifier, "decision_function") or hasattr(self.classifier, "predict_proba")
        if self.classifier is not None and (isinstance(self.classifier, type) or not usable):
            raise InputError(
                message(
                    "GaussianSynthesis",
                    "classifier",
                    "a scikit-learn classifier with decision_function or predict_proba, or None",
                    self.classifier,
                    "Pass an instance such as LogisticRegression()",
                )
            )
        super()._fit_samples(samples, S)
        self.seen_means_ = samples.rotated
        self.seed_ = int(random.randint(2**31 - 1))

    def _usual(self) -> int:
        return self.n_per_class

    def _place(self, X: Array) -> Array:
        placed: Array = (X - self.feature_mean_) @ self.axes_ / np.sqrt(self.variance_)
        return placed

    def _make(self, P: Array, n: int) -> Array:
        """Return made-up vectors (C, n, r) of different classes, in units of the shared deviations."""
        means, variances = self._gaussians(P)
        keys = [row.tobytes() for row in P.astype(np.float32) + np.float32(0)]  # adding zero makes -0.0 equal to 0.0
        if self.keep_seen:
            rows: dict[bytes, list[int]] = {}
            for t, row in enumerate(self.seen_prototypes_.vectors + np.float32(0)):
                rows.setdefault(row.tobytes(), []).append(t)
            for c, key in enumerate(keys):
                if key in rows:
                    means[c] = self.seen_means_[rows[key]].mean(axis=0)
        half = (n + 1) // 2
        out = np.empty((len(P), n, means.shape[1]))
        deviations = np.sqrt(variances)
        for c, key in enumerate(keys):
            random = np.random.default_rng([self.seed_, *np.frombuffer(key, dtype=np.uint32)])
            # Drawn in the features' own axes: principal axes have no sign, and those of equal variance no direction.
            noise = random.normal(size=(half, len(self.axes_))) @ self.axes_
            out[c] = means[c] + np.vstack([noise, -noise])[:n] * deviations[c]
        out /= np.sqrt(self.variance_)
        return out

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        # Sorted classes, each once: neither their order nor repetitions reach the classifier.
        classes, columns = np.unique(P, axis=0, return_inverse=True)
        columns = columns.ravel()
        if len(classes) == 1 or not self.axes_.shape[1]:
            return lambda X: np.zeros((len(X), len(P)))
        draws = self._make(classes, self.n_per_class)
        if self.classifier is None:
            weights, offsets = _discriminant(draws)
            coef = (self.axes_ @ (weights / np.sqrt(self.variance_)).T)[:, columns]
            return lambda X: (X - self.feature_mean_) @ coef + offsets[columns]
        model = self._new_classifier()
        model.fit(draws.reshape(-1, draws.shape[2]), np.repeat(np.arange(len(classes)), self.n_per_class))
        rate = model.decision_function if hasattr(model, "decision_function") else model.predict_proba

        def score(X: Array) -> Array:
            rated = np.asarray(rate(self._place(X)), dtype=np.float64)
            if rated.ndim == 1:  # two classes: the lead of the second
                rated = np.column_stack([-rated, rated]) / 2
            scores: Array = rated[:, columns]
            return scores

        return score

    def _new_classifier(self) -> Any:
        model = clone(self.classifier)
        open_ = [key for key, value in model.get_params().items() if key.endswith("random_state") and value is None]
        return model.set_params(**dict.fromkeys(open_, self.seed_))


def _discriminant(draws: Array) -> tuple[Array, Array]:
    """Return weights (C, r) and offsets (C,) of a shrunk linear discriminant analysis of draws (C, m, r).

    The covariance matrices of classes of one size are averaged before they are shrunk: that gives the same matrix as
    afterwards, and one of them instead of C.
    """
    means = draws.mean(axis=1)
    residuals = (draws - means[:, None]).reshape(-1, draws.shape[2])
    covariance = (1 - _SHRUNK) * (residuals.T @ residuals) / len(residuals)
    covariance[np.diag_indices_from(covariance)] += _SHRUNK * np.square(residuals).sum() / residuals.size
    weights = linalg.solve(covariance, means.T, assume_a="pos").T
    return weights, -0.5 * (means * weights).sum(axis=1)
