"""Encoders by their names, and what is said where there is none of that name."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from unseen.cli.app import app
from unseen.encoders.default import DefaultEncoder, default_folder
from unseen.encoders.loading import is_encoder_spec, load_encoder, model_names
from unseen.encoders.onnx import OnnxEncoder
from unseen.errors import InputError, MissingExtraError
from unseen.registry import ENCODERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


#: Scheme to a tiny model of it and the extra that it needs.
LIBRARIES = {
    "hf": ("clip", "hf"),
    "open_clip": ("open_clip", "clip"),
    "sentence-transformers": ("sentence_transformer", "hf"),
}


def test_the_default() -> None:
    encoder = load_encoder("default")
    assert isinstance(encoder, DefaultEncoder)
    assert encoder.spec == "default"


def test_a_folder_of_networks() -> None:
    folder = default_folder() / "encoder"
    encoder = load_encoder(f"onnx:{folder}")
    assert type(encoder) is OnnxEncoder
    assert encoder.spec == f"onnx:{folder}"


@pytest.mark.parametrize(("scheme", "kind"), [(scheme, kind) for scheme, (kind, _) in LIBRARIES.items()])
def test_libraries(tiny: Callable[..., Path], scheme: str, kind: str) -> None:
    spec = f"{scheme}:{tiny(kind)}"
    encoder = load_encoder(spec)
    assert isinstance(encoder, ENCODERS.get(scheme))
    assert encoder.spec == encoder.name == spec
    assert load_encoder(encoder.spec).fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            "hff:openai/clip",
            r"must be one of default, hf:<id or folder>, .*; got 'hff:openai/clip'. Did you mean 'h",
        ),
        ("openclip:ViT-B-32/openai", r"got 'openclip:ViT-B-32/openai'. Did you mean 'open_clip:ViT-B-32/openai'\."),
        ("defualt", r"got 'defualt'. Did you mean 'default'\."),
        (
            "openai/clip-vit-base-patch32",
            r"is 'hf:openai/clip-vit-base-patch32', one of open_clip 'open_clip:open",
        ),
        ("???", r"got '\?\?\?'. `unseen models` explains each of them\."),
        ("", r"got ''. `unseen models` explains"),
        ("x" * 5000, r"got 'xxx.*`unseen models` explains"),
        ("~nobody-of-this-name/x", r"got '~nobody-of-this-name/x'\."),
        ("hf", r"must be 'hf' with a model after a colon; got 'hf'. Write hf:<id or folder>\."),
        ("hf:", r"must be 'hf' with a model after a colon; got 'hf:'. Write hf:<id or folder>\."),
        ("open_clip:", r"Write open_clip:<architecture>/<pretrained> or folder\."),
        ("default:small", r"must be 'default' alone; got 'default:small'. Leave out what follows it\."),
        (7, r"model must be a string; got 7\. Pass one of default, hf:"),
        (None, r"model must be a string; got None\."),
    ],
)
def test_wrong_names(spec: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_encoder(spec)


@pytest.mark.parametrize(("kind", "meant"), [("clip", "hf"), ("open_clip", "open_clip")])
def test_a_folder_without_its_scheme(tiny: Callable[..., Path], kind: str, meant: str) -> None:
    folder = tiny(kind)
    with pytest.raises(InputError, match=rf"Did you mean '{meant}:{folder}'\."):
        load_encoder(str(folder))


def test_devices(tiny: Callable[..., Path]) -> None:
    folder = tiny("clip")
    assert load_encoder(f"hf:{folder}", device="cpu").spec == f"hf:{folder}"
    assert load_encoder(f"hf:{folder}", device="cpu:0").device == "cpu"  # type: ignore[attr-defined]
    for device in ("gpu", "cuda:99", "", 3.5, "meta"):  # "meta" is one of torch's, with shapes and no numbers
        with pytest.raises(InputError, match=r"device must be a device of this machine \(cpu.*\); got"):
            load_encoder(f"hf:{folder}", device=device)  # type: ignore[arg-type]
    for device in ("cuda", "mps", "gpu"):
        with pytest.raises(
            InputError, match=rf"device of default must be 'cpu'; got '{device}'\. Leave it out, or choose"
        ):
            load_encoder("default", device=device)
    assert load_encoder("default", device="auto").spec == "default"


def test_any_device(tiny: Callable[..., Path]) -> None:
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    expected = next(kind for kind, is_there in present.items() if is_there)
    encoder = load_encoder(f"hf:{tiny('clip')}", device="auto")
    assert encoder.device == expected  # type: ignore[attr-defined]
    alone = load_encoder(f"hf:{tiny('clip')}").encode_texts(["zebra"])
    np.testing.assert_allclose(encoder.encode_texts(["zebra"]), alone, atol=1e-3)


@pytest.mark.parametrize("device", ["auto", "nowhere"])
@pytest.mark.parametrize("stored", [False, True])
def test_the_command_line_takes_a_device(
    tiny: Callable[..., Path], root: Path, tmp_path: Path, device: str, stored: bool
) -> None:
    photos, vectors, model = str(root / "examples" / "photos"), str(tmp_path / "vectors"), f"hf:{tiny('clip')}"
    if stored:
        embed = ["embed", photos, "--out", vectors, "--model", model]
        assert CliRunner().invoke(app, embed, catch_exceptions=False).exit_code == 0
        commands = [
            ["classify", vectors, "-c", "cat,rocket"],
            ["search", vectors, "cat"],
            ["diagnose", vectors, "-c", "cat,rocket", "--out", str(tmp_path / "diagnosis")],
        ]
    else:
        commands = [
            ["classify", photos, "-c", "cat,rocket", "-m", model],
            ["embed", photos, "--out", vectors, "-m", model],
            ["label", photos, "-c", "cat,rocket", "--out", str(tmp_path / "labels"), "-m", model],
            ["diagnose", photos, "-c", "cat,rocket", "--out", str(tmp_path / "diagnosis"), "-m", model],
        ]
    for command in commands:
        done = CliRunner().invoke(app, [*command, "--device", device])
        if device == "auto":
            assert (done.exit_code, done.exception) == (0, None), command
        else:
            assert isinstance(done.exception, InputError), command
            assert "device must be a device of this machine" in str(done.exception)


def test_a_data_set_is_built_on_a_device(root: Path, tmp_path: Path) -> None:
    for name in ("cat", "coffee", "rocket", "astronaut"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            source = root / "examples" / "photos" / f"{name}.jpg"
            (tmp_path / "photos" / name / f"{i}.jpg").symlink_to(source)
    command = ["dataset", "build", str(tmp_path / "photos"), "--unseen", "cat", "--out"]
    refused = CliRunner().invoke(app, [*command, str(tmp_path / "a"), "--device", "cuda"])
    assert "device of default must be 'cpu'; got 'cuda'" in str(refused.exception)
    for i, device in enumerate(("cpu", "auto")):
        done = CliRunner().invoke(app, [*command, str(tmp_path / str(i)), "--device", device, "--json"])
        assert (done.exit_code, done.exception) == (0, None)
    cards = [json.loads((tmp_path / str(i) / "dataset.json").read_text("utf-8")) for i in (0, 1)]
    assert cards[0]["fingerprint"] == cards[1]["fingerprint"]


@pytest.mark.parametrize("command", ["label", "embed"])
def test_workers_of_a_cluster_have_no_device(root: Path, tmp_path: Path, command: str) -> None:
    classes = ["-c", "cat,rocket"] if command == "label" else []
    where = ["--out", str(tmp_path / "out"), "--engine", "ray", "--device", "cuda"]
    done = CliRunner().invoke(app, [command, str(root / "examples" / "photos"), *classes, *where])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(f"{command}: --device needs --engine local: ")
    assert not (tmp_path / "out").exists()


def test_names_say_what_follows() -> None:
    names = model_names()
    assert names == sorted(names)
    assert {"default", "hf:<id or folder>", "onnx:<folder>"} <= set(names)
    assert [name for name in ("hf:x", "default", "onnx:a:b") if not is_encoder_spec(name)] == []
    assert not any(is_encoder_spec(name) for name in ("photos", "C:\\models", "", "Hf:x"))


@pytest.mark.parametrize(
    ("scheme", "absent", "extra"),
    [
        ("hf", "transformers", "hf"),
        ("hf", "torch", "hf"),
        ("open_clip", "open_clip", "clip"),
        ("open_clip", "torch", "clip"),
        ("sentence-transformers", "sentence_transformers", "hf"),
    ],
)
def test_a_missing_library(
    tiny: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, scheme: str, absent: str, extra: str
) -> None:
    folder = tiny(LIBRARIES[scheme][0])
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=rf"needs the package '{absent}'.*pip install 'unseen\[{extra}\]'"):
        load_encoder(f"{scheme}:{folder}")


def test_models_are_listed_without_their_libraries() -> None:
    code = (
        "import sys\nsys.argv = ['unseen', 'models', '--json']\nfrom unseen.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'transformers', 'open_clip', 'sentence_transformers', 'onnxruntime', 'huggingface_hub'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert list(rows) == model_names()
    assert rows["default"] == {
        "name": "default",
        "modalities": ["image", "text"],
        "extra": None,
        "install": None,
        "summary": "The model shipped with the package: photos and texts, offline, in English.",
    }
    assert rows["hf:<id or folder>"]["install"] == "pip install 'unseen[hf]'"
    assert rows["sentence-transformers:<id or folder>"]["modalities"] == ["text"]


def test_the_table_of_models_shows_what_to_type() -> None:
    shown = CliRunner().invoke(app, ["models"], env={"COLUMNS": "160"}).stdout
    assert "open_clip:<architecture>/<pretrained> or folder" in shown
    assert "None" not in shown


def test_the_command_line_recognises_with_a_model_of_a_hub(
    tiny: Callable[..., Path], root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = [str(root / "examples" / "photos" / name) for name in ("cat.jpg", "rocket.jpg")]
    command = ["classify", *photos, "-c", "cat,rocket", "-m", f"hf:{tiny('clip')}", "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["rank"] for row in rows] == [1, 2, 1, 2]
    assert sum(row["probability"] for row in rows) == pytest.approx(2, abs=1e-4)
    # Nothing of the libraries' own talk either, which goes past Python's streams.
    assert capfd.readouterr() == ("", "")


#: A torchvision that stops at its import, as one does that was built for another torch.
BROKEN = """
import sys
from importlib.abc import MetaPathFinder

class Broken(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")

sys.meta_path.insert(0, Broken())
from unseen.encoders.loading import load_encoder
from unseen.errors import MissingExtraError
for spec in sys.argv[1:]:
    try:
        load_encoder(spec)
    except MissingExtraError as error:
        print(error)
"""


def test_libraries_that_do_not_fit_each_other(tiny: Callable[..., Path]) -> None:
    specs = [f"{scheme}:{tiny(kind)}" for scheme, (kind, _) in LIBRARIES.items()]
    done = subprocess.run([sys.executable, "-c", BROKEN, *specs], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(specs)
    for line, (_, extra) in zip(lines, LIBRARIES.values(), strict=True):
        assert "which is installed but does not work here: " in line
        assert line.endswith(f"Install versions that fit each other: pip install --upgrade 'unseen[{extra}]'")
