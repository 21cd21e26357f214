"""The auxiliary information as people write it: class names, descriptions, synonyms, attributes.

A :class:`Vocabulary` says what may be recognised. It is read from YAML, CSV, TSV or a plain list of names,
checked while it is built, and never changes afterwards. Importing this package loads no YAML and no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.vocabulary.model import Attributes, ClassEntry, Vocabulary

if TYPE_CHECKING:
    from unseen.vocabulary.chat import Answer, chat_prompt, merge_answer, read_answer
    from unseen.vocabulary.check import NearestPair, VocabularyReport, VocabularyWarning, check_vocabulary
    from unseen.vocabulary.wordnet import open_wordnet, prefill

__all__ = [
    "Answer",
    "Attributes",
    "ClassEntry",
    "NearestPair",
    "Vocabulary",
    "VocabularyReport",
    "VocabularyWarning",
    "chat_prompt",
    "check_vocabulary",
    "merge_answer",
    "open_wordnet",
    "prefill",
    "read_answer",
]

# What only the commands need is imported when it is asked for, so that `import unseen` stays instant.
_LAZY = {
    "Answer": "chat",
    "NearestPair": "check",
    "VocabularyReport": "check",
    "VocabularyWarning": "check",
    "chat_prompt": "chat",
    "check_vocabulary": "check",
    "merge_answer": "chat",
    "open_wordnet": "wordnet",
    "prefill": "wordnet",
    "read_answer": "chat",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
