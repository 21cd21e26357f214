"""Made-up examples beside real ones: by hand, with generators that do a known thing wrong, and with real methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tests.made import made

from unseen import Prototypes
from unseen.diagnosis import diagnose, measure_synthesis, measure_training, plot_training, to_html
from unseen.errors import InputError
from unseen.methods.projection.ridge import Ridge
from unseen.methods.synthesis.cadavae import CADAVAE
from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.report.pictures import draw_svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.diagnosis.finding import Finding

N, D = 40, 6
NAMES = [f"class {c}" for c in range(6)]
RNG = np.random.default_rng(0)
# Classes far apart beside their spread of one; a prototype is its class's centre.
P = Prototypes(NAMES, 20 * np.eye(D))
Y = np.repeat(NAMES, N)
X = np.repeat(P.vectors, N, axis=0) + RNG.normal(size=(len(Y), D))
# The last three are held out.
SPLIT = np.flatnonzero(np.repeat(np.arange(6) < 3, N)), np.flatnonzero(np.repeat(np.arange(6) >= 3, N))
QUICK: dict[str, Any] = {"max_epochs": 5, "n_hidden": 16, "batch_size": 16, "n_synthetic": 10, "random_state": 0}


class Painter(Synthesizer):
    """Makes up what it is told to: a function of prototype and number."""

    def __init__(self, paint: Callable[[Any, int], Any] | None = None) -> None:
        self.paint = paint

    def _fit(self, X: Any, y: Any, S: Any) -> None:
        """Learn nothing."""

    def _usual(self) -> int:
        return 3

    def _make(self, P: Any, n: int) -> Any:
        assert self.paint is not None
        return np.stack([self.paint(p, n) for p in P])

    def _place(self, X: Any) -> Any:
        return X


def look(paint: Callable[[Any, int], Any], **changes: Any) -> Finding:
    given: dict[str, Any] = {"prototypes": P, "split": SPLIT}
    return measure_synthesis(Painter(paint), X, Y, **given | changes)


def real_ones(p: Any, n: int) -> Any:
    mine = X[np.repeat(np.arange(6), N) == int(p.argmax())]
    return mine[:n]


def new_ones(p: Any, n: int) -> Any:
    return p + np.random.default_rng(1).normal(size=(n, D))


def test_new_vectors_of_the_same_classes() -> None:
    found = look(new_ones)
    assert found.severity == "none"
    f = found.figures
    assert f["mean_distance"] < 0.01
    assert f["spread"] == pytest.approx(1, abs=0.3)
    assert f["spread_between"] == pytest.approx(1, abs=0.1)
    assert f["mmd"] < 0.05
    assert f["coverage"] == pytest.approx(1 - 2**-5, abs=0.1)
    assert f["nearest_own"] == f["real_nearest_own"] == 1


def test_copies_of_the_real_ones() -> None:
    f = look(real_ones).figures
    assert f["mean_distance"] == pytest.approx(0, abs=1e-12)
    assert f["spread"] == f["spread_between"] == pytest.approx(1)
    assert f["mmd"] == pytest.approx(0, abs=1e-9)
    assert f["coverage"] == f["nearest_own"] == 1


def test_one_vector_for_each_class() -> None:
    found = look(lambda p, n: np.tile(p, (n, 1)))
    assert found.severity == "strong"
    assert found.figures["spread"] == 0
    assert found.figures["coverage"] < 0.5
    assert "nearly copies of one another" in found.verdict


def test_the_same_for_all_classes() -> None:
    found = look(lambda _, n: np.random.default_rng(1).normal(size=(n, D)))
    assert found.severity == "strong"
    assert found.figures["spread_between"] < 0.02
    assert "nearly the same whatever the class" in found.verdict


def test_classes_mixed_up() -> None:
    found = look(lambda p, n: new_ones(np.roll(p, 1) if p.argmax() < 5 else np.roll(p, -2), n))
    # Centres lie at 20 e_c, 400 (1 - 1/3) from their mean in squares, and 800 from each other.
    assert found.figures["mean_distance"] == pytest.approx(3, abs=0.1)
    # As far from the class as the two others are, half of whose vectors are of the same place.
    assert found.figures["mmd"] == pytest.approx(4 / 3, abs=0.15)
    assert found.figures["nearest_own"] == 0
    assert found.severity == "strong"
    assert "Descriptions say too little" in found.verdict


def test_a_guess_at_the_common_mean_is_one() -> None:
    found = look(lambda _, n: np.tile(X[SPLIT[1]].mean(axis=0), (n, 1)))
    assert found.figures["mean_distance"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("factor", "severity"), [(0.3, "mild"), (1.0, "none"), (3.0, "mild"), (0.05, "strong")])
def test_vectors_that_vary_too_little_or_too_much(factor: float, severity: str) -> None:
    found = look(lambda p, n: p + factor * np.random.default_rng(1).normal(size=(n, D)))
    assert found.figures["spread"] == pytest.approx(factor**2, rel=0.3)
    assert found.severity == severity
    assert ("scatter far wider" in found.verdict) == (factor == 3)


def test_rows_are_worst_first_and_the_picture_is_drawn() -> None:
    found = look(lambda p, n: new_ones(p + (3 * (p.argmax() == 4)), n))
    assert found.rows[0]["class"] == "class 4"
    assert len(found.rows) == 3
    assert found.draw is not None
    assert draw_svg(found.draw).startswith(b"<?xml")
    assert draw_svg(found.draw) == draw_svg(found.draw)


def test_vectors_of_one_number_are_drawn_on_a_line() -> None:
    def paint(p: Any, n: int) -> Any:
        return p.argmax() + 0.1 * np.random.default_rng(1).normal(size=(n, 1))

    line = np.repeat(np.arange(6.0), N)[:, None] + 0.1 * RNG.normal(size=(len(Y), 1))
    found = measure_synthesis(Painter(paint), line, Y, prototypes=P, split=SPLIT)
    assert found.draw is not None
    assert draw_svg(found.draw).startswith(b"<?xml")


def test_few_vectors_are_drawn_and_the_seed_says_which() -> None:
    one, two = (look(new_ones, max_per_class=10, random_state=seed) for seed in (0, 1))
    assert one.figures != two.figures
    assert look(new_ones, max_per_class=10, random_state=0).figures == one.figures


def test_without_a_split_a_third_of_the_classes_is_held_out() -> None:
    data = made(18, 3, 20, noise=0.5)
    vectors, y = data.learnable()
    found = measure_synthesis(GaussianSynthesis(random_state=0), vectors, y, prototypes=data.seen_prototypes)
    assert len(found.rows) == 6
    assert found.figures["nearest_own"] > 0.5


# -- what cannot be looked at ---------------------------------------------------------------------------------


def test_methods_that_make_up_nothing() -> None:
    with pytest.raises(
        InputError,
        match=r"^measure_synthesis: method must be one that makes up vectors; got Ridge\. Pass a neural generator or "
        r"GaussianSynthesis\.$",
    ):
        measure_synthesis(Ridge(), X, Y, prototypes=P)


def test_too_few_held_out_classes() -> None:
    split = SPLIT[0], SPLIT[1][:-N]
    with pytest.raises(
        InputError,
        match=r"^measure_synthesis: y must be of three held-out classes of four samples each; got 2\. Pass more "
        r"classes, or more samples of each\.$",
    ):
        look(new_ones, split=split)


@pytest.mark.parametrize("limit", [3, 4.5, "many"])
def test_too_few_vectors_of_a_class(limit: Any) -> None:
    with pytest.raises(InputError, match=r"^measure_synthesis: max_per_class must be a whole number at least 4; got"):
        look(new_ones, max_per_class=limit)


# -- training -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> CADAVAE:
    data = made(14, 3, 12, noise=0.3)
    vectors, y = data.learnable()
    return CADAVAE(**QUICK).fit(vectors, y, prototypes=data.seen_prototypes)


def test_training_is_told(trained: CADAVAE) -> None:
    found = measure_training(trained)
    assert found.figures["epochs"] == trained.n_epochs_
    assert found.figures["most"] == 5
    assert found.figures["held_out"] == trained.validation_curve_[:, 1].max()
    assert len(found.rows) == len(trained.validation_curve_)
    assert (found.severity == "mild") == (trained.n_epochs_ == 5)
    assert ("try twice the max_epochs" in found.verdict) == (trained.n_epochs_ == 5)
    assert found.draw is not None
    assert draw_svg(found.draw).startswith(b"<?xml")


def test_training_that_still_got_better(trained: CADAVAE) -> None:
    import copy

    longer = copy.copy(trained)
    longer.validation_curve_ = np.array([[1, 0.2], [5, 0.6]])
    longer.n_epochs_ = 5
    assert measure_training(longer).severity == "mild"
    longer.validation_curve_ = np.array([[1, 0.6], [5, 0.2]])
    longer.n_epochs_ = 1
    assert measure_training(longer).severity == "none"


def test_training_without_a_rehearsal() -> None:
    data = made(14, 3, 12, noise=0.3)
    vectors, y = data.learnable()
    method = CADAVAE(2, **QUICK).fit(vectors, y, prototypes=data.seen_prototypes)
    found = measure_training(method)
    assert "no classes were held out" in found.verdict
    assert found.figures == {"epochs": 2, "most": 2}
    assert found.draw is not None
    assert draw_svg(found.draw).startswith(b"<?xml")


def test_the_picture_has_every_loss_and_the_looks(trained: CADAVAE) -> None:
    left, right = plot_training(trained).axes
    assert [str(line.get_label()).split(" ")[0] for line in left.lines] == list(trained.loss_names_)
    for line, losses in zip(left.lines, trained.losses_.T, strict=True):
        drawn = np.asarray(line.get_ydata())
        np.testing.assert_allclose(drawn * np.abs(losses).max(), losses)
    np.testing.assert_array_equal(np.asarray(right.lines[0].get_xydata()), trained.validation_curve_)


@pytest.mark.parametrize("owner", [measure_training, plot_training])
def test_training_of_what_is_not_trained_by_epochs(owner: Any) -> None:
    with pytest.raises(
        InputError,
        match=rf"^{owner.__name__}: method must be a neural generator; got Ridge\. Pass CADAVAE or another that is "
        r"trained by epochs\.$",
    ):
        owner(Ridge())
    with pytest.raises(NotFittedError):
        owner(CADAVAE())


# -- as part of the whole -------------------------------------------------------------------------------------


def test_a_diagnosis_of_a_generator_looks_at_what_it_makes_up() -> None:
    data = made(15, 4, 10, noise=0.5)
    found = diagnose(data, CADAVAE(**QUICK | {"max_epochs": 2}))
    assert [one.failure for one in found.findings][-2:] == ["synthesis", "training"]
    # A slow method is not fitted again for remedies that would need it.
    assert {one.failure for one in found.effects} == {"bias", "hubness"}
    page = to_html(found)
    assert "Made-up examples" in page
    assert page.count("data:image/svg") == sum(one.draw is not None for one in found.findings)
    assert dict(data.openings) == {}


def test_a_diagnosis_of_gaussians_looks_at_what_they_make_up() -> None:
    found = diagnose(made(15, 4, 10, noise=0.5), GaussianSynthesis(random_state=0))
    assert [one.failure for one in found.findings][-1] == "synthesis"
    assert {one.failure for one in found.effects} >= {"domain_shift", "semantic_loss"}
