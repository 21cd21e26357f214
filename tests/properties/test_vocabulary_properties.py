"""Whatever people write into a vocabulary comes back exactly, and hostile text never ends in a traceback."""

# ruff: noqa: E501 - tables of cases read best with one case a line
from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unseen.errors import VocabularyError
from unseen.vocabulary import ClassEntry, Vocabulary, read_answer
from unseen.vocabulary.csv_format import _read as read_csv_text
from unseen.vocabulary.rules import clean_label, format_number, parse_number
from unseen.vocabulary.yaml_format import read_text, write_text

_NASTY_NAMES = [
    "null", "~", "no", "on", "Yes", "true", "1e3", "1234", "0x1F", "1_000", "- a", "#x", "a #b", "{name}", "[x]", "{a: b}",
    "&a", "*a", "!tag", "!!str x", "a: b", "a:", ":a", "? a", "| a", "> a", "%YAML", "@a", "`a`", "'a'", '"a"', 'a"b',
    "a,b", "a;b", "=1+1", "+1", "-1", "@SUM(A1)", "---", "...", "<<", "a\\nb", "\\", "é", "犬", "🦓", "a\u200db", "\u202ea",
    "name", "classes", "attribute:x", "a\u00a0b", "2026-11-23", "12:30:45", ".nan", ".inf", "y", "=",
]  # fmt: skip
_NASTY_TEXTS = [
    "  leading", "trailing  ", "two\nlines", "\n\nlines\n", "tab\tinside", '"quoted"', "it's", "a | b", "a, b", "a; b", "x: y",
    "- item", "# no comment", "null", "=cmd|' /C calc'!A0", "\u2028line", "\x85next", "\ufeffbom", "\ufffe", "{name}",
    "C:\\path", "\\u0041", "'", '"', "a\\", "&x *x !x", "...", "---", "no", "1", "\U0001f993 stripes", "e\u0301", "%d",
]  # fmt: skip


def _is_label(text: str) -> bool:
    try:
        clean_label(text, "test", "label", field="")
    except VocabularyError:
        return False
    return True


_characters = st.characters(exclude_categories=("Cs", "Cc"))
_labels = st.one_of(
    st.sampled_from(_NASTY_NAMES),
    st.text(_characters, min_size=1, max_size=12).filter(_is_label),
    st.text("aA1 :#-'\",;{}[]&*!|>%@`\\.?=~", min_size=1, max_size=8).filter(_is_label),
)
_texts = st.one_of(
    st.sampled_from(_NASTY_TEXTS),
    st.text(st.one_of(_characters, st.sampled_from("\n\t\x85")), min_size=1, max_size=30).filter(lambda t: t.strip()),
    st.text(" a:#-'\",;{}[]&*!|>%@`\\.?=~\n\t", min_size=1, max_size=12).filter(lambda t: t.strip()),
)
_numbers = st.one_of(
    st.floats(-3e38, 3e38, allow_nan=False), st.integers(-5, 5), st.booleans(), st.sampled_from([1e-310, 5e-324, -0.0])
)
_entries = st.builds(
    ClassEntry,
    _labels,
    descriptions=st.lists(_texts, max_size=3).map(tuple),
    synonyms=st.lists(_labels.filter(lambda s: ";" not in s), max_size=3).map(tuple),
    attributes=st.dictionaries(_labels.map(lambda n: clean_label(n, "", "", field="")), _numbers, max_size=3),
    seen=st.sampled_from([None, True, False]),
    description_source=st.none() | _labels,
)
_templates = st.lists(_texts.map(lambda t: t.replace("{", "").replace("}", "") + "{name}"), min_size=1, max_size=2)
_vocabularies = st.builds(
    lambda entries, templates: Vocabulary(entries, templates=templates),
    st.lists(_entries, min_size=1, max_size=5, unique_by=lambda e: e.name),
    st.none() | _templates,
)


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(tempfile.mkdtemp())


@settings(max_examples=150, deadline=None)
@given(_vocabularies)
@example(Vocabulary(_NASTY_NAMES))
@example(Vocabulary([ClassEntry(f"c{i}", (t,)) for i, t in enumerate(_NASTY_TEXTS)]))
@example(Vocabulary([ClassEntry("c", tuple(_NASTY_TEXTS), description_source="x")]))
def test_yaml_round_trip(folder: Path, vocabulary: Vocabulary) -> None:
    path = folder / "v.yaml"
    vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert loaded == vocabulary
    assert loaded.fingerprint == vocabulary.fingerprint
    assert hash(loaded) == hash(vocabulary)


@settings(max_examples=150, deadline=None)
@given(_vocabularies, st.sampled_from(["v.csv", "v.tsv"]))
@example(Vocabulary(_NASTY_NAMES), "v.csv")
@example(Vocabulary([ClassEntry("c", tuple(_NASTY_TEXTS), tuple(n for n in _NASTY_NAMES if ";" not in n))]), "v.csv")
@example(Vocabulary([ClassEntry("c", tuple(_NASTY_TEXTS))]), "v.tsv")
def test_csv_round_trip(folder: Path, vocabulary: Vocabulary, name: str) -> None:
    vocabulary = Vocabulary(vocabulary.entries)
    vocabulary.save(folder / name)
    assert Vocabulary.load(folder / name) == vocabulary


@given(
    st.lists(
        _labels.filter(lambda n: not n.strip().startswith("#")), min_size=1, unique_by=lambda n: ClassEntry(n).name
    )
)
def test_plain_round_trip(folder: Path, names: list[str]) -> None:
    vocabulary = Vocabulary.from_names(names)
    vocabulary.save(folder / "v.txt")
    assert Vocabulary.load(folder / "v.txt") == vocabulary


@settings(max_examples=50)
@given(_vocabularies)
def test_other_yaml_readers_agree_on_names_and_descriptions(vocabulary: Vocabulary) -> None:
    import yaml

    classes = yaml.safe_load(write_text(vocabulary))["classes"]
    assert list(classes) == list(vocabulary.names)
    for entry, value in zip(vocabulary, classes.values(), strict=True):
        if isinstance(value, str):
            assert (value,) == entry.descriptions
        elif value is not None and "descriptions" in value:
            assert tuple(value["descriptions"]) == entry.descriptions


@settings(max_examples=50)
@given(_vocabularies)
def test_pickle_and_fingerprint(vocabulary: Vocabulary) -> None:
    copy = pickle.loads(pickle.dumps(vocabulary))  # noqa: S301 - our own bytes
    assert copy == vocabulary
    assert copy.fingerprint == vocabulary.fingerprint
    other = Vocabulary([*vocabulary.entries, ClassEntry("x" * 200)], templates=vocabulary.templates)
    assert other.fingerprint != vocabulary.fingerprint


@given(st.floats(-3e38, 3e38))
def test_numbers_are_read_as_written(number: float) -> None:
    assert parse_number(format_number(number)) == number


def _check_words(error: VocabularyError, start: str) -> None:
    assert str(error).startswith(start)
    assert "\n" not in str(error)


_YAML_LIKE = st.text("ab:- \n#[]{}'\"&*!|>?,~\t.0\\", max_size=60)


@settings(max_examples=300, deadline=None)
@given(_YAML_LIKE | st.text(max_size=60))
def test_any_yaml_text_is_read_or_refused(text: str) -> None:
    try:
        vocabulary = read_text(text, "x.yaml")
    except VocabularyError as error:
        _check_words(error, "x.yaml")
    else:
        assert read_text(write_text(vocabulary)) == vocabulary


@settings(max_examples=200, deadline=None)
@given(st.text('ab,;"\n\r\t= 1', max_size=40), st.sampled_from(",;\t"))
def test_any_csv_text_is_read_or_refused(text: str, delimiter: str) -> None:
    try:
        vocabulary = read_csv_text("name,description\n".replace(",", delimiter) + text, "x.csv", delimiter)
    except VocabularyError as error:
        _check_words(error, "x.csv")
    else:
        assert len(vocabulary) >= 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["okapi", "zebra", '"', "“", "{", "}", "[", "]", ":", ",", "\n", "- ", "```", " ", "x", "\\"]),
        max_size=25,
    )
)
def test_any_answer_is_read_or_refused(parts: list[str]) -> None:
    vocabulary = Vocabulary.from_names(["okapi", "zebra"])
    try:
        answer = read_answer("".join(parts), vocabulary)
    except VocabularyError as error:
        _check_words(error, "read_answer: the answer must be")
    else:
        assert set(answer.descriptions) | set(answer.missing) == {"okapi", "zebra"}
        assert all(d for texts in answer.descriptions.values() for d in texts)
