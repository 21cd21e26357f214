"""How fast CLIP is here, against its bare image network, transformers' pipeline and itself as ONNX, in one run.

    python benchmarks/clip_speed.py photos/ [--count 24] [--repeats 3] [--open-clip] [--int8] [--described]
        [--models FOLDER]

The model has the size of CLIP ViT-B/32 (the defaults of `CLIPConfig`) and random weights, which take as long as trained
ones. Everything runs on the same photos, on two cores and as many threads. "Bare" is transformers' image network alone
on pixels that are ready in memory: one photo a call, and the faster of 8 and 16 a call. All others go from files to
probabilities. The pipeline encodes the labels again for every photo; ours takes their vectors from the cache, as every
run but the first does. Rounds alternate, so that a machine whose speed drifts does so for all; ratios are medians of
the rounds' ratios. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

CORES = 2
LABELS = (10, 100, 1000)
TEMPLATE = "a photo of a {}."


def only(cores: int) -> None:
    """Keep this process to so many cores and their number of threads; before anything heavy is imported."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    os.environ["OMP_NUM_THREADS"] = str(cores)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # The cache of text vectors is a part of what is measured, so it starts empty.
    os.environ["UNSEEN_CACHE"] = tempfile.mkdtemp(prefix="unseen-clip-speed-")


def labels(count: int, described: bool = False) -> list[str]:
    """Return so many different names of visible things, or sentences about them of some 74 tokens."""
    things = ["cat", "dog", "car", "house", "tree", "horse", "cup", "lamp", "boat", "bridge"]
    names = [f"{things[i % 10]}" if i < 10 else f"{things[i % 10]} number {i // 10}" for i in range(count)]
    told = "big or small, old or new, red or blue, wet or dry, up or down, "
    return [f"{name}, {told * 3}by day" for name in names] if described else names


def made_clip(folder: Path) -> Path:
    """Write a random CLIP of the published size with CLIP's own tokenizer."""
    if (folder / "config.json").is_file():
        return folder
    import open_clip
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    torch.manual_seed(0)
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    own = open_clip.tokenizer.SimpleTokenizer()
    renamed = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {renamed.get(token, token): number for token, number in own.encoder.items()}
    merges = [merge for merge in sorted(own.bpe_ranks, key=own.bpe_ranks.__getitem__) if len(merge) == 2]
    CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77).save_pretrained(folder)
    return folder


def made_open_clip(folder: Path) -> Path:
    """Write a random ViT-B-32 of open_clip, as its users push it to the hub."""
    if (folder / "open_clip_config.json").is_file():
        return folder
    import json

    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.create_model("ViT-B-32")
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    card = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": {"size": 224}}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    return folder


def contestants(arguments: argparse.Namespace, files: list[Path], models: Path) -> dict[str, Callable[[], Any]]:
    """Return what is measured, by name."""
    import torch
    from transformers import pipeline

    import unseen
    from unseen.encoders.export import export_onnx
    from unseen.encoders.loading import load_encoder
    from unseen.encoders.onnx import open_session

    # Not torch.set_num_threads: that would fix the number for every thread's matrix products, ours on one core too.
    if torch.get_num_threads() != CORES:
        raise SystemExit(f"clip_speed: torch takes {torch.get_num_threads()} threads here, not {CORES}")
    folder = made_clip(models / "clip")
    encoder: Any = load_encoder(f"hf:{folder}")
    pixels = np.stack([encoder.prepare_image(file) for file in files])
    network = encoder._model
    ready = torch.from_numpy(
        np.stack([encoder._processor(images=[image], return_tensors="np")["pixel_values"][0] for image in pixels])
    )

    def bare(batch: int) -> None:
        with torch.inference_mode():
            for start in range(0, len(ready), batch):
                network.get_image_features(pixel_values=ready[start : start + batch])

    kinds: dict[str, Callable[[], Any]] = {
        "bare, 1 a call": lambda: bare(1),
        "bare, 8 a call": lambda: bare(8),
        "bare, 16 a call": lambda: bare(16),
    }
    recognizer = unseen.Recognizer.from_encoder(encoder)
    for count in LABELS:
        vocabulary = unseen.Vocabulary.from_names(labels(count, arguments.described))
        kinds[f"ours, {count:,} labels"] = partial(recognizer.classify, files, vocabulary)
    theirs = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")
    paths = [str(file) for file in files]

    def asked(**options: Any) -> None:
        list(theirs(paths, **options))

    for count in LABELS[:2]:
        names = labels(count, arguments.described)
        options: dict[str, Any] = {"candidate_labels": names, "hypothesis_template": TEMPLATE}
        kinds[f"pipeline, {count} labels"] = partial(asked, **options)
        kinds[f"pipeline, {count} labels, batch_size=8"] = partial(asked, batch_size=8, **options)
    few = unseen.Vocabulary.from_names(labels(10, arguments.described))
    for precision in ("fp32", "int8") if arguments.int8 else ("fp32",):
        out = models / f"onnx-{precision}"
        if not out.exists():
            print(f"    {export_onnx(encoder, out, precision=precision, photos=files)}\n".replace("\n", "\n    "))
        exported = unseen.Recognizer.load(f"onnx:{out}")
        together, alone = open_session(out / "image.onnx", threads=CORES), open_session(out / "image.onnx", threads=1)

        def at_once(session: Any = together) -> None:
            for row in pixels:
                session.run(None, {"images": row[None]})

        def side_by_side(session: Any = alone) -> None:
            batches = [pixels[start : start + 8] for start in range(0, len(pixels), 8)]
            with ThreadPoolExecutor(CORES) as pool:
                list(pool.map(lambda batch: session.run(None, {"images": batch}), batches))

        kinds[f"ONNX {precision}, bare, 1 a call"] = at_once
        kinds[f"ONNX {precision}, bare, 8 a call, a call per core"] = side_by_side
        kinds[f"ONNX {precision}, ours, 10 labels"] = partial(exported.classify, files, few)
    if arguments.open_clip:
        own: Any = load_encoder(f"open_clip:{made_open_clip(models / 'open_clip')}")
        other = unseen.Recognizer.from_encoder(own)

        def bare_open_clip() -> None:
            with torch.inference_mode():
                for row in ready:
                    own._model.encode_image(row[None])

        kinds["open_clip, bare, 1 a call"] = bare_open_clip
        kinds["open_clip, ours, 10 labels"] = partial(other.classify, files, few)
    return kinds


def measure(kinds: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each round; the first round, which warms up and fills the cache, is left out."""
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for repeat in range(repeats + 1):
        for name, work in kinds.items():
            began = time.perf_counter()
            work()
            if repeat:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def report(seconds: dict[str, list[float]], count: int) -> None:
    """Print what was measured and how it stands to the bars."""

    def ratio(name: str, to: str) -> float:
        return float(np.median([a / b for a, b in zip(seconds[name], seconds[to], strict=True)]))

    one = "bare, 1 a call"
    print("| | ms a photo | times the bare network, 1 a call |\n|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {1000 * float(np.median(taken)) / count:.1f} | {ratio(name, one):.2f} |")
    best = min(("bare, 8 a call", "bare, 16 a call"), key=lambda name: float(np.median(seconds[name])))
    rows: list[tuple[str, float, float, bool]] = []
    for labelled in LABELS:
        ours = f"ours, {labelled:,} labels"
        rows.append((f"{ours}, against {one}", ratio(ours, one), 1.05, False))
        rows.append((f"{ours}, against {best}", ratio(ours, best), 1.05, False))
    ten, hundred = "ours, 10 labels", "ours, 100 labels"
    rows.append(("pipeline, 10 labels, against ours", ratio("pipeline, 10 labels", ten), 4.0, True))
    rows.append(
        ("pipeline, 10 labels, batch_size=8, against ours", ratio("pipeline, 10 labels, batch_size=8", ten), 1.7, True)
    )
    rows.append(
        (
            "pipeline, 100 labels, batch_size=8, against ours",
            ratio("pipeline, 100 labels, batch_size=8", hundred),
            6.5,
            True,
        )
    )
    rows.append((f"{one}, against ONNX fp32, bare, 1 a call", ratio(one, "ONNX fp32, bare, 1 a call"), 1.0, True))
    side = "ONNX fp32, bare, 8 a call, a call per core"
    rows.append((f"{best}, against {side}", ratio(best, side), 1.0, True))
    rows.append((f"{ten}, against ONNX fp32, ours", ratio(ten, "ONNX fp32, ours, 10 labels"), 1.0, True))
    print("\n| bar | measured | asked for | holds |\n|---|---|---|---|")
    for name, value, bar, more in rows:
        holds = value >= bar if more else value <= bar
        print(f"| {name} | {value:.2f} | at {'least' if more else 'most'} {bar:g} | {'yes' if holds else 'no'} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed of CLIP: ours, transformers' pipeline, ONNX.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=24, help="photos; the folder is taken repeatedly")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--open-clip", action="store_true", help="open_clip's ViT-B-32 as well")
    parser.add_argument("--int8", action="store_true", help="the int8 export as well")
    parser.add_argument("--described", action="store_true", help="labels of some 74 tokens in place of short names")
    parser.add_argument("--models", type=Path, help="folder to keep the models in; else they are made anew (1 GB)")
    arguments = parser.parse_args()
    only(CORES)
    # The shim of the tests: on a machine without CUDA, PyPI's torchvision does not load beside the CPU torch.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests import torchvision_shim

    torchvision_shim.install()
    files = sorted(path for path in arguments.photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    assert files, f"no photos in {arguments.photos}"
    files = (files * (1 + arguments.count // len(files)))[: arguments.count]
    with tempfile.TemporaryDirectory() as scratch:
        kinds = contestants(arguments, files, arguments.models or Path(scratch))
        seconds = measure(kinds, arguments.repeats)
    import torch

    print(f"{len(files)} photos, {CORES} cores, torch {torch.__version__}, median of {arguments.repeats} rounds\n")
    report(seconds, len(files))


if __name__ == "__main__":
    main()
