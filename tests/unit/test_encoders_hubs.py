"""Models of the hubs: found on this machine or said to be missing, never downloaded, never unpickled."""

from __future__ import annotations

import json
import os
import shutil
import socket
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.encoders.loading import load_encoder
from unseen.encoders.model_files import digest_files, model_folder, read_json
from unseen.errors import InputError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMES = {"hf": "clip", "open_clip": "open_clip", "sentence-transformers": "sentence_transformer"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any, **_: Any) -> Any:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], Path]:
    """Return what puts a folder into a hub's cache of its own under an id."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))

    def put(identifier: str, folder: Path) -> Path:
        entry = cache / f"models--{identifier.replace('/', '--')}"
        (entry / "refs").mkdir(parents=True)
        (entry / "refs" / "main").write_text("0" * 40)
        return shutil.copytree(folder, entry / "snapshots" / ("0" * 40))

    return put


@pytest.fixture
def copy(tiny: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return what copies a tiny model, to be damaged."""
    return lambda kind, **options: shutil.copytree(tiny(kind, **options), tmp_path / f"damaged-{kind}")


def edit(path: Path, **changes: Any) -> None:
    card = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**card, **changes}), "utf-8")


# -- found -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_a_downloaded_model_is_the_folder_that_it_was(
    tiny: Callable[..., Path], hub: Callable[[str, Path], Path], scheme: str, kind: str
) -> None:
    folder = tiny(kind)
    hub("tiny-models/one", folder)
    prefix = "hf-hub:" if scheme == "open_clip" else ""
    downloaded, local = load_encoder(f"{scheme}:{prefix}tiny-models/one"), load_encoder(f"{scheme}:{folder}")
    assert downloaded.fingerprint == local.fingerprint
    assert downloaded.name == f"{scheme}:{prefix}tiny-models/one"
    np.testing.assert_array_equal(downloaded.encode_texts(["zebra"]), local.encode_texts(["zebra"]))


def test_a_revision(tiny: Callable[..., Path], hub: Callable[[str, Path], Path]) -> None:
    snapshot = hub("tiny-models/one", tiny("clip"))
    reference = snapshot.parents[1] / "refs" / "refs" / "pr" / "3"
    reference.parent.mkdir(parents=True)
    reference.write_text("1" * 40)
    shutil.copytree(tiny("siglip"), snapshot.parent / ("1" * 40))
    assert load_encoder("hf:tiny-models/one").fingerprint == load_encoder(f"hf:{tiny('clip')}").fingerprint
    other = load_encoder("hf:tiny-models/one@refs/pr/3")
    assert other.fingerprint == load_encoder(f"hf:{tiny('siglip')}").fingerprint


def test_weights_of_transformers_for_open_clip(copy: Callable[..., Path], tiny: Callable[..., Path]) -> None:
    folder = copy("clip")
    shutil.copy(tiny("open_clip") / "open_clip_config.json", folder)
    with pytest.raises(ModelError, match=r"cannot be loaded.*may be for transformers: try hf: in place of open_clip:"):
        load_encoder(f"open_clip:{folder}")


@pytest.mark.parametrize("prefix", ["", "local-dir:"])
def test_a_folder_of_open_clip_as_it_writes_it_itself(tiny: Callable[..., Path], prefix: str) -> None:
    folder = tiny("open_clip")
    assert load_encoder(f"open_clip:{prefix}{folder}").fingerprint == load_encoder(f"open_clip:{folder}").fingerprint


def test_an_architecture_of_open_clip_with_downloaded_weights(
    hub: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip
    from open_clip import factory, pretrained
    from safetensors.torch import save_file

    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    model_cfg = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny-16", model_cfg)
    monkeypatch.setitem(factory._MODEL_CONFIGS, "Tiny-16-quickgelu", {**model_cfg, "quick_gelu": True})
    tags = {
        "quick": pretrained._pcfg(hf_hub="tiny/tiny-16/", quick_gelu=True, mean=(0.1, 0.2, 0.3)),
        "plain": pretrained._pcfg(hf_hub="tiny/tiny-16/"),
        "named": pretrained._pcfg(hf_hub="tiny/tiny-16/pytorch_model.bin"),
        "absent": pretrained._pcfg(hf_hub="tiny/absent/"),
    }
    for name in ("Tiny-16", "Tiny-16-quickgelu"):
        monkeypatch.setitem(pretrained._PRETRAINED, name, tags)
    source = tmp_path / "source"
    source.mkdir()
    model = open_clip.CLIP(**model_cfg)
    save_file(model.state_dict(), source / "open_clip_model.safetensors")
    snapshot = hub("tiny/tiny-16", source)
    quick, plain = load_encoder("open_clip:Tiny-16/quick"), load_encoder("open_clip:Tiny-16/plain")
    # What the weights were trained with decides, whether or not the architecture's name says so.
    assert load_encoder("open_clip:Tiny-16-quickgelu/quick").fingerprint == quick.fingerprint
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for encoder, name, tag in ((quick, "Tiny-16-quickgelu", "quick"), (plain, "Tiny-16", "plain")):
        reference, preprocess = open_clip.create_model_from_pretrained(
            name, str(snapshot / "open_clip_model.safetensors"), image_mean=tags[tag]["mean"]
        )
        from PIL import Image

        expected = reference.eval().encode_image(preprocess(Image.fromarray(pixels))[None], normalize=True)
        np.testing.assert_allclose(encoder.encode_images([pixels]), expected.detach().numpy(), atol=1e-5)
    assert np.abs(quick.encode_images([pixels]) - plain.encode_images([pixels])).max() > 1e-3
    assert load_encoder("open_clip:Tiny-16/named").fingerprint == plain.fingerprint
    with pytest.raises(InputError, match=r"architecture that the weights were trained in; got .* Pass Tiny-16/plain"):
        load_encoder("open_clip:Tiny-16-quickgelu/plain")
    with pytest.raises(ModelError, match=r"got 'tiny/absent', which is not.*run once: hf download tiny/absent$"):
        load_encoder("open_clip:Tiny-16/absent")
    with pytest.raises(InputError, match=r"pretrained of Tiny-16 must be one that .* lists; got 'quik'. .*quick"):
        load_encoder("open_clip:Tiny-16/quik")


# -- not there -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("spec", "identifier"),
    [
        ("hf:openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32"),
        ("open_clip:hf-hub:laion/CLIP-ViT-B-32", "laion/CLIP-ViT-B-32"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
        ("open_clip:ViT-B-16-SigLIP/webli", "timm/ViT-B-16-SigLIP"),
        ("sentence-transformers:BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
        ("sentence-transformers:gpt2", "gpt2"),
        ("hf:openai/clip-vit-base-patch32@refs/pr/7", "openai/clip-vit-base-patch32 --revision refs/pr/7"),
    ],
)
def test_what_was_not_downloaded(spec: str, identifier: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_encoder(spec)
    text = str(caught.value)
    assert text.endswith(f"With an internet connection, run once: hf download {identifier}")
    given = identifier.replace(" --revision ", "@")
    assert f"must be on this machine; got {given!r}, which is not" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "model",
    [
        "/no/such/folder",
        "./models/x",
        "a/b/c",
        "..",
        "C:\\models",
        "a b",
        "ü/x",
        "x/..y",
        "~nobody-of-this-name/x",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("scheme", ["hf", "sentence-transformers"])
def test_what_cannot_be_an_id(scheme: str, model: str) -> None:
    if model == "..":  # a folder, of no model
        with pytest.raises(ModelError, match=r"must hold \w+\.json; it is missing"):
            load_encoder(f"{scheme}:{model}")
        return
    with pytest.raises(InputError, match="model must be a folder that exists, or an id of the hub; got"):
        load_encoder(f"{scheme}:{model}")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("ViT-B-23/openai", r"got 'ViT-B-23/openai'. Known and near: ViT-B-.*A model of the hub is hf-hub:<id>"),
        (
            "ViT-B-32",
            r"must be <architecture>/<pretrained> or a folder; got 'ViT-B-32'. Known and near: ViT-B-32",
        ),
        ("nonsense", "Known and near: "),
        (
            "ViT-B-32/opnai",
            r"of ViT-B-32 must be one that open_clip lists; got 'opnai'. Known and near: openai",
        ),
        ("ViT-B-32/", r"pretrained of ViT-B-32 must be one that open_clip lists; got ''. Known and near: "),
        ("ViT-S-32/x", r"got 'x'. open_clip lists no weights for it: pass a folder\."),
    ],
)
def test_what_open_clip_does_not_list(model: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_encoder(f"open_clip:{model}")


@pytest.mark.usefixtures("hub")
def test_a_tokenizer_that_was_not_downloaded(copy: Callable[..., Path]) -> None:
    folder = copy("open_clip", hf_tokenizer=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    card = json.loads((folder / "open_clip_config.json").read_text())
    card["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "timm/ViT-B-16-SigLIP"
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"run once: hf download timm/ViT-B-16-SigLIP$"):
        load_encoder(f"open_clip:{folder}")


# -- damaged, hostile ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_pickled_weights_are_refused(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    folder = copy(kind)
    for weights in folder.glob("*.safetensors"):
        weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match=r"in the format safetensors; got 'pytorch_model.bin', a pickle.*@refs/pr/"):
        load_encoder(f"{scheme}:{folder}")


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_a_pickle_beside_the_weights_is_left_alone(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    folder = copy(kind)
    before = load_encoder(f"{scheme}:{folder}")
    for name in ("pytorch_model.bin", "open_clip_pytorch_model.bin", "a.pt"):
        (folder / name).write_bytes(b"\x80\x04cposix\nsystem\n.")
    after = load_encoder(f"{scheme}:{folder}")
    np.testing.assert_array_equal(after.encode_texts(["zebra"]), before.encode_texts(["zebra"]))
    assert after.fingerprint == before.fingerprint


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_missing_and_damaged_files(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    folder = copy(kind)
    weights = next(folder.glob("*.safetensors"))
    whole = weights.read_bytes()
    card = {"hf": "config.json", "open_clip": "open_clip_config.json"}.get(scheme, "modules.json")
    weights.unlink()
    with pytest.raises(ModelError, match=r"must hold \w+\.safetensors; it is missing"):
        load_encoder(f"{scheme}:{folder}")
    for content in (b"", b"no weights", whole[: len(whole) // 2]):
        weights.write_bytes(content)
        with pytest.raises(ModelError, match=r"the model in .* cannot be loaded"):
            load_encoder(f"{scheme}:{folder}")
    weights.write_bytes(whole)
    for text in ("", "{", "[[[", "7", "[" * 100_000):
        (folder / card).write_text(text)
        with pytest.raises(ModelError, match=rf"{card}.*cannot be read|{card} must (hold|have) a"):
            load_encoder(f"{scheme}:{folder}")
    (folder / card).unlink()
    with pytest.raises(ModelError, match=rf"must hold {card}; it is missing"):
        load_encoder(f"{scheme}:{folder}")


def test_weights_of_which_some_are_missing(copy: Callable[..., Path]) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copy("clip")
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[3]
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=rf"must be whole; 1 are missing, such as '{name}'. Get the files again"):
        load_encoder(f"hf:{folder}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model_type": "bert"}, r"model_type in .* must be one that unseen reads; got 'bert'. Known and near: .*clip"),
        ({"model_type": "sigclip"}, "got 'sigclip'. Known and near: "),
        ({"model_type": None}, "got None"),
        ({"model_type": ["clip"]}, r"got \['clip'\]"),
    ],
)
def test_models_of_other_kinds(copy: Callable[..., Path], changes: dict[str, Any], says: str) -> None:
    folder = copy("clip")
    edit(folder / "config.json", **changes)
    with pytest.raises(InputError, match=says):
        load_encoder(f"hf:{folder}")


def test_naflex_is_refused(tiny: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"of a fixed image size; got a NaFlex model in .*siglip2-base-patch16-224\."):
        load_encoder(f"hf:{tiny('siglip2', naflex=True)}")


def test_code_of_a_model_is_not_run(copy: Callable[..., Path], tmp_path: Path) -> None:
    folder, mark = copy("clip"), tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    code = {"AutoConfig": "evil.C", "AutoModelForZeroShotImageClassification": "evil.M", "AutoTokenizer": "evil.T"}
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        if (folder / name).exists():
            edit(folder / name, auto_map={**code, "AutoImageProcessor": "evil.P"})
    assert load_encoder(f"hf:{folder}").encode_texts(["zebra"]).shape == (1, 24)
    assert not mark.exists()


@pytest.mark.parametrize(("scheme", "kind"), [("hf", "clip"), ("sentence-transformers", "sentence_transformer")])
def test_weights_in_several_files_are_safetensors_beside_the_index(
    copy: Callable[..., Path], tmp_path: Path, scheme: str, kind: str
) -> None:
    from safetensors import safe_open

    folder = copy(kind)
    before = load_encoder(f"{scheme}:{folder}").encode_texts(["zebra"])
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    with safe_open(whole, framework="numpy") as file:
        names = list(file.keys())
    part = whole.rename(folder / "model-00001-of-00001.safetensors")
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, part.name)}))
    np.testing.assert_array_equal(load_encoder(f"{scheme}:{folder}").encode_texts(["zebra"]), before)
    # transformers would open any of these.
    shutil.copy(part, tmp_path / "other.safetensors")
    (folder / "weights.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    for name in ("weights.bin", "../other.safetensors", str(tmp_path / "other.safetensors")):
        index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, name)}))
        with pytest.raises(ModelError, match=r"the files in .*index\.json must be safetensors beside it; got"):
            load_encoder(f"{scheme}:{folder}")
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"a": "absent.safetensors"}}))
    with pytest.raises(ModelError, match=r"must hold 'absent\.safetensors'; it is missing"):
        load_encoder(f"{scheme}:{folder}")
    for wrong in (None, [part.name], {"a": 7}):
        index.write_text(json.dumps({"metadata": {}, "weight_map": wrong}))
        with pytest.raises(ModelError, match=r"must have a weight_map from names to files"):
            load_encoder(f"{scheme}:{folder}")


@pytest.mark.parametrize(("scheme", "kind"), [("hf", "clip"), ("sentence-transformers", "sentence_transformer")])
@pytest.mark.parametrize(
    "setting",
    [
        {"transformers_weights": "adapter_model.bin"},
        {"attn_implementation": "kernels-community/flash-attn"},
        {"text_config": {"_attn_implementation": {"": "kernels-community/flash-attn"}}},
    ],
    ids=str,
)
def test_settings_that_open_or_run_something_else(
    copy: Callable[..., Path], scheme: str, kind: str, setting: dict[str, Any]
) -> None:
    folder = copy(kind)
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    edit(folder / "config.json", **setting)
    with pytest.raises(ModelError, match=r"\w+ in .*config\.json must be left out, or built in; got"):
        load_encoder(f"{scheme}:{folder}")


@pytest.mark.parametrize(("scheme", "kind"), [("hf", "clip"), ("sentence-transformers", "sentence_transformer")])
def test_an_adapter_is_no_whole_model(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    folder = copy(kind)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"must hold a whole model; got an adapter beside it"):
        load_encoder(f"{scheme}:{folder}")


def test_settings_of_a_sentence_encoder_that_run_something_else(copy: Callable[..., Path]) -> None:
    folder = copy("sentence_transformer")
    path = folder / "sentence_bert_config.json"
    for arguments in ({"use_kernels": True}, {"attn_implementation": "a/b"}, {"weights_only": False}):
        edit(path, model_args=arguments)
        with pytest.raises(ModelError, match=r"in .*sentence_bert_config\.json must be left out, or built in; got"):
            load_encoder(f"sentence-transformers:{folder}")


def test_a_dense_layer_has_no_index(copy: Callable[..., Path]) -> None:
    folder = copy("sentence_transformer")
    parts = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*parts, dense]))
    (folder / "2_Dense").mkdir()
    # sentence-transformers would go on to the pickle.
    (folder / "2_Dense" / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(ModelError, match=r"in the format safetensors; got 'pytorch_model.bin', a pickle"):
        load_encoder(f"sentence-transformers:{folder}")


def test_a_text_network_of_transformers_in_open_clip(tmp_path: Path) -> None:
    import open_clip
    import torch
    from safetensors.torch import save_file
    from tests.tiny_models import _bert_tokenizer
    from transformers import RobertaConfig

    tokenizer, words, folder = _bert_tokenizer(max_length=32), tmp_path / "words", tmp_path / "model"
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    positions = {"max_position_embeddings": 40, "pad_token_id": tokenizer.pad_token_id}
    RobertaConfig(vocab_size=len(tokenizer), **sizes, **positions).save_pretrained(words)
    tokenizer.save_pretrained(words)
    text = {"hf_model_name": str(words), "hf_tokenizer_name": str(words), "context_length": 24}
    text |= {"hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler"}
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    model_cfg: dict[str, Any] = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(
            embed_dim=8, vision_cfg=vision, text_cfg={**text, "hf_model_pretrained": False}
        ).eval()
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": {}}))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    encoder = load_encoder(f"open_clip:{folder}")
    texts = ["a photo of a cat", "zebra"]
    ids = tokenizer(texts, max_length=24, padding="max_length", truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = model.encode_text(ids, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)
    # What the text network is built by decides vectors, too.
    fingerprint = encoder.fingerprint
    edit(words / "config.json", num_attention_heads=2)
    other = load_encoder(f"open_clip:{folder}")
    assert np.abs(other.encode_texts(texts) - expected).max() > 1e-5
    assert other.fingerprint != fingerprint
    # transformers would ask at the terminal whether to run it.
    edit(words / "config.json", model_type="own", auto_map={"AutoConfig": "evil.C", "AutoModel": "evil.M"})
    with pytest.raises(ModelError, match=r"hf_model_name of its card must be a model that transformers knows itself"):
        load_encoder(f"open_clip:{folder}")


def test_parts_of_a_sentence_encoder_are_known_ones(copy: Callable[..., Path]) -> None:
    folder = copy("sentence_transformer")
    whole = json.loads((folder / "modules.json").read_text())
    for kind in ("os.path", "evil.Transformer", "sentence_transformers.sentence_transformer.modules.WordEmbeddings"):
        (folder / "modules.json").write_text(json.dumps([{**whole[0], "type": kind}, *whole[1:]]))
        with pytest.raises(InputError, match=f"must be of sentence-transformers: Dense, .*; got '{kind}'"):
            load_encoder(f"sentence-transformers:{folder}")
    for path in ("..", "../other", "/etc", "a/b"):
        (folder / "modules.json").write_text(json.dumps([{**whole[0], "path": path}, *whole[1:]]))
        with pytest.raises(InputError, match=r"the paths in .* must be names of folders in it; got"):
            load_encoder(f"sentence-transformers:{folder}")


def test_cards_of_open_clip_that_would_download_or_draw_lots(copy: Callable[..., Path]) -> None:
    folder = copy("open_clip")
    path = folder / "open_clip_config.json"
    whole = json.loads(path.read_text())

    def write(part: str, **changes: Any) -> None:
        model_cfg = whole["model_cfg"]
        path.write_text(json.dumps({**whole, "model_cfg": {**model_cfg, part: {**model_cfg[part], **changes}}}))

    write("text_cfg", tokenizer_kwargs={"reduction_mask": "random"})
    with pytest.raises(
        ModelError, match=r"tokenizer_kwargs of its card must be of clean, .*; got \['reduction_mask'\]"
    ):
        load_encoder(f"open_clip:{folder}")
    write("vision_cfg", timm_model_name="hf-hub:evil/model")
    with pytest.raises(ModelError, match="timm_model_name must be a name that timm knows itself; got 'hf-hub:evil/mod"):
        load_encoder(f"open_clip:{folder}")
    write("vision_cfg", image_size=[32, 64])
    with pytest.raises(ModelError, match=r"prepared images must be square; got 64 x 32 pixels"):
        load_encoder(f"open_clip:{folder}")
    path.write_text(json.dumps({**whole, "model_cfg": 7}))
    with pytest.raises(ModelError, match="must have a model_cfg with text_cfg and vision_cfg"):
        load_encoder(f"open_clip:{folder}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crop_size": {"height": 16, "width": 16}}, "prepares images of 16 pixels for a network that takes 32"),
        ({"crop_size": {"height": 16, "width": 32}}, r"prepared images must be square; got \(16, 32, 3\)"),
        ({"do_center_crop": False}, r"prepared images must be square; got \(32, 48, 3\)"),
    ],
)
def test_preprocessing_that_does_not_fit(copy: Callable[..., Path], changes: dict[str, Any], says: str) -> None:
    folder = copy("clip")
    edit(folder / "preprocessor_config.json", **changes)
    with pytest.raises(ModelError, match=says):
        load_encoder(f"hf:{folder}")


# -- fingerprints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_whatever_decides_vectors_decides_the_fingerprint(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copy(kind)
    seen = {load_encoder(f"{scheme}:{folder}").fingerprint}
    (folder / "README.md").write_text("another readme")
    assert {load_encoder(f"{scheme}:{folder}").fingerprint} == seen
    path = next(folder.glob("*.safetensors"))
    weights = load_file(path)
    name = next(name for name in sorted(weights) if weights[name].ndim == 2)
    weights[name] = weights[name] + np.float32(0.01)
    save_file(weights, path, metadata={"format": "pt"})
    seen.add(load_encoder(f"{scheme}:{folder}").fingerprint)
    if scheme == "hf":
        edit(folder / "preprocessor_config.json", resample=2)
    elif scheme == "open_clip":
        edit(folder / "open_clip_config.json", preprocess_cfg={"size": 32, "interpolation": "bilinear"})
    else:
        edit(folder / "1_Pooling" / "config.json", pooling_mode="max")
    seen.add(load_encoder(f"{scheme}:{folder}").fingerprint)
    assert len(seen) == 3


def test_the_digest_of_files(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "picture.png").write_bytes(b"no matter")
    (tmp_path / "w.safetensors").write_bytes(b"numbers")
    (tmp_path / ".hidden.json").write_text("{}")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c.json").write_text("[]")
    contents = {"a.txt": b"words", "b.json": b"{}", "inner/c.json": b"[]", "w.safetensors": b"numbers"}
    lines = {name: f"\n{name}\n{hashlib.sha256(content).hexdigest()}" for name, content in contents.items()}

    def expected(*names: str) -> str:
        return hashlib.sha256(("tag" + "".join(lines[name] for name in names)).encode()).hexdigest()

    assert digest_files("tag", tmp_path) == expected("a.txt", "b.json", "w.safetensors")
    assert digest_files("tag", tmp_path, deep=True) == expected(*contents)
    assert digest_files("tag", tmp_path, weights=False) == expected("a.txt", "b.json")


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    assert model_folder("test", "~/models", extra="hf") == tmp_path / "models"


# -- pipes, endless files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "kind"), SCHEMES.items())
def test_pipes_are_not_waited_for(copy: Callable[..., Path], scheme: str, kind: str) -> None:
    folder = copy(kind)
    places = [folder, folder / "1_Pooling"] if scheme == "sentence-transformers" else [folder]
    for place in places:
        os.mkfifo(place / "added_tokens.json")
        with pytest.raises(
            ModelError, match=r"must be files; got 'added_tokens\.json', a pipe or a device\. Do not use"
        ):
            load_encoder(f"{scheme}:{folder}")
        (place / "added_tokens.json").unlink()
    assert load_encoder(f"{scheme}:{folder}").encode_texts(["zebra"]).shape[0] == 1


def test_cards_are_regular_files_of_a_cards_size(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    with pytest.raises(ModelError, match=r"test: .* must hold card\.json; it is missing\. Get it again\."):
        read_json("test", path, again="Get it again")
    path.mkdir()
    with pytest.raises(ModelError, match=r"card\.json cannot be read: is a folder, not a file\. Get it again\."):
        read_json("test", path, again="Get it again")
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ModelError, match=r"card\.json cannot be read: is a pipe, not a file; it was not opened\."):
        read_json("test", path, again="Get it again")
    path.unlink()
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"card\.json cannot be read: more than 16 MiB\."):
        read_json("test", path, again="Get it again")
    path.write_text("[1]")
    assert read_json("test", path, again="", kind=list) == [1]
    with pytest.raises(ModelError, match=r"card\.json must hold a JSON object; got \[1\]\."):
        read_json("test", path, again="Get it again")
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"card\.json must hold a JSON list; got \{\}\."):
        read_json("test", path, again="Get it again", kind=list)


def test_parts_without_a_path(copy: Callable[..., Path]) -> None:
    folder = copy("sentence_transformer")
    for parts in ([7], [{"type": "sentence_transformers.models.Pooling"}]):
        (folder / "modules.json").write_text(json.dumps(parts))
        with pytest.raises(ModelError, match=r"modules\.json must name type and path of every part\. Copy the whole"):
            load_encoder(f"sentence-transformers:{folder}")


def test_a_scale_beyond_all_numbers(copy: Callable[..., Path]) -> None:
    from safetensors.numpy import load_file, save_file

    for scheme, kind in (("open_clip", "open_clip"), ("hf", "clip")):
        folder = copy(kind)
        path = next(folder.glob("*.safetensors"))
        save_file(load_file(path) | {"logit_scale": np.array(1e5, np.float32)}, path, metadata={"format": "pt"})
        with pytest.raises(ModelError, match=r"the model in .* cannot be loaded: math range error"):
            load_encoder(f"{scheme}:{folder}")
