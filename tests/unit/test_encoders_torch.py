"""What encoders in torch share: their modules, their layouts, their tokenizers' twins, odd photos, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from unseen.encoders.loading import load_encoder
from unseen.encoders.onnx_card import prepare_options
from unseen.encoders.torch_towers import TorchEncoder, cut_strip
from unseen.errors import InputError, ItemError, ModelError
from unseen.inputs.images import prepare_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("hf", "clip", {}),
    ("hf", "siglip", {}),
    ("hf", "siglip2", {}),
    ("hf", "align", {}),
    ("hf", "chinese_clip", {}),
    ("open_clip", "open_clip", {}),
    ("open_clip", "open_clip", {"sigmoid": True}),
    ("open_clip", "open_clip", {"resize_mode": "longest"}),
    ("open_clip", "open_clip", {"coca": True}),
]
TEXTS = [*IMAGES, ("sentence-transformers", "sentence_transformer", {})]


@pytest.fixture(scope="module")
def load(tiny: Callable[..., Path]) -> Callable[..., TorchEncoder]:
    loaded: dict[str, TorchEncoder] = {}

    def get(scheme: str, kind: str, options: dict[str, Any]) -> TorchEncoder:
        spec = f"{scheme}:{tiny(kind, **options)}"
        if spec not in loaded:
            encoder = load_encoder(spec)
            assert isinstance(encoder, TorchEncoder)
            loaded[spec] = encoder
        return loaded[spec]

    return get


@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_the_image_module_is_what_encodes(load: Callable[..., TorchEncoder], case: Any) -> None:
    import torch

    encoder = load(*case)
    pixels = np.random.default_rng(0).integers(0, 256, (3, encoder.image_size, encoder.image_size, 3), dtype=np.uint8)
    with torch.no_grad():
        vectors = encoder.image_module().eval()(torch.from_numpy(pixels))
    assert vectors.dtype == torch.float32
    np.testing.assert_allclose(vectors.norm(dim=1).numpy(), 1, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_images(list(pixels)), vectors.numpy(), atol=1e-6)
    assert encoder.image_layout()["size"] == encoder.image_size


@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_the_text_module_is_what_encodes(load: Callable[..., TorchEncoder], case: Any) -> None:
    import torch

    encoder, layout = load(*case), load(*case).text_layout()
    ids, mask = encoder.tokenize(["a small bird on a wire", "zebra"])
    assert ids.dtype == mask.dtype == np.int64
    assert ids.shape == mask.shape
    if layout["padding"] == "max_length":
        assert ids.shape[1] == layout["max_length"]
    else:
        assert ids.shape[1] < layout["max_length"]
        assert (ids[1][mask[1] == 0] == layout["pad_id"]).all()
        assert (mask[1] == 0).any()
    with torch.no_grad():
        vectors = encoder.text_module().eval()(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        other = encoder.text_module().eval()(torch.from_numpy(ids), torch.from_numpy(mask * 0 + 1)).numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(encoder.encode_texts(["a small bird on a wire", "zebra"]), vectors, atol=1e-6)
    # CLIP looks at what comes before the end alone, so its mask changes nothing though it is read.
    if not layout["uses_mask"]:
        np.testing.assert_array_equal(vectors, other)
    elif case[1] in ("align", "chinese_clip", "sentence_transformer"):
        assert np.abs(vectors - other).max() > 1e-4


@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_the_layout_of_images_prepares_alike(load: Callable[..., TorchEncoder], root: Path, case: Any) -> None:
    encoder = load(*case)
    options = prepare_options(encoder.image_layout())
    for path in sorted((root / "examples" / "photos").glob("*.jpg"))[:6]:
        found = prepare_image(path, **{**options, "fast": False}).astype(int)
        apart = np.abs(found - encoder.prepare_image(path).astype(int))
        assert apart.mean() < 1
        assert np.quantile(apart, 0.99) <= 6


@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_the_serialised_tokenizer_gives_the_same_ids(load: Callable[..., TorchEncoder], case: Any) -> None:
    from tokenizers import Tokenizer

    encoder, layout = load(*case), load(*case).text_layout()
    written = encoder.tokenizer_json()
    assert written is not None
    twin = Tokenizer.from_str(written)
    twin.enable_truncation(layout["max_length"])

    # What open_clip repairs, such as "Ã©" for "é", is beyond a serialised tokenizer.
    letters = [chr(code) for code in range(32, 127) if chr(code) != "&"] + list("éñö")
    alphabet = st.sampled_from(letters) if case[0] == "open_clip" else st.characters(exclude_categories=["C"])

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text(alphabet, max_size=40))
    @example("It's a CAT, isn't it? 100% (really) <tag> under_score")
    @example("word " * 90)
    @example("")
    def check(text: str) -> None:
        ids = twin.encode(text).ids
        if layout["padding"] == "max_length":
            ids += [layout["pad_id"]] * (layout["max_length"] - len(ids))
        assert ids == encoder.tokenize([text])[0][0].tolist()

    check()


def test_a_tokenizer_without_a_twin_is_not_handed_out(
    load: Callable[..., TorchEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import Tokenizer, models

    encoder = load("hf", "clip", {})
    monkeypatch.setattr(encoder, "_tokenizer_twin", lambda: None)
    assert encoder.tokenizer_json() is None
    monkeypatch.setattr(encoder, "_tokenizer_twin", lambda: Tokenizer(models.BPE()))
    assert encoder.tokenizer_json() is None


@pytest.mark.parametrize("case", IMAGES, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (100_000, 2), (3, 70_000), (2000, 1)])
def test_photos_of_odd_shapes(load: Callable[..., TorchEncoder], case: Any, size: tuple[int, int]) -> None:
    encoder = load(*case)
    pixels = encoder.prepare_image(Image.new("RGB", size, (10, 200, 30)))
    assert pixels.shape == (32, 32, 3)
    middle = pixels[14:18, 14:18].reshape(-1, 3).astype(int)  # padded, one row of pixels may be all there is
    assert np.abs(middle - [10, 200, 30]).max(axis=1).min() <= 1


def test_only_long_strips_are_cut() -> None:
    array = np.arange(2 * 200 * 3).reshape(2, 200, 3).astype(np.uint8)
    image = Image.fromarray(array)
    np.testing.assert_array_equal(np.asarray(cut_strip(image)), array[:, 36:164])
    np.testing.assert_array_equal(np.asarray(cut_strip(image.transpose(Image.Transpose.TRANSPOSE))).shape, (128, 2, 3))
    short = Image.fromarray(array[:, :128])
    assert cut_strip(short) is short


def test_broken_photos_are_item_errors(load: Callable[..., TorchEncoder], tmp_path: Path) -> None:
    encoder = load("hf", "clip", {})
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    with pytest.raises(ItemError, match="truncated: the file ends before the picture does"):
        encoder.prepare_image(tmp_path / "a.jpg")


def test_a_library_that_fails_on_a_photo_is_an_item_error(
    load: Callable[..., TorchEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load("hf", "clip", {})

    def fail(image: Any) -> Any:
        raise ValueError("height and width must be > 0")

    monkeypatch.setattr(encoder, "_prepare", fail)
    with pytest.raises(ItemError, match="cannot be prepared at 7 x 5: height and width must be > 0"):
        encoder.prepare_image(np.zeros((5, 7, 3), np.uint8))
    monkeypatch.setattr(encoder, "_prepare", lambda image: np.zeros((31, 32, 3), np.uint8))
    with pytest.raises(ItemError, match=r"was prepared to uint8 of shape \(31, 32, 3\), not 32 squared"):
        encoder.prepare_image(np.zeros((5, 7, 3), np.uint8))


def test_a_device_that_cannot_run_a_network(tiny: Callable[..., Path]) -> None:
    encoder: Any = load_encoder(f"hf:{tiny('clip')}")
    encoder.device = "meta"  # moves there, and does not come back
    with pytest.raises(
        ModelError, match=r"must be one that device 'meta' can run; it could not: .*Take a smaller model"
    ):
        encoder.encode_texts(["zebra"])


def test_half_a_surrogate_pair_is_a_text(load: Callable[..., TorchEncoder]) -> None:
    for case in TEXTS:
        assert np.isfinite(load(*case).encode_texts(["cat \ud83d photo", "\udc80.jpg"])).all()


def test_sentence_encoders_take_no_images(load: Callable[..., TorchEncoder]) -> None:
    encoder = load("sentence-transformers", "sentence_transformer", {})
    calls: list[Callable[[], Any]] = [encoder.image_module, encoder.image_layout, lambda: encoder.prepare_image(b"")]
    calls.append(lambda: encoder.encode_images([np.zeros((4, 4, 3), np.uint8)]))
    for call in calls:
        with pytest.raises(InputError, match=r"the input must be text; got 'image'\. Choose a model that"):
            call()


def test_nan_weights_are_no_vectors(load: Callable[..., TorchEncoder], tiny: Callable[..., Path]) -> None:
    import torch

    encoder: Any = load_encoder(f"hf:{tiny('clip')}")
    with torch.no_grad():
        encoder._model.text_projection.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"the text network of hf:.* must give finite vectors of .*\(1, 24\); got NaN"):
        encoder.encode_texts(["zebra"])


def test_the_hosts_threads_are_left_alone(load: Callable[..., TorchEncoder]) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        encoder = load("hf", "clip", {})
        with ThreadPoolExecutor(3) as pool:
            assert len(list(pool.map(encoder.encode_texts, [["zebra"], ["cat", "dog"], ["soup"]] * 4))) == 12
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (("hf", "clip", {"logit_scale": 4.0}), ("softmax", np.exp(4.0), 0.0)),
        (("hf", "siglip", {"logit_scale": 2.0, "logit_bias": -7.5}), ("sigmoid", np.exp(2.0), -7.5)),
        (("hf", "siglip2", {"logit_scale": 2.0, "logit_bias": -7.5}), ("sigmoid", np.exp(2.0), -7.5)),
        (("hf", "align", {"temperature": 0.04}), ("softmax", 25.0, 0.0)),
        (("open_clip", "open_clip", {}), ("softmax", np.exp(2.6592), 0.0)),
        (("open_clip", "open_clip", {"sigmoid": True}), ("sigmoid", np.exp(2.6592), -2.0)),
    ],
    ids=str,
)
def test_how_models_read_a_cosine(load: Callable[..., TorchEncoder], case: Any, expected: Any) -> None:
    similarity = load(*case).similarity
    assert similarity is not None
    assert similarity.activation == expected[0]
    assert (similarity.scale, similarity.bias) == pytest.approx(expected[1:], rel=1e-3)


@pytest.mark.parametrize(
    ("case", "template"),
    [
        (("hf", "clip", {}), "a photo of a {name}."),
        (("hf", "siglip", {}), "This is a photo of {name}."),
        (("hf", "siglip2", {}), "This is a photo of {name}."),
        (("hf", "chinese_clip", {}), "一张{name}的照片。"),
        (("open_clip", "open_clip", {}), "a photo of a {name}."),
        (("open_clip", "open_clip", {"sigmoid": True}), "This is a photo of {name}."),
        (("sentence-transformers", "sentence_transformer", {}), "{name}"),
    ],
    ids=str,
)
def test_templates_by_kind(load: Callable[..., TorchEncoder], case: Any, template: str) -> None:
    assert load(*case).templates == (template,)
