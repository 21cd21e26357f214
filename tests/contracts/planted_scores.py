"""Methods that score wrongly once they are fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from tests.contracts.planted import Sound, caught_by
from unseen.prototypes import Prototypes

Array = np.ndarray[Any, Any]


@caught_by("unseen_classes_are_scored", "scores are int64, not floating point")
class WholeNumbers(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return (super()._class_scores(X, P) * 100).astype(np.int64)


@caught_by("unseen_classes_are_scored", "scores of unseen classes: shape")
class SeenOnly(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, self.seen_prototypes_.vectors)


@caught_by("unseen_classes_are_recognised", "accuracy 12% on 8 unseen classes of an easy problem")
class LearnsNothing(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) * 0


@caught_by("scores_follow_positions", "reordering the prototypes changed scores: off by")
class FavoursLater(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return np.asarray(super()._class_scores(X, P) + 1e-6 * np.arange(len(P)))


@caught_by("scores_ignore_rivals", "leaving out 6 rival classes changed scores: off by")
class Normalises(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return np.asarray(softmax(super()._class_scores(X, P), axis=1))


@caught_by("rows_are_scored_alone", r"scoring 1 row\(s\) without the others changed scores: off by")
class CentresBatch(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X - X.mean(axis=0), P)


@caught_by("row_order_is_irrelevant", "reordering the vectors changed scores: off by")
class MindsRows(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) + np.arange(len(X))[:, None]


@caught_by("scoring_twice_agrees", "the same call gave other scores the second time: off by")
class Wears(Sound):
    def _class_scores(self, X: Array, P: Array) -> Array:
        self.coef_ = self.coef_ + 0.01
        return super()._class_scores(X, P)


@caught_by("predicted_names_are_of_the_prototypes", "predict answered .*, which are not among the prototypes")
class AnswersSeen(Sound):
    def predict(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return super().predict(X)


@caught_by("predicted_names_are_of_the_prototypes", r"predict has shape \(48, 1\), not \(48,\)")
class AnswersColumn(Sound):
    def predict(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return super().predict(X, prototypes=prototypes)[:, None]


@caught_by("prediction_is_the_best_score", "predictions are not the class of the highest score")
class AnswersWorst(Sound):
    def predict(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        assert prototypes is not None
        worst = self.class_scores(X, prototypes=prototypes).argmin(axis=1)
        return np.array([prototypes.names[i] for i in worst])


@caught_by("probabilities_agree_with_scores", "probabilities of a row do not sum to one: off by")
class Unnormalised(Sound):
    def predict_proba(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return super().predict_proba(X, prototypes=prototypes) * 0.9


@caught_by("probabilities_agree_with_scores", "a probability is negative")
class Negative(Sound):
    def predict_proba(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return super().predict_proba(X, prototypes=prototypes) - 0.5


@caught_by("probabilities_agree_with_scores", "the most probable class is not the one of the highest score")
class Reversed(Sound):
    def predict_proba(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return super().predict_proba(X, prototypes=prototypes)[:, ::-1]


@caught_by("decision_function_is_the_scores", "decision_function differs from class_scores: off by")
class OtherDecision(Sound):
    def decision_function(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return -super().decision_function(X, prototypes=prototypes)


@caught_by("decision_function_is_the_scores", "decision_function of two classes is not their lead: shape")
class TwoColumns(Sound):
    def decision_function(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        return self.class_scores(X, prototypes=prototypes)


@caught_by("classes_of_fit_are_the_default", "scores without prototypes are not those of the classes of fit: off by")
class BackwardsDefault(Sound):
    def class_scores(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        scores = super().class_scores(X, prototypes=prototypes)
        return scores[:, ::-1] if prototypes is None else scores


@caught_by("classes_of_fit_are_the_default", "classes_ is not the sorted labels of fit")
class BackwardsClasses(Sound):
    def fit(self, X: Any, y: Any, *, prototypes: Prototypes | None = None) -> Any:
        super().fit(X, y, prototypes=prototypes)
        self.classes_ = self.classes_[::-1]
        return self


@caught_by("scoring_needs_fit", "class_scores before fit: raised AttributeError .*, not NotFittedError")
class Unguarded(Sound):
    def class_scores(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        scores: Array = np.asarray(X) @ self.coef_
        return scores


@caught_by("other_dimensions_are_refused", "prototypes of another dimension: nothing was raised, not InputError")
class CutsPrototypes(Sound):
    def class_scores(self, X: Any, *, prototypes: Prototypes | None = None) -> Array:
        assert prototypes is not None
        return self._class_scores(np.asarray(X), prototypes.vectors[:, : self.coef_.shape[1]])


@caught_by("bare_arrays_are_refused", "an array of prototypes: nothing was raised, not InputError")
class TakesArrays(Sound):
    def _check_prototypes(self, prototypes: Any) -> Prototypes:
        if isinstance(prototypes, np.ndarray):
            return Prototypes([str(i) for i in range(len(prototypes))], prototypes)
        return super()._check_prototypes(prototypes)


# -- hostile vectors: each of these breaks under one condition -----------------------------------------------


class _Fragile(Sound):
    def breaks(self, X: Array, y: Array) -> Any:
        raise NotImplementedError

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.broken_ = bool(self.breaks(X, y))

    def _class_scores(self, X: Array, P: Array) -> Array:
        return np.full((len(X), len(P)), np.nan) if self.broken_ else super()._class_scores(X, P)


@caught_by("constant_columns_stay_finite", "scores: .* values are not finite")
class BreaksOnConstant(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return (X.std(axis=0) == 0).any()


@caught_by("repeated_columns_stay_finite", "scores: .* values are not finite")
class BreaksOnRepeats(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return (X[:, 0] == X[:, 1]).all()


@caught_by("rank_deficient_vectors_stay_finite", "scores: .* values are not finite")
class BreaksOnLowRank(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return np.linalg.matrix_rank(X) < min(X.shape)


@caught_by("few_samples_stay_finite", "scores: .* values are not finite")
class BreaksOnFewSamples(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return X.shape[0] < X.shape[1]


@caught_by("one_seen_class_stays_finite", "scores: .* values are not finite")
class BreaksOnOneClass(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return len(set(y.tolist())) == 1


@caught_by("single_examples_stay_finite", "scores: .* values are not finite")
class BreaksOnSingles(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return np.bincount(y).min() == 1


@caught_by("zero_vectors_stay_finite", "scores: .* values are not finite")
class BreaksOnZeros(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return (np.linalg.norm(X, axis=1) == 0).any()


@caught_by("tiny_vectors_stay_finite", "scores: .* values are not finite")
class BreaksOnTiny(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return np.abs(X).max() < 1e-4


@caught_by("huge_vectors_stay_finite", "scores: .* values are not finite")
class BreaksOnHuge(_Fragile):
    def breaks(self, X: Array, y: Array) -> Any:
        return np.abs(X).max() > 1e4
