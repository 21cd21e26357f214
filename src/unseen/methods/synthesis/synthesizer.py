"""What methods that make up vectors of classes have in common: the vectors can be had, beside real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from unseen.errors import InputError
from unseen.methods.base import Method
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = ["Synthesizer"]


class Synthesizer(Method):
    """Base of methods whose classifier learns from made-up vectors; a subclass says how they are made."""

    def _usual(self) -> int:
        """Return how many vectors of a class the classifier learns from."""
        raise NotImplementedError  # pragma: no cover

    def _make(self, P: Array, n: int) -> Array:
        """Return n made-up vectors (C, n, r) of each prototype in P (C, k)."""
        raise NotImplementedError  # pragma: no cover

    def _place(self, X: Array) -> Array:
        """Return vectors X (n, d) in the space of made-up ones, (n, r)."""
        raise NotImplementedError  # pragma: no cover

    def synthesize(self, prototypes: Prototypes, *, n: int | None = None) -> Array:
        """Make up vectors of classes.

        Parameters
        ----------
        prototypes : Prototypes
            The classes.
        n : int or None, default None
            Vectors of each, at least 1; None is as many as the classifier learns from.

        Returns
        -------
        ndarray of shape (C, n, r)
            In the space where :meth:`scaled` puts real ones.

        Raises
        ------
        InputError
            When prototypes have other dimensions than those of `fit`, or n is no whole number above 0.
        """
        check_is_fitted(self)
        n = self._usual() if n is None else int(check_number("synthesize", "n", n, low=1, integer=True))
        found = self._check_prototypes(prototypes).n_dimensions
        if found != self.seen_prototypes_.n_dimensions:
            raise InputError(
                message(
                    type(self).__name__,
                    "prototypes",
                    f"of {self.seen_prototypes_.n_dimensions} dimensions, like those of fit",
                    verbatim(str(found)),
                    "Encode the classes with the encoder that was used for fit",
                )
            )
        return self._make(prototypes.vectors.astype(np.float64), n)

    def scaled(self, X: npt.ArrayLike) -> Array:
        """Return vectors X (n, d) in the space that `synthesize` makes them up in, (n, r)."""
        check_is_fitted(self)
        return self._place(validate_data(self, X, dtype=[np.float64, np.float32], reset=False))
