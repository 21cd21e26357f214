"""A server that finds boxes: JSON over HTTP, as Roboflow's inference server speaks it."""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import json
import math
import os
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.detection.boxes import from_cxcywh
from unseen.errors import InputError, ModelError
from unseen.validation import check_number, message, one_line, shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture

__all__ = ["KEYS", "HttpDetector"]

_OWNER = "HttpDetector"
#: Where the key is looked for, in this order.
KEYS = ("UNSEEN_API_KEY", "ROBOFLOW_API_KEY")
#: Where such a server finds boxes.
_ROUTE = "/infer/object_detection"
#: Largest answer that is read, and most boxes that are taken from it.
_MAX_ANSWER, _MOST = 8 << 20, 10_000
#: Pictures are sent with this longer side at most; detectors look at less.
_LONGEST = 1600
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Longest pause between two tries, in seconds, whatever the server asks for.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
#: So many pictures in a row that fail, and the server is given up.
_GIVEN_UP = 5
_SECRET = frozenset({"api_key", "apikey", "key", "token", "access_token"})


@dataclass(frozen=True)
class _Place:
    """Where requests go; holds no secret."""

    scheme: str
    host: str
    port: int | None
    path: str
    model: str | None

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{port}{self.path}"


class HttpDetector(Detector):
    """Have a server find the boxes.

    Parameters
    ----------
    url : str
        The server and the model on it, ``http://localhost:9001/coco/3``; or the whole address that requests are posted
        to, ``https://example.org/infer/object_detection?model_id=coco/3``.
    confidence : float, default 0.05
        Asked of the server: boxes it is less sure of are left out, in [0, 1].
    timeout : float, default 30.0
        Seconds that the server may take to connect, and to answer, above 0.
    retries : int, default 3
        How often a request is repeated that failed for want of a connection, or with an answer of 408, 425, 429 or
        5xx; pauses double from half a second, or last as long as the server asks for, 30 seconds at most.

    Raises
    ------
    InputError
        When the address cannot be used: another scheme, a key or a user's name in it; or when a key would go over
        plain http to another than the local network.

    Notes
    -----
    A key is read from the environment, ``UNSEEN_API_KEY`` or ``ROBOFLOW_API_KEY``. It is sent in the body and in the
    header ``Authorization``, never in the address, and is in no message. Redirections are not followed: whoever
    answers must be who was asked.

    What is posted: ``{"model_id", "api_key", "confidence", "image": {"type": "base64", "value"}}``, the picture as
    JPEG with a longer side of at most 1,600 pixels. What must come back: ``{"predictions": [{"x", "y", "width",
    "height", "confidence", "class"}]}`` with the box's centre, in pixels of ``"image": {"width", "height"}`` if there
    is one, else of the picture that was sent.

    A picture that the server refuses (400, 413, a malformed answer) comes with its error; five in a row, a refused
    key, a missing model, or no connection end the run.
    """

    takes: ClassVar[str | None] = "//<host>/<model>"
    description: ClassVar[str] = "a server that finds boxes (Roboflow inference): its address; key in UNSEEN_API_KEY"

    def __init__(self, url: str, *, confidence: float = 0.05, timeout: float = 30.0, retries: int = 3) -> None:
        self.confidence = check_number(_OWNER, "confidence", confidence, low=0, high=1)
        self.timeout = check_number(_OWNER, "timeout", timeout, low=0, high=3600, low_open=True)
        self.retries = int(check_number(_OWNER, "retries", retries, low=0, high=20, integer=True))
        self._place = _place(url)
        self.spec = f"http:{url}" if url.startswith("//") else url

    def bind(self, recognizer: Any, vocabulary: Any, *, background: Sequence[str] | None = None) -> BoundDetector:
        """Return what asks the server; what it finds does not depend on the vocabulary."""
        return _BoundHttp(self, self._place)


class _BoundHttp(BoundDetector):
    def __init__(self, detector: HttpDetector, place: _Place) -> None:
        self._detector = detector
        self._place = place
        self._key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        if self._key is not None and place.scheme == "http" and not _near(place.host):
            remedy = f"Write https://, or unset {' and '.join(KEYS)}"
            got = verbatim(f"http to {shorten(place.host)}, where anybody on the way could read it")
            raise InputError(message(_OWNER, "the address that a key is sent to", "https", got, remedy))
        if self._key is not None and (not self._key.isascii() or not self._key.isprintable()):
            got = verbatim("other characters")
            raise InputError(message(_OWNER, f"the key in {KEYS[0]}", "printable ASCII", got, "Copy it again"))
        self._failures = 0

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> Proposals:
        data, size = _jpeg(picture.pixels)
        body: dict[str, Any] = {
            "confidence": self._detector.confidence,
            "image": {"type": "base64", "value": base64.b64encode(data).decode()},
        }
        if self._place.model is not None:
            body["model_id"] = self._place.model
        if self._key is not None:
            body["api_key"] = self._key
        try:
            found = _read(self._ask(json.dumps(body).encode()), size, picture.size)
        except _RefusedError as refused:
            self._failures += 1
            if self._failures >= _GIVEN_UP:
                raise self._ended(f"{_GIVEN_UP} pictures in a row failed, the last one because {refused}") from None
            return Proposals.failed(f"the server found nothing: {refused}")
        self._failures = 0
        return found

    def _ask(self, body: bytes) -> Any:
        """Return the answer to a request, parsed; repeats what may go better."""
        pause, waited = _PAUSE, None
        for attempt in range(self._detector.retries + 1):
            if attempt:
                time.sleep(min(waited if waited is not None else pause, _LONGEST_PAUSE))
                pause, waited = 2 * pause, None
            try:
                status, headers, answer = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                reason = _reason(error)
                continue
            if status in _RETRIED:
                reason, waited = f"it answers {status}", _seconds(headers.get("Retry-After"))
                continue
            return self._checked(status, headers, answer)
        if reason.startswith("it answers"):
            raise _RefusedError(f"{reason}, {self._detector.retries + 1} times")
        raise self._ended(reason)

    def _post(self, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        place, timeout = self._place, self._detector.timeout
        connection: http.client.HTTPConnection
        if place.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(place.host, place.port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(place.host, place.port, timeout=timeout)
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            connection.request("POST", place.path, body, headers)
            with connection.getresponse() as response:
                # A server that sends a byte now and then would never run into the timeout of one read.
                return response.status, response.headers, _bounded(response, time.monotonic() + 2 * timeout)
        finally:
            connection.close()

    def _checked(self, status: int, headers: http.client.HTTPMessage, answer: bytes) -> Any:
        if 300 <= status < 400:
            to = urlsplit(headers.get("Location", "")).netloc.rpartition("@")[2]
            where = f"to {shorten(one_line(to))} " if to else ""
            raise self._ended(f"it redirects {where}with {status}, which is not followed")
        if status in (401, 403):
            what = "the key was refused" if self._key is not None else f"it wants a key: set {KEYS[0]}"
            raise self._ended(f"{what} ({status})")
        if status in (404, 405):
            raise self._ended(f"there is no such model or address ({status})")
        if status != 200:
            raise _RefusedError(f"it answers {status}")
        if len(answer) > _MAX_ANSWER:
            raise _RefusedError(f"it answers more than {_MAX_ANSWER >> 20} MiB")
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise _RefusedError("it answers something else than JSON") from None

    def _ended(self, reason: str) -> ModelError:
        expected, remedy = "a server that finds boxes", "Check the address and the server"
        return ModelError(message(_OWNER, f"{self._place}", expected, verbatim(f"none: {reason}"), remedy))


class _RefusedError(Exception):
    """The server answers, but not about this picture."""


def _place(url: Any) -> _Place:
    """Return where requests go.

    Raises
    ------
    InputError
        When the address cannot be used; the message never holds what may be a key.
    """
    expected = "an address such as http://localhost:9001/coco/3"
    if not isinstance(url, str):
        raise InputError(message(_OWNER, "url", expected, url, "Pass a string"))
    # "http://host" is the scheme "http" of detectors with "//host" behind it, and "http:https://host" is meant so.
    whole = f"http:{url}" if url.startswith("//") else url
    try:
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        raise InputError(message(_OWNER, "url", expected, verbatim("something else"), "Check its port")) from None
    query = parse_qsl(parts.query)
    secret = next((name for name, _ in query if name.lower() in _SECRET), None)
    if secret is not None or parts.username is not None or parts.password is not None:
        got = verbatim(f"one with {secret}=" if secret else "one with a user's name")
        remedy = f"Take it out and set the environment variable {KEYS[0]}; addresses end up in logs"
        raise InputError(message(_OWNER, "url", "without a key", got, remedy))
    strange = any(ord(c) <= 32 or ord(c) > 126 for c in whole)
    if parts.scheme not in ("http", "https") or not parts.hostname or strange:
        raise InputError(message(_OWNER, "url", expected, verbatim(repr(whole.partition("?")[0][:60])), "Check it"))
    model = dict(query).get("model_id")
    others = [name for name, _ in query if name != "model_id"]
    if others:
        remedy = "Leave the rest of the query out"
        raise InputError(message(_OWNER, "url", "without a query but model_id", others[0], remedy))
    path = parts.path.rstrip("/")
    if model is None and path and not path.startswith("/infer"):
        model, path = path.lstrip("/"), ""
    return _Place(parts.scheme, parts.hostname, port, path or _ROUTE, model)


def _near(host: str) -> bool:
    """Return whether a host is this machine or on the local network, as far as its name tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))
    return address.is_loopback or address.is_private or address.is_link_local


def _jpeg(pixels: npt.NDArray[np.uint8]) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as JPEG, and its width and height there."""
    from PIL import Image

    image = Image.fromarray(pixels)
    longest = max(image.size)
    if longest > _LONGEST:
        size = tuple(max(1, round(side * _LONGEST / longest)) for side in image.size)
        image = image.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92)
    return file.getvalue(), image.size


def _bounded(response: http.client.HTTPResponse, until: float) -> bytes:
    parts, total = [], 0
    while total <= _MAX_ANSWER:
        part = response.read1(1 << 16)
        if not part:
            break
        parts.append(part)
        total += len(part)
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _read(answer: Any, sent: tuple[int, int], size: tuple[int, int]) -> Proposals:
    """Return the boxes of an answer in pixels of the picture."""
    if isinstance(answer, list) and len(answer) == 1:  # what servers of several pictures answer for one
        answer = answer[0]
    rows = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _RefusedError("it answers JSON without a list of predictions")
    if len(rows) > _MOST:
        raise _RefusedError(f"it answers more than {_MOST:,} boxes")
    numbers = [[row.get(key) for key in ("x", "y", "width", "height", "confidence")] for row in rows]
    if not all(_number(value) for row in numbers for value in row):
        raise _RefusedError("a prediction lacks one of the numbers x, y, width, height, confidence")
    values = np.array(numbers, np.float32).reshape(-1, 5)
    image = answer.get("image")
    sides = [image.get(key) for key in ("width", "height")] if isinstance(image, dict) else []
    told = [float(side) for side in sides if isinstance(side, int | float) and _number(side) and side > 0]
    of = told if len(told) == 2 else sent
    scale = np.array([size[0] / of[0], size[1] / of[1]] * 2, np.float32)
    labels = [row["class"][:200] if isinstance(row.get("class"), str) else None for row in rows]
    return Proposals(from_cxcywh(values[:, :4]) * scale, np.clip(values[:, 4], 0, 1), labels=labels)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e9


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, ssl.SSLError):
        return f"its certificate was not accepted ({one_line(str(error.reason))})"
    # Not the text of the error: of a broken answer that is the server's own words.
    return f"the connection failed ({type(error).__name__})"
