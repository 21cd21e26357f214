"""Vocabularies in YAML: the form that people write by hand, and the only one that holds everything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.validation import message, shorten, verbatim
from unseen.vocabulary.files import MAX_YAML_BYTES
from unseen.vocabulary.files import read_text as read_file
from unseen.vocabulary.model import ClassEntry, Vocabulary, build
from unseen.vocabulary.rules import ProblemError, bad_number, format_number, parse_flag, parse_number, suggestion
from unseen.vocabulary.yaml_nodes import ListNode, MapNode, Node, TextNode, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_FIELDS = (
    "name",
    "description",
    "descriptions",
    "synonyms",
    "attributes",
    "seen",
    "description_source",
)
_TOP = ("templates", "classes")
# Left without quotes: what every YAML reader takes for this very text.
_PLAIN = re.compile(r"[^\W\d_](?:[\w .,()'/;+-]|:(?=[^\s]))*", re.UNICODE)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# JSON's escapes are YAML's, but JSON leaves these as they are and YAML does not read them back.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def read(path: Path) -> Vocabulary:
    """Read a YAML vocabulary."""
    text = read_file(path, MAX_YAML_BYTES, "Save so large a vocabulary as CSV, which loads faster")
    return read_text(text, path.name)


def read_text(text: str, owner: str = "YAML text") -> Vocabulary:
    """Read a vocabulary from YAML text; complaints come from `owner` and name the line."""
    root = parse(text, owner)
    templates: Node | None = None
    if isinstance(root, MapNode):
        for key, (line, node) in root.pairs.items():
            if key == "templates":
                templates = node
            elif key != "classes":
                hint = suggestion(key, _TOP, "Indent the classes below a line 'classes:'")
                raise _wrong(owner, line, "a field", "templates or classes", key, hint)
        root = root.pairs["classes"][1] if "classes" in root.pairs else None
    if root is None or (isinstance(root, TextNode) and root.null):
        root = ListNode([], 1)
    reader = _Reader(owner)
    if isinstance(root, TextNode):
        raise _wrong(
            owner,
            root.line,
            "classes",
            "a list or a mapping",
            root.text,
            "Write one class per line, each as '- name' or as 'name: description'",
        )
    if isinstance(root, ListNode):
        entries = [reader.item(node) for node in root.items]
        lines = [node.line for node in root.items]
    else:
        entries = [reader.entry(name, line, node) for name, (line, node) in root.pairs.items()]
        lines = [line for line, _ in root.pairs.values()]
    found = None if templates is None else reader.texts(templates, "templates")
    try:
        return build(entries, found, owner, lines)
    except ProblemError as error:
        # only templates are still unchecked here
        raise error.at(f"{owner}, line {templates.line if templates else 1}") from None


class _Reader:
    """Turns nodes into entries; holds the file's name for complaints."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def item(self, node: Node) -> ClassEntry:
        """Read one item of a list of classes: a name, or a mapping with ``name``."""
        if isinstance(node, TextNode):
            return self.make(node.text, node.line, {}, {})
        if isinstance(node, MapNode):
            if "name" not in node.pairs:
                found = ", ".join(shorten(key, 30) for key in list(node.pairs)[:5]) or "nothing"
                raise _wrong(
                    self.owner,
                    node.line,
                    "a class in a list",
                    "a name, or fields one of which is name",
                    verbatim(found),
                    "Write '- name: okapi', or leave out the dash to write 'okapi: description'",
                )
            line, name = node.pairs["name"]
            return self.entry(self.text(name, "name"), line, node)
        raise _wrong(
            self.owner,
            node.line,
            "a class",
            "a name or a mapping",
            verbatim("a list"),
            "Write one class per dash",
        )

    def entry(self, name: str, line: int, node: Node) -> ClassEntry:
        """Read what stands after a class's name."""
        if isinstance(node, TextNode):
            return self.make(name, line, {} if node.null else {"descriptions": (node.text,)}, {})
        if isinstance(node, ListNode):
            return self.make(name, line, {"descriptions": self.texts(node, f"descriptions of {name!r}")}, {})
        given: dict[str, Any] = {}
        lines: dict[str, int] = {}
        found: Any
        for key, (at, value) in node.pairs.items():
            if key not in _FIELDS:
                hint = suggestion(key, _FIELDS, f"Known fields: {', '.join(_FIELDS)}")
                raise _wrong(self.owner, at, f"a field of {shorten(name)}", "a known one", key, hint)
            what = f"{key} of {shorten(name)}"
            if key in ("description", "descriptions"):
                if "descriptions" in given:
                    raise _wrong(
                        self.owner,
                        at,
                        what,
                        "given once",
                        verbatim("description and descriptions"),
                        "Put all of them in one list under descriptions",
                    )
                key, found = "descriptions", self.texts(value, what)
            elif key == "synonyms":
                found = self.texts(value, what)
            elif key == "attributes":
                found = self.attributes(value, name, lines)
            elif key == "seen":
                found = self.flag(value, what)
            else:
                found = self.text(value, what)
            lines[key] = at
            if key != "name":
                given[key] = found
        return self.make(name, line, given, lines)

    def make(self, name: str, line: int, given: Mapping[str, Any], lines: Mapping[str, int]) -> ClassEntry:
        """Build the entry; a complaint is told with the line of the field it is about."""
        try:
            return ClassEntry(name, **given)
        except ProblemError as error:
            raise error.at(f"{self.owner}, line {lines.get(error.field, line)}") from None

    def text(self, node: Node, what: str) -> str:
        """Read one text, whatever YAML makes of it elsewhere: ``no`` is the text no."""
        if not isinstance(node, TextNode):
            raise _wrong(
                self.owner,
                node.line,
                what,
                "text",
                verbatim("a list" if isinstance(node, ListNode) else "a mapping"),
                "Put a text that starts with [ or {, or that holds a colon, in quotes",
            )
        return node.text

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """Read a text or a list of texts."""
        items = node.items if isinstance(node, ListNode) else [node]
        return tuple(self.text(item, what) for item in items)

    def flag(self, node: Node, what: str) -> bool:
        """Read true or false."""
        text = self.text(node, what)
        flag = parse_flag(text)
        if flag is None:
            raise _wrong(self.owner, node.line, what, "true or false", text, "Write true, false or leave it out")
        return flag

    def attributes(self, node: Node, name: str, lines: dict[str, int]) -> dict[str, float]:
        """Read a mapping of attribute names to numbers and note each one's line."""
        if not isinstance(node, MapNode):
            raise _wrong(
                self.owner,
                node.line,
                f"attributes of {shorten(name)}",
                "a mapping of names to numbers",
                verbatim("text" if isinstance(node, TextNode) else "a list"),
                "Write for example {striped: 1, size: 0.7}",
            )
        values: dict[str, float] = {}
        for key, (line, value) in node.pairs.items():
            what = f"attribute {key!r} of {shorten(name)}"
            text = self.text(value, what)
            number = parse_number(text)
            if number is None:
                raise bad_number(text, f"{self.owner}, line {line}", what, field="attributes")
            values[key] = number
            lines[f"attributes.{key.strip()}"] = line
        return values


def _wrong(owner: str, line: int, argument: str, expected: str, value: object, remedy: str) -> VocabularyError:
    return VocabularyError(message(f"{owner}, line {line}", argument, expected, value, remedy))


def write(vocabulary: Vocabulary, path: Path) -> str:
    """Return the vocabulary as YAML text."""
    return write_text(vocabulary)


def write_text(
    vocabulary: Vocabulary, *, header: Iterable[str] = (), comments: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return YAML text; `header` and, per class name, `comments` become comment lines."""
    out = [f"# {_one_line(line)}".rstrip() for line in header]
    if vocabulary.templates is not None:
        out.append("templates:")
        out += [f"  - {_quote(t)}" for t in vocabulary.templates]
    out.append("classes:")
    for entry in vocabulary:
        out += _entry_lines(entry)
        out += [f"    # {_one_line(line)}" for line in (comments or {}).get(entry.name, ())]
    return "\n".join(out) + "\n"


def _entry_lines(entry: ClassEntry) -> list[str]:
    key = _quote(entry.name)
    if entry.bare:
        return [f"  {key}:"]
    if len(entry.descriptions) == 1 and entry == ClassEntry(entry.name, entry.descriptions):
        return [f"  {key}: {_quote(entry.descriptions[0])}"]
    out = [f"  {key}:"]
    if len(entry.descriptions) == 1:
        out.append(f"    description: {_quote(entry.descriptions[0])}")
    elif entry.descriptions:
        out += ["    descriptions:", *(f"      - {_quote(d)}" for d in entry.descriptions)]
    if entry.description_source is not None:
        out.append(f"    description_source: {_quote(entry.description_source)}")
    if entry.synonyms:
        out += ["    synonyms:", *(f"      - {_quote(s)}" for s in entry.synonyms)]
    if entry.attributes:
        out += ["    attributes:", *(f"      {_quote(k)}: {format_number(v)}" for k, v in entry.attributes.items())]
    if entry.seen is not None:
        out.append(f"    seen: {str(entry.seen).lower()}")
    return out


def _quote(text: str) -> str:
    """Write a text so that this reader, and any other, reads exactly it."""
    if _PLAIN.fullmatch(text) and not text.endswith((" ", ":")) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
