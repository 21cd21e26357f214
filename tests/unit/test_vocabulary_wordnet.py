"""WordNet as the user has it: a WN-LMF file, a database of the wn package, Princeton's own files."""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import pytest

from unseen.errors import MissingExtraError, VocabularyError
from unseen.vocabulary import ClassEntry, Vocabulary, open_wordnet, prefill
from unseen.vocabulary.wordnet import Sense

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LMF = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.1.dtd">
<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">
  <Lexicon id="tiny" label="Tiny" language="en" email="a@b.c" license="CC0" version="1.0">
    <LexicalEntry id="e1"><Lemma writtenForm="crane" partOfSpeech="n"/>
      <Sense id="s1" synset="tiny-1-n"/><Sense id="s2" synset="tiny-2-n"/></LexicalEntry>
    <LexicalEntry id="e2"><Lemma writtenForm="wading bird" partOfSpeech="n"/>
      <Sense id="s3" synset="tiny-1-n"/></LexicalEntry>
    <LexicalEntry id="e3"><Lemma writtenForm="crane" partOfSpeech="v"/>
      <Sense id="s4" synset="tiny-3-v"/></LexicalEntry>
    <LexicalEntry id="e4"><Lemma writtenForm="leap" partOfSpeech="v"/>
      <Sense id="s5" synset="tiny-4-v"/></LexicalEntry>
    <Synset id="tiny-1-n" ili="in" partOfSpeech="n" members="e1 e2">
      <ILIDefinition>d</ILIDefinition><Definition>large long-necked   bird</Definition></Synset>
    <Synset id="tiny-2-n" ili="in" partOfSpeech="n" members="e1">
      <ILIDefinition>d</ILIDefinition><Definition>lifts heavy objects</Definition></Synset>
    <Synset id="tiny-3-v" ili="in" partOfSpeech="v" members="e3">
      <ILIDefinition>d</ILIDefinition><Definition>stretch the neck</Definition></Synset>
    <Synset id="tiny-4-v" ili="in" partOfSpeech="v" members="e4">
      <ILIDefinition>d</ILIDefinition><Definition>move forward by jumping</Definition></Synset>
  </Lexicon>
</LexicalResource>
"""


def princeton(folder: Path) -> Path:
    """Write Princeton's files with right byte offsets."""
    folder.mkdir()
    licence = "  1 This software and database is being provided to you, the LICENSEE.  \n"
    facts = [
        '06 n 02 crane 0 wading_bird 0 000 | large long-necked bird; "a crane stood there"  \n',
        "06 n 01 crane 1 000 | lifts heavy objects  \n",
    ]
    data, offsets = licence, []
    for fact in facts:
        offsets.append(len(data))
        data += f"{len(data):08d} {fact}"
    (folder / "data.noun").write_text(data)
    index = f"crane n 2 0 2 2 {offsets[0]:08d} {offsets[1]:08d}  \nwading_bird n 1 0 1 0 {offsets[0]:08d}  \n"
    (folder / "index.noun").write_text(licence + index)
    return folder


@pytest.fixture
def data_directory(tmp_path: Path) -> Iterator[Path]:
    """A data directory of wn's own that holds the tiny lexicon; the user's is never touched."""
    wn = pytest.importorskip("wn")
    from wn import _db

    before = wn.config.database_path.parent
    (tmp_path / "wn_data").mkdir()
    wn.config.data_directory = tmp_path / "wn_data"
    (tmp_path / "tiny.xml").write_text(LMF)
    wn.add(tmp_path / "tiny.xml", progress_handler=None)
    yield tmp_path / "wn_data"
    for connection in _db.pool.values():  # clear_connections() came only after wn 0.11
        connection.close()
    _db.pool.clear()
    wn.config.data_directory = before


@pytest.fixture(params=["xml", "gz", "lexicon", "folder", "wn.db", "princeton"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind = request.param
    if kind == "princeton":
        return str(princeton(tmp_path / "wordnet"))
    pytest.importorskip("wn")
    if kind == "xml":
        (tmp_path / "own.xml").write_text(LMF)
        return str(tmp_path / "own.xml")
    if kind == "gz":
        (tmp_path / "own.xml.gz").write_bytes(gzip.compress(LMF.encode()))
        return str(tmp_path / "own.xml.gz")
    folder: Path = request.getfixturevalue("data_directory")
    return {"lexicon": "tiny:1.0", "folder": str(folder), "wn.db": str(folder / "wn.db")}[kind]


def test_every_source_answers_alike(where: str) -> None:
    wordnet = open_wordnet(where)
    given = ClassEntry("own", ("written by hand",))
    vocabulary = Vocabulary(["crane", "Wading Bird", "unheard of", given], templates=["{name}"])
    filled, comments = prefill(vocabulary, wordnet)
    assert filled["crane"].descriptions == ("large long-necked bird",)
    assert filled["crane"].description_source == wordnet.title
    assert wordnet.title.startswith("WordNet")
    assert filled["crane"].synonyms == ()  # the other word for it is a class of its own here
    assert filled["Wading Bird"].synonyms == ()
    assert filled["unheard of"].bare
    assert filled["own"] == given
    assert filled.templates == ("{name}",)
    assert comments["crane"][-1] == "  2. lifts heavy objects"
    assert "has no entry" in comments["unheard of"][0]
    assert "own" not in comments
    assert len(comments["Wading Bird"]) == 1
    alone, _ = prefill(Vocabulary(["crane"]), wordnet)
    assert alone["crane"].synonyms == ("wading bird",)


def test_a_verb_is_found_where_there_is_no_noun(tmp_path: Path) -> None:
    pytest.importorskip("wn")
    (tmp_path / "own.xml").write_text(LMF)
    wordnet = open_wordnet(tmp_path / "own.xml")
    assert [s.definition for s in wordnet.senses("leap")] == ["move forward by jumping"]
    assert wordnet.title == "WordNet tiny:1.0"


def test_given_synonyms_are_kept(tmp_path: Path) -> None:
    wordnet = open_wordnet(princeton(tmp_path / "wordnet"))
    filled, _ = prefill(Vocabulary([ClassEntry("crane", synonyms=("Grus",))]), wordnet)
    assert filled["crane"].synonyms == ("Grus",)


def test_the_users_own_database_is_left_alone(data_directory: Path) -> None:
    import wn

    before = (data_directory / "wn.db").read_bytes()
    other = data_directory.parent / "own.xml"
    other.write_text(LMF.replace('id="tiny"', 'id="other"'))
    assert open_wordnet(other).title == "WordNet other:1.0"
    assert (data_directory / "wn.db").read_bytes() == before
    assert [x.specifier() for x in wn.lexicons()] == ["tiny:1.0"]


def test_the_wn_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wn", None)
    (tmp_path / "own.xml").write_text(LMF)
    for where in (str(tmp_path / "own.xml"), "oewn:2024"):
        with pytest.raises(
            MissingExtraError, match=r"Reading WordNet needs the package 'wn'.*pip install 'unseen\[wn\]'"
        ):
            open_wordnet(where)


def test_nothing_there(data_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in ("no/such", "no.xml", str(tmp_path / "empty")):
        with pytest.raises(
            VocabularyError, match=r"open_wordnet: where must be a WN-LMF file, .*; got .*\. Check the path"
        ):
            open_wordnet(where)
    with pytest.raises(VocabularyError, match=r"got 'oewn:1999'\. Lexicons in '.*wn\.db': tiny:1\.0"):
        open_wordnet("oewn:1999")
    assert data_directory.is_dir()


def test_no_database_yet_and_none_is_made(data_directory: Path, tmp_path: Path) -> None:
    import wn

    wn.config.data_directory = tmp_path / "nowhere"
    with pytest.raises(
        VocabularyError, match=r"got 'oewn:2024'\. There is no wn database yet: run python -m wn download"
    ):
        open_wordnet("oewn:2024")
    assert not (tmp_path / "nowhere").exists()
    assert data_directory.is_dir()


@pytest.mark.parametrize(
    "data",
    [b"", b"no xml", LMF[:900].encode(), b"<?xml version='1.0'?><a/>", LMF.replace("partOfSpeech", "pos").encode()],
)
def test_damaged_lmf(tmp_path: Path, data: bytes) -> None:
    pytest.importorskip("wn")
    (tmp_path / "own.xml").write_bytes(data)
    with pytest.raises(VocabularyError, match=r"It could not be read as WN-LMF: "):
        open_wordnet(tmp_path / "own.xml")
    (tmp_path / "own.xml.gz").write_bytes(b"\x1f\x8b" + data)
    with pytest.raises(VocabularyError, match=r"It could not be unpacked: "):
        open_wordnet(tmp_path / "own.xml.gz")


def test_damaged_princeton(tmp_path: Path) -> None:
    folder = princeton(tmp_path / "wordnet")
    (folder / "data.noun").write_text("nonsense | here\n" * 20)
    with pytest.raises(
        VocabularyError, match=r"open_wordnet: data\.noun must be in WordNet's format; got byte 7\d\. Install"
    ):
        open_wordnet(folder).senses("crane")
    (folder / "index.noun").write_text("crane n many\n")
    with pytest.raises(
        VocabularyError, match=r"open_wordnet: index\.noun must be in WordNet's format; got line 1\. Install"
    ):
        open_wordnet(folder)


def test_words_that_are_no_synonyms_are_left_out() -> None:
    class Odd:
        title = "Odd"

        def senses(self, word: str) -> list[Sense]:
            return [Sense("a bird", (word.upper(), "a;b", " ", "wading_bird", "wading bird"))]

    filled, comments = prefill(Vocabulary(["crane"]), Odd())
    assert filled["crane"] == ClassEntry("crane", ("a bird",), ("wading bird",), description_source="Odd")
    assert comments == {"crane": ["From Odd, a dictionary: add what it looks like."]}
