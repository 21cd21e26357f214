"""COCO, for tools that know nothing else."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from unseen.exports.base import Export, JsonArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.exports.base import Sample

__all__ = ["CocoExport"]


class CocoExport(Export):
    """``labels.json`` in COCO's layout beside the photos in ``data/``.

    COCO has no annotations of whole images. What tools agree on is an annotation whose box is the whole image: that is
    what is written, with the probability as ``score``. ``categories`` are all classes, numbered from 1 in the
    vocabulary's order. An unknown item is an image without annotation.
    """

    description = "COCO: labels.json and data/, a box around each whole photo"

    def begin(self) -> None:
        """Open the file, and one for what comes behind the images."""
        (self.root / "data").mkdir()
        self._ids = {name: number for number, name in enumerate(self.classes, 1)}
        self._file = (self.root / "labels.json").open("w+", encoding="utf-8", newline="\n")
        self._side = (self.root / ".annotations").open("w+", encoding="utf-8", newline="\n")
        info = {"description": "labelled by unseen", "version": "1.0"}
        self._file.write(f'{{"info": {json.dumps(info)}, "licenses": [],\n"images": ')
        self._images, self._annotations = JsonArray(self._file), JsonArray(self._side)
        self._image = self._annotation = 0

    def add(self, sample: Sample) -> None:
        """Write the image and an annotation for each answer."""
        name = self.originals.place(sample, self.root / "data")
        self._image += 1
        w, h = sample.width, sample.height
        self._images.add({"id": self._image, "file_name": name, "width": w, "height": h, "item": sample.item})
        for answer, share in list(zip(sample.names, sample.probabilities, strict=True))[: sample.answers]:
            self._annotation += 1
            self._annotations.add(
                {
                    "id": self._annotation,
                    "image_id": self._image,
                    "category_id": self._ids[answer],
                    "bbox": [0, 0, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                    "score": share,
                }
            )

    def end(self) -> Mapping[str, str]:
        """Join the two files, and write the categories."""
        self._images.end()
        self._annotations.end()
        self._file.write(',\n"annotations": ')
        self._side.seek(0)
        shutil.copyfileobj(self._side, self._file)
        self._file.write(',\n"categories": ')
        categories = JsonArray(self._file)
        for name, number in self._ids.items():
            categories.add({"id": number, "name": name, "supercategory": ""})
        categories.end()
        self._file.write("}\n")
        self._side.close()
        (self.root / ".annotations").unlink()
        return {}

    def close(self) -> None:
        """Close the files."""
        for file in (getattr(self, "_file", None), getattr(self, "_side", None)):
            if file is not None:
                file.close()
