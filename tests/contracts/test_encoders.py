"""Every registered encoder passes the battery; those that take a model are given tiny ones of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unseen.encoders.default import default_folder
from unseen.encoders.loading import load_encoder
from unseen.registry import ENCODERS
from unseen.testing import MINIMUM_ENCODER_CHECKS, all_encoder_checks, check_encoder, encoder_checks
from unseen.testing.encoder_encodes import DECLARATION_CHECKS, TEXT_CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unseen.encoders.base import Encoder

#: Scheme to the tiny models that are tried, each a function of `tests.tiny_models` and its options.
MODELS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "default": [("", {})],
    "hf": [
        ("clip", {}),
        ("siglip", {}),
        ("siglip2", {}),
        ("align", {}),
        ("altclip", {}),
        ("chinese_clip", {}),
        ("metaclip2", {}),
    ],
    "onnx": [("", {})],
    "open_clip": [
        ("open_clip", {}),
        ("open_clip", {"sigmoid": True}),
        ("open_clip", {"resize_mode": "longest"}),
        ("open_clip", {"hf_tokenizer": True}),
        ("open_clip", {"coca": True}),
    ],
    "sentence-transformers": [("sentence_transformer", {})],
}
CASES = [
    pytest.param(scheme, *case, id=f"{scheme}-{i}-{case[0]}")
    for scheme in MODELS
    for i, case in enumerate(MODELS[scheme])
]
TEXT_ONLY = frozenset(check.__name__ for check in (*DECLARATION_CHECKS, *TEXT_CHECKS))


@pytest.fixture(scope="session")
def load(tiny: Callable[..., Path]) -> Callable[[str, str, dict[str, Any]], Encoder]:
    """One instance of each for all checks: they are not to depend on each other's order."""
    loaded: dict[str, Encoder] = {}

    def get(scheme: str, kind: str, options: dict[str, Any]) -> Encoder:
        key = f"{scheme} {kind} {options}"
        if key not in loaded:
            folder = default_folder() / "encoder" if scheme == "onnx" else kind and tiny(kind, **options)
            loaded[key] = load_encoder(f"{scheme}:{folder}" if folder else scheme)
        return loaded[key]

    return get


def test_every_scheme_is_tried() -> None:
    assert set(MODELS) == set(ENCODERS.names())


@pytest.mark.parametrize("check", all_encoder_checks())
@pytest.mark.parametrize(("scheme", "kind", "options"), CASES)
def test_check(
    load: Callable[[str, str, dict[str, Any]], Encoder], scheme: str, kind: str, options: dict[str, Any], check: str
) -> None:
    checks = {found.name: found.run for found in encoder_checks(load(scheme, kind, options))}
    if scheme == "sentence-transformers" and check not in TEXT_ONLY:
        assert check not in checks
        return
    checks[check]()


@pytest.mark.parametrize(
    ("scheme", "kind", "options"), [case for case in CASES if case.values[0] in ("default", "hf")][:2]
)
def test_battery_is_whole(
    load: Callable[[str, str, dict[str, Any]], Encoder], scheme: str, kind: str, options: dict[str, Any]
) -> None:
    report = check_encoder(load(scheme, kind, options))
    assert report.n_checks == len(all_encoder_checks()) > MINIMUM_ENCODER_CHECKS
