"""Every registered encoder passes the battery."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from unseen.registry import ENCODERS
from unseen.testing import MINIMUM_ENCODER_CHECKS, all_encoder_checks, check_encoder, encoder_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.encoders.base import Encoder


@cache
def shared(name: str) -> Encoder:
    """One instance for all checks: they are not to depend on each other's order."""
    encoder: Encoder = ENCODERS.get(name)()
    return encoder


CHECKS = [pytest.param(c.run, id=f"{name}-{c.name}") for name in ENCODERS for c in encoder_checks(shared(name))]


def test_there_are_encoders() -> None:
    assert ENCODERS.names()


@pytest.mark.parametrize("check", CHECKS)
def test_check(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", ENCODERS.names())
def test_battery_is_whole(name: str) -> None:
    encoder = shared(name)
    report = check_encoder(encoder)
    assert report.n_checks >= MINIMUM_ENCODER_CHECKS
    if encoder.modalities == {"image", "text"}:
        assert report.n_checks == len(all_encoder_checks())
