"""Published figures are read strictly, and set beside a result only where the two can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unseen.benchmark import Results, read_published, shipped_published, to_html, to_markdown
from unseen.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
method = "eszsl"
source = "A paper"
features = "ResNet-101"
n_features = 2048
split = "proposed"
tolerance = 0.03
[t1]
CUB = 0.539
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "paper.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_figure_and_when_it_is_another_thing(tmp_path: Path) -> None:
    found = read_published(written(tmp_path, GOOD))
    assert found.figure("t1", "cub") == 0.539
    assert found.figure("t1", "CUB100") is None
    assert found.figure("h", "CUB") is None
    assert found.not_comparable(2048, "data/CUB/att_splits.mat") == ""
    assert found.not_comparable(1280, "att_splits.mat") == "vectors of 1,280 numbers; the paper has ResNet-101"
    assert "other class vectors" in found.not_comparable(2048, "att_splits.mat", own_prototypes=False)
    assert found.not_comparable(2048, "random, seed 0") == "another split; the paper has the proposed one"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"eszsl"', '"eszls"', "no method is called 'eszls'"),
        ('source = "A paper"', "", "source is no text"),
        ("2048", "0", "n_features is no positive whole number"),
        ("0.03", "0.5", "tolerance is not above"),
        ("[t1]\nCUB = 0.539", "", "there is no table t1 or h"),
        ("0.539", "53.9", "a figure is not between"),
        ("tolerance", "seed = 1\ntolerance", "seed is no key"),
        ("[t1]", "[t1", "must be TOML"),
    ],
)
def test_a_wrong_file_is_refused(old: str, new: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        read_published(written(tmp_path, GOOD.replace(old, new)))


def test_those_that_ship() -> None:
    found = {one.method: one for one in shipped_published()}
    assert len(found) >= 12
    assert found["eszsl"].figure("t1", "AWA2") == 0.586
    assert found["gfzsl"].figure("h", "CUB") == 0.0


def results(name: str, n_features: int) -> Results:
    row: dict[str, Any] = dict.fromkeys(("t1", "t5", "u", "s", "h", "h_calibrated", "gamma", "ausuc", "ece"), 0.5)
    row |= dict.fromkeys(("n1_skewness", "validation", "fit_s", "select_s", "predict_s", "rss_mb"), 1.0)
    row |= {"dataset": name, "method": "eszsl", "family": "correspondence", "params": "ESZSL()", "seed": 0}
    row |= {"inductive": True, "test_openings": 1, "per_class": {}}
    parts = {part: {"samples": 10, "classes": 2} for part in ("trainval", "test_seen", "test_unseen")}
    summary = {"name": name, "features": n_features, "seen_classes": 2, "unseen_classes": 2, "parts": parts}
    summary |= {"split": "data/att_splits.mat", "fingerprint": "0"}
    settings = {"protocol": "gzsl", "objective": "accuracy", "version": "0", "seeds": 1}
    settings["class vectors"] = "those of the data set"
    return Results(summary, settings, (row,), ())


def test_a_report_says_not_comparable() -> None:
    text = to_markdown(results("AWA1", 1024))
    assert "`eszsl`: T1 0.582 published, not comparable: vectors of 1,024 numbers; the paper has ResNet-101" in text
    page = to_html(results("AWA1", 1024))
    assert "not comparable" in page
    same = to_markdown(results("AWA1", 2048))
    assert "`eszsl`: T1 0.582 published, 0.500 here: further apart than 0.030" in same
    assert "published" not in to_markdown(results("birds", 2048))
