"""The classifier at the end: ordinary training on examples of every class, real ones or made-up ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.classifiers import softmax_classifiers
from unseen.methods.samples import Samples
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["check_classifier", "evenly", "train_classifier"]

Array = np.ndarray[Any, Any]


def check_classifier(owner: str, classifier: Any) -> None:
    """Refuse what cannot be trained, or cannot say how sure it is."""
    usable = hasattr(classifier, "decision_function") or hasattr(classifier, "predict_proba")
    if classifier is not None and (isinstance(classifier, type) or not usable or not hasattr(classifier, "fit")):
        raise InputError(
            message(
                owner,
                "classifier",
                "a scikit-learn classifier with decision_function or predict_proba, or None",
                classifier,
                "Pass an instance such as LogisticRegression()",
            )
        )


def evenly(n: int, wanted: int) -> Array:
    """Return `wanted` positions below n: all of them in turn where there are too few, spread out where too many."""
    if n >= wanted:
        return np.linspace(0, n - 1, wanted).astype(np.intp)
    return np.resize(np.arange(n), wanted)


def train_classifier(examples: Sequence[Array], *, classifier: Any, C: float, seed: int) -> Callable[[Array], Array]:
    """Return what scores vectors (n, r) for the classes of `examples`, each (m_c, r): (n, C).

    Parameters
    ----------
    examples : sequence of ndarray
        Per class.
    classifier : scikit-learn classifier or None
        What is trained, a copy of it; None is a softmax classifier, solved to its optimum.
    C : float
        Inverse strength of that one's penalty.
    seed : int
        For a classifier that draws numbers and was given no seed.
    """
    n_classes = len(examples)
    if n_classes == 1:
        return lambda Z: np.zeros((len(Z), 1))
    Z = np.concatenate(examples)
    y = np.repeat(np.arange(n_classes), [len(part) for part in examples])
    if classifier is None:
        if not np.ptp(Z, axis=0).any():  # nothing to tell classes apart by
            return lambda Z: np.zeros((len(Z), n_classes))
        coef, offset = softmax_classifiers(Samples(Z, y, n_classes), C=C)
        return lambda Z: np.asarray(Z @ coef.T + offset)
    model = clone(classifier)
    open_ = [key for key, value in model.get_params().items() if key.endswith("random_state") and value is None]
    model.set_params(**dict.fromkeys(open_, seed)).fit(Z, y)
    rate = model.decision_function if hasattr(model, "decision_function") else model.predict_proba

    def score(Z: Array) -> Array:
        rated = np.asarray(rate(Z), dtype=np.float64)
        return np.column_stack([-rated, rated]) / 2 if rated.ndim == 1 else rated

    return score
