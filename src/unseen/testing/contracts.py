"""The batteries: which checks a method or an encoder must pass, chosen by what it declares.

In the spirit of scikit-learn's ``check_estimator``, which every method passes as well. A tag of
:class:`~unseen.methods.base.Capabilities` relaxes exactly one check (:data:`RELAXES`); everything else runs for
everybody, and nothing skips itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from unseen.testing import encoder_encodes as _encoder
from unseen.testing import method_fit as _fit
from unseen.testing import method_interface as _interface
from unseen.testing import method_scores as _scores
from unseen.testing.running import Check, Report, run

if TYPE_CHECKING:
    from unseen.encoders.base import Encoder
    from unseen.methods.base import Method

__all__ = [
    "MINIMUM_ENCODER_CHECKS",
    "MINIMUM_METHOD_CHECKS",
    "RELAXES",
    "all_encoder_checks",
    "all_method_checks",
    "check_encoder",
    "check_method",
    "encoder_checks",
    "method_checks",
]

#: Tag of :class:`~unseen.methods.base.Capabilities` to the one check it relaxes.
RELAXES = {
    "transductive": "rows_are_scored_alone",
    "needs_unseen_at_fit": "fit_ignores_unseen_prototypes",
    "generative": "scores_ignore_rivals",
    "stateless": "scoring_needs_fit",
    "shared_space": "vectors_and_prototypes_may_differ_in_length",
}

#: No method is judged by fewer checks than this, whatever its tags.
MINIMUM_METHOD_CHECKS = 45

#: No encoder is judged by fewer checks than this, whatever its modalities.
MINIMUM_ENCODER_CHECKS = 18

_METHOD_CHECKS = {check.__name__: check for check in (*_interface.CHECKS, *_fit.CHECKS, *_scores.CHECKS)}
_ENCODER_CHECKS = (*_encoder.DECLARATION_CHECKS, *_encoder.IMAGE_CHECKS, *_encoder.TEXT_CHECKS)


def all_method_checks() -> list[str]:
    """Return the names of all checks of methods, in the order they run."""
    return list(_METHOD_CHECKS)


def all_encoder_checks() -> list[str]:
    """Return the names of all checks of encoders, in the order they run."""
    return [check.__name__ for check in _ENCODER_CHECKS]


def method_checks(method: Method) -> list[Check]:
    """Return the checks that `method` must pass, given its tags.

    Parameters
    ----------
    method : Method
        An instance; the checks work on copies of it.

    Examples
    --------
    With pytest, one test per check:

    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.testing import method_checks
    >>> checks = method_checks(Ridge())
    >>> # @pytest.mark.parametrize("check", [c.run for c in checks], ids=[c.name for c in checks])
    """
    relaxed = {check for tag, check in RELAXES.items() if getattr(method.capabilities, tag, False) is True}
    return [Check(name, partial(check, method)) for name, check in _METHOD_CHECKS.items() if name not in relaxed]


def encoder_checks(encoder: Encoder) -> list[Check]:
    """Return the checks that `encoder` must pass, given its modalities."""
    checks = list(_encoder.DECLARATION_CHECKS)
    if "image" in encoder.modalities:
        checks += _encoder.IMAGE_CHECKS
    if "text" in encoder.modalities:
        checks += _encoder.TEXT_CHECKS
    return [Check(check.__name__, partial(check, encoder)) for check in checks]


def check_method(method: Method) -> Report:
    """Run every check that `method` must pass.

    Raises
    ------
    AssertionError
        Naming each check that failed and what it found.

    Examples
    --------
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.testing import check_method
    >>> sorted(check_method(Ridge()).failed)
    []
    """
    return _judge(run(type(method).__name__, method_checks(method)), MINIMUM_METHOD_CHECKS)


def check_encoder(encoder: Encoder) -> Report:
    """Run every check that `encoder` must pass.

    Raises
    ------
    AssertionError
        Naming each check that failed and what it found.
    """
    return _judge(run(type(encoder).__name__, encoder_checks(encoder)), MINIMUM_ENCODER_CHECKS)


def _judge(report: Report, minimum: int) -> Report:
    if report.failed:
        raise AssertionError(str(report))
    if report.n_checks < minimum:
        raise AssertionError(f"{report.subject}: only {report.n_checks} checks ran, of at least {minimum}")
    return report
