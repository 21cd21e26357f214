"""Prepared: a method together with what is done to vectors and prototypes before it sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.attribute_weights import AttributeWeights
from unseen.methods.base import Citation, Method
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling, even_share
from unseen.methods.samples import Samples
from unseen.prototypes import Prototypes
from unseen.validation import check_switch, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array

__all__ = ["Prepared"]

_REFERENCE = 1024


class Prepared(Method):
    """A method behind scaled vectors and scaled prototypes, as one estimator.

    .. math:: f_c(x) = g_{\\psi(p_c)}(\\varphi(x)) \\quad\\text{or}\\quad
       f_c(x) = \\frac{g_{\\psi(p_c)}(\\varphi(x)) - \\mu_c}{\\sigma_c}

    with the method's own score :math:`g`; :math:`\\varphi` and :math:`\\psi` are learned on seen classes only, and
    :math:`\\mu_c, \\sigma_c` are mean and deviation of class c's score over the training vectors.

    Parameters
    ----------
    method : Method or None, default None
        What is fitted behind the scalings, any inductive method; None takes `KernelRidge` with its defaults.
    features : FeatureScaling or None, default None
        Scaling of vectors; None leaves them alone.
    prototypes : PrototypeScaling, AttributeWeights or None, default None
        Scaling of prototypes, or weights of their dimensions; None leaves them alone.
    standardize : bool, default False
        Whether each class's score is standardised over the training vectors, so that no class wins because its
        scores are large everywhere (a hub).

    Attributes
    ----------
    method_ : Method
        The fitted method.
    features_ : FeatureScaling or None
        The fitted scaling of vectors.
    prototypes_ : PrototypeScaling, AttributeWeights or None
        The fitted scaling of prototypes.
    reference_ : ndarray of shape (m, r)
        Scaled training vectors that scores are standardised over, at most 1,024, evenly taken from each class; none
        without `standardize`.

    Raises
    ------
    InputError
        When a part is of another kind.

    Notes
    -----
    Inductive: a class is compared with training vectors, never with its rivals or with the batch. Standardising
    helps some methods and hurts others; let `select` decide. Vectors alone can be scaled by a scikit-learn
    ``Pipeline`` too; a pipeline cannot reach prototypes. Parameters of the parts are set as ``method__alpha``,
    ``features__power``.

    References
    ----------
    Xian, Lampert, Schiele and Akata, "Zero-Shot Learning: A Comprehensive Evaluation of the Good, the Bad and the
    Ugly", TPAMI 2018: how much scaling alone moves every method.
    Auckenthaler, Carey and Lloyd-Thomas, "Score Normalization for Text-Independent Speaker Verification Systems",
    Digital Signal Processing 2000: standardising a model's scores over examples of others.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.prepared import Prepared
    >>> from unseen.methods.preprocessing import FeatureScaling
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> method = Prepared(Ridge(alpha=0), features=FeatureScaling(normalize=False))
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method.fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "meta"
    citation = Citation(
        authors="Xian, Lampert, Schiele and Akata",
        title="Zero-Shot Learning: A Comprehensive Evaluation of the Good, the Bad and the Ugly",
        venue="TPAMI",
        year=2018,
        url="https://arxiv.org/abs/1707.00600",
    )

    def __init__(
        self,
        method: Method | None = None,
        *,
        features: FeatureScaling | None = None,
        prototypes: PrototypeScaling | AttributeWeights | None = None,
        standardize: bool = False,
    ) -> None:
        self.method = method
        self.features = features
        self.prototypes = prototypes
        self.standardize = standardize

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        self._check_parts()
        features = None
        if self.features is not None:
            features = clone(self.features)._learn(samples.X, samples.y, samples.n_classes)
            samples = Samples(features._apply(samples.X), samples.y, samples.n_classes)
        self._fit_behind(samples, features, S)

    def _fit_scaled(self, samples: Samples, features: FeatureScaling, d: int, labels: Array, seen: Prototypes) -> None:
        """Learn from samples that these fitted features have scaled already, from vectors of d dimensions."""
        self._check_parts()
        self.classes_, self.seen_prototypes_, self.n_features_in_ = labels, seen, d
        self._fit_behind(samples, features, seen.vectors.astype(np.float64))

    def _fit_behind(self, samples: Samples, features: FeatureScaling | None, S: Array) -> None:
        from unseen.methods.projection.kernel_ridge import KernelRidge

        self.features_ = features
        self.prototypes_ = None
        if isinstance(self.prototypes, AttributeWeights):
            self.prototypes_ = clone(self.prototypes)._learn(samples, S)
        elif self.prototypes is not None:
            self.prototypes_ = clone(self.prototypes).fit(S)
        scaled = Prototypes(self.seen_prototypes_.names, self._scaled(S))
        method = KernelRidge() if self.method is None else clone(self.method)
        self.method_ = method._fit_shared(samples, self.classes_, scaled)
        self.reference_ = np.zeros((0, samples.d))
        if self.standardize:
            self.reference_ = samples.X[even_share(samples.X, samples.y, samples.n_classes, _REFERENCE)]

    def _scaled(self, P: Array) -> Array:
        return P if self.prototypes_ is None else self.prototypes_.transform(P)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        # Prototypes hold single precision; rounding here makes scoring see what fit saw.
        score = self.method_._scorer(self._scaled(P).astype(np.float32).astype(np.float64))
        mean, deviation = np.zeros(len(P)), np.ones(len(P))
        if len(self.reference_):
            usual = score(self.reference_.astype(np.float64))
            mean, deviation = usual.mean(axis=0), usual.std(axis=0)
            # A class whose score never varies cannot be told from its mean; it keeps its scale.
            deviation = np.where(deviation > 1e-9 * max(deviation.max(), 1e-300), deviation, 1.0)
        features = self.features_

        def scores(X: Array) -> Array:
            found: Array = (score(X if features is None else features._apply(X)) - mean) / deviation
            return found

        return scores

    def _check_parts(self) -> None:
        kinds: tuple[tuple[str, Any, tuple[type[Any], ...]], ...] = (
            ("method", self.method, (Method,)),
            ("features", self.features, (FeatureScaling,)),
            ("prototypes", self.prototypes, (PrototypeScaling, AttributeWeights)),
        )
        for name, part, taken in kinds:
            if part is not None and not isinstance(part, taken):
                instance = " or ".join(kind.__name__ for kind in taken)
                expected = f"a {taken[0].__name__} or None"
                raise InputError(message("Prepared", name, expected, part, f"Pass an instance of {instance}"))
        check_switch("Prepared", "standardize", self.standardize)
        if self.method is not None and self.method.capabilities.transductive:
            raise InputError(
                message(
                    "Prepared",
                    "method",
                    "inductive",
                    type(self.method).__name__,
                    "Put Prepared inside the transductive method",
                )
            )
