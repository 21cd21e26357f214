"""Every registered detector keeps the contract: bound once, asked for proposals, on photos and on hostile pictures."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unseen
from unseen.detection import BoundDetector, Detector, Picture, Proposals
from unseen.registry import DETECTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Array = np.ndarray[Any, Any]
VOCABULARY = unseen.Vocabulary.from_names(["cat", "coffee cup", "rocket"])
#: So many checks per detector, at least: a battery that shrinks is told.
LEAST = 9


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        row = {"x": 10, "y": 10, "width": 12, "height": 8, "confidence": 0.7, "class": "cat"}
        data = json.dumps({"predictions": [row]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Detector]]:
    """Return what makes the detector of a name."""
    from tests.unit.test_detection_yolox import card, network, rows_of

    folder: Path = tmp_path_factory.mktemp("detectors")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()

    def onnx() -> Any:
        path = network(folder / "n.onnx", rows_of({10: [0, 0, 1, 1, 1, 1, 0], 70: [0, 0, 0.5, 1, 1, 0, 0.4]}))
        card(path, names=["cat", "dog"])
        return path

    def make(name: str) -> Detector:
        cls = DETECTORS.get(name)
        if name == "default":
            return cls()  # type: ignore[no-any-return]
        if name == "regions":
            return cls(lambda picture: np.array([[0, 0, *np.array(picture.size) / 2, 0.5]]))  # type: ignore[no-any-return]
        if name == "onnx":
            return cls(onnx())  # type: ignore[no-any-return]
        if name == "http":
            return cls(f"http://127.0.0.1:{server.server_address[1]}/model/1")  # type: ignore[no-any-return]
        if name == "hf":
            from tests.tiny_detectors import tiny_owlvit

            return cls(str(tiny_owlvit(folder / "owlvit")))  # type: ignore[no-any-return]
        raise AssertionError(f"detector {name!r} has no way here to be made: add one")

    yield make
    server.shutdown()
    server.server_close()
    thread.join()


def photos(root: Path) -> list[Picture]:
    from unseen.inputs import open_image

    files = sorted((root / "examples" / "photos").glob("*.jpg"))[:2]
    assert len(files) == 2
    return [Picture(file.name, np.asarray(open_image(file))) for file in files]


def hostile() -> list[Picture]:
    """Return pictures that are all there, and unlike any photo."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    shapes = {"one pixel": (1, 1), "a line": (1, 300), "a column": (300, 1), "long": (16, 700)}
    plain = [Picture(name, np.full((*shape, 3), 255, np.uint8)) for name, shape in shapes.items()]
    frozen = noise.copy()
    frozen.flags.writeable = False
    return [*plain, Picture("noise", noise), Picture("a view", noise[::2, ::-1]), Picture("frozen", frozen)]


def check(proposals: list[Proposals], pictures: list[Picture], n_classes: int) -> None:
    assert len(proposals) == len(pictures)
    for found, picture in zip(proposals, pictures, strict=True):
        assert found.error is None
        assert found.boxes.shape == (len(found), 4)
        assert found.boxes.dtype == np.float32
        assert np.isfinite(found.boxes).all(), picture.item
        assert np.isfinite(found.scores).all()
        assert ((found.scores >= 0) & (found.scores <= 1)).all()
        assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
        assert found.labels is None or len(found.labels) == len(found)
        if found.probabilities is not None:
            assert found.probabilities.shape == (len(found), n_classes)
            assert np.isfinite(found.probabilities).all()
            assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()


@pytest.mark.parametrize("name", list(DETECTORS))
def test_detector(name: str, made: Callable[[str], Detector], rec: unseen.Recognizer, root: Path) -> None:
    checks = 0
    detector = made(name)
    cls = DETECTORS.get(name)
    assert isinstance(detector, cls)
    assert issubclass(cls, Detector)
    checks += 1
    assert cls.description
    assert detector.spec
    checks += 1
    bound = detector.bind(rec, VOCABULARY)
    assert isinstance(bound, BoundDetector)
    assert bound.at_once >= 1
    checks += 1

    pictures = photos(root)
    kept = [picture.pixels.copy() for picture in pictures]
    found = bound.propose(pictures)
    check(found, pictures, len(VOCABULARY))
    checks += 1
    for before, picture in zip(kept, pictures, strict=True):
        np.testing.assert_array_equal(before, picture.pixels)
    checks += 1
    # Deterministic, and one picture's proposals do not depend on its neighbours.
    alone = [bound.propose([picture])[0] for picture in reversed(pictures)][::-1]
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-2)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    checks += 1
    assert bound.propose([]) == []
    checks += 1
    for picture in hostile():
        check(bound.propose([picture]), [picture], len(VOCABULARY))
    checks += 1
    # Of one class alone, with a background, and bound again.
    one_class = unseen.Vocabulary.from_names(["cat"])
    again = detector.bind(rec, one_class, background=["a wall"])
    check(again.propose(pictures[:1]), pictures[:1], 1)
    again.close()
    bound.close()
    checks += 1
    # And as the whole task sees it.
    result = rec.detect([pictures[0].pixels], VOCABULARY, detector=detector, threshold=0.0, max_boxes=20)[0]
    assert result.error is None
    assert ((result.scores >= 0) & (result.scores <= 1)).all()
    assert (result.boxes >= 0).all()
    assert (result.boxes[:, 2] <= result.size[0]).all()
    assert (result.boxes[:, 3] <= result.size[1]).all()
    checks += 1
    assert checks >= LEAST


def test_there_are_enough_detectors() -> None:
    assert set(DETECTORS) >= {"default", "hf", "http", "onnx", "regions"}
