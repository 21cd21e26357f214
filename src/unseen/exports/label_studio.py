"""Label Studio: tasks with predictions, for people to look over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from unseen.exports.base import Export, JsonArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.exports.base import Sample

__all__ = ["LabelStudioExport"]

_WEB = ("http://", "https://")


class LabelStudioExport(Export):
    """``tasks.json`` with predictions, ``config.xml`` for the labelling interface, and the photos in ``images/``.

    Photos are served by Label Studio itself: start it with ``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and this
    folder as ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``, and give the project ``images/`` as local storage. Photos at
    web addresses keep theirs. An unknown item is a task without a prediction.
    """

    description = "Label Studio: tasks with predictions, and the interface"

    def begin(self) -> None:
        """Open the file."""
        (self.root / "images").mkdir()
        self._file = (self.root / "tasks.json").open("w", encoding="utf-8", newline="\n")
        self._tasks = JsonArray(self._file)
        self._several = bool(self.settings.get("multi_label"))

    def add(self, sample: Sample) -> None:
        """Write a task."""
        if sample.item.lower().startswith(_WEB):
            address = sample.item
        else:
            name = self.originals.place(sample, self.root / "images")
            address = "/data/local-files/?d=" + quote(f"images/{name}")
        predictions: list[dict[str, Any]] = []
        if sample.answers:
            result = {
                "id": f"{sample.position}",
                "from_name": "label",
                "to_name": "image",
                "type": "choices",
                "value": {"choices": list(sample.names[: sample.answers])},
            }
            version = f"unseen {self.settings.get('model', '')}".strip()
            predictions.append({"model_version": version, "score": sample.probabilities[0], "result": [result]})
        data = {"image": address, "item": sample.item, "sha256": sample.sha}
        self._tasks.add({"data": data, "predictions": predictions})

    def end(self) -> Mapping[str, str]:
        """Write the interface."""
        self._tasks.end()
        self._file.write("\n")
        choice = "multiple" if self._several else "single"
        lines = [
            "<View>",
            '  <Image name="image" value="$image"/>',
            f'  <Choices name="label" toName="image" choice="{choice}" showInLine="true">',
            *(f"    <Choice value={quoteattr(name)}/>" for name in self.classes),
            "  </Choices>",
            "</View>",
        ]
        (self.root / "config.xml").write_text("\n".join(lines) + "\n", "utf-8")
        return {}

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()
