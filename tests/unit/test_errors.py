"""Exceptions: what they are, and that they print as written."""

from __future__ import annotations

import pytest

from unseen import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_everything_is_an_unseen_error_with_a_reason(name: str) -> None:
    cls = getattr(errors, name)
    assert issubclass(cls, errors.UnseenError)
    assert str(cls("Vocabulary: line 3.")) == "Vocabulary: line 3."
    assert cls.__doc__


def test_unknown_name_without_message() -> None:
    assert str(errors.UnknownNameError()) == ""


def test_unknown_name_is_caught_as_a_lookup_error() -> None:
    with pytest.raises(LookupError, match=r"^no 'x'$"):
        raise errors.UnknownNameError("no 'x'")
