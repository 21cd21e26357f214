"""Descriptions from a chat model: a prompt to paste into any, and a careful reader of what comes back.

The answer is untrusted text. It can only ever add descriptions to classes that exist, and each one passes the same
rules as a person's.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.validation import message, shorten, verbatim
from unseen.vocabulary.model import Vocabulary
from unseen.vocabulary.rules import clean_text, near_names
from unseen.vocabulary.yaml_nodes import ListNode, Node, TextNode, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_ANSWER = 8_000_000
MAX_PROMPT_CLASSES = 200
MAX_NEW = 100
"""Most descriptions taken from one answer for one class."""
MAX_UNKNOWN = 100
"""Most names that are no class which a report lists."""
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'"})

_PROMPT = """\
A program must recognise the classes below in photographs, from descriptions alone. Write the descriptions.

For each class write {n} short sentences (at most 20 words each) about what can be seen in a photograph:
shape, colours, patterns, texture, parts, size against its surroundings, usual setting.
{tell_apart}
Rules:
- Only what is visible: no habits, history, taste, sound or use that cannot be seen.
- Do not use any class name of the list in a sentence, neither the class's own nor another's.
- Every sentence must stand alone and be true of nearly every photograph of the class.
- If a name has several meanings, take the one that fits the other classes.

Classes:
{classes}

Answer with JSON and nothing else, with exactly these keys, in this form:
{form}
"""


def chat_prompt(vocabulary: Vocabulary, *, n: int = 3, names: Iterable[str] | None = None) -> str:
    """Return a prompt that asks any chat model for descriptions which tell the classes apart.

    Parameters
    ----------
    vocabulary : Vocabulary
        Supplies names, synonyms and what is already written.
    n : int, default 3
        Sentences per class, 1 to 20.
    names : iterable of str or None, default None
        Ask about these classes alone; the others are still listed as what to tell them apart from.

    Raises
    ------
    VocabularyError
        When `n` is out of range, or more than 200 classes would have to be described or told apart.

    Examples
    --------
    >>> from unseen.vocabulary import Vocabulary, chat_prompt
    >>> '{"okapi": ["...", "..."]}' in chat_prompt(Vocabulary.from_names(["okapi"]), n=2)
    True
    """
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= 20:
        raise VocabularyError(message("chat_prompt", "n", "a whole number from 1 to 20", n, "Three is a good start"))
    asked = vocabulary if names is None else vocabulary.subset(names)
    if len(vocabulary) > MAX_PROMPT_CLASSES:
        raise VocabularyError(
            message(
                "chat_prompt",
                "the vocabulary",
                f"at most {MAX_PROMPT_CLASSES} classes, which is what a chat model answers reliably",
                verbatim(f"{len(vocabulary)} classes"),
                "Split it into groups of classes that are easily confused, one prompt each",
            )
        )
    others = [name for name in vocabulary.names if name not in asked]
    tell = ""
    if len(vocabulary) > 1:
        tell = "Above all say what tells the class apart from the others, which the program might confuse it with."
    if others:
        tell += f"\nThe program also knows these, which need no sentences: {_json(others)}"
    lines = []
    for entry in asked:
        line = f"- {_json(entry.name)}"
        if entry.synonyms:
            line += f", also called {', '.join(_json(s) for s in entry.synonyms)}"
        if entry.descriptions:
            line += f"; already described as {', '.join(_json(d) for d in entry.descriptions[:3])}"
        lines.append(line)
    form = ",\n ".join(f"{_json(name)}: {_json(['...'] * n)}" for name in asked.names)
    return _PROMPT.format(n=n, tell_apart=tell, classes="\n".join(lines), form="{" + form + "}")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Answer:
    """What a chat model's answer said about a vocabulary.

    Attributes
    ----------
    descriptions : mapping of str to tuple of str
        New descriptions per class of the vocabulary.
    unknown : tuple of (str, tuple of str)
        Names in the answer that are no class, each with the nearest classes.
    missing : tuple of str
        Classes without a description in the answer.
    rejected : tuple of str
        What was left out, and why.
    """

    descriptions: Mapping[str, tuple[str, ...]]
    unknown: tuple[tuple[str, tuple[str, ...]], ...] = ()
    missing: tuple[str, ...] = ()
    rejected: tuple[str, ...] = field(default=())


def read_answer(text: str, vocabulary: Vocabulary) -> Answer:
    """Read a chat model's answer: JSON or YAML, with or without code fences, chatter and curly quotes.

    Raises
    ------
    VocabularyError
        When nothing in the text describes a class of the vocabulary.

    Examples
    --------
    >>> from unseen.vocabulary import Vocabulary, read_answer
    >>> v = Vocabulary.from_names(["okapi", "zebra"])
    >>> a = read_answer('Sure! {"okapi": ["Striped legs."], "zebbra": ["Striped."]}', v)
    >>> a.descriptions, a.unknown, a.missing
    ({'okapi': ('Striped legs.',)}, (('zebbra', ('zebra',)),), ('zebra',))
    """
    if len(text) > MAX_ANSWER:
        raise VocabularyError(
            message(
                "read_answer",
                "the answer",
                f"at most {MAX_ANSWER} characters long",
                verbatim(f"{len(text)} characters"),
                "Ask about fewer classes at a time",
            )
        )
    finder = _Finder(vocabulary)
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()
    for pairs in _readings(text.lstrip("\ufeff"), finder):
        answer = _collect(pairs, vocabulary, finder)
        if answer.descriptions:
            unknown = tuple((name, tuple(near_names(name, vocabulary.names))) for name, _ in answer.unknown)
            return replace(answer, unknown=unknown)
        others = others or answer.unknown
    met = ", ".join(shorten(name, 30) for name, _ in others[:5])
    raise VocabularyError(
        message(
            "read_answer",
            "the answer",
            "JSON or YAML with descriptions for classes of the vocabulary",
            verbatim(f"other names: {met}" if met else shorten(text, 60)),
            "Paste the model's whole answer, and check that it belongs to this vocabulary",
        )
    )


def merge_answer(
    vocabulary: Vocabulary, answer: Answer, *, replace_existing: bool = False, source: str = "chat model"
) -> Vocabulary:
    """Return the vocabulary with an answer's descriptions: after the existing ones, or in their place.

    A description that is already there is not added twice, so importing the same answer again changes nothing.
    """
    entries = []
    for entry in vocabulary:
        new = answer.descriptions.get(entry.name, ())
        old = () if replace_existing and new else entry.descriptions
        added = tuple(d for d in new if d not in old)
        if not added:
            entries.append(entry)
            continue
        origins = ([entry.description_source or "people"] if old else []) + [source]
        combined = " + ".join(dict.fromkeys(o for origin in origins for o in origin.split(" + ")))
        entries.append(replace(entry, descriptions=old + added, description_source=combined))
    return Vocabulary(entries, templates=vocabulary.templates)


class _Finder:
    """Finds the class that a name in an answer means."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._names = frozenset(vocabulary.names)
        loose: dict[str, set[str]] = {}
        for entry in vocabulary:
            for word in (entry.name, *entry.synonyms):
                loose.setdefault(_loose(word), set()).add(entry.name)
        self._loose = {key: next(iter(names)) for key, names in loose.items() if len(names) == 1}

    def __call__(self, name: str) -> str | None:
        if name in self._names:
            return name
        return self._loose.get(_loose(name))


def _loose(name: str) -> str:
    text = unicodedata.normalize("NFC", name).translate(_STRAIGHT).casefold()
    return " ".join(text.strip("*`\"' \t").replace("_", " ").replace("-", " ").split())


def _collect(pairs: Iterable[tuple[str, Any]], vocabulary: Vocabulary, finder: _Finder) -> Answer:
    found: dict[str, list[str]] = {}
    unknown: dict[str, tuple[str, ...]] = {}  # the nearest names are looked up once, for the reading that is taken
    rejected: list[str] = []
    for key, value in pairs:
        name = finder(key)
        if name is None:
            if len(unknown) < MAX_UNKNOWN:
                unknown[key] = ()
            continue
        texts = found.setdefault(name, [])
        for item in _texts(value):
            try:
                if not isinstance(item, str):
                    raise VocabularyError(f"{shorten(item)} is no text")
                if item.strip(" .…") == "":
                    continue  # the form, echoed
                text = " ".join(clean_text(item, "read_answer", "a description", field="").split())
                if text[0] in "“„" and text[-1] in "”“" and len(text) > 2:
                    text = text[1:-1]  # quotes that YAML does not know as quotes
            except VocabularyError as error:
                rejected.append(f"{name}: {error}")
                continue
            if text in texts:
                continue
            if len(texts) >= MAX_NEW:
                rejected.append(f"{name}: more than {MAX_NEW} descriptions")
                break
            texts.append(text)
    descriptions = {name: tuple(found[name]) for name in vocabulary.names if found.get(name)}
    missing = tuple(name for name in vocabulary.names if name not in descriptions)
    return Answer(descriptions, tuple(unknown.items()), missing, tuple(rejected))


def _texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("descriptions", value.get("description", value))
    return value if isinstance(value, list) else [value]


def _readings(text: str, finder: _Finder) -> Iterator[list[tuple[str, Any]]]:
    """Yield every way to read the answer, the strictest first."""
    fenced = _fences(text)
    # curly quotes may be content: straighten them only where the text as it is cannot be read
    versions = ((text, fenced), (text.translate(_STRAIGHT), [part.translate(_STRAIGHT) for part in fenced]))
    for read in (_from_json, _from_yaml):
        for whole, inside in versions:
            for parts in (inside, [whole]):
                yield [pair for part in parts for pair in read(part)]
    for whole, _ in versions:
        yield _from_yaml(_yaml_lines(whole, finder))


def _fences(text: str) -> list[str]:
    """Return the insides of Markdown code fences; one that is never closed runs to the end."""
    inside: list[str] = []
    current: list[str] | None = None
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            if current is None:
                current = []
            else:
                inside.append("\n".join(current))
                current = None
        elif current is not None:
            current.append(line)
    if current:
        inside.append("\n".join(current))
    return inside


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose equal keys are all kept."""


def _from_json(text: str) -> list[tuple[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    found: list[tuple[str, Any]] = []
    position = 0
    for _ in range(100):  # chatter may hold braces too; a hostile answer may hold a million
        starts = [i for i in (text.find("{", position), text.find("[", position)) if i >= 0]
        if not starts:
            break
        start = min(starts)
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        found += _pairs(value)
    if not found and (mended := _without_trailing_commas(text)) != text:
        return _from_json(mended)
    return found


def _without_trailing_commas(text: str) -> str:
    """Drop commas that stand before a closing bracket, outside of strings."""
    out: list[str] = []
    quoted = escaped = False
    for c in text:
        if quoted:
            quoted = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            quoted = True
        elif c in "]}":
            tail = len(out) - 1
            while tail >= 0 and out[tail].isspace():
                tail -= 1
            if tail >= 0 and out[tail] == ",":
                del out[tail]
        out.append(c)
    return "".join(out)


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """Return (name, descriptions) from the shapes that models answer in."""
    if isinstance(value, _Pairs):
        table = dict(value)
        if isinstance(table.get("classes"), list):
            return _pairs(table["classes"])
        if isinstance(table.get("name"), str) and ("descriptions" in table or "description" in table):
            return [(table["name"], _plain(value))]
        return [(key, _plain(inner)) for key, inner in value]
    if isinstance(value, list):
        return [pair for item in value if isinstance(item, _Pairs) for pair in _pairs(item)]
    return []


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, _Pairs) else value


def _from_yaml(text: str) -> list[tuple[str, Any]]:
    try:
        root = parse(text, "the answer")
    except VocabularyError:
        return []  # chatter is no YAML; another reading may fit
    return [] if root is None else _pairs(_value(root))


def _value(node: Node) -> Any:
    if isinstance(node, TextNode):
        return node.text
    if isinstance(node, ListNode):
        return [_value(item) for item in node.items]
    return _Pairs((key, _value(inner)) for key, (_, inner) in node.pairs.items())


def _yaml_lines(text: str, finder: _Finder) -> str:
    """Return the lines that look like YAML about known classes, without the chatter around them."""
    kept: list[str] = []
    for line in text.splitlines():
        head = line.partition(":")[0]
        starts_class = ":" in line and not line[:1].isspace() and finder(head) is not None
        if starts_class or (kept and (line[:1] in (" ", "\t", "-", "") or line.strip() == "")):
            kept.append(line)
    return "\n".join(kept)
