"""From the name of a detector to the detector: ``default``, ``regions:…``, ``onnx:…``, ``hf:…``, ``http://…``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unseen.detection.base import BoundDetector, Detector
from unseen.errors import InputError
from unseen.registry import DETECTORS
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["bind_detector", "detector_names", "load_detector"]

_OWNER = "load_detector"
_WEB = ("http://", "https://")


def load_detector(spec: str, **options: Any) -> Detector:
    """Load a detector by its name.

    Parameters
    ----------
    spec : str
        ``default``, the one shipped with the package; ``regions:<file or folder>``, boxes you have;
        ``onnx:<file>``, a closed-set network such as YOLOX; ``hf:<id or folder>``, an open-vocabulary model of
        transformers; the address (``http://…``, ``https://…``) of a server that finds boxes; or a scheme that another
        package registers.
    **options
        Keyword arguments of the detector's class.

    Returns
    -------
    Detector
        Its `spec` is `spec`.

    Raises
    ------
    InputError
        When there is no such scheme, or what follows it is missing or wrong.
    ModelError
        When its model cannot be read.
    MissingExtraError
        When it needs a package that is not installed; the message has the pip line.

    Examples
    --------
    >>> from unseen.detection import load_detector
    >>> load_detector("http://localhost:9001/coco/3").spec
    'http://localhost:9001/coco/3'
    """
    scheme, argument = _split(spec)
    cls = DETECTORS.get(scheme)
    takes = getattr(cls, "takes", None)
    if takes is None and argument is not None:
        raise InputError(message(_OWNER, "detector", f"{scheme!r} alone", _shown(spec), "Leave out what follows it"))
    if takes is not None and not argument:
        expected = f"{scheme!r} with {takes} after a colon"
        raise InputError(message(_OWNER, "detector", expected, _shown(spec), f"Write {scheme}:{takes}"))
    detector: Detector = cls(**options) if argument is None else cls(argument, **options)
    # One that hides a part of its name has set it itself.
    detector.spec = detector.spec or spec
    return detector


def bind_detector(
    owner: str,
    detector: Any,
    recognizer: Recognizer,
    vocabulary: Vocabulary,
    background: Sequence[str] | None,
) -> tuple[BoundDetector, str]:
    """Return what finds boxes, of a name, a detector or one that is bound already; and what it is called.

    Raises
    ------
    InputError
        When it is none of these; in the name of `owner`.
    """
    if isinstance(detector, str):
        detector = load_detector(detector)
    if isinstance(detector, Detector):
        return detector.bind(recognizer, vocabulary, background=background), detector.spec or type(detector).__name__
    if isinstance(detector, BoundDetector):
        return detector, type(detector).__name__
    remedy = "Pass for example 'default' or 'onnx:yolox.onnx'"
    raise InputError(message(owner, "detector", "a detector or the name of one", detector, remedy))


def detector_names() -> list[str]:
    """Return what a detector can be called, each scheme with what follows it: ``onnx:<file>``."""
    takes = {scheme: getattr(DETECTORS.get(scheme), "takes", None) for scheme in DETECTORS}
    return [f"{scheme}:{taken}" if taken else scheme for scheme, taken in takes.items()]


def _split(spec: Any) -> tuple[str, str | None]:
    """Return the scheme and what follows its colon, None where there is no colon."""
    if not isinstance(spec, str):
        remedy = f"Pass one of {', '.join(DETECTORS)}, perhaps with a colon and more"
        raise InputError(message(_OWNER, "detector", "a string", spec, remedy))
    if spec.lower().startswith(_WEB):
        return "http", spec
    scheme, colon, argument = spec.partition(":")
    if scheme in DETECTORS:
        return scheme, argument if colon else None
    near = nearest(scheme, DETECTORS)
    kinds = {".onnx": "onnx:", ".json": "regions:", ".txt": "regions:"}
    guess = next((kind + spec for suffix, kind in kinds.items() if spec.lower().endswith(suffix)), None)
    if near and (colon or guess is None):
        guess = near[0] + colon + argument
    remedy = f"Did you mean {guess!r}" if guess else "See `unseen detect --help`"
    raise InputError(message(_OWNER, "detector", f"one of {', '.join(DETECTORS)}", spec, remedy))


def _shown(spec: str) -> str:
    """Return a name without what may be a key in it."""
    return verbatim(repr(spec.partition("?")[0]))
