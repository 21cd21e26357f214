"""The diagnosis of hubness, by hand."""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from scipy.stats import skew

from unseen.diagnosis.hubness import measure_hubness
from unseen.errors import InputError

mpl.use("Agg")

NAMES = ["lion", "lynx", "bobcat", "puma", "cat"]
# Ten samples: seven lions, three lynxes, and nothing else.
SCORES = np.array([[9, 5, 1, 1, 1]] * 7 + [[1, 9, 5, 1, 1]] * 3)


def test_figures_by_hand() -> None:
    found = measure_hubness(SCORES, NAMES, [0, 0, 1, 1, 2, 2, 3, 1, 1, 4])
    assert found.figures["skewness"] == pytest.approx(skew([7, 3, 0, 0, 0]))
    # The mean is 2: one class, the lion, is the answer to more than 4; three are nobody's.
    assert (found.figures["hubs"], found.figures["hub_share"], found.figures["antihub_share"]) == (1.0, 0.7, 0.6)
    assert found.figures["robin_hood"] == 0.6  # 5 of the lion's places, 1 of the lynx's
    assert list(found.rows[:3]) == [
        {"class": "lion", "occurrence": 7, "share": 0.7, "kind": "hub", "samples": 2, "right": 2 / 7},
        {"class": "lynx", "occurrence": 3, "share": 0.3, "kind": "", "samples": 4, "right": 2 / 3},
        {"class": "bobcat", "occurrence": 0, "share": 0.0, "kind": "antihub", "samples": 2, "right": None},
    ]
    assert (found.failure, found.severity) == ("hubness", "mild")
    assert found.verdict == (
        "Skewness of N_1 is 0.97. Hubs, the answer to more than twice as many images as the mean: 'lion' (70%). They "
        "take 70% of all places. 3 of 5 classes are the answer to none."
    )
    json.dumps(found.to_dict(), allow_nan=False)


def test_two_best_places() -> None:
    found = measure_hubness(SCORES, NAMES, k=2)
    # lion 7, lynx 7 + 3, bobcat 3; the mean is 4, so the lynx is a hub.
    assert [row["occurrence"] for row in found.rows] == [10, 7, 3, 0, 0]
    assert [row["kind"] for row in found.rows] == ["hub", "", "", "antihub", "antihub"]
    assert "'lynx' (100%)" in found.verdict
    assert "samples" not in found.rows[0]


def test_even_classes_have_no_hub() -> None:
    found = measure_hubness(np.eye(5), NAMES)
    assert (found.severity, found.figures["skewness"], found.figures["hubs"]) == ("none", 0.0, 0.0)
    assert found.verdict == (
        "Skewness of N_1 is 0.00. No class is the answer to more than twice as many images as the mean. Every class is "
        "the answer to some. That is 5 images for 5 classes: too few to tell."
    )


def test_one_class_that_is_everything_is_strong() -> None:
    assert measure_hubness(np.tile(np.eye(5)[2], (4, 1)), NAMES).severity == "strong"  # skewness 1.5


@pytest.mark.parametrize(("n_classes", "shown"), [(5, 5), (40, 40), (80, 60)])
def test_the_picture(n_classes: int, shown: int) -> None:
    from matplotlib.figure import Figure

    scores = np.zeros((30, n_classes))
    scores[:, 3] = 1
    axes = Figure().subplots()
    found = measure_hubness(scores, [f"class {i}" for i in range(n_classes)])
    assert found.draw is not None
    found.draw(axes)
    assert len(axes.patches) == shown
    assert axes.patches[0].get_hatch()
    assert not axes.patches[1].get_hatch()
    assert axes.get_xlabel() == "classes, most frequent first" + (" (the first 60 of 80)" if n_classes > 60 else "")
    assert axes.get_ylabel() == "images"
    assert len(axes.get_xticklabels()) == (n_classes if n_classes <= 30 else 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"names": NAMES[1:]}, "measure_hubness: names must be 5 strings, one per column of scores; got 4 entries"),
        ({"k": 6}, "k must be at most the 5 columns of scores; got 6"),
        ({"k": 0}, "k must be a whole number at least 1; got 0"),
        ({"y": [0]}, "measure_hubness: y and scores must be of shapes"),
        ({"scores": [[np.nan] * 5]}, "scores must be finite"),
    ],
)
def test_what_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        measure_hubness(**{"scores": SCORES, "names": NAMES, **change})
