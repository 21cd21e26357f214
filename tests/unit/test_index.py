"""Very many classes: an exact look-up, one that walks a graph, and a judge that asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.stored import COLOURS, Colours, photo

import unseen
from unseen.errors import InputError, MissingExtraError
from unseen.tasks.class_index import ExactIndex, UsearchIndex, build_index, recall
from unseen.tasks.indexed import IndexedJudge, judge_for
from unseen.tasks.judge import Judge

if TYPE_CHECKING:
    from pathlib import Path

CENTRES = np.random.default_rng(0).normal(size=(50, 32))


def clustered(n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return (CENTRES[rng.integers(0, 50, n)] + 0.5 * rng.normal(size=(n, 32))).astype(np.float32)


# -- exact ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    vectors=hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(4)), elements=st.integers(-3, 3)),
    X=hnp.arrays(np.float32, (3, 4), elements=st.integers(-3, 3)),
    k=st.integers(1, 50),
)
def test_the_exact_index_is_a_sort_of_cosines(vectors: Any, X: Any, k: int) -> None:
    vectors[:, 0] += 5  # none is zero
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    wanted = (X / np.where(lengths, lengths, 1)) @ units.T
    positions, cosines = ExactIndex(vectors).search(X, k=k)
    assert positions.shape == cosines.shape == (3, min(k, len(vectors)))
    assert cosines == pytest.approx(np.sort(wanted, axis=1)[:, ::-1][:, :k], abs=1e-6)
    assert np.take_along_axis(wanted, positions, axis=1) == pytest.approx(cosines, abs=1e-6)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    V, X = clustered(300, 1), clustered(20, 2)
    whole = ExactIndex(V).search(X, k=7)
    monkeypatch.setattr("unseen.tasks.class_index._BLOCK", 11)
    monkeypatch.setattr("unseen.tasks.class_index._ROWS", 3)
    cut = ExactIndex(V).search(X, k=7)
    assert cut[0].tolist() == whole[0].tolist()
    assert cut[1] == pytest.approx(whole[1], abs=1e-6)


# -- usearch -------------------------------------------------------------------------------------------------


def test_nearly_all_of_the_nearest_are_found() -> None:
    pytest.importorskip("usearch")
    V, X = clustered(3000, 1), clustered(100, 2)
    truth, cosines = build_index(V).search(X, k=5)
    found, scores = build_index(V, "usearch").search(X, k=5)
    assert recall(found, truth) >= 0.95
    assert recall(found[:, :1], truth[:, :1]) >= 0.95
    units = V / np.linalg.norm(V, axis=1, keepdims=True)
    queries = X / np.linalg.norm(X, axis=1, keepdims=True)
    # Whatever the graph keeps, what it found is scored exactly, and in order.
    assert scores == pytest.approx(np.take_along_axis(queries @ units.T, found, axis=1), abs=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (scores <= cosines + 1e-6).all()


def test_as_many_as_are_asked_for_and_each_once() -> None:
    pytest.importorskip("usearch")
    V = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)  # many copies: a hard case for a graph
    positions, _ = UsearchIndex(V, connectivity=2, expansion=1).search(np.eye(4), k=40)
    assert [sorted(row) for row in positions.tolist()] == [list(range(40))] * 4
    assert UsearchIndex(V[:1]).search(np.eye(4), k=9)[0].tolist() == [[0]] * 4


def test_a_graph_is_kept_and_found_again(tmp_path: Path) -> None:
    pytest.importorskip("usearch")
    V, X = clustered(500, 1), clustered(10, 2)
    path = tmp_path / "graph.usearch"
    first = UsearchIndex(V, path=path).search(X, k=3)[0]
    written = path.stat().st_mtime_ns
    assert UsearchIndex(V, path=path).search(X, k=3)[0].tolist() == first.tolist()
    assert path.stat().st_mtime_ns == written
    # Other classes, and a file that was changed, are made anew.
    other = UsearchIndex(V[::-1], path=path).search(X, k=3)[0]
    assert recall(499 - other, first) >= 0.9
    path.write_bytes(path.read_bytes()[:-100])
    assert recall(UsearchIndex(V, path=path).search(X, k=3)[0], first) >= 0.9
    with pytest.raises(InputError, match=r"the index .* must be writable"):
        UsearchIndex(V, path=tmp_path / "nowhere" / "graph.usearch")
    # For a cache that is no reason to fail.
    cached = UsearchIndex(V, path=tmp_path / "nowhere" / "graph.usearch", must_keep=False)
    assert recall(cached.search(X, k=3)[0], first) >= 0.9
    assert {one.name for one in tmp_path.iterdir()} == {"graph.usearch", "graph.usearch.sha256"}


def test_without_usearch(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'unseen\[index\]'"):
        build_index(np.eye(3), "usearch")


@pytest.mark.parametrize(
    "vectors", [[[0.0, 0.0]], [[np.nan, 1.0]], [[np.inf, 1.0]], [1.0, 2.0], [["a"]], np.zeros((0, 3))]
)
def test_class_vectors_that_are_none(vectors: Any) -> None:
    with pytest.raises(InputError, match="ClassIndex: vectors must be"):
        ExactIndex(vectors)


def test_an_index_knows_its_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.tasks.class_index._BLOCK", 11)
    V = clustered(30, 1)
    index = ExactIndex(V)
    assert index.is_of(3 * V)  # length says nothing
    assert not index.is_of(V[:29])
    assert not index.is_of(V[np.r_[:28, 29, 28]])


def test_mistakes() -> None:
    index = ExactIndex(np.eye(3))
    with pytest.raises(InputError, match="X must be of 3 dimensions"):
        index.search(np.ones((1, 2)))
    with pytest.raises(InputError, match="k must be a whole number at least 1"):
        index.search(np.ones((1, 3)), k=0)
    with pytest.raises(InputError, match="index must be 'exact' or 'usearch'; got 'faiss'"):
        build_index(np.eye(3), "faiss")
    with pytest.raises(InputError, match="options must be none for an exact index"):
        build_index(np.eye(3), connectivity=3)
    assert index.search(np.zeros((2, 3)), k=2)[1].tolist() == [[0, 0], [0, 0]]


# -- the judge -----------------------------------------------------------------------------------------------


class Many(Colours):
    """A space of 16 dimensions, in which a text is a point that follows from it."""

    def __init__(self) -> None:
        super().__init__("many")
        self.image_dim = self.text_dim = 16

    def _encode_texts(self, texts: Any) -> Any:
        rows = np.stack([np.random.default_rng(list(text.encode())).normal(size=16) for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def recognizer() -> unseen.Recognizer:
    return unseen.Recognizer.from_encoder(Many())


def answers(judge: Judge, X: Any) -> Any:
    return judge.answer([str(i) for i in range(len(X))], X, [None] * len(X), [None] * len(X)).predictions


def test_with_every_class_a_candidate_nothing_changes(recognizer: unseen.Recognizer) -> None:
    vocabulary = unseen.Vocabulary.from_names([f"class {i}" for i in range(80)])
    X = np.random.default_rng(3).normal(size=(9, 16)).astype(np.float32)
    exact = answers(judge_for(recognizer, "image", vocabulary, 5, 0.3, False), X)
    indexed = judge_for(
        recognizer, "image", vocabulary, 5, 0.3, False, index=ExactIndex(_prototypes(recognizer, vocabulary))
    )
    assert isinstance(indexed, IndexedJudge)
    found = answers(indexed, X)
    assert found.top.tolist() == exact.top.tolist()
    assert found.probabilities == pytest.approx(exact.probabilities, abs=1e-5)
    assert found.known == pytest.approx(exact.known, abs=1e-5)
    assert found.unknown.tolist() == exact.unknown.tolist()
    assert found.settings["index"] == "exact"
    assert found.settings["index_candidates"] == 80


def _prototypes(recognizer: unseen.Recognizer, vocabulary: unseen.Vocabulary) -> Any:
    return recognizer.prototypes(vocabulary).vectors


def test_probabilities_among_candidates(recognizer: unseen.Recognizer) -> None:
    pytest.importorskip("usearch")
    vocabulary = unseen.Vocabulary.from_names([f"class {i}" for i in range(2000)])
    X = np.random.default_rng(3).normal(size=(50, 16)).astype(np.float32)
    exact = answers(judge_for(recognizer, "image", vocabulary, 3, None, False), X)
    indexed = judge_for(recognizer, "image", vocabulary, 3, None, False, index="usearch")
    assert indexed.at_once == 1
    found = answers(indexed, X)
    assert recall(found.top, exact.top) >= 0.95
    same = (found.top == exact.top).all(axis=1)
    # Shares among a hundred are at least those among two thousand.
    assert (found.probabilities[same] >= exact.probabilities[same] - 1e-6).all()
    assert found.settings["index_candidates"] == 100


def test_one_class_alone(recognizer: unseen.Recognizer) -> None:
    vocabulary = unseen.Vocabulary.from_names(["alone"])
    X = np.random.default_rng(3).normal(size=(4, 16)).astype(np.float32)
    exact = answers(judge_for(recognizer, "image", vocabulary, 1, None, False, index="exact"), X)
    indexed = judge_for(
        recognizer, "image", vocabulary, 1, None, False, index=ExactIndex(_prototypes(recognizer, vocabulary))
    )
    assert answers(indexed, X).probabilities == pytest.approx(exact.probabilities, abs=1e-5)


def test_exact_means_an_ordinary_judge(recognizer: unseen.Recognizer) -> None:
    vocabulary = unseen.Vocabulary.from_names(["a", "b"])
    for index in (None, "exact"):
        assert type(judge_for(recognizer, "image", vocabulary, 1, None, False, index=index)) is Judge


def test_the_graph_of_many_classes_lies_in_the_cache(
    recognizer: unseen.Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setenv("UNSEEN_CACHE", str(tmp_path))
    monkeypatch.setattr("unseen.tasks.indexed._WORTH_KEEPING", 200)
    vocabulary = unseen.Vocabulary.from_names([f"class {i}" for i in range(200)])
    for _ in range(2):
        judge_for(recognizer, "image", vocabulary, 3, None, False, index="usearch")
    assert len(list((tmp_path / "indexes").glob("*.usearch"))) == 1


def test_few_graphs_are_kept_those_used_last(
    recognizer: unseen.Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setenv("UNSEEN_CACHE", str(tmp_path))
    monkeypatch.setattr("unseen.tasks.indexed._WORTH_KEEPING", 2)
    monkeypatch.setattr("unseen.tasks.indexed._MOST_KEPT", 2)

    def use(word: str) -> set[str]:
        before = {path.name for path in (tmp_path / "indexes").glob("*.usearch")}
        vocabulary = unseen.Vocabulary.from_names([f"{word} {i}" for i in range(9)])
        judge_for(recognizer, "image", vocabulary, 3, None, False, index="usearch")
        return {path.name for path in (tmp_path / "indexes").glob("*.usearch")} - before

    (first,), (second,) = use("a"), use("b")
    assert use("a") == set()
    (third,) = use("c")
    left = sorted(path.name for path in (tmp_path / "indexes").iterdir())
    assert left == sorted(name + end for name in (first, third) for end in ("", ".sha256"))
    assert second not in left


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"index": "faiss"}, "index must be 'exact' or 'usearch'"),
        ({"index": "usearch", "multi_label": True}, "multi_label must be left alone with an index"),
        ({"index": "usearch", "candidates": {"a": ["b"]}}, "candidates must be left alone with an index"),
        ({"index": "usearch", "ensemble": "scores"}, "ensemble must be left alone with an index"),
        ({"index": ExactIndex(np.eye(16)[:5])}, "index must be of the vocabulary's 2 classes"),
        ({"index": ExactIndex(np.eye(16)[:2])}, "index must be of the vocabulary's 2 classes, of 16 dimensions, in or"),
        ({"index": 3}, "index must be 'exact', 'usearch', or a ClassIndex; got 3"),
    ],
)
def test_what_an_index_does_not_go_with(recognizer: unseen.Recognizer, options: dict[str, Any], says: str) -> None:
    pytest.importorskip("usearch")
    with pytest.raises(InputError, match=says):
        judge_for(recognizer, "image", unseen.Vocabulary.from_names(["a", "b"]), 1, None, False, **options)


def test_a_model_without_a_shared_space() -> None:
    vocabulary = unseen.Vocabulary.from_names(["a", "b"])
    with pytest.raises(InputError, match="index must be for a model whose images and texts share a space"):
        judge_for(unseen.Recognizer.load(), "image", vocabulary, 1, None, False, index=ExactIndex(np.eye(3)))


def test_stored_vectors_are_asked_through_an_index(tmp_path: Path) -> None:
    pytest.importorskip("usearch")
    from unseen.labelling import embed
    from unseen.labelling.rescoring import rescore

    for name, rgb in COLOURS.items():
        photo(tmp_path / "photos" / f"{name}.png", rgb)
    colours = unseen.Recognizer.from_encoder(Colours())
    embed(tmp_path / "photos", tmp_path / "vectors", recognizer=colours)
    (answer,) = rescore(tmp_path / "vectors", colours, unseen.Vocabulary.from_names(list(COLOURS)), index="usearch")
    best = {
        item.rsplit("/")[-1]: name
        for item, name in zip(answer.predictions.items, answer.predictions.best(), strict=True)
    }
    assert best == {f"{name}.png": name for name in COLOURS}
