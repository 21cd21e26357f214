"""``unseen export`` as a person or a program runs it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from unseen.cli import main
from unseen.encoders.onnx import OnnxEncoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("onnxscript")


@pytest.fixture
def texts(tiny: Callable[..., Path]) -> str:
    return f"sentence-transformers:{tiny('sentence_transformer')}"


@pytest.fixture
def clip(tiny: Callable[..., Path]) -> str:
    return f"hf:{tiny('clip')}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    def run(*args: str) -> tuple[object, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["unseen", "export", *args])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    return run


def test_the_folder_and_the_report(run: Callable[..., tuple[object, str, str]], texts: str, tmp_path: Path) -> None:
    out = tmp_path / "onnx"
    code, told, wrong = run("--model", texts, "--out", str(out))
    assert (code, wrong) == (0, "")
    lines = told.splitlines()
    assert lines[0].startswith("sentence_transformer as ONNX, fp32, 0.")
    assert lines[1].startswith(" 100 texts   cosine to the source: least 1.000000, mean 1.000000")
    assert lines[2] == f"written: {out} (use it with --model onnx:{out})"
    assert OnnxEncoder(out).encode_texts(["a cat"]).shape == (1, 32)


def test_json(run: Callable[..., tuple[object, str, str]], texts: str, tmp_path: Path) -> None:
    out = tmp_path / "onnx"
    code, told, _ = run("--model", texts, "--out", str(out), "--precision", "fp16", "--json")
    report = json.loads(told)
    assert code == 0
    assert report["precision"] == "fp16"
    assert report["sizes"]["text.onnx"] == (out / "text.onnx").stat().st_size
    assert 0.999 < report["losses"]["text"]["cosine_min"] < 1


def test_mistakes_are_told_in_a_line_before_a_model_is_loaded(
    run: Callable[..., tuple[object, str, str]], clip: str, tmp_path: Path, root: Path
) -> None:
    out = str(tmp_path / "onnx")
    for args, words in (
        (["--model", "hf:no/such", "--out", out, "--precision", "int4"], "precision must be one of fp32, fp16, int8"),
        (["--model", "hf:no/such", "--out", str(root)], "folder must be empty or new"),
        (["--model", "default", "--out", out], "encoder must be one that runs in torch; got default, which is ONNX"),
        (["--model", clip, "--out", out], "photos must be given: the export is verified on them"),
        (["--model", clip, "--out", out, "--photos", str(tmp_path)], "photo"),
    ):
        code, told, wrong = run(*args)
        assert (code, told) == (2, "")
        assert words in wrong
        assert wrong.count("\n") == 1
    assert not (tmp_path / "onnx").exists()
