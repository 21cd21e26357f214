"""Methods that say something wrong about themselves."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tests.contracts.planted import Sound, caught_by
from unseen.errors import InputError
from unseen.methods.base import Capabilities, Citation
from unseen.methods.linalg import cosine
from unseen.validation import check_number

Array = np.ndarray[Any, Any]


@caught_by("capabilities_are_typed", "capabilities is {'transductive': True}, not a Capabilities")
class UntypedTags(Sound):
    capabilities: ClassVar[Any] = {"transductive": True}


@caught_by("capabilities_are_typed", r"tags \['generative'\] are not True or False")
class TextTag(Sound):
    text: Any = "False"
    capabilities = Capabilities(generative=text)


@caught_by("family_is_known", "family is 'witchcraft', not one of correspondence")
class StrangeFamily(Sound):
    family = "witchcraft"


@caught_by("citation_is_complete", "citation is None, not a Citation")
class NoCitation(Sound):
    citation: ClassVar[Any] = None


@caught_by("citation_is_complete", "citation.venue is empty")
class NoVenue(Sound):
    citation = Citation("Somebody", "Something", " ", 2000)


@caught_by("citation_is_complete", "citation.year is 20")
class OddYear(Sound):
    citation = Citation("Somebody", "Something", "Somewhere", 20)


@caught_by("citation_is_complete", "citation.url is 'example.org', not an https address")
class OddAddress(Sound):
    citation = Citation("Somebody", "Something", "Somewhere", 2000, "example.org")


@caught_by("docstring_is_complete", "the class has no docstring of its own")
class NoDocstring(Sound):
    pass


@caught_by("docstring_is_complete", "the docstring has no section Notes")
class NoNotes(Sound):
    """A method."""


@caught_by("docstring_is_complete", "Examples hold no example")
class NoExample(Sound):
    """A method.

    Notes
    -----
    None.

    References
    ----------
    None.

    Examples
    --------
    See elsewhere.
    """


@caught_by("documented_parameters_are_the_real_ones", r"documents \[\], the constructor takes \['alpha', 'power'\]")
class NoParameters(Sound):
    """A method."""


@caught_by("later_parameters_are_keyword_only", r"\['power'\] are not keyword-only")
class Positional(Sound):
    def __init__(self, alpha: float = 0.01, power: int = 2) -> None:
        super().__init__(alpha, power=power)


@caught_by("parameters_have_defaults", r"\['alpha'\] have no default")
class NoDefault(Sound):
    def __init__(self, alpha: float, *, power: int = 2) -> None:
        super().__init__(alpha, power=power)


@caught_by("bad_parameters_are_refused_by_fit", r"fit with power=object\(\): nothing was raised, not InputError")
class IgnoresParameter(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        check_number("IgnoresParameter", "alpha", self.alpha)
        self.coef_ = np.linalg.pinv(X) @ S[y]


@caught_by("bad_parameters_are_refused_by_fit", r"fit with alpha=object\(\): raised TypeError \(.*\), not InputError")
class UncheckedParameter(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        self.coef_ = np.linalg.pinv(X) @ S[y] * (1 + 0 * self.alpha)


@caught_by("bad_parameters_are_refused_by_fit", "the message about alpha does not name it: something is wrong")
class UnhelpfulMessage(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        if not isinstance(self.alpha, float):
            raise InputError("something is wrong")
        super()._fit(X, y, S)


@caught_by("set_params_acts_like_the_constructor", r"set_params\(alpha=0.005\) is not like the constructor's alpha")
class FrozenParameter(Sound):
    def __init__(self, alpha: float = 0.01, *, power: int = 2) -> None:
        super().__init__(alpha, power=power)
        self._strength = alpha

    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) * self._strength


@caught_by("fit_leaves_parameters_alone", r"fit changed the parameters \['alpha'\]")
class ChangesParameter(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.alpha = 0.5


@caught_by("fitted_attributes_end_in_an_underscore", r"fit added the attributes \['weights'\]")
class LooseAttribute(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.weights = self.coef_


@caught_by("fitted_arrays_are_finite", "spread_ is not finite after fit")
class LearnsNaN(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.spread_ = np.array([np.nan])


@caught_by("learned_state_can_be_saved", "AttributeError: .*_hidden")
class HidesState(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self._hidden = self.coef_

    def _class_scores(self, X: Array, P: Array) -> Array:
        return cosine(X @ self._hidden, P)


@caught_by("learned_state_can_be_saved", "model_ is a dict, which is not written to files")
class KeepsObject(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self.model_: dict[str, int] = {}


@caught_by("learned_state_can_be_saved", "do not make up the fitted method: off by")
class HalfHiddenState(Sound):
    def _fit(self, X: Array, y: Array, S: Array) -> None:
        super()._fit(X, y, S)
        self._offset = 1.0

    def _class_scores(self, X: Array, P: Array) -> Array:
        return super()._class_scores(X, P) + getattr(self, "_offset", 0)
