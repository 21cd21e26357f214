"""Rows: what is written of an item, as Arrow tables.

One row per item::

    item           string            its name
    sha            string            SHA-256 of its bytes, or of its pixels where there are no bytes
    width, height  int32             of the photo as people see it, upright
    names          list<string>      the likeliest classes, best first; those chosen where several may be  (labels)
    probabilities  list<float32>     theirs                                     (labels)
    unknown        bool              whether it was called unknown              (labels)
    error          string            why it could not be used, or null
    embedding      fixed_size_list<float16>[d]                                  (embeddings; asked for)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.results import Predictions

__all__ = ["Measured", "make_schema", "make_table"]


@dataclass(slots=True)
class Measured:
    """What is known of one item besides its answer."""

    name: str
    sha: str | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None


def make_schema(*, labels: bool, dim: int | None = None) -> Any:
    """Return the ``pyarrow.Schema`` of an output's parts.

    Parameters
    ----------
    labels : bool
        Whether rows hold answers.
    dim : int or None, default None
        Length of the embeddings; None for none.
    """
    import pyarrow as pa

    fields = [("item", pa.string()), ("sha", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
    if labels:
        fields += [
            ("names", pa.list_(pa.string())),
            ("probabilities", pa.list_(pa.float32())),
            ("unknown", pa.bool_()),
        ]
    fields.append(("error", pa.string()))
    if dim is not None:
        fields.append(("embedding", pa.list_(pa.float16(), dim)))
    return pa.schema(fields)


def make_table(
    schema: Any,
    measured: Sequence[Measured],
    *,
    predictions: Predictions | None = None,
    names: Any = None,
    vectors: npt.NDArray[np.float32] | None = None,
) -> Any:
    """Return the rows of some items.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of :func:`make_schema`.
    measured : sequence of Measured
        The m items.
    predictions : Predictions or None, default None
        Their answers, where the schema has labels.
    names : pyarrow.StringArray or None, default None
        The names of the classes, made once.
    vectors : ndarray of shape (u, d) or None, default None
        Vectors of the u items without an error, in order, where the schema has embeddings.

    Raises
    ------
    ModelError
        When a vector does not fit into 16-bit floats.
    """
    import pyarrow as pa

    failed = np.array([one.error is not None for one in measured], dtype=np.bool_)
    columns: dict[str, Any] = {
        "item": pa.array([one.name for one in measured], pa.string()),
        "sha": pa.array([one.sha for one in measured], pa.string()),
        "width": pa.array([one.width for one in measured], pa.int32()),
        "height": pa.array([one.height for one in measured], pa.int32()),
        "error": pa.array([one.error for one in measured], pa.string()),
    }
    if predictions is not None:
        columns.update(_answers(predictions, names, failed))
    if "embedding" in schema.names:
        columns["embedding"] = _embeddings(schema.field("embedding").type, failed, vectors)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _answers(predictions: Predictions, names: Any, failed: npt.NDArray[np.bool_]) -> dict[str, Any]:
    import pyarrow as pa

    ranks = predictions.top.shape[1]
    # Where several classes may be chosen, or an item has candidates of its own, the ranks behind are no answers.
    chosen: Any = getattr(predictions, "chosen", None)
    counts = np.where(failed, 0, ranks if chosen is None else chosen)
    kept = np.arange(ranks) < counts[:, None]
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    missing = pa.array(failed)
    return {
        "names": pa.ListArray.from_arrays(offsets, names.take(pa.array(predictions.top[kept])), mask=missing),
        "probabilities": pa.ListArray.from_arrays(
            offsets, pa.array(predictions.probabilities[kept], pa.float32()), mask=missing
        ),
        "unknown": pa.array(predictions.unknown, pa.bool_(), mask=failed),
    }


def _embeddings(kind: Any, failed: npt.NDArray[np.bool_], vectors: npt.NDArray[np.float32] | None) -> Any:
    import pyarrow as pa

    all_of_them = np.zeros((len(failed), kind.list_size), np.float16)
    if vectors is not None and len(vectors):
        with np.errstate(over="ignore"):
            all_of_them[~failed] = vectors
        if not np.isfinite(all_of_them).all():
            raise ModelError(
                "labelling: vectors must fit into 16-bit floats; got larger ones. "
                "Label without embeddings, or use a model whose vectors have length one."
            )
    return pa.FixedSizeListArray.from_arrays(
        pa.array(all_of_them.ravel(), pa.float16()), type=kind, mask=pa.array(failed)
    )
