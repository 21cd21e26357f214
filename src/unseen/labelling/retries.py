"""Rows with an error, labelled again; all other rows of their part stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unseen.labelling.parts import part_name
from unseen.labelling.shards import changed
from unseen.labelling.stored_rows import damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.labelling.output import Output

__all__ = ["Retries"]


class Retries:
    """The finished parts of an output whose rows with an error are labelled again.

    Parameters
    ----------
    output : Output
        Begun; says which parts these are.
    schema : pyarrow.Schema
        Of the rows.

    Notes
    -----
    A part is written anew as a whole, and its new line holds in place of the old one. A run that is ended between the
    two leaves a part that is not the one its line speaks of, which counts as one that is missing.
    """

    def __init__(self, output: Output, schema: Any) -> None:
        self._output = output
        self._schema = schema
        self._places: dict[int, list[int]] = {}

    def __contains__(self, index: int) -> bool:
        return index in self._output.retried

    @property
    def rows(self) -> int:
        """Rows that are labelled again, in all parts."""
        return sum(self._output.done[index].errors for index in self._output.retried)

    def places(self, index: int) -> Sequence[int]:
        """Return where in a part the rows with an error are; nowhere in a part that stays as it is."""
        if index not in self:
            return ()
        if index not in self._places:
            errors = self._read(index, ["error"]).column("error").to_pylist()
            self._places[index] = [place for place, error in enumerate(errors) if error is not None]
        return self._places[index]

    def merged(self, index: int, fresh: Any) -> Any:
        """Return the rows of a part, with new ones in place of those that had an error.

        Raises
        ------
        InputError
            When the new ones are of other items.
        """
        import numpy as np
        import pyarrow as pa

        places = self._places.pop(index)
        old = self._read(index, self._schema.names).cast(self._schema)
        if old.column("item").take(pa.array(places, pa.int64())).to_pylist() != fresh.column("item").to_pylist():
            raise changed(self._output.done[index].first, "other names among items that could not be used")
        order = np.arange(len(old))
        order[places] = len(old) + np.arange(len(fresh))
        return pa.concat_tables([old, fresh]).take(pa.array(order)).combine_chunks()

    def _read(self, index: int, columns: list[str]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._output.folder / part_name(index)
        try:
            with path.open("rb") as file:
                return pq.read_table(file, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, error) from None
