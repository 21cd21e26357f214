"""The exceptions unseen raises on purpose.

::

    UnseenError
    ├── InputError (ValueError)         something handed in is wrong
    │   ├── VocabularyError             a vocabulary file or value is wrong: file, line, field
    │   ├── DatasetError                a data set, a split or a file of one is wrong: file, row, counts
    │   ├── ItemError                   one photo or text cannot be used; a run reports it and goes on
    │   └── UnknownNameError (LookupError)  no entry of that name in a registry
    ├── ModelError                      a model folder is missing, damaged or of another format
    └── MissingExtraError (ImportError) an optional dependency is not installed

Every message reads ``{owner}: {argument} must be {expected}; got {value}. {what to do}.``; the functions in
:mod:`unseen.validation` build it.
"""

from __future__ import annotations

__all__ = [
    "DatasetError",
    "InputError",
    "ItemError",
    "MissingExtraError",
    "ModelError",
    "UnknownNameError",
    "UnseenError",
    "VocabularyError",
]


class UnseenError(Exception):
    """Base of every exception that unseen raises on purpose."""


class InputError(UnseenError, ValueError):
    """An argument, a file or a value that was handed in cannot be used."""


class VocabularyError(InputError):
    """A vocabulary is wrong; the message names the file, the line and the field where they are known."""


class DatasetError(InputError):
    """A data set is wrong; the message names the file, and the row or the counts where they are known."""


class ItemError(InputError):
    """One item (photo, text) cannot be used; the run goes on without it unless told to be strict."""


class UnknownNameError(InputError, LookupError):
    """A registry holds no entry of that name; the message lists the nearest ones."""

    def __str__(self) -> str:
        # LookupError's subclasses may print repr() of the message; people should read the message itself.
        return str(self.args[0]) if self.args else ""


class ModelError(UnseenError):
    """A model folder is missing, damaged, or of a format this version does not read."""


class MissingExtraError(UnseenError, ImportError):
    """An optional dependency is missing; the message is the pip line that brings it."""
