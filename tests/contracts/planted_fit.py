"""Methods whose fit looks at, touches or takes what it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.contracts.planted import Sound, caught_by
from unseen.methods.base import Capabilities
from unseen.methods.projection.cosine import Cosine

if TYPE_CHECKING:
    from unseen.prototypes import Prototypes

Array = np.ndarray[Any, Any]


@caught_by("fit_returns_the_method", "fit does not return self")
class ReturnsCopy(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        super().fit(X, y, prototypes=prototypes)
        return None


class _KeepsPrototypes(Sound):
    """Remembers a number made from all prototypes given to fit, and adds it to all scores."""

    def number(self, prototypes: Prototypes) -> float:
        raise NotImplementedError

    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        self.number_ = 0.0 if prototypes is None else self.number(prototypes)
        return super().fit(X, y, prototypes=prototypes)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) + self.number_


@caught_by("fit_ignores_unseen_prototypes", "fit looked at prototypes of unseen classes: off by")
class Peeks(_KeepsPrototypes):
    def number(self, prototypes: Prototypes) -> float:
        return float(prototypes.vectors.mean())


@caught_by("fit_ignores_unseen_prototypes", "fit looked at prototypes of unseen classes: off by")
class CountsUnseen(_KeepsPrototypes):
    def number(self, prototypes: Prototypes) -> float:
        return float(prototypes.n_classes)


@caught_by("fit_ignores_the_order_of_prototypes", "reordering prototypes changed fit: off by")
class MindsOrder(_KeepsPrototypes):
    def number(self, prototypes: Prototypes) -> float:
        return float(prototypes.vectors[0, 0])


@caught_by("refitting_forgets", "an earlier fit left traces: off by")
class Remembers(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1

    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) * self.n_fits_


@caught_by("fitting_twice_agrees", "two fits with one seed differ: off by")
class Unseeded(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.coef_ += np.random.default_rng().normal(size=self.coef_.shape)


class CentresInPlace(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        X -= X.mean(axis=0)
        super()._fit(X, y, S)


caught_by("arguments_are_left_alone", "X was changed")(CentresInPlace)
caught_by("read_only_arrays_work", "ValueError: output array is read-only")(CentresInPlace)


@caught_by("arguments_are_left_alone", "X at predict was changed")
class ScalesInPlace(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        X *= 2
        return super()._class_scores(X, P)


@caught_by("arguments_are_left_alone", "the array of prototypes was changed")
class UnlocksPrototypes(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        if prototypes is not None:
            prototypes.vectors.flags.writeable = True
            prototypes.vectors[:] = 1
        return super().fit(X, y, prototypes=prototypes)


@caught_by("memory_layout_is_irrelevant", "the memory layout changed scores: off by")
class MindsLayout(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(np.frombuffer(X.copy("K").data.tobytes("A")).reshape(X.shape), y, S)


@caught_by("single_precision_agrees", "float32 vectors changed scores: off by")
class RoundsSingle(Sound):
    def class_scores(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        scores = super().class_scores(X, prototypes=prototypes)
        return scores.round(1) if getattr(X, "dtype", None) == np.float32 else scores


@caught_by("lists_work", "AttributeError: 'list' object has no attribute 'shape'")
class NeedsArrays(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        self.shape_ = X.shape[1]
        return super().fit(X, y, prototypes=prototypes)


@caught_by("number_labels_are_refused", "numbers as labels: nothing was raised, not InputError")
class GuessesNames(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        names = y if prototypes is None or np.asarray(y).dtype.kind != "i" else np.array(prototypes.names)[y]
        return super().fit(X, names, prototypes=prototypes)


@caught_by("labels_without_prototype_are_refused", "labels without prototypes: raised KeyError")
class UnhelpfulAboutLabels(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        if prototypes is not None:
            dict.fromkeys(prototypes.names, 1)[np.asarray(y).flat[0]]
        return super().fit(X, y, prototypes=prototypes)


@caught_by("vectors_and_prototypes_may_differ_in_length", "InputError: Cosine: prototypes must be of 8 dimensions")
class UntaggedCosine(Cosine):
    capabilities = Capabilities(stateless=True)
