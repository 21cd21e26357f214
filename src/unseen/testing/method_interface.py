"""Checks of what a method says about itself: parameters, family, paper, documentation."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from unseen.errors import InputError
from unseen.methods.base import FAMILIES, Capabilities, Citation
from unseen.prototypes import Prototypes
from unseen.testing.problems import fitted, fresh, make_problem
from unseen.testing.running import require, require_close, require_raises

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unseen.methods.base import Method

__all__ = ["CHECKS"]


def _parameters(method: Method) -> list[inspect.Parameter]:
    init = type(method).__init__
    if init is object.__init__:
        return []  # no constructor of its own: its signature would read (*args, **kwargs)
    return [p for name, p in inspect.signature(init).parameters.items() if name != "self"]


def capabilities_are_typed(method: Method) -> None:
    """`capabilities` is a Capabilities whose tags are plain booleans."""
    tags = type(method).capabilities
    require(isinstance(tags, Capabilities), f"capabilities is {tags!r}, not a Capabilities")
    odd = [name for name, value in vars(tags).items() if not isinstance(value, bool)]
    require(not odd, f"tags {odd} are not True or False")


def family_is_known(method: Method) -> None:
    """`family` is one of the families."""
    family = getattr(type(method), "family", None)
    require(family in FAMILIES, f"family is {family!r}, not one of {', '.join(FAMILIES)}")


def citation_is_complete(method: Method) -> None:
    """`citation` names authors, title, venue and a sensible year."""
    citation = getattr(type(method), "citation", None)
    require(isinstance(citation, Citation), f"citation is {citation!r}, not a Citation")
    for part in ("authors", "title", "venue"):
        value = getattr(citation, part)
        require(isinstance(value, str) and value.strip(), f"citation.{part} is empty")
    year, now = getattr(citation, "year", None), datetime.now(UTC).year
    require(isinstance(year, int) and 1900 <= year <= now + 1, f"citation.year is {year!r}")
    url = getattr(citation, "url", None)
    require(url == "" or str(url).startswith("https://"), f"citation.url is {url!r}, not an https address")


def _sections(method: Method) -> dict[str, str]:
    """Return the numpydoc sections of the class's own docstring; the summary under ""."""
    text = inspect.cleandoc(vars(type(method)).get("__doc__") or "")
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": parts[0].strip(), **dict(zip(parts[1::2], parts[2::2], strict=True))}


def docstring_is_complete(method: Method) -> None:
    """The class's own docstring says what it is and has Notes, References and Examples that run."""
    sections = _sections(method)
    require(sections[""], "the class has no docstring of its own")
    for section in ("Notes", "References", "Examples"):
        require(sections.get(section, "").strip(), f"the docstring has no section {section}")
    require(">>> " in sections["Examples"], "the docstring's Examples hold no example")


def documented_parameters_are_the_real_ones(method: Method) -> None:
    """The docstring's Parameters are those of the constructor, in order."""
    documented = re.findall(r"^(\w+(?:, \w+)*) :", _sections(method).get("Parameters", ""), flags=re.MULTILINE)
    documented = [name for names in documented for name in names.split(", ")]
    real = [p.name for p in _parameters(method)]
    require(documented == real, f"the docstring documents {documented}, the constructor takes {real}")


def later_parameters_are_keyword_only(method: Method) -> None:
    """All constructor arguments but the first are keyword-only."""
    loose = [p.name for p in _parameters(method)[1:] if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    require(not loose, f"constructor arguments {loose} are not keyword-only")


def parameters_have_defaults(method: Method) -> None:
    """The constructor can be called without arguments."""
    bare = [p.name for p in _parameters(method) if p.default is inspect.Parameter.empty]
    require(not bare, f"constructor arguments {bare} have no default")


def bad_parameters_are_refused_by_fit(method: Method) -> None:
    """A nonsensical value is kept by the constructor and refused by `fit`, with an InputError that names it."""
    problem = make_problem(method)
    for parameter in _parameters(method):
        model = fresh(method).set_params(**{parameter.name: object()})
        text = require_raises(
            InputError,
            lambda model=model: model.fit(problem.X, problem.y, prototypes=problem.prototypes),  # type: ignore[misc]
            f"fit with {parameter.name}=object()",
        )
        require(parameter.name in text, f"the message about {parameter.name} does not name it: {text}")


def _other_values(method: Method) -> Iterator[tuple[str, Any]]:
    """Yield for each parameter that is a number or a switch another, probably legal value."""
    for name, value in fresh(method).get_params(deep=False).items():
        if name == "random_state":
            continue
        if isinstance(value, bool):
            yield name, not value
        elif isinstance(value, int):
            # Counts of parts, such as folds, may have to be two; counts of rounds cost less when they fall.
            yield name, value // 2 if value > 3 else value + 1
        elif isinstance(value, float):
            yield name, value / 2


def set_params_acts_like_the_constructor(method: Method) -> None:
    """A parameter set with `set_params`, even after a fit, has the effect of one given to the constructor."""
    problem = make_problem(method)
    for name, value in _other_values(method):
        built = type(method)(**{**fresh(method).get_params(deep=False), name: value})
        changed = fitted(method, problem).set_params(**{name: value})
        scores = []
        for model in (changed, built):
            model.fit(problem.X, problem.y, prototypes=problem.prototypes)
            scores.append(model.class_scores(problem.X_new, prototypes=problem.prototypes))
        require_close(scores[0], scores[1], 1e-9, f"set_params({name}={value!r}) is not like the constructor's {name}")


def fit_leaves_parameters_alone(method: Method) -> None:
    """`fit` and scoring change no constructor parameter."""
    problem = make_problem(method)
    model = fresh(method)
    before = model.get_params(deep=False)
    model.fit(problem.X, problem.y, prototypes=problem.prototypes)
    model.predict(problem.X_new, prototypes=problem.prototypes)
    after = model.get_params(deep=False)
    changed = [name for name, value in before.items() if after[name] is not value]
    require(not changed, f"fit changed the parameters {changed}")


def fitted_attributes_end_in_an_underscore(method: Method) -> None:
    """`fit` adds attributes that end in an underscore, and no others in public."""
    problem = make_problem(method)
    model = fresh(method)
    before = set(vars(model))
    model.fit(problem.X, problem.y, prototypes=problem.prototypes)
    loose = [name for name in set(vars(model)) - before if not name.endswith("_") and not name.startswith("_")]
    require(not loose, f"fit added the attributes {sorted(loose)}; name them with a final underscore")


def fitted_arrays_are_finite(method: Method) -> None:
    """What `fit` learns holds no NaN and no infinity."""
    model = fitted(method, make_problem(method))
    for name, value in vars(model).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            require(np.isfinite(value).all(), f"{name} is not finite after fit")


def learned_state_can_be_saved(method: Method) -> None:
    """What `fit` learns is in attributes with a final underscore: arrays, numbers, strings, Prototypes, estimators.

    Those, and nothing else, are what :mod:`unseen.methods.state` writes to a file; a copy that has only them scores
    like the original.
    """
    problem = make_problem(method)
    model = fitted(method, problem)
    copy = fresh(method)
    for name, value in vars(model).items():
        if name.endswith("_") and not name.startswith("_"):
            plain = isinstance(value, Prototypes | bool | int | float | str | np.integer | np.floating | BaseEstimator)
            plain = plain or value is None
            plain = plain or (isinstance(value, list) and all(isinstance(part, BaseEstimator) for part in value))
            array = isinstance(value, np.ndarray) and value.dtype.kind in "fiubUO"
            require(plain or array, f"{name} is a {type(value).__name__}, which is not written to files")
            setattr(copy, name, value)
    require_close(
        copy.class_scores(problem.X_new, prototypes=problem.prototypes),
        model.class_scores(problem.X_new, prototypes=problem.prototypes),
        0.0,
        "attributes with a final underscore do not make up the fitted method",
    )


#: In the order they run.
CHECKS = (
    capabilities_are_typed,
    family_is_known,
    citation_is_complete,
    docstring_is_complete,
    documented_parameters_are_the_real_ones,
    later_parameters_are_keyword_only,
    parameters_have_defaults,
    bad_parameters_are_refused_by_fit,
    set_params_acts_like_the_constructor,
    fit_leaves_parameters_alone,
    fitted_attributes_end_in_an_underscore,
    fitted_arrays_are_finite,
    learned_state_can_be_saved,
)
