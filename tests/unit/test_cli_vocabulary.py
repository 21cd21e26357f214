"""The vocabulary commands, from the command line's point of view."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from unseen.cli import vocabulary as cli
from unseen.errors import MissingExtraError, VocabularyError
from unseen.prototypes import Prototypes
from unseen.vocabulary import ClassEntry, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

ANSWER = 'Sure!\n```json\n{"okapi": ["Brown coat, striped legs."], "zebbra": ["x"], "zebra": [7]}\n```'


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), input=stdin)


def ok(*arguments: str, stdin: str | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["new", "prompt", "import", "check"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: unseen vocabulary {command} " in ok(command, "--help").output


def test_new_writes_a_file_that_works_as_it_is(folder: Path) -> None:
    text = ok("new", "okapi, zebra, no").stdout
    (folder / "classes.yaml").write_text(text)
    assert Vocabulary.load("classes.yaml") == Vocabulary.from_names(["okapi", "zebra", "no"])
    assert text.startswith("# The classes to recognise.")
    assert "    # description: what it looks like" in text
    lines = text.replace("    # ", "    ")  # a person fills in the template
    (folder / "filled.yaml").write_text(lines)
    assert Vocabulary.load("filled.yaml")["okapi"].synonyms == ("another name",)


def test_new_to_a_file_and_from_a_file(folder: Path) -> None:
    Vocabulary([ClassEntry("okapi", ("Striped.",)), "zebra"]).save("old.csv")
    result = ok("new", "old.csv", "--out", "new.yaml")
    assert result.stdout == ""
    assert "Wrote new.yaml." in result.stderr
    assert Vocabulary.load(folder / "new.yaml") == Vocabulary.load("old.csv")


def test_new_with_wordnet(folder: Path) -> None:
    (folder / "wn").mkdir()
    facts = "00000000 06 n 02 crane 0 wader 0 000 | long-necked bird  \n"
    second = f"{len(facts):08d} 06 n 01 crane 0 000 | lifting machine  \n"
    (folder / "wn" / "data.noun").write_text(facts + second)
    (folder / "wn" / "index.noun").write_text(f"crane n 2 0 2 0 00000000 {len(facts):08d}  \n")
    text = ok("new", "okapi, crane", "--wordnet", "wn").stdout
    (folder / "c.yaml").write_text(text)
    crane = ClassEntry("crane", ("long-necked bird",), ("wader",), description_source="WordNet")
    assert Vocabulary.load("c.yaml") == Vocabulary(["okapi", crane])
    assert "# From WordNet, a dictionary" in text
    assert "#   2. lifting machine" in text
    assert "# WordNet has no entry" in text


def test_new_without_the_wn_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wn", None)
    result = run("new", "okapi", "--wordnet", "oewn:2024")
    assert isinstance(result.exception, MissingExtraError)
    assert "pip install 'unseen[wn]'" in str(result.exception)
    assert list(folder.iterdir()) == []


def test_prompt(folder: Path) -> None:
    assert "write 3 short sentences" in ok("prompt", "okapi, zebra").stdout
    Vocabulary([ClassEntry("okapi", ("Striped.",)), "zebra"]).save("c.yaml")
    text = ok("prompt", "c.yaml", "--missing", "--n", "1", "--out", "p.txt")
    assert text.stdout == ""
    prompt = (folder / "p.txt").read_text()
    assert 'need no sentences: ["okapi"]' in prompt
    assert '{"zebra": ["..."]}' in prompt


def test_prompt_when_nothing_is_missing(folder: Path) -> None:
    Vocabulary([ClassEntry("okapi", ("Striped.",))]).save(folder / "c.yaml")
    result = ok("prompt", "c.yaml", "--missing")
    assert result.stdout == ""
    assert "Every class has a description" in result.stderr


def test_import_appends_and_reports(folder: Path) -> None:
    (folder / "c.yaml").write_text("# mine\nclasses:\n  okapi: Lives in forests.\n  zebra:\n  tapir:\n")
    (folder / "answer.txt").write_text(ANSWER)
    result = ok("import", "answer.txt", "--into", "c.yaml")
    assert Vocabulary.load("c.yaml") == Vocabulary(
        [
            ClassEntry(
                "okapi", ("Lives in forests.", "Brown coat, striped legs."), description_source="people + chat model"
            ),
            "zebra",
            "tapir",
        ]
    )
    assert (folder / "c.yaml.bak").read_text().startswith("# mine\n")
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Comments are not kept; the file as it was is in c.yaml.bak.",
        "Wrote c.yaml: descriptions of 1 of 3 classes changed.",
        "Left out: no class is called 'zebbra'; did you mean 'zebra'?",
        "Left out: zebra: 7 is no text",
        "Not in the answer: zebra, tapir",
    ]
    before = (folder / "c.yaml").read_bytes()
    assert "descriptions of 0 of 3 classes changed" in ok("import", "answer.txt", "--into", "c.yaml").stderr
    assert (folder / "c.yaml").read_bytes() == before


def test_import_to_another_file_from_standard_input(folder: Path) -> None:
    Vocabulary([ClassEntry("okapi", ("Old.",))]).save("c.yaml")
    before = (folder / "c.yaml").read_bytes()
    ok("import", "-", "--into", "c.yaml", "--out", "d.yaml", "--replace", "--source", "my model", stdin=ANSWER)
    assert (folder / "c.yaml").read_bytes() == before
    assert Vocabulary.load("d.yaml") == Vocabulary(
        [ClassEntry("okapi", ("Brown coat, striped legs.",), description_source="my model")]
    )
    assert sorted(p.name for p in folder.iterdir()) == ["c.yaml", "d.yaml"]


@pytest.mark.parametrize("answer", [b"no answer at all", b"\xff\xfeo\x00k\x00", b"\x80"])
def test_import_of_nonsense_changes_nothing(folder: Path, answer: bytes) -> None:
    Vocabulary(["okapi"]).save("c.yaml")
    (folder / "answer.txt").write_bytes(answer)
    before = (folder / "c.yaml").read_bytes()
    result = run("import", "answer.txt", "--into", "c.yaml")
    assert isinstance(result.exception, VocabularyError)
    assert (folder / "c.yaml").read_bytes() == before


def fake_encode(vocabulary: Vocabulary, model: str) -> Prototypes:
    assert model == "default"
    return Prototypes(vocabulary.names, np.ones((len(vocabulary), 2)))


def test_check_shows_warnings_and_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "encode", fake_encode)
    text = ok("check", "bear, polar bear, [red]").stdout
    assert "3 classes, 5 warnings." in text
    assert "- name-in-name: 'bear' is part of 'polar bear'" in text
    assert "- near-duplicate: 'bear' and 'polar bear'" in text
    assert "Nearest pairs" in text
    assert "[red]" in text
    assert "1.000" in text
    report: dict[str, Any] = json.loads(ok("check", "bear, polar bear", "--json", "--pairs", "1").stdout)
    assert report["nearest_pairs"] == [{"first": "bear", "second": "polar bear", "cosine": 1.0}]


def test_check_words_only_and_strict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(vocabulary: Vocabulary, model: str) -> Prototypes:
        raise AssertionError(f"{model} was loaded for {vocabulary}")

    monkeypatch.setattr(cli, "encode", never)
    assert "1 class, 1 warning." in ok("check", "okapi", "--words-only").stdout
    assert run("check", "okapi", "--words-only", "--strict").exit_code == 1
    Vocabulary([ClassEntry("okapi", ("Striped.",))]).save(folder / "c.yaml")
    assert ok("check", "c.yaml", "--words-only", "--strict").stdout == "1 class, no warnings.\n"


def test_a_mistyped_file_is_an_error() -> None:
    for command in ("new", "prompt", "check"):
        result = run(command, "clases.yaml")
        assert isinstance(result.exception, VocabularyError)
        assert "the file must be one that exists; got 'clases.yaml'" in str(result.exception)


def test_encode_asks_the_named_model(monkeypatch: pytest.MonkeyPatch) -> None:
    import unseen.recognizer

    class Fake:
        @staticmethod
        def load(name: str) -> Fake:
            assert name == "some"
            return Fake()

        def prototypes(self, vocabulary: Vocabulary) -> Prototypes:
            return Prototypes(vocabulary.names, [[1.0]])

    monkeypatch.setattr(unseen.recognizer, "Recognizer", Fake)
    assert cli.encode(Vocabulary(["a"]), "some").names == ("a",)


def test_import_into_a_table(folder: Path) -> None:
    Vocabulary(["okapi", "# no comment"]).save("c.csv")
    result = ok("import", "-", "--into", "c.csv", stdin='{"okapi": "Striped."}')
    assert Vocabulary.load("c.csv")["okapi"].descriptions == ("Striped.",)
    assert "Comments" not in result.stderr
    assert [p.name for p in folder.iterdir()] == ["c.csv"]
