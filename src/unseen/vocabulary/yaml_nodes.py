"""YAML text as a small tree of texts, lists and mappings that know their line.

PyYAML's own constructors turn ``no`` into False and ``1234`` into a number, forget line numbers, keep the last
of two equal keys, expand aliases and recurse. A class may be called ``no``. So this module reads the parser's
events, in a loop, and keeps every scalar as the text somebody wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.validation import message, shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 6
MAX_NODES = 3_000_000


@dataclass(slots=True)
class TextNode:
    """A scalar, as written; `plain` when it stood without quotes."""

    text: str
    plain: bool
    line: int

    @property
    def null(self) -> bool:
        """Whether nothing was written, or YAML's word for nothing."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(slots=True)
class ListNode:
    """A sequence."""

    items: list[Node]
    line: int


@dataclass(slots=True)
class MapNode:
    """A mapping; every key's own line is kept beside its value."""

    pairs: dict[str, tuple[int, Node]]
    line: int


Node = TextNode | ListNode | MapNode

_HINTS = (
    ("mapping values", "Put a text that holds a colon in quotes"),
    ("cannot start any token", "Indent with spaces, not tabs"),
    ("expected <block end>", "Line the entries up, and put a text that starts with a quote or a dash in quotes"),
    ("while scanning a quoted", "Close the quotes"),
    ("unknown escape", "Use single quotes around a text that holds a backslash"),
)


def parse(text: str, owner: str) -> Node | None:
    """Return the document's tree, None for an empty one.

    Raises
    ------
    VocabularyError
        With `owner` and the line: for text that is not YAML, and for anchors, aliases, tags, several documents,
        keys that are no text or repeat, nesting deeper than 6, more than 3,000,000 nodes.
    """
    import yaml

    # libyaml's parser where PyYAML was built with it: ten times as fast, same events
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _tree(iter(yaml.parse(text, Loader=loader)), owner)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = " ".join(str(p) for p in (getattr(error, "context", None), getattr(error, "problem", None)) if p)
        what = what or " ".join(str(error).split())
        hint = next((h for part, h in _HINTS if part in what), "Mend that line")
        where = owner if mark is None else f"{owner}, line {mark.line + 1}"
        raise VocabularyError(
            message(where, "the text", "valid YAML", verbatim(shorten(verbatim(what), 120)), hint)
        ) from None


def _tree(events: Iterator[Any], owner: str) -> Node | None:
    import yaml

    root: Node | None = None
    stack: list[ListNode | MapNode] = []
    keys: list[tuple[str, int] | None] = []  # per open container: the key that waits for its value
    documents = nodes = 0
    for event in events:
        kind = type(event)
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            stack.pop()
            keys.pop()
            continue
        if kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise _refuse(owner, event, "one YAML document", "a second one", "Remove the line '---'")
            continue
        if kind is yaml.StreamStartEvent or kind is yaml.StreamEndEvent or kind is yaml.DocumentEndEvent:
            continue
        nodes += 1
        _check_event(event, owner, depth=len(stack), nodes=nodes)
        line = event.start_mark.line + 1
        node: Node
        if kind is yaml.ScalarEvent:
            node = TextNode(event.value, event.style is None or event.style == "", line)
        elif kind is yaml.SequenceStartEvent:
            node = ListNode([], line)
        else:
            node = MapNode({}, line)
        if not stack:
            root = node
        elif isinstance(stack[-1], ListNode):
            stack[-1].items.append(node)
        elif (key := keys[-1]) is None:
            keys[-1] = _key(node, stack[-1], owner)
        else:
            stack[-1].pairs[key[0]] = (key[1], node)
            keys[-1] = None
        if not isinstance(node, TextNode):
            stack.append(node)
            keys.append(None)
    return root


def _check_event(event: Any, owner: str, *, depth: int, nodes: int) -> None:
    import yaml

    if type(event) is yaml.AliasEvent or event.anchor is not None:
        # a few aliases to aliases expand to gigabytes; a vocabulary has no use for them
        raise _refuse(
            owner,
            event,
            "free of anchors (&) and aliases (*)",
            f"{event.anchor!r}",
            "Write the text out, and put a text that starts with & or * in quotes",
        )
    if event.tag is not None:
        raise _refuse(
            owner,
            event,
            "free of tags (!)",
            shorten(event.tag),
            "Remove it, and put a text that starts with ! in quotes",
        )
    if nodes > MAX_NODES:
        raise _refuse(
            owner,
            event,
            f"at most {MAX_NODES} values long",
            "more",
            "Save so large a vocabulary as CSV, which loads faster",
        )
    if depth >= MAX_DEPTH:
        raise _refuse(
            owner,
            event,
            f"nested at most {MAX_DEPTH} levels deep",
            "more",
            "Compare with the example in the documentation",
        )


def _key(node: Node, parent: MapNode, owner: str) -> tuple[str, int]:
    if not isinstance(node, TextNode):
        raise VocabularyError(
            message(
                f"{owner}, line {node.line}",
                "a key",
                "text",
                verbatim("a list or a mapping"),
                "Put a key that starts with [ or { in quotes",
            )
        )
    if node.text in parent.pairs:
        first = parent.pairs[node.text][0]
        raise VocabularyError(
            message(
                f"{owner}, line {node.line}",
                "keys",
                "unique",
                verbatim(f"{shorten(node.text)} twice, first in line {first}"),
                "Rename or remove one of the two",
            )
        )
    return node.text, node.line


def _refuse(owner: str, event: Any, expected: str, value: str, remedy: str) -> VocabularyError:
    return VocabularyError(
        message(f"{owner}, line {event.start_mark.line + 1}", "the text", expected, verbatim(value), remedy)
    )
