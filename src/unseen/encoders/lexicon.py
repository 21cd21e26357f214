"""A dictionary of visible things, so that a name alone says something about looks.

"Okapi" tells a sentence encoder little; "okapi: similar to the giraffe but smaller with much shorter neck and stripe on
the legs" tells it a lot. A class that has neither description nor attributes is looked up here by its name.
"""

from __future__ import annotations

import gzip
import zlib
from functools import cached_property
from typing import TYPE_CHECKING

from unseen.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Lexicon"]

#: Largest text that is read; a small file must not unpack into all of memory.
_MAX_BYTES = 64 << 20


class Lexicon:
    """Definitions by name, from a gzipped table ``name TAB definition`` in UTF-8.

    Parameters
    ----------
    path : Path
        The file; read at the first look-up.

    Raises
    ------
    ModelError
        At the first look-up, when the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def definition(self, name: str) -> str | None:
        """Return the definition of the first sense of a thing called `name`, or None.

        Case does not matter; a plural is looked up as its singular where it is not there itself.
        """
        key = " ".join(name.lower().replace("_", " ").split())
        candidates = [key, key.replace(" ", "-"), key.replace("-", " ")]
        candidates += [key.removesuffix("s"), key.removesuffix("es")]
        if key.endswith("ies"):
            candidates.append(key.removesuffix("ies") + "y")
        return next((self._table[candidate] for candidate in candidates if candidate in self._table), None)

    @cached_property
    def _table(self) -> dict[str, str]:
        try:
            with gzip.open(self.path) as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES} bytes unpacked")
            lines = (line.partition("\t") for line in data.decode("utf-8").splitlines())
            return {name: definition for name, _, definition in lines if definition}
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ModelError(f"Lexicon: {self.path} cannot be read: {error}. Install the model again.") from None
