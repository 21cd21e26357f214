"""The recogniser: loading, saving, and the main job from Python."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import unseen
from unseen.decision.calibration import Decision
from unseen.encoders.base import Encoder
from unseen.encoders.default import default_folder
from unseen.errors import InputError, ItemError, ModelError
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Head, Recognizer
from unseen.tasks.classify import classify_images, classify_texts
from unseen.tasks.judge import top_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VOCABULARY = unseen.Vocabulary.from_names(["cat", "coffee", "rocket"])
TOPICS = unseen.Vocabulary.from_names(["sport", "money", "weather"])


@pytest.fixture(scope="module")
def rec() -> Recognizer:
    return Recognizer.load()


@pytest.fixture(scope="module")
def photos(root: Path) -> Path:
    return root / "examples" / "photos"


def test_photos_are_recognised_by_class_name(rec: Recognizer, photos: Path) -> None:
    files = [photos / f"{name}.jpg" for name in ("cat", "coffee", "rocket")]
    assert rec.classify(files, VOCABULARY).best() == ["cat", "coffee", "rocket"]


def test_every_way_of_handing_in_a_photo_gives_the_same(rec: Recognizer, photos: Path) -> None:
    path = photos / "cat.jpg"

    def generator() -> Iterator[Any]:
        yield path

    with Image.open(path) as picture:
        picture.load()
    ways: list[Any] = [path, str(path), [path], generator(), path.read_bytes(), picture, [picture]]
    # A file can be decoded at reduced scale, pixels cannot: hence a tolerance, and a tight one among pixels.
    results = [rec.classify(way, VOCABULARY).probabilities for way in ways]
    for result in results[1:]:
        assert result == pytest.approx(results[0], abs=0.02)
    pixels = rec.classify(np.asarray(picture), VOCABULARY).probabilities
    assert pixels == pytest.approx(results[5], abs=1e-6)


def test_a_folder_is_searched(rec: Recognizer, photos: Path) -> None:
    result = rec.classify(photos, VOCABULARY, top_k=2)
    assert len(result) == len(list(photos.glob("*.jpg")))
    assert result.top.shape == (len(result), 2)
    assert [row["rank"] for row in result.rows()[:4]] == [1, 2, 1, 2]


def test_texts_are_recognised(rec: Recognizer) -> None:
    result = rec.classify_text(["It will rain tomorrow", "She won the match", "My bank raised its fees"], TOPICS)
    assert result.best() == ["weather", "sport", "money"]


def test_probabilities_sum_to_one_and_ranks_descend(rec: Recognizer, photos: Path) -> None:
    result = rec.classify(photos, VOCABULARY, top_k=10)
    assert result.probabilities.shape[1] == 3
    assert result.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (np.diff(result.probabilities, axis=1) <= 0).all()
    assert ((result.known >= 0) & (result.known <= 1)).all()


def test_the_answer_does_not_depend_on_the_neighbours(rec: Recognizer, photos: Path) -> None:
    files = sorted(photos.glob("*.jpg"))
    together = rec.classify(files, VOCABULARY).probabilities
    alone = np.concatenate([rec.classify(file, VOCABULARY).probabilities for file in files[:3]])
    assert alone == pytest.approx(together[:3], abs=1e-5)


def test_unknown_below(rec: Recognizer, photos: Path) -> None:
    files = sorted(photos.glob("*.jpg"))
    never, always = rec.classify(files, VOCABULARY), rec.classify(files, VOCABULARY, unknown_below=1)
    assert not never.unknown.any()
    assert always.unknown.all()
    assert always.best() == [None] * len(files)
    middle = float(np.median(never.known))
    assert rec.classify(files, VOCABULARY, unknown_below=middle).unknown.tolist() == (never.known < middle).tolist()


def test_an_unusable_item_is_a_row_and_strict_raises(rec: Recognizer, photos: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    result = rec.classify([photos / "cat.jpg", bad], VOCABULARY)
    assert result.best() == ["cat", None]
    assert result.errors[0] is None
    assert "empty" in str(result.errors[1])
    with pytest.raises(ItemError, match=r"classify: .*bad.jpg: .*empty.* Leave it out, or run without strict"):
        rec.classify([photos / "cat.jpg", bad], VOCABULARY, strict=True)


def test_the_settings_say_what_made_the_answer(rec: Recognizer, photos: Path) -> None:
    settings = rec.classify(photos / "cat.jpg", VOCABULARY, unknown_below=0.3).settings
    assert settings["model"] == "default"
    assert settings["vocabulary_fingerprint"] == VOCABULARY.fingerprint
    assert settings["unknown_below"] == 0.3
    assert len(settings["model_fingerprint"]) == 64


def test_answers_stream(rec: Recognizer, photos: Path) -> None:
    drawn = 0

    def endless() -> Iterator[Path]:
        nonlocal drawn
        while True:
            drawn += 1
            yield photos / "cat.jpg"

    answers = classify_images(rec, endless(), VOCABULARY)
    first = next(answers)
    assert first.predictions.best()[0] == "cat"
    assert drawn < 200
    answers.close()  # type: ignore[attr-defined]


def test_the_pieces_agree_with_the_whole(rec: Recognizer, photos: Path) -> None:
    X, prototypes = rec.encode_images(photos), rec.prototypes(VOCABULARY)
    scores = rec.class_scores(X, prototypes)
    assert scores.shape == (len(X), 3)
    expected = rec.heads["image"].decision.probabilities(scores).max(axis=1)
    assert rec.classify(photos, VOCABULARY, top_k=1).probabilities[:, 0] == pytest.approx(expected, abs=1e-5)


def test_saved_and_loaded_it_answers_the_same(rec: Recognizer, photos: Path, tmp_path: Path) -> None:
    rec.save(tmp_path / "model")
    again = Recognizer.load(tmp_path / "model")
    assert again.fingerprint == rec.fingerprint
    a, b = rec.classify(photos, VOCABULARY), again.classify(photos, VOCABULARY)
    assert a.rows() == b.rows()
    with pytest.raises(InputError, match="folder must be empty or new"):
        rec.save(tmp_path / "model")


def test_a_folder_of_ones_own_encoder_is_saved_with_it(tmp_path: Path) -> None:
    from unseen.encoders.onnx import OnnxEncoder

    encoder = OnnxEncoder(default_folder() / "encoder")
    own = Recognizer(encoder, heads={"text": Head(Cosine(), Decision(0.05))})
    own.save(tmp_path / "model")
    again = Recognizer.load(tmp_path / "model")
    assert again.fingerprint == own.fingerprint
    assert again.classify_text(["It will rain"], TOPICS).best() == ["weather"]
    with pytest.raises(InputError, match="the input must be text; got 'image'"):
        again.classify(np.zeros((8, 8, 3), np.uint8), TOPICS)


def test_a_place_within_the_encoders_own_folder(rec: Recognizer, tmp_path: Path) -> None:
    from unseen.encoders.onnx import OnnxEncoder

    source = shutil.copytree(default_folder() / "encoder", tmp_path / "networks")
    own = Recognizer(OnnxEncoder(source), heads=rec.heads)
    files = {path.name for path in source.iterdir()}
    own.save(source / "mine")
    assert {path.name for path in (source / "mine" / "encoder").iterdir()} == files
    assert Recognizer.load(source / "mine").fingerprint == own.fingerprint


def test_the_fingerprint_knows_what_a_method_inside_has_learned(rec: Recognizer) -> None:
    from unseen.methods.borrowing.tip_adapter import TipAdapter
    from unseen.methods.projection.ridge import Ridge

    rng = np.random.default_rng(0)
    p = unseen.Prototypes(["a", "b", "c"], rng.normal(size=(3, 4)))
    X, y = rng.normal(size=(9, 6)), np.repeat(p.names, 3)
    found = set()
    for learned in (X, X[::-1]):  # of the same classes, so that the weights alone differ
        inner = Ridge().fit(learned, y, prototypes=p)
        told = TipAdapter(1.0, beta=5.0).adapt(inner, X[:2], y[[0, 3]], prototypes=p)
        found.add(Recognizer(rec.encoder, heads={"image": Head(told, Decision())}).fingerprint)
    assert len(found) == 2


def test_the_fingerprint_knows_every_digit_of_a_method(rec: Recognizer) -> None:
    from unseen.methods.projection.ridge import Ridge

    prototypes = unseen.Prototypes(["a", "b", "c"], np.eye(3))
    found = set()
    for alpha in (0.1, 0.1 + 1e-16):
        for nothing in (Ridge(alpha=alpha), Ridge(alpha=alpha).fit(np.eye(3), prototypes.names, prototypes=prototypes)):
            found.add(Recognizer(rec.encoder, heads={"image": Head(nothing, Decision())}).fingerprint)
    assert len(found) == 4


def test_an_encoder_nobody_registered_is_not_saved(tmp_path: Path) -> None:
    class Foreign(Encoder):
        name, modalities, image_dim, text_dim = "foreign", frozenset({"text"}), None, 1
        image_size, shared_space, fingerprint = 0, False, "f"

        def prepare_image(self, content: Any) -> Any:
            return content

        def _encode_pixels(self, pixels: Any) -> Any:
            return pixels

        def _encode_texts(self, texts: Any) -> Any:
            return np.ones((len(texts), 1), np.float32)

    with pytest.raises(ModelError, match="Foreign must be a registered encoder to be saved; it is not"):
        Recognizer(Foreign(), heads={}).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_models_of_other_libraries_are_loaded_saved_and_loaded_again(tmp_path: Path, photos: Path) -> None:
    from tests.tiny_models import tiny_clip, tiny_sentence_transformer, tiny_siglip

    pytest.importorskip("transformers")
    files = [photos / "cat.jpg", photos / "coffee.jpg"]
    for make, activation in ((tiny_clip, "softmax"), (tiny_siglip, "sigmoid")):
        folder = make(tmp_path / activation)
        rec = Recognizer.load(f"hf:{folder}")
        assert rec.head("image").decision.activation == activation
        found = rec.classify(files, VOCABULARY)
        own = Recognizer(rec.encoder, heads=rec.heads, background=["grass"])
        for one, name in ((rec, "plain"), (own, "grass")):
            one.save(tmp_path / activation / name)
            again = Recognizer.load(tmp_path / activation / name)
            assert (again.fingerprint, again.background) == (one.fingerprint, one.background)
        assert own.fingerprint != rec.fingerprint
        assert Recognizer.load(tmp_path / activation / "plain").classify(files, VOCABULARY).rows() == found.rows()
        card = json.loads((tmp_path / activation / "plain" / "recognizer.json").read_text())
        assert card["encoder"] == f"hf:{folder}"
        assert "background" not in card
        # Another model under the old name would be asked about what it was not fitted to.
        settings = json.loads((folder / "preprocessor_config.json").read_text())
        (folder / "preprocessor_config.json").write_text(
            json.dumps({**settings, "resample": 2 + 1 * (make is tiny_siglip)})
        )
        with pytest.raises(ModelError, match=r"was saved with another model than 'hf:.*' is now: their files differ"):
            Recognizer.load(folder / "plain")
    texts = Recognizer.load(f"sentence-transformers:{tiny_sentence_transformer(tmp_path / 'texts')}")
    assert list(texts.heads) == ["text"]
    assert texts.classify_text(["sport"], TOPICS).best() == ["sport"]
    with pytest.raises(ModelError, match=r"must hold recognizer.json or encoder.json.*such as hf:"):
        Recognizer.load(tmp_path / "texts")


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_probabilities_are_those_of_transformers(tmp_path: Path, photos: Path, kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    from tests import tiny_models

    folder = {"clip": tiny_models.tiny_clip, "siglip": tiny_models.tiny_siglip}[kind](tmp_path)
    labels = ["cat", "zebra", "a cup of coffee", "snow"]
    files = [str(photos / f"{name}.jpg") for name in ("cat", "coffee", "rocket")]
    theirs = transformers.pipeline("zero-shot-image-classification", model=str(folder), device="cpu")(
        files, candidate_labels=labels, hypothesis_template="This is a photo of {}."
    )
    rec = Recognizer.load(f"hf:{folder}")
    vocabulary = unseen.Vocabulary.from_names(labels, templates=["This is a photo of {name}."])
    ways: list[dict[str, Any]] = [{}]
    if kind == "siglip":
        ways.append({"multi_label": True, "threshold": 0.0})
    for options in ways:
        found = rec.classify(files, vocabulary, **options)
        for i, expected in enumerate(theirs):
            ours = {found.names[position]: p for position, p in zip(found.top[i], found.probabilities[i], strict=True)}
            assert ours == pytest.approx({one["label"]: one["score"] for one in expected}, abs=1e-5)


def test_a_folder_of_an_encoder_alone_is_a_recogniser() -> None:
    with pytest.raises(InputError, match="that share a space"):
        Recognizer.load(default_folder() / "encoder")


def test_a_place_that_is_taken(rec: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(InputError, match=r"^Recognizer: folder must be empty or new; got .*Choose another folder"):
            rec.save(taken)


def test_a_place_that_cannot_be_written(rec: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^Recognizer: .*file/model cannot be written: Not a directory\. Check that"):
        rec.save(tmp_path / "file" / "model")


def test_a_device_is_passed_on(rec: Recognizer, tmp_path: Path) -> None:
    from unseen.encoders.onnx import OnnxEncoder

    rec.save(tmp_path / "default")
    own = OnnxEncoder(default_folder() / "encoder")
    Recognizer(own, heads={"text": Head(Cosine(), Decision(0.05))}).save(tmp_path / "own")
    for model in ("default", tmp_path / "default", str(tmp_path / "own")):
        for device in ("cpu", "auto"):
            assert Recognizer.load(model, device=device).encoder.fingerprint == rec.encoder.fingerprint
    for name, scheme in (("default", "default"), ("own", "onnx")):
        says = rf"{name} needs an encoder that cannot be loaded here\. load_encoder: device of {scheme} must be 'cpu'"
        with pytest.raises(ModelError, match=says):
            Recognizer.load(tmp_path / name, device="cuda")
    with pytest.raises(InputError, match="device of default must be 'cpu'; got 'cuda'"):
        Recognizer.load(device="cuda")
    with pytest.raises(InputError, match="device of onnx must be 'cpu'; got 'cuda'"):
        Recognizer.load(own.folder, device="cuda")


def test_a_model_is_a_name_or_a_folder() -> None:
    with pytest.raises(
        InputError, match=r"Recognizer: model must be a name or a folder; got 7\. `unseen models` lists"
    ):
        Recognizer.load(7)  # type: ignore[arg-type]


def test_a_card_that_is_a_pipe_or_endless(tmp_path: Path) -> None:
    path = tmp_path / "recognizer.json"
    os.mkfifo(path)
    with pytest.raises(
        ModelError, match=r"recognizer\.json cannot be read: is a pipe, not a file; it was not opened\."
    ):
        Recognizer.load(tmp_path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"recognizer\.json cannot be read: more than 16 MiB\."):
        Recognizer.load(tmp_path)


def test_an_unknown_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scheme:name, or a folder .* Did you mean .default."):
        Recognizer.load("defualt")
    with pytest.raises(InputError, match="`unseen models` lists what is there"):
        Recognizer.load("zzz")
    with pytest.raises(InputError, match=r"A model of the Hugging Face hub is 'hf:google/siglip'"):
        Recognizer.load("google/siglip")
    with pytest.raises(InputError, match=r"Did you mean 'hf:google/siglip'"):
        Recognizer.load("fh:google/siglip")
    with pytest.raises(ModelError, match=r"must hold recognizer.json or encoder.json; both are missing"):
        Recognizer.load(tmp_path)


@pytest.mark.parametrize(
    ("card", "match"),
    [
        ("{", "cannot be read"),
        ("[]", "recognizer.json must hold a JSON object; got"),
        ({"format": "x"}, "must be of format 'unseen-recognizer', version 1"),
        ({"version": 9}, "Update unseen"),
        ({"encoder": ["x"]}, "encoder must be a name or null"),
        ({"encoder": "defualt"}, "needs an encoder that cannot be loaded here. .* Did you mean .default."),
        ({"background": "grass"}, "background must be a list of texts or left out"),
        ({"heads": {}}, "heads must be of 'image' and 'text'"),
        ({"heads": {"smell": {}}}, "heads must be of 'image' and 'text'"),
        ({"heads": {"text": {}}}, "every head must have a decision"),
        ({"heads": {"text": {"decision": {"temperature": 0}}}}, r"text.safetensors must exist|saved parameters"),
    ],
)
def test_a_card_that_does_not_fit(tmp_path: Path, card: Any, match: str) -> None:
    if isinstance(card, dict):
        whole = {"format": "unseen-recognizer", "version": 1, "encoder": "default", "heads": {"text": {"decision": {}}}}
        card = json.dumps(whole | card)
    (tmp_path / "recognizer.json").write_text(card)
    with pytest.raises(ModelError, match=match):
        Recognizer.load(tmp_path)


def strangers_model(folder: Path, change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Path:
    """Write the default model into a folder, its image method's arrays and card changed."""
    import safetensors
    import safetensors.numpy

    shutil.copytree(default_folder(), folder)
    path = folder / "image.safetensors"
    with safetensors.safe_open(str(path), "numpy") as file:
        card = json.loads(file.metadata()["unseen"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
    change(tensors, card)
    safetensors.numpy.save_file(tensors, str(path), metadata={"unseen": json.dumps(card)})
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, card: tensors.update(dual_=tensors["dual_"][:5].copy()),
        lambda tensors, card: tensors.pop("coef_"),
        lambda tensors, card: card["params"].update(gamma="x"),
        lambda tensors, card: (card.update(method="cosine", params={}, values={}), tensors.clear()),
    ],
    ids=["shape", "missing", "parameter", "another method"],
)
def test_a_method_that_does_not_fit_is_refused_when_it_is_loaded(tmp_path: Path, change: Any) -> None:
    with pytest.raises(ModelError, match=r"image.safetensors does not fit the encoder: .*Save the model again\."):
        Recognizer.load(strangers_model(tmp_path / "model", change))


def test_a_copy_of_the_default_model_loads(tmp_path: Path) -> None:
    assert Recognizer.load(strangers_model(tmp_path / "model", lambda tensors, card: None)).heads


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"top_k": 0}, "top_k must be a whole number at least 1; got 0"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"unknown_below": 1.5}, "unknown_below must be a number at least 0 and at most 1; got 1.5"),
        ({"unknown_below": "x"}, "unknown_below must be a number"),
    ],
)
def test_options_are_checked_before_anything_is_read(rec: Recognizer, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        classify_images(rec, iter([]), VOCABULARY, **options)
    with pytest.raises(InputError, match=match):
        classify_texts(rec, iter([]), VOCABULARY, **options)


def test_a_list_is_no_vocabulary(rec: Recognizer) -> None:
    with pytest.raises(InputError, match=r"vocabulary must be an unseen.Vocabulary"):
        rec.classify_text(["a"], ["sport", "money"])  # type: ignore[arg-type]


def test_nothing_to_do_is_a_mistake(rec: Recognizer) -> None:
    with pytest.raises(InputError, match="source must be at least one text; got none"):
        rec.classify_text([], TOPICS)
    with pytest.raises(InputError, match="images"):
        rec.classify([], VOCABULARY)


def test_with_one_class_its_probability_is_that_of_being_of_it(rec: Recognizer, photos: Path) -> None:
    files = [photos / "cat.jpg", photos / "coffee.jpg"]
    result = rec.classify(files, unseen.Vocabulary.from_names(["cat"]))
    assert result.probabilities[:, 0].tolist() == result.known.tolist()
    assert result.known[0] > 0.5 > result.known[1]


def test_names_are_looked_up_for_images_only(rec: Recognizer) -> None:
    okapi = unseen.Vocabulary.from_names(["okapi"])
    looked_up, plain = rec.prototypes(okapi), rec.prototypes(okapi, modality="text")
    assert looked_up != plain
    assert plain.vectors == pytest.approx(rec.encoder.encode_texts(["okapi"]), abs=1e-6)
    described = unseen.Vocabulary([unseen.ClassEntry("okapi", descriptions=("Striped legs.",))])
    assert rec.prototypes(described) == rec.prototypes(described, modality="text")


def test_top_classes_breaks_ties_by_column_and_agrees_for_many_classes() -> None:
    assert top_classes(np.array([[1.0, 2.0, 2.0, 0.0]]), 3).tolist() == [[1, 2, 0]]
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 50, size=(20, 3000)).astype(float)  # many ties
    assert np.array_equal(top_classes(scores, 7), np.argsort(-scores, axis=1, kind="stable")[:, :7])
