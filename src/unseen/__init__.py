"""unseen recognises what nobody has labelled.

>>> import unseen
>>> unseen.Vocabulary.from_names(["okapi", "zebra"]).names
('okapi', 'zebra')

Everything is loaded when it is first used, so importing the package is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from unseen._version import __version__

if TYPE_CHECKING:
    from unseen.errors import (
        DatasetError,
        InputError,
        ItemError,
        MissingExtraError,
        ModelError,
        UnknownNameError,
        UnseenError,
        VocabularyError,
    )
    from unseen.prototypes import Prototypes
    from unseen.recognizer import Recognizer
    from unseen.results import Predictions
    from unseen.vocabulary import ClassEntry, Vocabulary

_HOME = {
    "ClassEntry": "unseen.vocabulary",
    "DatasetError": "unseen.errors",
    "InputError": "unseen.errors",
    "ItemError": "unseen.errors",
    "MissingExtraError": "unseen.errors",
    "ModelError": "unseen.errors",
    "Predictions": "unseen.results",
    "Prototypes": "unseen.prototypes",
    "Recognizer": "unseen.recognizer",
    "UnknownNameError": "unseen.errors",
    "UnseenError": "unseen.errors",
    "Vocabulary": "unseen.vocabulary",
    "VocabularyError": "unseen.errors",
}

__all__ = [
    "ClassEntry",
    "DatasetError",
    "InputError",
    "ItemError",
    "MissingExtraError",
    "ModelError",
    "Predictions",
    "Prototypes",
    "Recognizer",
    "UnknownNameError",
    "UnseenError",
    "Vocabulary",
    "VocabularyError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'unseen' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
