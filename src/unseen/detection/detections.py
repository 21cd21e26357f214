"""Detections: the boxes of one image, each with its likeliest classes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["BOX_COLUMNS", "Detections"]

#: The columns of every table of boxes, in order, with their types by the names that pyarrow has for them.
BOX_COLUMNS = {
    "item": "string",
    "box": "int32",
    "name": "string",
    "score": "float32",
    "left": "float32",
    "top": "float32",
    "right": "float32",
    "bottom": "float32",
    "probability": "float32",
    "unknown": "bool_",
    "label": "string",
    "error": "string",
}


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one image.

    Parameters
    ----------
    item : str
        The image.
    size : tuple of (int, int)
        Its width and height, upright, in pixels; (0, 0) where it could not be used.
    names : sequence of str
        Class names of the vocabulary.
    boxes : array-like of shape (n, 4)
        Left, top, right and bottom edge in pixels of the upright original; 0 <= left < right <= width.
    scores : array-like of shape (n,)
        How sure it is that the box holds an object of its likeliest class (of any class, where that is unknown),
        in [0, 1].
    top : array-like of int of shape (n, K)
        Positions into `names`, likeliest first.
    probabilities : array-like of shape (n, K)
        Of those classes, given that the box holds one of them; in [0, 1].
    unknown : array-like of bool of shape (n,)
        Whether there is an object of none of the classes.
    labels : sequence of (str or None) or None, default None
        What the detector itself called each box, where it named any.
    error : str or None, default None
        Why the image could not be used.
    settings : mapping, default {}
        What produced this.

    Raises
    ------
    InputError
        When the parts do not fit together.
    """

    item: str
    size: tuple[int, int]
    names: tuple[str, ...] = field(repr=False)
    boxes: npt.NDArray[np.float32] = field(repr=False)
    scores: npt.NDArray[np.float32] = field(repr=False)
    top: npt.NDArray[np.intp] = field(repr=False)
    probabilities: npt.NDArray[np.float32] = field(repr=False)
    unknown: npt.NDArray[np.bool_] = field(repr=False)
    labels: tuple[str | None, ...] | None = field(repr=False)
    error: str | None
    settings: Mapping[str, Any] = field(repr=False)

    def __init__(
        self,
        item: str,
        size: tuple[int, int],
        names: Sequence[str],
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike,
        top: npt.ArrayLike,
        probabilities: npt.ArrayLike,
        unknown: npt.ArrayLike,
        *,
        labels: Sequence[str | None] | None = None,
        error: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        arrays: dict[str, npt.NDArray[Any]] = {
            "boxes": np.array(boxes, np.float32).reshape(-1, 4),
            "scores": np.array(scores, np.float32).reshape(-1),
            "unknown": np.array(unknown, np.bool_).reshape(-1),
        }
        n = len(arrays["boxes"])
        arrays["top"] = np.array(top, np.intp).reshape(n, -1) if n else np.zeros((0, 0), np.intp)
        ranks = arrays["top"].shape[1]
        given = np.array(probabilities, np.float32)
        arrays["probabilities"] = given.reshape(n, -1) if n else np.zeros((0, 0), np.float32)
        expected = {"scores": (n,), "unknown": (n,), "probabilities": (n, ranks)}
        for key, shape in expected.items():
            if arrays[key].shape != shape:
                raise InputError(
                    message("Detections", key, f"of shape {shape}", arrays[key], "Give every box one answer")
                )
        for array in arrays.values():
            array.flags.writeable = False
        values = {
            "item": item,
            "size": (int(size[0]), int(size[1])),
            "names": tuple(names),
            "labels": None if labels is None else tuple(labels),
            "error": error,
            "settings": dict(settings or {}),
        }
        for key, value in (arrays | values).items():
            object.__setattr__(self, key, value)

    def __len__(self) -> int:
        return len(self.boxes)

    def best(self) -> list[str | None]:
        """Return the likeliest class of each box; None where it is unknown."""
        return [None if unknown else self.names[top[0]] for top, unknown in zip(self.top, self.unknown, strict=True)]

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a dict of :data:`BOX_COLUMNS` per box, numbered from 1.

        An image without boxes, and one that could not be used, is one row without a box.
        """
        if self.error is not None or not len(self):
            yield dict.fromkeys(BOX_COLUMNS) | {"item": self.item, "error": self.error}
            return
        names = self.best()
        for i in range(len(self)):
            # Through str(): the shortest decimal that is this float32, not its 17-digit expansion.
            edges = [float(str(edge)) for edge in self.boxes[i]]
            share = None if self.unknown[i] or not self.top.shape[1] else float(str(self.probabilities[i, 0]))
            label = None if self.labels is None else self.labels[i]
            row = (
                *(self.item, i + 1, names[i], float(str(self.scores[i])), *edges),
                *(share, bool(self.unknown[i]), label, None),
            )
            yield dict(zip(BOX_COLUMNS, row, strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows as dicts, one per box."""
        return list(self.iter_rows())

    def to_arrow(self) -> Any:
        """Return a ``pyarrow.Table`` of the rows."""
        from unseen.writers import arrow_table

        return arrow_table(self.iter_rows(), BOX_COLUMNS)

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` of the rows.

        Raises
        ------
        MissingExtraError
            When pandas is not installed.
        """
        from unseen.validation import import_extra

        import_extra("pandas", extra="pandas", purpose="Detections.to_pandas")
        return self.to_arrow().to_pandas()

    def to_supervision(self) -> Any:
        """Return ``supervision.Detections``: boxes, ``class_id``, ``confidence``, and names in ``data["class_name"]``.

        The class of an unknown box has the number -1 and the name "unknown".

        Raises
        ------
        MissingExtraError
            When supervision is not installed.
        """
        from unseen.validation import import_extra

        sv = import_extra("supervision", extra="vision", purpose="Detections.to_supervision")
        numbers = np.array([-1 if u else t[0] for t, u in zip(self.top, self.unknown, strict=True)], np.int64)
        names = np.array([name or "unknown" for name in self.best()], dtype=str)
        return sv.Detections(
            xyxy=self.boxes.copy(), confidence=self.scores.copy(), class_id=numbers, data={"class_name": names}
        )

    def to_json(self) -> str:
        """Return image, settings and boxes, each with its likeliest classes, as one JSON document."""
        boxes = [
            {"box": [float(str(edge)) for edge in box], "score": float(str(score)), "unknown": bool(unknown)}
            | {"names": [self.names[position] for position in top]}
            | {"probabilities": [float(str(share)) for share in shares]}
            for box, score, unknown, top, shares in zip(
                self.boxes, self.scores, self.unknown, self.top, self.probabilities, strict=True
            )
        ]
        document = {"item": self.item, "size": self.size, "error": self.error, "boxes": boxes}
        return json.dumps(document | {"settings": dict(self.settings)}, ensure_ascii=False, default=str)

    def __str__(self) -> str:
        if self.error is not None:
            return one_line(f"{self.item}: skipped, {self.error}")
        lines = [one_line(f"{self.item}: {len(self)} {'box' if len(self) == 1 else 'boxes'}")]
        for name, score, box in zip(self.best(), self.scores, self.boxes, strict=True):
            edges = ", ".join(f"{edge:.0f}" for edge in box)
            lines.append(f"  {score:>4.0%}  {one_line(name or 'unknown')}  ({edges})")
        return "\n".join(lines)
