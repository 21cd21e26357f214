"""What goes wrong with neural generators, and what is told then; files of theirs; real photos."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from tests.made import made

from unseen import Prototypes
from unseen.errors import InputError, MissingExtraError, ModelError
from unseen.methods.state import load_method, save_method
from unseen.registry import METHODS
from unseen.tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = [name for name in METHODS if METHODS.get(name).slow]
DATA = made(14, 4, 12, noise=0.3)
X, Y = DATA.learnable()
P = DATA.prototypes
SEEN = sorted(set(Y))
UNSEEN = [name for name in P.names if name not in SEEN]
QUICK = {"n_epochs": 3, "n_hidden": 16, "batch_size": 16, "learning_rate": 0.005, "n_synthetic": 10, "random_state": 0}
CHOOSING: dict[str, Any] = {"n_epochs": None, "max_epochs": 8}


def new(name: str, **changes: Any) -> Any:
    own = {"warmup": 4} if name == "cadavae" else {}
    return METHODS.get(name)(**QUICK | own | changes)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    """Return every generator, fitted; do not change them."""
    return {name: new(name).fit(X, Y, prototypes=P) for name in NAMES}


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    """Return every generator, fitted with epochs chosen on held-out classes; do not change them."""
    return {name: new(name, **CHOOSING).fit(X, Y, prototypes=P) for name in NAMES}


# -- training that went wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("cadavae", 1e6),
        ("cegzsl", 1e12),
        ("fclswgan", 1e15),
        ("fvaegan", 1e6),
        ("tfvaegan", 1e6),
        ("fclswgan", 1e6),
    ],
)
def test_exploding_training_is_told(name: str, rate: float) -> None:
    with pytest.raises(
        InputError,
        match=r"^[A-Z]+: learning_rate must be small enough for .*; got .*\. Try a tenth of it\.$",
    ):
        new(name, learning_rate=rate).fit(X, Y, prototypes=P)


def test_collapsed_training_is_told() -> None:
    # Codes that must look like noise say nothing: what decoders make up is then the same for all classes.
    method = new("cadavae", n_epochs=40, beta=3000.0, warmup=1, n_hidden=64)
    with pytest.warns(
        UserWarning,
        match=r"^CADAVAE: made-up examples vary between classes by 0\.00[01]\d of what real ones do: training has "
        r"collapsed, and what is made up says little\. Try another learning_rate, or more epochs\.$",
    ) as told:
        method.fit(X, Y, prototypes=P)
    assert told[0].filename == __file__
    assert method.spread_between_ < 0.002
    drawn = method.synthesize(P, n=200).mean(axis=1)
    real = np.array([method.scaled(X[name == Y]).mean(axis=0) for name in SEEN])
    assert drawn.var(axis=0).mean() < 0.03 * real.var(axis=0).mean()


@pytest.mark.parametrize("name", NAMES)
def test_sound_training_is_not_called_collapsed(name: str) -> None:
    method = new(name, n_epochs=20, n_hidden=64).fit(X, Y, prototypes=P)  # warnings are errors, so there is none
    assert 0.1 < method.spread_within_ < 10
    assert 0.1 < method.spread_between_ < 10


@pytest.mark.parametrize("name", NAMES)
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(
        InputError,
        match=r"^[A-Z]+: device must be a device of torch that is there, such as \"cpu\"; got 'nonsense'\. t",
    ):
        new(name, device="nonsense").fit(X, Y, prototypes=P)


@pytest.mark.parametrize("name", NAMES)
def test_without_torch(monkeypatch: pytest.MonkeyPatch, fitted: dict[str, Any], name: str) -> None:
    fresh = clone(fitted[name])
    monkeypatch.setitem(sys.modules, "torch", None)
    owner = type(fresh).__name__
    told = rf"^{owner} needs the package 'torch', which is not installed\. .*: pip install 'unseen\[neural\]'$"
    calls: list[Callable[[], Any]] = [
        lambda: fresh.fit(X, Y, prototypes=P),
        lambda: fitted[name].class_scores(X, prototypes=P.subset(P.names[1:7])),
        lambda: fitted[name].synthesize(P),
        lambda: fitted[name].scaled(X),
    ]
    for call in calls:
        with pytest.raises(MissingExtraError, match=told):
            call()


def test_the_bar(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    new("cadavae", **CHOOSING, verbose=True).fit(X, Y, prototypes=P)
    out, err = capfd.readouterr()
    assert out == ""
    assert "CADAVAE, held-out classes" in err
    assert "CADAVAE, all classes" in err
    assert "reconstruction" in err
    new("cadavae", n_epochs=1).fit(X, Y, prototypes=P)
    assert capfd.readouterr() == ("", "")


# -- parameters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("n_epochs", 0, r"a whole number at least 1; got 0\. Pass a whole number"),
        ("max_epochs", 0, r"a whole number at least 1; got 0\. Pass a whole number"),
        ("n_hidden", 2.5, r"a whole number at least 1; got 2\.5\. Pass a whole number"),
        ("batch_size", -1, r"a whole number at least 1; got -1\. Pass a whole number"),
        ("learning_rate", 0, r"a number above 0; got 0\. Pass a number"),
        ("learning_rate", float("nan"), r"a finite number above 0; got nan\. Pass a finite number"),
        ("n_synthetic", 1, r"a whole number at least 2; got 1\. Pass a whole number"),
        ("C", 0, r"a number above 0; got 0\. Pass a number"),
        ("n_components", 0, r"a whole number at least 1; got 0\. Pass a whole number"),
        ("normalize", "yes", r"True or False; got 'yes'\. Pass one of the two"),
        ("verbose", 1, r"True or False; got 1\. Pass one of the two"),
        ("validation_share", 0.6, r"a number at least 0 and at most 0\.5; got 0\.6\. Pass a number"),
        ("checkpoint", 3, r"text or None; got 3\. Pass a str"),
        ("device", 0, r"text or None; got 0\. Pass a str"),
        ("classifier", "lda", r"a scikit-learn classifier with .*, or None; got 'lda'\. Pass an instance such as"),
        ("random_state", "x", r"None, a whole number .*; got 'x'\. Pass a number to repeat a fit"),
    ],
)
def test_parameters(name: str, parameter: str, value: Any, expected: str) -> None:
    owner = METHODS.get(name).__name__
    with pytest.raises(InputError, match=rf"^{owner}: {parameter} must be {expected}"):
        new(name, **{parameter: value}).fit(X, Y, prototypes=P)


OWN = {
    "cadavae": {"n_latent": 0, "warmup": 0, "beta": -1, "gamma": -1, "delta": -1},
    "fclswgan": {"n_critic": 0, "gradient_penalty": -1, "beta": -1},
    "fvaegan": {"n_latent": 0, "n_critic": 0, "gradient_penalty": -1, "gamma": -1},
    "tfvaegan": {"n_latent": 0, "n_critic": 0, "gradient_penalty": -1, "gamma": -1, "beta": -1, "feedback": -1},
    "cegzsl": {
        "n_embedding": 0,
        "n_projection": 0,
        "n_critic": 0,
        "gradient_penalty": -1,
        "instance_contrast": -1,
        "class_contrast": -1,
        "contrast_temperature": 0,
    },
}


@pytest.mark.parametrize(
    ("name", "parameter", "value"), [(name, *item) for name, own in OWN.items() for item in own.items()]
)
def test_parameters_of_one_method(name: str, parameter: str, value: float) -> None:
    owner = METHODS.get(name).__name__
    with pytest.raises(
        InputError, match=rf"^{owner}: {parameter} must be a (whole )?number (at least|above) [01]; got {value}"
    ):
        new(name, **{parameter: value}).fit(X, Y, prototypes=P)


# -- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["fitted", "chosen"])
def test_saved_and_loaded(request: pytest.FixtureRequest, tmp_path: Path, name: str, how: str) -> None:
    method = request.getfixturevalue(how)[name]
    save_method(method, tmp_path / "m")
    again = load_method(tmp_path / "m")
    for given in (P, P.subset(UNSEEN), None):
        np.testing.assert_array_equal(again.class_scores(X, prototypes=given), method.class_scores(X, prototypes=given))
        np.testing.assert_array_equal(
            again.predict_proba(X, prototypes=given), method.predict_proba(X, prototypes=given)
        )
    np.testing.assert_array_equal(again.synthesize(P), method.synthesize(P))
    for key, value in vars(method).items():
        if key.endswith("_") and not isinstance(value, Prototypes):
            np.testing.assert_array_equal(getattr(again, key), value, err_msg=key)


def test_a_method_with_a_classifier_of_ones_own_cannot_be_saved(tmp_path: Path) -> None:
    method = new("cadavae", n_epochs=1, classifier=LogisticRegression()).fit(X, Y, prototypes=P)
    with pytest.raises(ModelError, match="LogisticRegression must be registered; it is not"):
        save_method(method, tmp_path / "m")


def changed(method: Any, path: Path, change: Any) -> Any:
    """Return a method that is loaded from a file that `change` had its hands on."""
    save_method(method, path)
    card, arrays = read_tensors(path, kind="unseen-method", version=1)
    change(card, arrays)
    write_tensors(path, arrays, card)
    return load_method(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda _, arrays: arrays.update(weights_=arrays["weights_"][:-1]),
        lambda _, arrays: arrays.update(weights_=np.zeros((2, 2), np.float32)),
        lambda _, arrays: arrays.update(sizes_=np.array([10, 6, 2**50])),
        lambda _, arrays: arrays.update(sizes_=np.array([10, 6, -1])),
        lambda _, arrays: arrays.update(sizes_=np.array([10, 6])),
        lambda _, arrays: arrays.update(sizes_=np.array([2.5, 6, 14])),
        lambda card, _: card["params"].update(n_hidden=2**50),
        lambda card, _: card["params"].update(n_hidden=2**62),
        lambda card, _: card["params"].update(n_hidden="16"),
        lambda card, _: card["params"].update(n_hidden=17),
    ],
)
def test_files_whose_networks_are_not_those_of_their_weights(
    fitted: dict[str, Any], tmp_path: Path, change: Any
) -> None:
    method = changed(fitted["fclswgan"], tmp_path / "m", change)
    with pytest.raises(
        ModelError,
        match=r"^FCLSWGAN: weights_ must be those of the networks .*; got .*\. Fit it again, or load it again\.$",
    ):
        method.class_scores(X, prototypes=P)


# -- real photos ----------------------------------------------------------------------------------------------


def test_birds_nobody_showed(data: Path) -> None:
    from unseen.datasets import read_dataset

    birds = read_dataset(data / "zsl" / "CUB100")
    vectors, labels = birds.learnable()
    names = sorted(set(labels))
    held = np.isin(labels, names[::5])
    method = METHODS.get("cadavae")(8, warmup=8, n_hidden=256, n_synthetic=50, random_state=0)
    method.fit(vectors[~held], labels[~held], prototypes=birds.prototypes)
    some = birds.prototypes.subset(names[::5])
    predicted = method.predict(vectors[held], prototypes=some)
    accuracy = np.mean([(predicted[labels[held] == name] == name).mean() for name in names[::5]])
    assert accuracy >= 3 / len(names[::5])
