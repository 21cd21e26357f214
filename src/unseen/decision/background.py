"""The background: what an item may be of when it is of none of the classes, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.decision.calibration import Decision

__all__ = ["background_of", "check_background"]

#: General words, none of them likely to be somebody's class.
_DEFAULT = {
    "image": ("something else", "an object", "a scene", "a texture", "a random picture"),
    "text": ("something else", "another topic", "a text", "a random sentence"),
}


def background_of(
    decision: Decision, modality: str, names: Sequence[str], background: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the background for a vocabulary.

    Parameters
    ----------
    decision : Decision
        What turns scores into probabilities.
    modality : {"image", "text"}
        What is recognised.
    names : sequence of str
        The classes; of the general words, those that are one of them are left out.
    background : sequence of str or None
        What somebody wrote. None: the general words where a softmax needs something to stand beside the classes
        (``known_from="probabilities"``); nothing where certainty was fitted, or each class has its own probability.

    Raises
    ------
    InputError
        When a text of `background` is one of the classes: an item of it could be neither known nor unknown.
    """
    if background is None and (decision.known_from != "probabilities" or decision.activation != "softmax"):
        return ()
    classes = {name.casefold() for name in names} if background is None or background else set()
    if background is None:
        return tuple(text for text in _DEFAULT[modality] if text.casefold() not in classes)
    given = check_background("classify", background)
    for text in given:
        if text.casefold() in classes:
            remedy = "Leave it out of one of the two"
            raise InputError(message("classify", "background", "of none of the classes", text, remedy))
    return given


def check_background(owner: str, background: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of a background, without spaces around them.

    Raises
    ------
    InputError
        When it is one string, or holds something else than texts.
    """
    given = background if isinstance(background, list | tuple) else None
    if given is None or not all(isinstance(text, str) and text.strip() for text in given):
        remedy = "Write for example ['grass', 'an empty room'], or [] for none"
        raise InputError(message(owner, "background", "a list of texts", background, remedy))
    return tuple(dict.fromkeys(text.strip() for text in given))
