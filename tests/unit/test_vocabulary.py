"""Vocabulary and ClassEntry as Python objects."""

from __future__ import annotations

import copy
import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from unseen.errors import UnknownNameError, VocabularyError
from unseen.vocabulary import Attributes, ClassEntry, Vocabulary
from unseen.vocabulary import model as model_module
from unseen.vocabulary.rules import near_names


def test_names_are_stripped_and_normalised() -> None:
    assert ClassEntry("  cafe\u0301 ").name == "caf\u00e9"
    assert ClassEntry(np.str_("zebra")).name == "zebra"
    assert type(ClassEntry(np.str_("zé")).name) is str


def test_descriptions_are_kept_but_for_line_breaks() -> None:
    assert ClassEntry("a", (" x \r\ny\rz ",)).descriptions == (" x \ny\nz ",)


def test_entries_are_frozen_and_hashable() -> None:
    values = {"b": 1, "a": True}
    entry = ClassEntry("zebra", ("striped",), attributes=values)
    values["c"] = 5
    assert dict(entry.attributes) == {"a": 1.0, "b": 1.0}
    assert list(entry.attributes) == ["a", "b"]
    assert hash(entry) == hash(copy.deepcopy(entry))
    assert entry in {copy.deepcopy(entry)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "x"  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"does not support item assignment"):
        entry.attributes["a"] = 2  # type: ignore[index]
    assert repr(entry.attributes) == "Attributes({'a': 1.0, 'b': 1.0})"


def test_order_of_attributes_does_not_matter() -> None:
    one = Vocabulary([ClassEntry("z", attributes={"a": 1, "b": -0.0})])
    two = Vocabulary([ClassEntry("z", attributes={"b": 0, "a": 1.0})])
    assert one == two
    assert one.fingerprint == two.fingerprint
    assert one["z"].attributes == Attributes({"a": 1.0, "b": 0.0})


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ""}, "ClassEntry: the class name must be text with at least one visible character; got ''. Write"),
        ({"name": 5}, "ClassEntry: the class name must be text; got 5. Put it in quotes"),
        ({"name": "a\nb"}, "the class name must be one line without control characters; got character U.000A"),
        ({"name": "a\u2028b"}, "one line without control characters; got character U.2028"),
        ({"name": "a\ud800b"}, "one line without control characters; got character U.D800"),
        ({"name": "a" * 257}, "the class name must be at most 256 characters long; got 257 characters"),
        ({"descriptions": "striped"}, "descriptions of 'z' must be a sequence of texts; got 'striped'. Put the text"),
        ({"descriptions": 3}, "descriptions of 'z' must be a sequence of texts; got 3"),
        ({"descriptions": ["x"] * 1001}, "descriptions of 'z' must be at most 1000; got 1001. Keep the ones"),
        (
            {"descriptions": [" \n"]},
            r"a description of 'z' must be text with at least one visible character; got ' \\n'",
        ),
        ({"descriptions": [None]}, "a description of 'z' must be text; got None"),
        ({"descriptions": ["a\x00b"]}, "must be text without control characters; got character U.0000 at position 1"),
        ({"descriptions": ["a\udfffb"]}, "must be text without control characters; got character U.DFFF"),
        ({"descriptions": ["a" * 10_001]}, "a description of 'z' must be at most 10000 characters long; got 10001"),
        ({"synonyms": "horse"}, "synonyms of 'z' must be a sequence of texts"),
        ({"synonyms": [""]}, "a synonym of 'z' must be text with at least one visible character"),
        ({"synonyms": ["a;b"]}, "a synonym of 'z' must be free of semicolons; got 'a;b'. Write the two sides"),
        ({"synonyms": ["x"] * 257}, "synonyms of 'z' must be at most 256; got 257"),
        ({"attributes": ["a"]}, "attributes of 'z' must be a mapping of names to numbers; got .'a'.. Write"),
        ({"attributes": {"": 1}}, "an attribute name of 'z' must be text with at least one visible"),
        ({"attributes": {"e\u0301": 1, "é": 2}}, "attribute names of 'z' must be unique; got 'é'"),
        ({"attributes": {"a": "1"}}, "attribute 'a' of 'z' must be a finite number of at most 3.4e.38 .*; got '1'"),
        ({"attributes": {"a": None}}, "attribute 'a' of 'z' must be a finite number"),
        ({"attributes": {"a": float("nan")}}, "attribute 'a' of 'z' must be a finite number .*; got nan"),
        ({"attributes": {"a": 10**400}}, "attribute 'a' of 'z' must be a finite number"),
        ({"attributes": {"a": 1e39}}, "attribute 'a' of 'z' must be a finite number"),
        ({"seen": 1}, "seen of 'z' must be true, false or left out; got 1. Write true or false"),
        ({"seen": "yes"}, "seen of 'z' must be true, false or left out; got 'yes'"),
        ({"description_source": " "}, "description_source of 'z' must be text with at least one visible"),
    ],
)
def test_entry_complaints(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(VocabularyError, match=text):
        ClassEntry(**{"name": "z", **fields})


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([], "Vocabulary: classes must be at least one; got none. Write one class name per entry"),
        (["a", "b", " a"], "Vocabulary: class names must be unique; got 'a' twice. Rename or remove one"),
        (["e\u0301", "é"], "class names must be unique; got 'é' twice"),
        ("okapi, zebra", "entries must be an iterable of ClassEntry or names; got 'okapi, zebra'. Pass a list"),
        ({"a": 1}, "entries must be an iterable of ClassEntry or names"),
        (None, "entries must be an iterable of ClassEntry or names; got None"),
        ([b"a"], "the class name must be text; got b'a'"),
    ],
)
def test_vocabulary_complaints(entries: Any, text: str) -> None:
    with pytest.raises(VocabularyError, match=text):
        Vocabulary(entries)


def test_too_many_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "MAX_CLASSES", 2)
    assert len(Vocabulary(["a", "b"])) == 2
    with pytest.raises(VocabularyError, match=r"classes must be at most 2; got 3. Split it"):
        Vocabulary(["a", "b", "c"])


@pytest.mark.parametrize(
    ("templates", "text"),
    [
        ([], "Vocabulary: templates must be left out or at least one text; got none. Write for example"),
        ("a {name}", "Vocabulary: templates must be a sequence of texts; got 'a .name.'"),
        (
            ["a photo"],
            "a template must be text with {name} where the class name goes and no other braces; got 'a photo'",
        ),
        (["{name} {x}"], "no other braces; got '{name} {x}'"),
        (["{name!r}"], "no other braces"),
        (["{{name}}"], "no other braces"),
        ([3], "a template must be text; got 3"),
    ],
)
def test_template_complaints(templates: Any, text: str) -> None:
    with pytest.raises(VocabularyError, match=text):
        Vocabulary(["a"], templates=templates)


def test_reading_a_vocabulary() -> None:
    v = Vocabulary(["zebra", ClassEntry("okapi", ("striped legs",))], templates=["a {name}."])
    assert v.names == ("zebra", "okapi")
    assert [e.name for e in v] == ["zebra", "okapi"]
    assert len(v) == 2
    assert "zebra" in v
    assert "Zebra" not in v
    assert v["okapi"].descriptions == ("striped legs",)
    assert v.templates == ("a {name}.",)
    assert v.subset(["okapi"]) == Vocabulary([v["okapi"]], templates=["a {name}."])
    assert repr(v) == "Vocabulary(2 classes: 'zebra', 'okapi')"
    assert repr(Vocabulary(["abcd", "w", "x", "y", "z"])) == "Vocabulary(5 classes: 'abcd', 'w', 'x', …)"
    assert repr(Vocabulary(["a"])) == "Vocabulary(1 class: 'a')"
    assert v != Vocabulary(["zebra", v["okapi"]])
    assert v != Vocabulary([v["okapi"], "zebra"], templates=["a {name}."])
    assert v != "zebra"


def test_unknown_class_names_the_nearest() -> None:
    v = Vocabulary(["zebra", "okapi"])
    with pytest.raises(
        UnknownNameError, match=r"a name must be that of one of its classes; got 'zebar'. Did you mean 'zebra'"
    ):
        v["zebar"]
    with pytest.raises(LookupError, match=r"got 'qqqq'. There are 2 classes"):
        v.subset(["qqqq"])


def test_nearest_among_many_is_quick_and_found() -> None:
    names = [f"class {i}" for i in range(30_000)] + ["okapi"]
    assert near_names("okapy", names) == ["okapi"]


def test_attribute_matrix() -> None:
    v = Vocabulary([ClassEntry("a", attributes={"y": 2, "x": 1}), ClassEntry("b", attributes={"x": 0.5, "y": True})])
    assert v.attribute_names == ("x", "y")
    matrix = v.attribute_matrix()
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[1, 2], [0.5, 1]])
    with pytest.raises(VocabularyError, match=r"attributes must be given for the classes; got none. Write attributes"):
        Vocabulary(["a"]).attribute_matrix()
    gap = Vocabulary([*v, ClassEntry("c", attributes={"x": 1})])
    with pytest.raises(
        VocabularyError, match=r"attribute 'y' of 'c' must be given, as it is for other classes; got nothing"
    ):
        gap.attribute_matrix()


def test_seen_mask() -> None:
    assert Vocabulary(["a"]).seen is None
    mask = Vocabulary([ClassEntry("a", seen=True), ClassEntry("b", seen=False)]).seen
    np.testing.assert_array_equal(mask, [True, False])
    with pytest.raises(
        VocabularyError, match=r"seen of 'b' must be true or false, as other classes say it; got nothing"
    ):
        _ = Vocabulary([ClassEntry("a", seen=True), "b"]).seen


def test_fingerprint_tells_apart_and_is_stable() -> None:
    variants = [
        Vocabulary(["a", "b"]),
        Vocabulary(["b", "a"]),
        Vocabulary(["ab"]),
        Vocabulary(["a", "b"], templates=["{name}"]),
        Vocabulary([ClassEntry("a", ("b",))]),
        Vocabulary([ClassEntry("a", synonyms=("b",))]),
        Vocabulary([ClassEntry("a", description_source="b")]),
        Vocabulary([ClassEntry("a", seen=True)]),
        Vocabulary([ClassEntry("a", attributes={"b": 1})]),
        Vocabulary([ClassEntry("a", ("b", "c"))]),
        Vocabulary([ClassEntry("a", ("b",), ("c",))]),
    ]
    assert len({v.fingerprint for v in variants}) == len(variants)
    # written down once: results on other machines and in later versions refer to it
    assert variants[0].fingerprint == FINGERPRINT


FINGERPRINT = "5a165060a46295c127ff2cde5e8bf02943340697e51157164e76d19c413465ff"


def test_html_is_escaped_and_short() -> None:
    html = Vocabulary([ClassEntry("<b>", ("<script>",), ("&",)), *(f"c{i}" for i in range(30))])._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "and 11 more" in html


def test_import_is_light() -> None:
    code = (
        "import sys, unseen.vocabulary; print([m for m in ('yaml','csv','wn','sklearn','scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_everything_promised_is_there() -> None:
    import unseen.vocabulary as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing'"):
        _ = package.nothing
