"""Each check of the battery for encoders catches the fault it was written for."""

from __future__ import annotations

import pytest

from tests.contracts.planted_encoders import FAULTS, Fault, LeaksErrors, Sound
from unseen.testing import MINIMUM_ENCODER_CHECKS, all_encoder_checks, check_encoder, encoder_checks
from unseen.testing.running import run


def test_the_sound_encoder_is_sound() -> None:
    assert check_encoder(Sound()).n_checks == len(all_encoder_checks())


@pytest.mark.parametrize("kind", ["image", "text"])
def test_an_encoder_of_one_kind_can_be_sound(kind: str) -> None:
    encoder = Sound()
    encoder.modalities = frozenset({kind})
    setattr(encoder, {"image": "text_dim", "text": "image_dim"}[kind], None)
    assert MINIMUM_ENCODER_CHECKS <= check_encoder(encoder).n_checks < len(all_encoder_checks())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{type(fault.encoder).__name__}-{fault.check}")
def test_fault_is_caught(fault: Fault) -> None:
    check = {c.name: c for c in encoder_checks(fault.encoder)}[fault.check]
    report = run("faulty", [check])
    assert list(report.failed) == [fault.check]
    with pytest.raises(AssertionError, match=fault.says):
        raise AssertionError(report.failed[fault.check])


def test_every_check_is_caught_in_the_act() -> None:
    assert {fault.check for fault in FAULTS} == set(all_encoder_checks())


def test_check_encoder_names_each_failed_check() -> None:
    with pytest.raises(AssertionError, match=r"^LeaksErrors fails 1 of 30 checks:\n- bad_images_are_refused: "):
        check_encoder(LeaksErrors())


def test_a_battery_that_shrank_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.testing.encoder_encodes.TEXT_CHECKS", ())
    encoder = Sound()
    encoder.modalities, encoder.image_dim = frozenset({"text"}), None
    with pytest.raises(AssertionError, match=f"Sound: only 8 checks ran, of at least {MINIMUM_ENCODER_CHECKS}"):
        check_encoder(encoder)
