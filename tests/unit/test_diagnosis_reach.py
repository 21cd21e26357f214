"""Reach: distances by hand, levels that keep their promise, files that are checked, photos and what is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf

import unseen
from unseen.diagnosis.out_of_reach import measure_reach
from unseen.diagnosis.reach import Reach
from unseen.errors import InputError, ModelError

if TYPE_CHECKING:
    from pathlib import Path


def normal(n: int, d: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_nearest_by_hand() -> None:
    # Reference 0 to 10: each one's nearest other is 1 away, so eleven distances of 1. New ones: 0.5 is nearer than
    # all, 11 as far as all (ties are not farther), 12.5 farther than all: 11 of 12.
    reach = Reach("nearest", n_neighbors=1, normalize=False).fit(np.arange(11.0)[:, None])
    np.testing.assert_allclose(reach.held_out_, np.ones(11))
    X = [[0.5], [11.0], [12.5]]
    np.testing.assert_allclose(reach.distances(X), [0.5, 1.0, 2.5])
    np.testing.assert_allclose(reach.percentile(X), [0, 0, 11 / 12])
    assert reach.within(X, level=0.9).tolist() == [True, True, False]


def test_two_neighbours_by_hand() -> None:
    # 0 has 1 and 2 next to it: 1.5 on average; 5 has 4 and 6: 1.
    reach = Reach("nearest", n_neighbors=2, normalize=False).fit(np.arange(11.0)[:, None])
    np.testing.assert_allclose(reach.held_out_, [1.0] * 9 + [1.5] * 2)


def test_mahalanobis_is_that_of_scikit_learn() -> None:
    for n, d in ((40, 3), (30, 50)):  # more dimensions than vectors, too
        X, new = normal(n, d) * np.arange(1, d + 1), normal(5, d, seed=1)
        theirs = LedoitWolf().fit(X)
        np.testing.assert_allclose(Reach(normalize=False).fit(X).distances(new), theirs.mahalanobis(new), rtol=1e-6)


def test_held_out_distances_are_of_vectors_that_were_left_out() -> None:
    X = normal(200, 20)
    reach = Reach(normalize=False).fit(X)
    # Twenty directions of variance one: a new vector's squared distance is about 20, and more with an estimated spread.
    assert np.median(reach.distances(X)) < np.median(reach.held_out_)


@pytest.mark.parametrize("measure", ["mahalanobis", "nearest"])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_level_keeps_its_promise(measure: str, level: float) -> None:
    shares = []
    for seed in range(20):
        X = normal(400, 5, seed=seed)
        shares.append(Reach(measure, normalize=False).fit(X[:200]).within(X[200:], level=level).mean())
    assert float(np.mean(shares)) == pytest.approx(level, abs=0.015)


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 30), st.integers(1, 4), st.integers(0, 50), st.sampled_from(["mahalanobis", "nearest"]))
def test_percentiles_follow_distances(n: int, d: int, seed: int, measure: str) -> None:
    reach = Reach(measure, normalize=False).fit(normal(n, d, seed=seed))
    X = 3 * normal(20, d, seed=seed + 1)
    distances, percentiles = reach.distances(X), reach.percentile(X)
    assert (percentiles >= 0).all()
    assert (percentiles <= n / (n + 1)).all()
    assert (np.diff(percentiles[np.argsort(distances)]) >= 0).all()
    # One by one or together, whatever else is asked: only rounding may differ.
    np.testing.assert_allclose(np.concatenate([reach.distances(row[None]) for row in X]), distances, rtol=1e-6)


def test_unit_length_makes_length_irrelevant() -> None:
    X = normal(50, 4) + 3
    reach = Reach().fit(X)
    np.testing.assert_allclose(reach.distances(X), reach.distances(7 * X), rtol=1e-6)
    assert not np.allclose(Reach(normalize=False).fit(X).distances(X), Reach(normalize=False).fit(X).distances(7 * X))


@pytest.mark.parametrize("measure", ["mahalanobis", "nearest"])
def test_reference_of_copies(measure: str) -> None:
    reach = Reach(measure, normalize=False).fit(np.ones((20, 2)))
    assert reach.within([[1.0, 1.0], [1.0, 1.1]], level=0.9).tolist() == [True, False]


def test_answers_out_of_reach_become_none() -> None:
    reach = Reach(normalize=False).fit(normal(200))
    assert reach.abstain(["cat", "dog"], [[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]) == ["cat", None]


def test_fit_leaves_its_input_alone_and_repeats() -> None:
    X = normal(300)
    before = X.copy()
    one, other = Reach(max_reference=50).fit(X), Reach(max_reference=50).fit(X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(one.held_out_, other.held_out_)
    assert len(one.held_out_) == 50
    assert not np.array_equal(one.held_out_, Reach(max_reference=50, random_state=1).fit(X).held_out_)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"measure": "cosine"}, "Reach: measure must be 'mahalanobis' or 'nearest'; got 'cosine'"),
        ({"normalize": 1}, "Reach: normalize must be True or False; got 1"),
        ({"n_neighbors": 0}, "Reach: n_neighbors must be a whole number at least 1 and at most 19; got 0"),
        ({"n_neighbors": 20}, "n_neighbors must be a whole number at least 1 and at most 19; got 20"),
        ({"max_reference": 9}, "Reach: max_reference must be a whole number at least 10; got 9"),
        ({"random_state": "x"}, "Reach: random_state must be None"),
    ],
)
def test_parameters(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Reach(**params).fit(normal(20))


def test_too_few_vectors() -> None:
    with pytest.raises(InputError, match=r"Reach: X must be at least 10 reference vectors; got 9. Pass more"):
        Reach().fit(normal(9))
    reach = Reach().fit(normal(98))
    with pytest.raises(InputError, match=r"level must be at most 0.9899 with 98 reference vectors; got 0.99. Lower it"):
        reach.within(normal(2))
    assert not Reach(normalize=False).fit(normal(99)).within([[99.0, 0, 0]]).item()
    with pytest.raises(InputError, match="Reach: level must be a number above 0 and at most 1; got 0"):
        reach.within(normal(2), level=0)
    with pytest.raises(InputError, match=r"Reach: answers must be one per vector, 2; got 1. Pass them in one order"):
        reach.abstain(["cat"], normal(2), level=0.9)


@pytest.mark.parametrize("bad", [[[np.nan, 0, 0]], [[1.0, 2.0]], [["a", "b", "c"]]])
def test_hostile_vectors_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"NaN|features|could not convert"):
        Reach().fit(normal(20)).distances(bad)


# -- keeping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"measure": "nearest", "n_neighbors": 3}, {"normalize": False}])
def test_saved_and_loaded_says_the_same(params: dict[str, Any], tmp_path: Path) -> None:
    reach = Reach(**params).fit(normal(120))
    reach.save(tmp_path / "reach.safetensors")
    loaded = Reach.load(tmp_path / "reach.safetensors")
    assert loaded.get_params() == reach.get_params()
    X = 3 * normal(30, seed=1)
    np.testing.assert_array_equal(loaded.distances(X), reach.distances(X))
    np.testing.assert_array_equal(loaded.within(X), reach.within(X))


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    reach = Reach(random_state=np.random.RandomState(0)).fit(normal(20))
    with pytest.raises(ModelError, match="Reach: random_state must be a whole number or None to be saved"):
        reach.save(tmp_path / "reach.safetensors")


def test_damaged_files(tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    path = tmp_path / "reach.safetensors"
    with pytest.raises(ModelError, match=r"Reach: .*must exist; it is missing"):
        Reach.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="is no reach that unseen saved"):
        Reach.load(path)
    Reach().fit(normal(20)).save(path)
    tensors = load(path.read_bytes())
    card = {"format": "unseen-reach", "version": 1, "params": Reach().get_params()}

    def written(card: dict[str, Any], **changed: Any) -> Path:
        path.write_bytes(save({**tensors, **changed}, metadata={"unseen": json.dumps(card)}))
        return path

    assert Reach.load(written(card)).n_features_in_ == 3
    nan = np.full(20, np.nan)
    for changed in (
        {"held_out_": nan},
        {"held_out_": tensors["held_out_"][::-1].copy()},
        {"held_out_": tensors["held_out_"][:5]},
        {"axes_": tensors["axes_"][:, :1].copy()},
        {"mean_": tensors["mean_"][:2].copy()},
        {"variances_": -tensors["variances_"]},
        {"floor_": np.array(0.0)},
        {"bank_": np.zeros((20, 3))},
        {"mean_": tensors["mean_"].astype(np.float32)},
        {"mean_": np.array(1.0)},
    ):
        with pytest.raises(ModelError, match="is no reach that unseen saved"):
            Reach.load(written(card, **changed))
    for params in ({"measure": "cosine"}, {"normalize": "yes"}, {"n_neighbors": 20}, {"other": 1}):
        with pytest.raises(ModelError, match="is no reach that unseen saved"):
            Reach.load(written({**card, "params": {**card["params"], **params}}))
    for other in ({**card, "version": 2}, {**card, "format": "x"}, {}, {**card, "params": 3}):
        with pytest.raises(ModelError, match="is no reach that unseen saved"):
            Reach.load(written(other))


# -- the finding -------------------------------------------------------------------------------------------------


def test_finding_names_the_farthest() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib draws the pictures")
    reach = Reach(normalize=False).fit(normal(200))
    X = normal(20, seed=1) / 3
    X[4], X[7] = 9, 20
    finding = measure_reach(reach, X, names=[f"photo-{i}.jpg" for i in range(20)])
    assert [row["item"] for row in finding.rows] == ["photo-7.jpg", "photo-4.jpg"]
    assert finding.figures["out"] == 2
    assert finding.figures["share"] == 0.1
    # Two or more of twenty at a chance of 0.01 each: 1 - 0.99^20 - 20 * 0.01 * 0.99^19 = 0.0169.
    assert finding.figures["p_value"] == pytest.approx(0.0169, abs=1e-4)
    assert finding.severity == "none"
    X[8] = 30
    assert measure_reach(reach, X).severity == "mild"
    assert measure_reach(reach, X).rows[0]["item"] == "vector 8"
    assert measure_reach(reach, X + 9).severity == "strong"
    assert json.dumps(finding.to_dict())
    axes = figure.Figure().subplots()
    assert finding.draw is not None
    finding.draw(axes)
    assert axes.get_xlabel()


def test_finding_errors() -> None:
    reach = Reach().fit(normal(200))
    with pytest.raises(InputError, match="measure_reach: names must be one per vector, 2; got 1"):
        measure_reach(reach, normal(2), names=["a"])
    with pytest.raises(InputError, match="measure_reach: reach must be a fitted Reach; got 3"):
        measure_reach(3, normal(2))  # type: ignore[arg-type]


# -- real data ---------------------------------------------------------------------------------------------------


def test_noise_is_out_of_reach_and_photos_are_not(data: Path) -> None:
    encoder = unseen.Recognizer.load().encoder
    files = sorted((data / "photos" / "imagenet500").glob("*.jpg"))[::4]
    reach = Reach().fit(encoder.encode_images(files))
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(10)]
    photos = sorted((data / "photos" / "caltech51").glob("*/*.jpg"))[::20]
    assert reach.within(encoder.encode_images(noise)).mean() <= 0.2
    assert reach.within(encoder.encode_images(photos)).mean() >= 0.9
