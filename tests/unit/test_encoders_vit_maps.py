"""Maps of vision transformers: equal to a computation written out by hand, at the trained size and others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import erf, softmax
from tests import tiny_models

import unseen
from unseen.encoders.dense import dense_features

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.encoders.base import Encoder

pytest.importorskip("torch")
pytest.importorskip("transformers")

Array = np.ndarray[Any, Any]

KINDS = ["clip", "altclip", "chinese_clip", "metaclip2", "open_clip"]
PATCH, HEADS = 8, 2


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from unseen.encoders.open_clip import OpenClipEncoder
    from unseen.encoders.transformers import TransformersEncoder

    home = tmp_path_factory.mktemp("vits")
    folders = {kind: getattr(tiny_models, f"tiny_{kind}")(home / kind) for kind in KINDS}
    return {
        kind: (OpenClipEncoder if kind == "open_clip" else TransformersEncoder)(str(folder))
        for kind, folder in folders.items()
    }


def photos(n: int, height: int, width: int) -> Array:
    """Return smooth pictures, each another one."""
    from PIL import Image

    small = np.random.default_rng(7).integers(0, 256, (n, 5, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((width, height))) for one in small])


# -- the computation by hand, in float64 -------------------------------------------------------------------


def weights(encoder: Any) -> dict[str, Array]:
    """Return the weights of both libraries' networks by transformers' names."""
    state = {name: value.double().numpy() for name, value in encoder._model.state_dict().items()}
    if "visual.proj" not in state:
        return {name: value for name, value in state.items() if name.startswith("vis")}
    found = {
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "visual_projection.weight": state["visual.proj"].T,
    }
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj"}
    names |= {"mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    for end in ("weight", "bias"):
        found[f"vision_model.pre_layrnorm.{end}"] = state[f"visual.ln_pre.{end}"]
        found[f"vision_model.post_layernorm.{end}"] = state[f"visual.ln_post.{end}"]
        for i in range(2):
            ours, theirs = f"vision_model.encoder.layers.{i}", f"visual.transformer.resblocks.{i}"
            for name, other in names.items():
                found[f"{ours}.{other}.{end}"] = state[f"{theirs}.{name}.{end}"]
            for part, value in zip("qkv", np.split(state[f"{theirs}.attn.in_proj_{end}"], 3), strict=True):
                found[f"{ours}.self_attn.{part}_proj.{end}"] = value
    return found


def by_hand(encoder: Any, pixels: Array, *, positions: Array | None = None) -> Array:
    """Return the vectors (gh, gw, d) of one picture."""
    w = weights(encoder)
    config = getattr(encoder._model, "config", None)
    activation = config.vision_config.hidden_act if config is not None else "gelu"
    epsilon = config.vision_config.layer_norm_eps if config is not None else 1e-5

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
        return np.asarray(scaled * w[f"{name}.weight"] + w[f"{name}.bias"])

    def linear(x: Array, name: str) -> Array:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    image = pixels * np.asarray(encoder._scale) + np.asarray(encoder._offset)
    rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
    kernel = w["vision_model.embeddings.patch_embedding.weight"]  # (w, 3, p, p)
    patches = [
        np.einsum("hwc,kchw->k", image[PATCH * i : PATCH * (i + 1), PATCH * j : PATCH * (j + 1)], kernel)
        for i in range(rows)
        for j in range(columns)
    ]
    if positions is None:
        positions = w["vision_model.embeddings.position_embedding.weight"]
    x = np.stack([w["vision_model.embeddings.class_embedding"], *patches]) + positions
    x = norm(x, "vision_model.pre_layrnorm")
    for i in range(2):
        layer = f"vision_model.encoder.layers.{i}"
        inside = norm(x, f"{layer}.layer_norm1")
        q, k, v = (linear(inside, f"{layer}.self_attn.{part}_proj") for part in "qkv")
        size = q.shape[1] // HEADS
        found = np.zeros_like(v)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            a, b = q[:, part], k[:, part]
            if i == 0:
                looks = softmax(a @ b.T / math.sqrt(size), axis=1)
            else:
                looks = softmax(a @ a.T / math.sqrt(size), axis=1) + softmax(b @ b.T / math.sqrt(size), axis=1)
            found[:, part] = looks @ v[:, part]
        x = x + linear(found, f"{layer}.self_attn.out_proj")
        inner = linear(norm(x, f"{layer}.layer_norm2"), f"{layer}.mlp.fc1")
        quick = inner / (1 + np.exp(-1.702 * inner))
        plain = inner * (1 + erf(inner / math.sqrt(2))) / 2
        x = x + linear(quick if activation == "quick_gelu" else plain, f"{layer}.mlp.fc2")
    vectors = norm(x, "vision_model.post_layernorm")[1:] @ w["visual_projection.weight"].T
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.reshape(rows, columns, -1)


def cubic(t: float) -> Array:
    """Return the weights of the four places around one that is t behind the second (Keys, with a = -0.75)."""
    a, places = -0.75, np.array([1 + t, t, 1 - t, 2 - t])
    near = (a + 2) * places**3 - (a + 3) * places**2 + 1
    far = a * (places**3 - 5 * places**2 + 8 * places - 4)
    return np.where(places <= 1, near, far)


def moved(values: Array, n: int) -> Array:
    """Return values (m, …) at n places that cover the same length, bicubic; those beyond the ends are the last ones."""
    out = []
    for i in range(n):
        at = (i + 0.5) * len(values) / n - 0.5
        low = math.floor(at)
        places = np.clip(np.arange(low - 1, low + 3), 0, len(values) - 1)
        out.append(np.tensordot(cubic(at - low), values[places], 1))
    return np.stack(out)


# -- what is promised --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_at_the_trained_size_is_the_one_computed_by_hand(kind: str, encoders: dict[str, Any]) -> None:
    encoder = encoders[kind]
    assert (encoder.has_map, encoder.map_stride, encoder.map_side(35)) == (True, 8, 32)
    pixels = photos(2, 32, 32)
    vectors = encoder._encode_map(pixels)
    assert vectors.shape == (2, 4, 4, encoder.image_dim)
    assert vectors.dtype == np.float32
    for one, picture in zip(vectors, pixels, strict=True):
        expected = by_hand(encoder, picture)
        assert expected.std(axis=(0, 1)).max() > 0.01  # places differ
        np.testing.assert_allclose(one, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["clip", "open_clip"])
@pytest.mark.parametrize("shape", [(48, 72), (16, 64), (8, 8)])
def test_positions_are_interpolated_for_other_sizes(
    kind: str, shape: tuple[int, int], encoders: dict[str, Any]
) -> None:
    encoder = encoders[kind]
    pixels = photos(1, *shape)
    learned = weights(encoder)["vision_model.embeddings.position_embedding.weight"]
    grid = moved(learned[1:].reshape(4, 4, -1), shape[0] // 8)
    grid = moved(grid.swapaxes(0, 1), shape[1] // 8).swapaxes(0, 1)
    positions = np.concatenate([learned[:1], grid.reshape(-1, learned.shape[1])])
    expected = by_hand(encoder, pixels[0], positions=positions)
    np.testing.assert_allclose(encoder._encode_map(pixels)[0], expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_again_alone_or_in_a_batch(kind: str, encoders: dict[str, Any]) -> None:
    encoder = encoders[kind]
    pixels = photos(3, 40, 32)
    whole = encoder._encode_map(pixels)
    np.testing.assert_array_equal(encoder._encode_map(pixels), whole)
    for i in range(3):
        np.testing.assert_allclose(encoder._encode_map(pixels[i : i + 1])[0], whole[i], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=-1), 1, atol=1e-5)


def test_the_vectors_of_images_stay_what_they_were(encoders: dict[str, Any]) -> None:
    pixels = photos(2, 32, 32)
    for encoder in encoders.values():
        before = encoder._encode_pixels(pixels)
        encoder._encode_map(pixels)
        np.testing.assert_array_equal(encoder._encode_pixels(pixels), before)


def test_what_is_no_plain_vision_transformer_has_no_map(tmp_path: Path) -> None:
    from unseen.encoders.open_clip import OpenClipEncoder
    from unseen.encoders.transformers import TransformersEncoder

    found: list[Encoder] = [
        TransformersEncoder(str(tiny_models.tiny_siglip(tmp_path / "siglip"))),
        TransformersEncoder(str(tiny_models.tiny_align(tmp_path / "align"))),
        OpenClipEncoder(str(tiny_models.tiny_open_clip(tmp_path / "coca", coca=True))),
    ]
    for encoder in found:
        assert (encoder.has_map, encoder.map_stride) == (False, 0)
        with pytest.raises(NotImplementedError, match="Encoder has no map"):
            encoder._encode_map(photos(1, 32, 32))
        # Windows serve.
        assert dense_features(encoder, photos(1, 40, 50)[0], side=40).vectors.shape[2] == encoder.image_dim


def test_networks_of_open_clip_that_are_no_plain_vision_transformers() -> None:
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.transformer import VisionTransformer

    from unseen.encoders.vit_maps import vit_of_open_clip

    def made(**options: Any) -> Any:
        return VisionTransformer(16, 8, 16, 1, 2, 2.0, output_dim=8, **options)

    plain = vit_of_open_clip(made())
    assert plain is not None
    assert (plain.patch, plain.heads) == (8, 2)
    assert vit_of_open_clip(made(pool_type="avg")) is not None
    assert vit_of_open_clip(made(attentional_pool=True, attn_pooler_heads=2)) is None
    assert vit_of_open_clip(made(pool_type="none")) is None
    assert vit_of_open_clip(made(qk_norm=True)) is None
    assert vit_of_open_clip(VisionTransformer((16, 24), 8, 16, 1, 2, 2.0, output_dim=8)) is None
    assert vit_of_open_clip(ModifiedResNet((1, 1, 1, 1), output_dim=8, heads=2, image_size=32, width=4)) is None


@pytest.mark.parametrize("kind", ["clip", "open_clip"])
def test_dense_features_segment_and_detect_on_such_an_encoder(kind: str, encoders: dict[str, Any]) -> None:
    encoder = encoders[kind]
    picture = photos(1, 60, 90)[0]
    dense = dense_features(encoder, picture, side=40)
    assert dense.vectors.shape == (5, 8, encoder.image_dim)
    np.testing.assert_allclose(dense.step, (90 / 8, 60 / 5))

    rec = unseen.Recognizer.from_encoder(encoder)
    vocabulary = unseen.Vocabulary.from_names(["cat", "red car at night"])
    (masks,) = rec.segment([picture], vocabulary, background=[])
    assert masks.error is None
    assert masks.size == (90, 60)
    assert set(np.unique(masks.labels)) <= {0, 1}
    (boxes,) = rec.detect([picture], vocabulary, threshold=0.0)
    assert boxes.error is None
    assert np.isfinite(boxes.boxes).all()
