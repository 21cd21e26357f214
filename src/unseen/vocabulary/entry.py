"""One class of a vocabulary, and its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.vocabulary.rules import (
    MAX_SYNONYMS,
    MAX_TEXTS,
    clean_label,
    clean_number,
    clean_text,
    problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Attributes", "ClassEntry"]


class Attributes(Mapping[str, float]):
    """Attribute values of one class: a mapping that never changes, sorted by name, and hashable.

    Sorted, so that the order in which somebody typed them changes neither the columns of the attribute matrix
    nor the fingerprint.

    Parameters
    ----------
    values : mapping of str to float
        Values as numbers; :class:`ClassEntry` checks them.

    Examples
    --------
    >>> from unseen.vocabulary import Attributes
    >>> Attributes({"striped": 1.0, "hooves": 1.0})
    Attributes({'hooves': 1.0, 'striped': 1.0})
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, float] | Iterable[tuple[str, float]] = ()) -> None:
        self._values = dict(sorted(dict(values).items()))

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return f"Attributes({self._values!r})"


_NO_ATTRIBUTES = Attributes()


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """What is written about one class.

    Parameters
    ----------
    name : str
        What the class is called: one line, at most 256 characters. Spaces around it are removed and it is kept
        in Unicode form NFC, so that the same word typed on two machines is the same class.
    descriptions : sequence of str, default ()
        What it looks like, a sentence or two each; kept exactly, except that line breaks become ``\\n``.
    synonyms : sequence of str, default ()
        Other names for it; cleaned like the name; no semicolons (they separate synonyms in CSV).
    attributes : mapping of str to float, default {}
        Measured or judged properties, such as ``{"striped": 1, "size": 0.7}``; booleans become 1 and 0.
    seen : bool or None, default None
        Whether labelled examples of it exist; None where nobody said.
    description_source : str or None, default None
        Where the descriptions come from, when no person wrote them: ``"WordNet"``, a chat model's name.

    Raises
    ------
    VocabularyError
        When a field breaks its rule; the message names the class and the field.

    Examples
    --------
    >>> from unseen.vocabulary import ClassEntry
    >>> ClassEntry("okapi", descriptions=("A hoofed animal with striped legs.",)).name
    'okapi'
    """

    name: str
    descriptions: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    attributes: Mapping[str, float] = field(default=_NO_ATTRIBUTES)
    seen: bool | None = None
    description_source: str | None = None

    def __post_init__(self) -> None:
        own = "ClassEntry"
        # frozen: object.__setattr__ is the way a dataclass documents for normalising its own fields
        put = object.__setattr__
        put(self, "name", clean_label(self.name, own, "the class name", field="name"))
        of = f"of {self.name!r}"
        if self.descriptions != ():
            texts = as_sequence(self.descriptions, own, f"descriptions {of}", field="descriptions")
            put(
                self,
                "descriptions",
                tuple(clean_text(t, own, f"a description {of}", field="descriptions") for t in texts),
            )
        if self.synonyms != ():
            put(self, "synonyms", self._clean_synonyms(own, of))
        if self.attributes is not _NO_ATTRIBUTES:
            put(self, "attributes", self._clean_attributes(own, of))
        if self.seen is not None:
            if not isinstance(self.seen, bool | np.bool_):
                raise problem(
                    own, f"seen {of}", "true, false or left out", self.seen, "Write true or false", field="seen"
                )
            put(self, "seen", bool(self.seen))
        if self.description_source is not None:
            source = clean_label(self.description_source, own, f"description_source {of}", field="description_source")
            put(self, "description_source", source)

    def _clean_synonyms(self, own: str, of: str) -> tuple[str, ...]:
        given = as_sequence(self.synonyms, own, f"synonyms {of}", field="synonyms", most=MAX_SYNONYMS)
        synonyms = tuple(clean_label(s, own, f"a synonym {of}", field="synonyms") for s in given)
        for synonym in synonyms:
            if ";" in synonym:
                raise problem(
                    own,
                    f"a synonym {of}",
                    "free of semicolons",
                    synonym,
                    "Write the two sides as two synonyms",
                    field="synonyms",
                )
        return synonyms

    def _clean_attributes(self, own: str, of: str) -> Attributes:
        given = self.attributes
        if not isinstance(given, Mapping):
            raise problem(
                own,
                f"attributes {of}",
                "a mapping of names to numbers",
                given,
                "Write for example {striped: 1, size: 0.7}",
                field="attributes",
            )
        cleaned: dict[str, float] = {}
        for key, value in given.items():
            name = clean_label(key, own, f"an attribute name {of}", field="attributes")
            if name in cleaned:
                raise problem(own, f"attribute names {of}", "unique", name, "Remove one of the two", field="attributes")
            cleaned[name] = clean_number(value, own, f"attribute {name!r} {of}", field=f"attributes.{name}")
        return Attributes(cleaned)

    @property
    def bare(self) -> bool:
        """Whether the entry is a name and nothing else."""
        return not (
            self.descriptions
            or self.synonyms
            or self.attributes
            or self.seen is not None
            or self.description_source is not None
        )


def as_sequence(value: Any, owner: str, argument: str, *, field: str, most: int = MAX_TEXTS) -> Sequence[Any]:
    """Return `value` as a tuple, or complain: one text is no sequence of texts."""
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__"):
        raise problem(owner, argument, "a sequence of texts", value, "Put the text in a list", field=field)
    items = tuple(value)
    if len(items) > most:
        raise problem(owner, argument, f"at most {most}", len(items), "Keep the ones that tell most", field=field)
    return items
