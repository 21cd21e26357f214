"""The classifiers of seen classes that several methods build on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.samples import Samples

Array = np.ndarray[Any, Any]

__all__ = ["SMALL", "hinge_classifiers", "linear_outputs", "softmax_classifier", "softmax_classifiers"]

# Vectors whose outputs are held at a time.
_ROWS = 4096
#: Work of one step, n r n_outputs, up to which a problem is small: solved in double precision, to many digits.
SMALL = 2**22
# Stop when no entry of the preconditioned gradient is above this share of the largest one at the start: for small
# problems, and for others, where further steps change no decision and single precision sets a floor.
_TIGHT, _LOOSE = 1e-8, 1e-3


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


def linear_outputs(
    samples: Samples,
    loss: Callable[[Array, Array], tuple[float, Array]],
    n_outputs: int,
    *,
    penalty: float,
    curvature: float,
    targets: Array | None = None,
) -> tuple[Array, Array]:
    r"""Minimise a convex loss of linear outputs and return their weights (n_outputs, d) and offsets (n_outputs,).

    .. math:: \min_{W,b} \sum_i \Bigl(\ell(z_i, y_i) - t_{y_i}^\top z_i\Bigr) +
       \tfrac{\text{penalty}}{2}\lVert W\rVert_F^2, \qquad z_i = W\,\frac{x_i-\bar x}{\sigma} + b

    with :math:`\sigma^2` the mean variance of a feature; what is returned applies to the vectors as they are.

    Parameters
    ----------
    samples : Samples
        Vectors and their classes.
    loss : callable
        Takes outputs (m, n_outputs), which it may overwrite, and positions of classes (m,); returns the sum of the
        losses and its derivative by the outputs.
    n_outputs : int
        Number of outputs.
    penalty : float
        Strength of the penalty, above 0; offsets are not penalised.
    curvature : float
        Typical second derivative of the loss by an output: sets the pace of the solver, not the solution.
    targets : ndarray of shape (n_classes, n_outputs) or None, default None
        What each class's outputs are pulled towards, t; this linear part of a loss needs the class means alone.

    Notes
    -----
    Along the principal axes the second derivative of the whole is close to diagonal, and known in advance. Dividing by
    its root makes L-BFGS converge in tens of steps, each of 4 n r n_outputs operations in the vectors' precision for
    vectors of rank r. A rotation changes neither the loss nor the penalty.
    """
    sigma = np.sqrt(samples.values.sum() / (samples.n * samples.d)) or 1.0
    turned = samples.turned()
    turned /= sigma
    rank = turned.shape[1]
    small = samples.n * rank * n_outputs <= SMALL
    if small:
        turned = turned.astype(np.float64, copy=False)
    pace = np.append(curvature * samples.values / sigma**2 + penalty, curvature * samples.n) ** -0.5
    pull = np.zeros((rank + 1, n_outputs))
    if targets is not None:
        weighted = targets * samples.counts[:, None]
        pull[:-1] = samples.rotated.T @ weighted / sigma
        pull[-1] = weighted.sum(axis=0)

    def objective(u: Array) -> tuple[float, Array]:
        W = pace[:, None] * u.reshape(rank + 1, n_outputs)
        narrow = W.astype(turned.dtype)
        total = penalty / 2 * float(np.vdot(W[:-1], W[:-1])) - float(np.vdot(W, pull))
        gradient = -pull
        gradient[:-1] += penalty * W[:-1]
        for first in range(0, samples.n, _ROWS):
            rows = slice(first, first + _ROWS)
            value, slope = loss(turned[rows] @ narrow[:-1] + narrow[-1], samples.y[rows])
            total += value
            gradient[:-1] += turned[rows].T @ slope
            gradient[-1] += slope.sum(axis=0, dtype=np.float64)
        return total, (pace[:, None] * gradient).ravel()

    start = np.zeros((rank + 1) * n_outputs)
    steepest = float(np.abs(objective(start)[1]).max(initial=0))
    tolerance = (_TIGHT if small else _LOOSE) * steepest
    found = optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "maxfun": 2000, "gtol": tolerance, "ftol": 0.0, "maxcor": 20},
    )
    W = pace[:, None] * found.x.reshape(rank + 1, n_outputs)
    coef = (samples.axes @ (W[:-1] / sigma)).T
    return coef, W[-1] - coef @ samples.mean


def softmax_classifiers(samples: Samples, *, C: float) -> tuple[Array, Array]:
    """Fit what `softmax_classifier` fits, without a copy of the vectors: weights (C_seen, d) and offsets (C_seen,).

    Parameters
    ----------
    samples : Samples
        Vectors and their classes, each of which occurs.
    C : float
        Inverse strength of the penalty, above 0, for features that are centred and scaled together.
    """

    def loss(Z: Array, _: Array) -> tuple[float, Array]:
        highest = Z.max(axis=1, keepdims=True)
        Z -= highest
        slope = np.exp(Z, out=Z)
        sums = slope.sum(axis=1, keepdims=True)
        slope /= sums
        return float((np.log(sums) + highest).sum(dtype=np.float64)), slope

    classes = samples.n_classes
    # Two classes are one difference of weights, and one penalty on it.
    penalty = (2 if classes == 2 else 1) / C
    return linear_outputs(samples, loss, classes, penalty=penalty, curvature=1 / classes, targets=np.eye(classes))


def hinge_classifiers(samples: Samples, *, C: float) -> tuple[Array, Array]:
    """Fit a classifier of each class against all others by the squared hinge: weights (C_seen, d), offsets (C_seen,).

    Parameters
    ----------
    samples : Samples
        Vectors and their classes, each of which occurs.
    C : float
        Inverse strength of the penalty, above 0, for features that are centred and scaled together.
    """

    def loss(Z: Array, y: Array) -> tuple[float, Array]:
        rows = np.arange(len(Z))
        Z[rows, y] *= -1
        Z += 1
        missing = np.maximum(Z, 0, out=Z)
        value = float(np.vdot(missing, missing))
        missing *= 2
        missing[rows, y] *= -1
        return value, missing

    return linear_outputs(samples, loss, samples.n_classes, penalty=1 / C, curvature=2)
