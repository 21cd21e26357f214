"""One digest of all that an estimator is: its class, its parameters, and what a fit has set."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["estimator_digest"]


def estimator_digest(estimator: Any) -> bytes:
    """Return the SHA-256 of an estimator's class, parameters and fitted attributes, and of the estimators inside.

    Parameters
    ----------
    estimator : BaseEstimator
        Its fitted attributes are those with an underscore behind their name.

    Notes
    -----
    Whatever :func:`unseen.methods.state.save_method` can write is told apart by every digit, and has the same digest
    once it is loaded again. Other objects count by their ``repr``.

    Examples
    --------
    >>> from unseen.digests import estimator_digest
    >>> from unseen.methods.projection.ridge import Ridge
    >>> estimator_digest(Ridge(alpha=0.1)) == estimator_digest(Ridge(alpha=0.1 + 1e-12))
    False
    """
    cls = type(estimator)
    fitted = {key: value for key, value in vars(estimator).items() if key.endswith("_") and not key.startswith("_")}
    digest = hashlib.sha256(f"{cls.__module__}.{cls.__qualname__}".encode())
    digest.update(_of(estimator.get_params(deep=False)))
    digest.update(_of(fitted))
    return digest.digest()


def _of(value: Any) -> bytes:
    import numpy as np
    from sklearn.base import BaseEstimator

    from unseen.prototypes import Prototypes

    if isinstance(value, BaseEstimator):
        return estimator_digest(value)
    if isinstance(value, np.random.RandomState):
        value = value.get_state()
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.dtype.kind not in "fiub"):
        value = value.tolist()  # as numbers and texts come back from a file
    if isinstance(value, Prototypes):
        content = value.fingerprint.encode()
    elif isinstance(value, np.ndarray):
        content = f"{value.dtype.str} {value.shape}".encode() + value.tobytes()
    elif isinstance(value, dict):
        content = b"{" + b"".join(_of(key) + _of(part) for key, part in sorted(value.items()))
    elif isinstance(value, list | tuple):
        content = b"[" + b"".join(map(_of, value))
    else:
        content = repr(value).encode("utf-8", "backslashreplace")
    return hashlib.sha256(content).digest()
