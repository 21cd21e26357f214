"""Encoders by their names, and what is said where there is none of that name."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

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
    for device in ("gpu", "cuda:99", "", 3.5):
        with pytest.raises(InputError, match=r"device must be a device of this machine \(cpu.*\); got"):
            load_encoder(f"hf:{folder}", device=device)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"device of default must be 'cpu'; got 'cuda'\. Leave it out"):
        load_encoder("default", device="cuda")


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
