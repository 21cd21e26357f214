"""The classifier of seen classes that several methods build on."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

__all__ = ["softmax_classifier"]


def softmax_classifier(X: Array, y: Array, n_classes: int, *, C: float) -> tuple[Array, Array]:
    """Fit a multinomial logistic regression and return its weights (n_classes, d) and offsets (n_classes,).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Vectors.
    y : ndarray of shape (n,)
        Positions from 0 to n_classes - 1, each of which occurs.
    C : float
        Inverse strength of the penalty, above 0, for features that are centred and scaled together.
    """
    from sklearn.linear_model import LogisticRegression

    coef, intercept = np.zeros((n_classes, X.shape[1])), np.zeros(n_classes)
    if n_classes == 1:
        return coef, intercept  # one seen class: every vector is certainly of it
    # Centring first makes the scale free of offsets; one common scale (not one per feature) keeps the classifier
    # invariant to rotations of the features.
    mean = X.mean(axis=0)
    scale = (X - mean).std() or 1.0
    classifier = LogisticRegression(C=C, max_iter=1000).fit((X - mean) / scale, y)
    coef, intercept = classifier.coef_, classifier.intercept_
    if n_classes == 2:  # scikit-learn keeps one row for two classes: the log-odds of the second
        coef, intercept = np.vstack([-coef, coef]) / 2, np.hstack([-intercept, intercept]) / 2
    coef = coef / scale
    return coef, intercept - coef @ mean
