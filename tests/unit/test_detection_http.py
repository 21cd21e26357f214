"""A server that finds boxes, against a stub on this machine that speaks the protocol, well and badly."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from unseen.detection import Picture
from unseen.detection.http import HttpDetector, _BoundHttp
from unseen.errors import InputError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "rf_5ecretKey"  # noqa: S105  made up
PICTURE = Picture("a.jpg", np.full((60, 80, 3), 90, np.uint8))


class Stub(ThreadingHTTPServer):
    """Answers as it is told, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], tuple[int, Any, dict[str, str]]] = lambda _: (200, boxes(), {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/coco/3"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "body": body, "headers": dict(self.headers)})
        status, answer, headers = self.server.answer(body)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        try:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(data))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked has gone: too slow for them
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def boxes(**more: Any) -> dict[str, Any]:
    one = {"x": 40, "y": 30, "width": 20, "height": 10, "confidence": 0.9, "class": "dog", "class_id": 16}
    return {"image": {"width": 80, "height": 60}, "predictions": [one], "time": 0.1} | more


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.delenv("UNSEEN_API_KEY", raising=False)
    monkeypatch.delenv("ROBOFLOW_API_KEY", raising=False)
    monkeypatch.setattr("unseen.detection.http._PAUSE", 0.01)
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def bound(stub: Stub, **options: Any) -> _BoundHttp:
    made = HttpDetector(stub.url, **options).bind(None, None)
    assert isinstance(made, _BoundHttp)
    return made


def test_what_is_asked_and_what_is_answered(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOFLOW_API_KEY", SECRET)
    found = bound(stub, confidence=0.2).propose([PICTURE])[0]
    assert found.boxes.tolist() == [[30, 25, 50, 35]]
    assert found.scores.tolist() == pytest.approx([0.9])
    assert found.labels == ("dog",)
    asked = stub.asked[0]
    assert asked["path"] == "/infer/object_detection"
    assert SECRET not in asked["path"]
    assert asked["headers"]["Authorization"] == f"Bearer {SECRET}"
    body = asked["body"]
    assert (body["model_id"], body["api_key"], body["confidence"]) == ("coco/3", SECRET, 0.2)
    assert body["image"]["type"] == "base64"
    with Image.open(io.BytesIO(base64.b64decode(body["image"]["value"]))) as sent:
        assert (sent.format, sent.size) == ("JPEG", (80, 60))


def test_large_pictures_are_sent_smaller_and_boxes_come_back_larger(stub: Stub) -> None:
    stub.answer = lambda _: (200, [boxes(image={"width": 1600, "height": 400})], {})
    large = Picture("b", np.zeros((800, 3200, 3), np.uint8))
    assert bound(stub).propose([large])[0].boxes.tolist() == [[60, 50, 100, 70]]
    with Image.open(io.BytesIO(base64.b64decode(stub.asked[0]["body"]["image"]["value"]))) as sent:
        assert sent.size == (1600, 400)
    assert "api_key" not in stub.asked[0]["body"]
    assert "Authorization" not in stub.asked[0]["headers"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"<html>", "it answers something else than JSON"),
        (b"[" * 100_000, "it answers something else than JSON"),
        (b'{"predictions": 3}', "it answers JSON without a list of predictions"),
        (b'{"predictions": [3]}', "it answers JSON without a list of predictions"),
        ({"predictions": [{"x": 1, "y": 2, "width": 3}]}, "a prediction lacks one of the numbers"),
        (
            b'{"predictions": [{"x": NaN, "y": 1, "width": 1, "height": 1, "confidence": 1}]}',
            "lacks one of the numbers",
        ),
        ({"predictions": [{}] * 10_001}, "it answers more than 10,000 boxes"),
        (b" " * (9 << 20), "it answers more than 8 MiB"),
    ],
)
def test_malformed_answers_are_an_error_of_the_picture(stub: Stub, answer: Any, told: str) -> None:
    stub.answer = lambda _: (200, answer, {})
    found = bound(stub).propose([PICTURE])[0]
    assert len(found) == 0
    assert found.error is not None
    assert told in found.error


def test_hostile_numbers_and_labels_do_no_harm(stub: Stub) -> None:
    row = {"x": -1e8, "y": 5, "width": 0, "height": -4, "confidence": 7, "class": "x" * 10_000}
    stub.answer = lambda _: (200, {"image": {"width": 0, "height": "a"}, "predictions": [row]}, {})
    found = bound(stub).propose([PICTURE])[0]
    assert found.scores.tolist() == [1]
    assert found.labels == ("x" * 200,)


def test_it_asks_again_where_that_may_help(stub: Stub) -> None:
    answers = [(500, {}, {}), (429, {}, {"Retry-After": "0"}), (200, boxes(), {})]
    stub.answer = lambda _: answers[len(stub.asked) - 1]
    assert len(bound(stub).propose([PICTURE])[0]) == 1
    assert len(stub.asked) == 3


def test_a_server_that_keeps_failing_is_given_up(stub: Stub) -> None:
    stub.answer = lambda _: (503, {}, {})
    made = bound(stub, retries=1)
    for _ in range(4):
        assert made.propose([PICTURE])[0].error == "the server found nothing: it answers 503, 2 times"
    with pytest.raises(ModelError, match=r"none: 5 pictures in a row failed, the last one because it answers 503"):
        made.propose([PICTURE])
    assert len(stub.asked) == 10


def test_one_bad_picture_does_not_end_the_run(stub: Stub) -> None:
    stub.answer = lambda _: (413, {}, {}) if len(stub.asked) % 2 else (200, boxes(), {})
    found = bound(stub).propose([PICTURE] * 12)
    assert [one.error for one in found] == ["the server found nothing: it answers 413", None] * 6
    assert len(stub.asked) == 12


@pytest.mark.parametrize(
    ("status", "key", "told"),
    [
        (401, True, r"the key was refused \(401\)"),
        (403, False, r"it wants a key: set UNSEEN_API_KEY \(403\)"),
        (404, True, r"there is no such model or address \(404\)"),
    ],
)
def test_what_asking_again_does_not_help_ends_the_run(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, status: int, key: bool, told: str
) -> None:
    if key:
        monkeypatch.setenv("UNSEEN_API_KEY", SECRET)
    stub.answer = lambda body: (status, {"message": f"key {body.get('api_key')} is wrong"}, {})
    with pytest.raises(ModelError, match=told) as raised:
        bound(stub).propose([PICTURE])
    assert len(stub.asked) == 1
    assert SECRET not in str(raised.value)


def test_redirections_are_not_followed(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_API_KEY", SECRET)
    stub.answer = lambda _: (307, {}, {"Location": "http://user:pw@evil.example/steal?api_key=1"})
    with pytest.raises(ModelError, match=r"it redirects to 'evil\.example' with 307, which is not followed") as raised:
        bound(stub).propose([PICTURE])
    assert "pw" not in str(raised.value)
    assert len(stub.asked) == 1


def test_a_slow_server_is_not_waited_for(stub: Stub) -> None:
    def slow(_: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        time.sleep(1)
        return 200, boxes(), {}

    stub.answer = slow
    begun = time.monotonic()
    with pytest.raises(ModelError, match="none: it did not answer in time"):
        bound(stub, timeout=0.1, retries=1).propose([PICTURE])
    assert time.monotonic() - begun < 0.9


def test_no_server_at_all(stub: Stub) -> None:
    url = stub.url
    stub.shutdown()
    stub.server_close()
    with pytest.raises(
        ModelError, match=r"HttpDetector: http://127\.0\.0\.1:\d+/infer/object_detection must be a server"
    ):
        HttpDetector(url, retries=1).bind(None, None).propose([PICTURE])


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"http://localhost:9001/coco/3?api_key={SECRET}", "url must be without a key; got one with api_key="),
        (f"http://{SECRET}@localhost/coco/3", "url must be without a key; got one with a user's name"),
        ("ftp://localhost/coco/3", "url must be an address such as"),
        ("http://", "url must be an address such as"),
        ("http://localhost:port/", "url must be an address such as"),
        ("http://local host/", "url must be an address such as"),
        ("http://localhost/coco/3\r\nX: y", "url must be an address such as"),
        ("http://localhost/coco/3?speed=1", "url must be without a query but model_id"),
        (7, "url must be an address such as"),
    ],
)
def test_addresses_that_cannot_be_used(url: Any, told: str) -> None:
    with pytest.raises(InputError, match=f"HttpDetector: {told}") as raised:
        HttpDetector(url)
    assert SECRET not in str(raised.value)


def test_keys_travel_over_plain_http_on_the_local_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_API_KEY", SECRET)
    with pytest.raises(InputError, match="the address that a key is sent to must be https") as raised:
        HttpDetector("http://detect.example.com/coco/3").bind(None, None)
    assert SECRET not in str(raised.value)
    for near in ("http://localhost:9001/a/1", "http://192.168.0.7/a/1", "http://inference:9001/a/1", "http://[::1]/a"):
        HttpDetector(near).bind(None, None)
    HttpDetector("https://detect.example.com/coco/3").bind(None, None)
    monkeypatch.setenv("UNSEEN_API_KEY", "a\nb")
    with pytest.raises(InputError, match="the key in UNSEEN_API_KEY must be printable ASCII"):
        HttpDetector("http://localhost/a/1").bind(None, None)


def test_how_addresses_are_read() -> None:
    from unseen.detection import load_detector

    assert load_detector("http://localhost:9001/coco/3").spec == "http://localhost:9001/coco/3"
    for spec, route, model in (
        ("https://a.example/infer/object_detection?model_id=coco/3", "/infer/object_detection", "coco/3"),
        ("http:https://a.example/my-model/7", "/infer/object_detection", "my-model/7"),
        ("http://a.example", "/infer/object_detection", None),
    ):
        made = load_detector(spec)
        assert isinstance(made, HttpDetector)
        assert (made._place.path, made._place.model) == (route, model)
