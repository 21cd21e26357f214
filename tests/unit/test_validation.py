"""Messages, and the small checks that every room shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError, MissingExtraError
from unseen.validation import check_number, import_extra, message, nearest, shorten, verbatim


def test_message_reads_as_the_house_style() -> None:
    text = message("Ridge", "alpha", "a number at least 0", -1, "Pass a number at least 0")
    assert text == "Ridge: alpha must be a number at least 0; got -1. Pass a number at least 0."


def test_verbatim_is_not_quoted() -> None:
    assert message("A", "b", "c", verbatim("none"), "D") == "A: b must be c; got none. D."
    assert message("A", "b", "c", "none", "D") == "A: b must be c; got 'none'. D."


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        ("a\nb", r"'a\nb'"),
        (np.zeros((2, 3), np.float32), "an array of shape (2, 3) and dtype float32"),
        ("x" * 78, repr("x" * 78)),
        ("x" * 79, "'" + "x" * 78 + "…"),
    ],
)
def test_shorten(value: object, expected: str) -> None:
    assert shorten(value) == expected
    assert len(shorten(value)) <= 80


def test_shorten_of_what_is_endless() -> None:
    nested: list[object] = ["x"]
    for _ in range(60):  # 2 ** 60 entries if all of it were written
        nested = [nested, nested]
    assert shorten(nested).startswith("[[[[")
    assert len(shorten({"a": list(range(10**6))})) == 80
    assert shorten(list(range(10**6))) == shorten(list(range(1000)))
    assert shorten("x" * 10**8) == "'" + "x" * 78 + "…"


def test_shorten_limit() -> None:
    assert shorten("abcdef", limit=5) == "'abc…"


class _TwoLines:
    def __repr__(self) -> str:
        return "one\ntwo"


def test_shorten_is_one_line() -> None:
    assert "\n" not in shorten(_TwoLines())


def test_nearest_is_best_first_and_bounded() -> None:
    assert nearest("ridg", ["bridge", "cosine", "ridge"]) == ["ridge", "bridge"]
    assert nearest("rigde", ["ridge", "cosine"]) == ["ridge"]
    assert nearest("xyz", ["ridge", "cosine"]) == []
    assert len(nearest("aaaa", ["aaab", "aaac", "aaad", "aaae"], n=2)) == 2
    assert nearest("class 7", (f"class {i}" for i in range(50_000)), n=1) == ["class 7"]
    assert nearest("class 7", (f"class {i}" for i in range(50_001))) == []


@pytest.mark.parametrize("value", [0, 1, 2.5, np.float32(0.5), np.int64(3)])
def test_check_number_returns_a_float(value: Any) -> None:
    got = check_number("A", "b", value, low=0, high=3)
    assert type(got) is float
    assert got == value


def test_check_number_returns_a_whole_number() -> None:
    assert type(check_number("A", "b", np.int64(3), low=1, integer=True)) is int


@pytest.mark.parametrize("value", [-1, -0.001, "1", None, True, np.bool_(True), 1j, [1], float("nan")])
def test_check_number_at_least(value: Any) -> None:
    with pytest.raises(
        InputError, match=r"^A: b must be a (finite )?number at least 0; got .*\. Pass a (finite )?number at least 0\.$"
    ):
        check_number("A", "b", value, low=0)


@pytest.mark.parametrize("value", [0, -1])
def test_check_number_above(value: float) -> None:
    with pytest.raises(InputError, match=rf"A: b must be a number above 0; got {value}\. Pass a number above 0\."):
        check_number("A", "b", value, low=0, low_open=True)


@pytest.mark.parametrize("value", [0.9, 2.1])
def test_check_number_between(value: float) -> None:
    with pytest.raises(InputError, match=r"A: b must be a number at least 1 and at most 2; got"):
        check_number("A", "b", value, low=1, high=2)


@pytest.mark.parametrize("value", [2, 2.1])
def test_check_number_below(value: float) -> None:
    assert check_number("A", "b", 1.99, high=2, high_open=True) == 1.99
    with pytest.raises(InputError, match=rf"A: b must be a number below 2; got {value}\. Pass a number below 2\."):
        check_number("A", "b", value, high=2, high_open=True)


@pytest.mark.parametrize("value", [1.0, 1.5, 0])
def test_check_number_whole(value: float) -> None:
    with pytest.raises(InputError, match=r"A: b must be a whole number at least 1; got"):
        check_number("A", "b", value, low=1, integer=True)


def test_check_number_without_bounds() -> None:
    assert check_number("A", "b", -5) == -5
    with pytest.raises(InputError, match=r"A: b must be a number; got 'x'\. Pass a number\."):
        check_number("A", "b", "x")


def test_bounds_are_inside() -> None:
    assert check_number("A", "b", 0, low=0) == 0
    assert check_number("A", "b", 1, high=1) == 1


def test_check_number_beyond_64_bits() -> None:
    with pytest.raises(InputError, match="A: b must be a number at most 1"):
        check_number("A", "b", 10**400, high=1)


def test_import_extra() -> None:
    assert import_extra("json", extra="x", purpose="This").dumps([1]) == "[1]"
    with pytest.raises(
        MissingExtraError,
        match=r"^Drawing needs the package 'no_such_thing', which is not installed\. "
        r"Install it with: pip install 'unseen\[plots\]'$",
    ):
        import_extra("no_such_thing.sub", extra="plots", purpose="Drawing")
