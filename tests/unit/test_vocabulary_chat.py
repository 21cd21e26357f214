"""The prompt for a chat model, and the reader of its answer."""

# ruff: noqa: E501 - tables of cases read best with one case a line
from __future__ import annotations

import json
import time
from typing import Any

import pytest

from unseen.errors import UnknownNameError, VocabularyError
from unseen.vocabulary import Answer, ClassEntry, Vocabulary, chat_prompt, merge_answer, read_answer

TWO = Vocabulary.from_names(["okapi", "polar bear"])
WANTED = {"okapi": ("Striped legs.", "Brown coat."), "polar bear": ("White fur.",)}
JSON = '{"okapi": ["Striped legs.", "Brown coat."], "polar bear": ["White fur."]}'
YAML = "okapi:\n  - Striped legs.\n  - Brown coat.\npolar bear:\n  - White fur."


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"Sure! Here you go {{as JSON}}:\n\n```json\n{JSON}\n```\nLet me know [if] you need more.",
        f"~~~\n{JSON}\n~~~",
        f"```json\n{JSON}",
        f"Here: {JSON} Hope that helps!",
        "\ufeff" + JSON,
        JSON.replace('"', "“"),
        JSON.replace('{"', "{“").replace('": ["', "”: [“").replace('", "', "”, “").replace('"]', "”]"),
        JSON.replace("]", ",]").replace("]}", "], \n}"),
        JSON.replace("okapi", "Okapi").replace("polar bear", "**Polar_Bear**"),
        YAML,
        f"```yaml\n{YAML}\n```",
        f"Of course: here it is.\n\n{YAML}\n\nAnything else? Just: ask.",
        "classes:\n" + "\n".join("  " + line for line in YAML.splitlines()),
        '[{"name": "okapi", "descriptions": ["Striped legs.", "Brown coat."]}, {"name": "polar bear", "description": "White fur."}]',
        '{"classes": [{"name": "okapi", "descriptions": ["Striped legs.", "Brown coat."]}, {"name": "polar bear", "description": "White fur."}]}',
        '{"classes": {"okapi": ["Striped legs.", "Brown coat."], "polar bear": "White fur."}}',
        '```json\n{"okapi": ["Striped legs.", "Brown coat."]}\n```\nand\n```json\n{"polar bear": ["White fur."]}\n```',
        '{"okapi": ["Striped legs."], "okapi": ["Brown coat.", "Striped legs."], "polar bear": ["White\\n  fur.", "..."]}',
    ],
)
def test_answers_as_models_write_them(text: str) -> None:
    answer = read_answer(text, TWO)
    assert answer.descriptions == WANTED
    assert answer.missing == ()
    assert answer.rejected == ()


def test_curly_quotes_inside_a_text_are_kept() -> None:
    assert read_answer('{"okapi": ["A “zebra” of the forest."]}', TWO).descriptions["okapi"] == (
        "A “zebra” of the forest.",
    )


def test_synonyms_are_understood_unless_two_classes_share_them() -> None:
    v = Vocabulary([ClassEntry("okapi", synonyms=("forest giraffe", "x")), ClassEntry("zebra", synonyms=("x",))])
    answer = read_answer('{"Forest Giraffe": ["Striped."], "x": ["y"]}', v)
    assert answer.descriptions == {"okapi": ("Striped.",)}
    assert [name for name, _ in answer.unknown] == ["x"]


def test_what_does_not_fit_is_reported() -> None:
    answer = read_answer('{"okapi": ["Striped.", 5, "a\\u0000b", null, " "], "polar baer": ["x"], "qq": []}', TWO)
    assert answer.descriptions == {"okapi": ("Striped.",)}
    assert answer.missing == ("polar bear",)
    assert answer.unknown == (("polar baer", ("polar bear",)), ("qq", ()))
    assert len(answer.rejected) == 3
    assert answer.rejected[0] == "okapi: 5 is no text"
    assert "control characters" in answer.rejected[1]
    long = read_answer(json.dumps({"okapi": [f"Text {i}" for i in range(150)] + ["x" * 20_000]}), TWO)
    assert len(long.descriptions["okapi"]) == 100
    assert long.rejected == ("okapi: more than 100 descriptions",)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "got ''"),
        ("I am sorry, I cannot do that.", "got 'I am sorry, I cannot do that.'"),
        ('{"horse": ["x"], "cow": ["y"]}', "got other names: 'horse', 'cow'"),
        ('{"okapi": []}', "got '{\"okapi\": []}'"),
        ('{"okapi": "..."}', "got "),
        ("{" * 300_000, "got "),
        ('{"okapi":' * 200_000, "got "),
        ("[" * 1_000_000, "got "),
        ("```" * 100_000, "got "),
        ('{"okapi": ' + "9" * 20_000 + "}", "got "),
        ("okapi: !!python/object/apply:os.system [ls]", "got "),
        ("okapi: &a [x]\npolar bear: *a\n", "got "),
    ],
)  # fmt: skip
def test_answers_that_say_nothing(text: str, got: str) -> None:
    started = time.perf_counter()
    with pytest.raises(VocabularyError) as caught:
        read_answer(text, TWO)
    start = "read_answer: the answer must be JSON or YAML with descriptions for classes of the vocabulary; "
    assert str(caught.value).startswith(start + got)
    assert str(caught.value).endswith("Paste the model's whole answer, and check that it belongs to this vocabulary.")
    assert time.perf_counter() - started < 30


def test_too_long_an_answer() -> None:
    with pytest.raises(
        VocabularyError, match=r"the answer must be at most 8000000 characters long; got 8000001 characters"
    ):
        read_answer("x" * 8_000_001, TWO)


def test_merging_appends_and_says_where_from() -> None:
    v = Vocabulary(
        [ClassEntry("okapi", ("Mine.",), ("forest giraffe",), {"a": 1}, True), "zebra", "tapir"], templates=["{name}"]
    )
    answer = Answer({"okapi": ("Mine.", "New."), "zebra": ("Striped.",)})
    merged = merge_answer(v, answer)
    assert merged["okapi"] == ClassEntry(
        "okapi", ("Mine.", "New."), ("forest giraffe",), {"a": 1}, True, "people + chat model"
    )
    assert merged["zebra"] == ClassEntry("zebra", ("Striped.",), description_source="chat model")
    assert merged["tapir"] == v["tapir"]
    assert merged.templates == v.templates
    assert merge_answer(merged, answer) == merged
    again = merge_answer(merged, Answer({"okapi": ("More.",)}), source="other model")
    assert again["okapi"].description_source == "people + chat model + other model"


def test_merging_replaces_when_told_to() -> None:
    v = Vocabulary([ClassEntry("okapi", ("Mine.",)), ClassEntry("zebra", ("Kept.",))])
    merged = merge_answer(v, Answer({"okapi": ("New.",)}), replace_existing=True, source="m")
    assert merged["okapi"] == ClassEntry("okapi", ("New.",), description_source="m")
    assert merged["zebra"] == v["zebra"]


def test_prompt() -> None:
    v = Vocabulary([ClassEntry('ok"api{}', ("Has stripes.",), ("forest giraffe",)), "zebra"])
    text = chat_prompt(v, n=2)
    assert "write 2 short sentences" in text
    assert '- "ok\\"api{}", also called "forest giraffe"; already described as "Has stripes."' in text
    assert "Above all say what tells the class apart" in text
    form = text[text.index('{"ok') :]
    assert json.loads(form) == {'ok"api{}': ["...", "..."], "zebra": ["...", "..."]}
    with pytest.raises(VocabularyError, match=r"the answer must be JSON"):
        read_answer(form, v)  # the form itself, sent back, describes nothing


def test_prompt_about_some() -> None:
    text = chat_prompt(Vocabulary.from_names(["okapi", "zebra", "horse"]), names=["zebra"])
    assert 'need no sentences: ["okapi", "horse"]' in text
    assert json.loads(text[text.index('{"zebra"') :]) == {"zebra": ["..."] * 3}
    assert "Above all" not in chat_prompt(Vocabulary.from_names(["okapi"]))


@pytest.mark.parametrize("n", [0, 21, 2.0, True, "3"])
def test_prompt_refuses_odd_numbers(n: Any) -> None:
    with pytest.raises(VocabularyError, match=r"chat_prompt: n must be a whole number from 1 to 20; got"):
        chat_prompt(TWO, n=n)


def test_prompt_refuses_what_no_model_answers_reliably() -> None:
    with pytest.raises(
        VocabularyError, match=r"the vocabulary must be at most 200 classes, .*; got 201 classes. Split it"
    ):
        chat_prompt(Vocabulary.from_names(f"c{i}" for i in range(201)))
    with pytest.raises(UnknownNameError, match=r"got 'zebra'"):
        chat_prompt(TWO, names=["zebra"])
