"""Search: the best images for a text, exactly, whatever their number; and stored vectors asked anew."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stored import COLOURS, Colours, Row, photo, write_stored

import unseen
from unseen.decision.calibration import Decision
from unseen.errors import InputError, ItemError
from unseen.heads import Head
from unseen.labelling import embed
from unseen.labelling.reading import open_embeddings
from unseen.labelling.rescoring import load_model, rescore, stored_items
from unseen.labelling.search import COLUMNS, Hit, Hits, search
from unseen.methods.projection.cosine import Cosine
from unseen.results import Predictions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def colours() -> unseen.Recognizer:
    return unseen.Recognizer.from_encoder(Colours())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, rgb in COLOURS.items():
        photo(tmp_path / "photos" / f"{name}.png", rgb)
    return tmp_path / "photos"


@pytest.fixture
def folder(tmp_path: Path, photos: Path, colours: unseen.Recognizer) -> Path:
    embed(photos, tmp_path / "vectors", recognizer=colours, shard_size=2)
    return tmp_path / "vectors"


def stored(path: Path, vectors: Any, *, part_size: int = 3, **more: Any) -> Path:
    rows = [Row(f"{i}.jpg", vector=vector, sha=f"{i:064x}") for i, vector in enumerate(vectors)]
    more = {"encoder_fingerprint": Colours().fingerprint, "model": "colours"} | more
    return write_stored(path, rows, kind="embeddings", dim=len(vectors[0]), part_size=part_size, **more)


# -- search --------------------------------------------------------------------------------------------------


def test_each_colour_finds_its_photo(folder: Path, colours: unseen.Recognizer) -> None:
    hits = search(folder, list(COLOURS), recognizer=colours, top_k=2)
    assert hits.searched == 5
    assert len(hits) == 10
    for name in COLOURS:
        first, second = hits.of(name)
        assert first.item.endswith(f"/{name}.png")
        assert (first.rank, second.rank) == (1, 2)
        assert first.score == pytest.approx(1, abs=1e-3)
        assert first.score > second.score
        assert 0 <= second.probability <= first.probability <= 1
        assert (first.width, first.height) == (12, 8)


def test_scores_are_cosines_and_every_row_is_looked_at(tmp_path: Path, colours: unseen.Recognizer) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float16)
    path = stored(tmp_path / "x", vectors, part_size=7)
    hits = search(path, ["red", "blue"], recognizer=colours, top_k=40)
    exact = vectors.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    for name in ("red", "blue"):
        wanted = exact @ colours.encoder.encode_texts([name])[0]
        order = np.argsort(-wanted, kind="stable")
        assert [hit.item for hit in hits.of(name)] == [f"{i}.jpg" for i in order]
        assert [hit.score for hit in hits.of(name)] == pytest.approx(wanted[order], abs=1e-6)
        assert [hit.sha for hit in hits.of(name)] == [f"{i:064x}" for i in order]


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.integers(-3, 3), min_size=1, max_size=30),
    k=st.integers(1, 40),
    part_size=st.integers(1, 9),
)
def test_the_best_k_with_ties_in_the_order_of_the_run(
    values: list[int], k: int, part_size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A vector at an angle that grows with the value: equal values tie.
    vectors = [[1.0, value / 4, 0.0] for value in values]
    path = stored(tmp_path_factory.mktemp("ties") / "x", vectors, part_size=part_size)
    hits = search(path, "green", recognizer=unseen.Recognizer.from_encoder(Colours()), top_k=k)
    wanted = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert [hit.item for hit in hits] == [f"{i}.jpg" for i in wanted]


def test_many_queries_are_cut_into_blocks(
    tmp_path: Path, colours: unseen.Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path / "x", np.random.default_rng(1).normal(size=(30, 3)).astype(np.float16), part_size=8)
    whole = search(path, list(COLOURS), recognizer=colours, top_k=4)
    monkeypatch.setattr("unseen.tasks.blocks.BLOCK", 2)
    monkeypatch.setattr("unseen.tasks.blocks._SCORES", 6)
    assert search(path, list(COLOURS), recognizer=colours, top_k=4).rows() == whole.rows()


def test_what_is_kept_of_rows_is_forgotten(
    tmp_path: Path, colours: unseen.Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unseen.labelling import search as module

    kept = []
    add = module._Finder.add

    def watched(self: Any, rows: Any) -> None:
        add(self, rows)
        kept.append(len(self._kept))

    monkeypatch.setattr(module._Finder, "add", watched)
    # Each row is better than all before: every one of them is a hit for a while.
    vectors = [[1.0, 0.0, 0.02 * i] for i in range(64)] * 100
    search(stored(tmp_path / "x", vectors, part_size=6400), "blue", recognizer=colours, top_k=3)
    assert max(kept) < 4096 + 4 * 3 + 1024


def test_probability_is_the_decisions_presence(folder: Path, colours: unseen.Recognizer) -> None:
    (vocabulary,) = [unseen.Vocabulary.from_names(["red"])]
    known = {
        item: float(share)
        for answer in rescore(folder, colours, vocabulary)
        for item, share in zip(answer.predictions.items, answer.predictions.known, strict=True)
    }
    for hit in search(folder, "red", recognizer=colours):
        assert hit.probability == pytest.approx(known[hit.item], abs=1e-6)


def test_ranked_by_presence(tmp_path: Path) -> None:
    class Seen(Cosine):
        """A cosine that has seen one class, which looks like blue."""

    method = Seen()
    prototypes = unseen.Prototypes(["sea", "sky"], [[0, 0, 1], [0, 0, 1]])
    method.fit(np.eye(3)[[2, 2]], ["sea", "sky"], prototypes=prototypes)
    head = Head(method, Decision(reference=0.9, known_slope=3.0))
    recognizer = unseen.Recognizer(Colours(), heads={"image": head})
    # The second is redder by itself, but bluer still.
    path = stored(tmp_path / "x", [[0.5, 0.8, 0.0], [0.6, 0.0, 0.8]])
    by_score = search(path, "red", recognizer=recognizer)
    assert [hit.item for hit in by_score] == ["1.jpg", "0.jpg"]
    by_presence = search(path, "red", recognizer=recognizer, by="presence")
    assert [hit.item for hit in by_presence] == ["0.jpg", "1.jpg"]
    assert sorted(hit.probability for hit in by_presence) == pytest.approx(
        sorted(hit.probability for hit in by_score), abs=1e-6
    )


def test_unlikely_images_are_left_out(folder: Path, colours: unseen.Recognizer) -> None:
    everything = search(folder, "red", recognizer=colours)
    some = search(folder, "red", recognizer=colours, min_probability=0.5)
    assert [hit.item for hit in some] == [hit.item for hit in everything if hit.probability >= 0.5]
    assert 0 < len(some) < len(everything)


def test_short_names_go_into_templates_and_phrases_do_not(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(Colours):
        templates = ("a photo of a {name}.",)

        def _encode_texts(self, texts: Any) -> Any:
            asked.extend(texts)
            return super()._encode_texts(texts)

    encoder = Listening("listening")
    path = stored(tmp_path / "x", [[1.0, 0.0, 0.0]], encoder_fingerprint=encoder.fingerprint)
    recognizer = unseen.Recognizer.from_encoder(encoder, background=["fog"])
    hits = search(path, ["red roof", "a red car  at night"], recognizer=recognizer)
    assert set(asked) == {"a photo of a red roof.", "a red car at night", "a photo of a fog."}
    assert hits.queries == ("red roof", "a red car at night")


def test_a_vocabulary_as_queries(folder: Path, colours: unseen.Recognizer) -> None:
    hits = search(folder, unseen.Vocabulary.from_names(["red", "blue"]), recognizer=colours, top_k=1)
    assert [hit.item.rsplit("/")[-1] for hit in hits] == ["red.png", "blue.png"]


def test_queries_are_composed_as_names_are(folder: Path, colours: unseen.Recognizer) -> None:
    hits = search(folder, ["cafe\u0301", "red"], recognizer=colours, top_k=1)
    assert hits.queries == ("caf\u00e9", "red")


@pytest.mark.parametrize("queries", [[], "", ["red", "red"], ["a", " "], 3, ["red", 4], {"red": 1}])
def test_queries_that_are_none(folder: Path, colours: unseen.Recognizer, queries: Any) -> None:
    with pytest.raises(InputError, match="search: queries must be"):
        search(folder, queries, recognizer=colours)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"top_k": 0}, "top_k must be a whole number at least 1"),
        ({"top_k": 10**9}, "at most 100000"),
        ({"by": "beauty"}, "by must be 'score' or 'presence'"),
        ({"min_probability": 2}, "min_probability must be"),
    ],
)
def test_options_out_of_range(folder: Path, colours: unseen.Recognizer, option: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        search(folder, "red", recognizer=colours, **option)


def test_another_model_is_refused(folder: Path) -> None:
    other = unseen.Recognizer.from_encoder(Colours("other"))
    with pytest.raises(InputError, match=r"must be the one that made the vectors in .*'colours'; got other"):
        search(folder, "red", recognizer=other)
    changed = Colours()
    changed.name = "changed"
    with pytest.raises(InputError, match="got another of the name colours"):
        next(rescore(folder, unseen.Recognizer.from_encoder(changed), unseen.Vocabulary.from_names(["red"])))


def test_vectors_of_another_length_are_refused(tmp_path: Path, colours: unseen.Recognizer) -> None:
    with pytest.raises(InputError, match="the model must be the one that made the vectors"):
        search(stored(tmp_path / "x", [[1.0, 0.0]]), "red", recognizer=colours)


def test_a_folder_that_names_no_model(tmp_path: Path) -> None:
    path = stored(tmp_path / "x", [[1.0, 0.0, 0.0]], model=None)
    with pytest.raises(InputError, match="model must be named in the folder's settings"):
        load_model(open_embeddings(path))


def test_outputs(folder: Path, colours: unseen.Recognizer, tmp_path: Path) -> None:
    hits = search(folder, ["red", "blue"], recognizer=colours, top_k=2)
    for suffix in ("csv", "jsonl", "parquet"):
        hits.write(tmp_path / f"hits.{suffix}")
    with (tmp_path / "hits.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [float(row["score"]) for row in table] == [hit.score for hit in hits]
    assert [json.loads(line) for line in (tmp_path / "hits.jsonl").read_text().splitlines()] == hits.rows()
    assert pq.read_table(tmp_path / "hits.parquet").equals(hits.to_arrow())
    assert hits.to_arrow().column("item").to_pylist() == [hit.item for hit in hits]
    assert hits.to_pandas()["rank"].tolist() == [1, 2, 1, 2]
    assert str(hits).splitlines()[0] == "red: 2 of 5 images"
    with pytest.raises(InputError, match=r"one of \.csv"):
        hits.write(tmp_path / "hits.xlsx")
    with pytest.raises(InputError, match="must be writable"):
        hits.write(tmp_path / "nowhere" / "hits.csv")


def test_names_in_a_table_of_hits_are_exact_and_no_rows(tmp_path: Path) -> None:
    hits = Hits(("=q",), (Hit("=q", 1, "=1+1\r,x", -0.25, 0.5, None, 3, 2),), 1)
    hits.write(tmp_path / "hits.csv")
    with (tmp_path / "hits.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["query"], row["item"], row["score"], row["sha"]) == ("=q", "=1+1\r,x", "-0.25", "")


# -- asked anew ----------------------------------------------------------------------------------------------


def test_answers_are_those_of_classify(folder: Path, photos: Path, colours: unseen.Recognizer) -> None:
    vocabulary = unseen.Vocabulary.from_names(["blue", "grey", "red"])
    again = Predictions.concatenate([a.predictions for a in rescore(folder, colours, vocabulary, unknown_below=0.4)])
    direct = colours.classify(photos, vocabulary, unknown_below=0.4)
    assert again.items == direct.items
    assert again.best() == direct.best()
    assert again.probabilities == pytest.approx(direct.probabilities, abs=2e-3)
    assert {key: again.settings[key] for key in direct.settings} == dict(direct.settings)


def test_rows_with_errors_stay_rows(tmp_path: Path, colours: unseen.Recognizer) -> None:
    rows = [Row("a.txt", error="is text, not a photo"), Row("b.jpg", vector=[1, 0, 0])]
    path = write_stored(
        tmp_path / "x", rows, kind="embeddings", dim=3, encoder_fingerprint=Colours().fingerprint, model="colours"
    )
    vocabulary = unseen.Vocabulary.from_names(["red", "blue"])
    (answer,) = rescore(path, colours, vocabulary)
    assert answer.predictions.best() == [None, "red"]
    assert answer.predictions.errors[0] == "is text, not a photo"
    with pytest.raises(ItemError, match=r"a\.txt"):
        next(rescore(path, colours, vocabulary, strict=True))
    names, vectors = stored_items(open_embeddings(path))
    assert (names, vectors.tolist()) == (["b.jpg"], [[1, 0, 0]])


def test_options_of_classify_are_taken(folder: Path, colours: unseen.Recognizer) -> None:
    vocabulary = unseen.Vocabulary.from_names(["red", "yellow"])
    (answer, *_) = rescore(folder, colours, vocabulary, multi_label=True, threshold=0.5, top_k=1)
    assert answer.predictions.settings["multi_label"] is True
    with pytest.raises(InputError, match="top_k"):
        rescore(folder, colours, vocabulary, top_k=0)


def test_pictures_are_read_when_they_are_shown_and_still_are_what_they_were(
    folder: Path, photos: Path, colours: unseen.Recognizer
) -> None:
    photo(photos / "red.png", (1, 2, 3))
    (photos / "blue.png").unlink()
    answers = list(rescore(folder, colours, unseen.Vocabulary.from_names(["red"])))
    previews: dict[str, Any] = {}
    for answer in answers:
        previews |= dict(zip(answer.predictions.items, answer.previews, strict=True))
    shown = {item.rsplit("/")[-1]: read() for item, read in previews.items()}
    assert shown["red.png"] is None
    assert shown["blue.png"] is None
    assert shown["green.png"].shape == (8, 12, 3)
    assert shown["green.png"][0, 0].tolist() == [0, 255, 0]


def test_the_report_of_stored_vectors(folder: Path, photos: Path, colours: unseen.Recognizer, tmp_path: Path) -> None:
    from unseen.report import ReportBuilder

    (photos / "blue.png").unlink()
    page = ReportBuilder(["red", "blue"], {})
    for answer in rescore(folder, colours, unseen.Vocabulary.from_names(["red", "blue"])):
        page.add(answer.predictions, answer.previews)
    page.write(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.count('src="data:image/') == 4
    assert "blue.png" in text


# -- the command, with the embedded model --------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("examples")
    (work / "photos").symlink_to(root / "examples" / "photos")
    done = run(work, "embed", "photos", "--out", "vectors")
    assert done.returncode == 0, done.stderr
    return work


def run(work: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "unseen", *args]
    done = subprocess.run(command, capture_output=True, text=True, cwd=work, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_the_command(examples: Path) -> None:
    done = run(
        examples, "search", "vectors", "rocket", "a cup of coffee", "--top", "2", "--out", "h.csv", "--report", "h.html"
    )
    assert done.returncode == 0, done.stderr
    assert "rocket: 2 of 13 images" in done.stdout
    with (examples / "h.csv").open(newline="") as file:
        best = {row["query"]: row["item"] for row in csv.DictReader(file) if row["rank"] == "1"}
    assert best == {"rocket": "photos/rocket.jpg", "a cup of coffee": "photos/coffee.jpg"}
    page = (examples / "h.html").read_text()
    assert page.count('src="data:image/') == 4
    assert "http" not in page.split("<body>")[1]
    printed = run(examples, "search", "vectors", "rocket", "--json", "--top", "1").stdout
    assert json.loads(printed)["item"] == "photos/rocket.jpg"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["search", "vectors"], "either texts to look for or --classes"),
        (["search", "photos", "cat"], "Point at a folder that `unseen label`"),
        (["search", "vectors", "cat", "--out", "x.txt"], "one of .csv"),
        (["search", "vectors", "cat", "--report", "x.png"], "--report must end in .html"),
        (["search", "vectors", "cat", "--model", "nowhere"], "model must be"),
    ],
)
def test_mistakes_are_told_in_one_line(examples: Path, args: list[str], says: str) -> None:
    done = run(examples, *args)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unfinished_folder_is_searched_with_a_warning(examples: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(examples / "vectors", tmp_path / "vectors")
    manifest = tmp_path / "vectors" / "manifest.jsonl"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    done = run(tmp_path, "search", "vectors", "rocket")
    assert done.returncode == 0
    assert "is not complete: 13 items in 1 finished parts are read" in done.stderr


def test_class_names_find_their_photos(data: Path, tmp_path: Path) -> None:
    from sklearn.metrics import average_precision_score

    photos = data / "photos" / "caltech51"
    names = sorted(path.name for path in photos.iterdir() if path.is_dir())[::3]
    embed([photos / name for name in names], tmp_path / "vectors")
    hits = search(tmp_path / "vectors", [name.replace("_", " ") for name in names], top_k=1000)
    precision = []
    for name in names:
        found = hits.of(name.replace("_", " "))
        truth = [hit.item.split("/")[-2] == name for hit in found]
        precision.append(average_precision_score(truth, [hit.score for hit in found]))
    assert np.mean(precision) >= 0.8


# -- classify and diagnose on stored vectors -----------------------------------------------------------------


def test_classify_on_stored_vectors(examples: Path) -> None:
    done = run(examples, "classify", "vectors", "-c", "cat, coffee, rocket", "--out", "again.csv", "--report", "r.html")
    assert done.returncode == 0, done.stderr
    assert "13 recognised, 0 unknown, 0 skipped" in done.stdout
    run(examples, "classify", "photos", "-c", "cat, coffee, rocket", "--out", "direct.csv")
    tables = {name: io.StringIO((examples / f"{name}.csv").read_text()) for name in ("again", "direct")}
    again, direct = (list(csv.DictReader(table)) for table in tables.values())
    assert [(row["item"], row["rank"], row["name"]) for row in again] == [
        (row["item"], row["rank"], row["name"]) for row in direct
    ]
    assert [float(row["probability"]) for row in again] == pytest.approx(
        [float(row["probability"]) for row in direct], abs=1e-3
    )
    assert (examples / "r.html").read_text().count('src="data:image/') == 13
    assert json.loads(run(examples, "classify", "vectors", "-c", "cat, dog", "--json").stdout.splitlines()[0])


def test_diagnose_on_stored_vectors(examples: Path) -> None:
    done = run(examples, "diagnose", "vectors", "-c", "cat, coffee, rocket", "--out", "diagnosis")
    assert done.returncode == 0, done.stderr
    found = json.loads((examples / "diagnosis" / "diagnosis.json").read_text())
    assert [one["title"] for one in found["findings"]] == ["Hubness", "Near-duplicate prototypes", "Odd ones out"]
    assert found["settings"] == {"vectors": "vectors", "classes": 3, "model": "default", "photos": 13}
    done = run(examples, "diagnose", "vectors")
    assert done.returncode == 2
    assert "it is looked at with --classes FILE" in done.stderr


def test_labels_without_vectors_are_not_classified_again(examples: Path) -> None:
    run(examples, "label", "photos", "-c", "cat, dog", "--out", "labels")
    for command in ("classify", "diagnose"):
        done = run(examples, command, "labels", "-c", "cat, dog")
        assert done.returncode == 2
        assert "with embeddings; got labels alone" in done.stderr


def test_a_sample_of_very_many(tmp_path: Path) -> None:
    vectors = np.arange(60.0).reshape(20, 3) % 7 + 1
    path = stored(tmp_path / "x", vectors.tolist(), part_size=6)
    names, some = stored_items(open_embeddings(path), most=8)
    assert len(names) == len(set(names)) == 8
    assert some.tolist() == [vectors[int(name.removesuffix(".jpg"))].tolist() for name in names]
    assert stored_items(open_embeddings(path), most=8)[0] == names
    assert stored_items(open_embeddings(path), most=8, seed=1)[0] != names
    assert len(stored_items(open_embeddings(path), most=20)[0]) == 20


def test_names_of_photos_are_only_words_on_the_page() -> None:
    from unseen.report.gallery import Tile, Wall, render_gallery

    evil = "<script>alert(1)</script>/\u202egpj.exe"
    tiles = [Tile(evil, rank, 0.999, lambda: None) for rank in (1, 2)]
    page = render_gallery(evil, [("images", "2")], [Wall(evil, evil, tiles)], {evil: evil})
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("no picture") == 2
    assert "&gt;99%" in page


def test_a_page_shows_a_thousand_pictures_at_most() -> None:
    from unseen.report.gallery import Tile, Wall, render_gallery

    walls = [
        Wall(name, "", [Tile("a.jpg", i, 0.5, lambda: None) for i in range(700)]) for name in ("one", "two", "three")
    ]
    page = render_gallery("many", [], walls, {})
    assert page.count("no picture") == 1000
    assert "400 more are left out of this page" in page
    assert "700 more are left out of this page" in page
