"""Pascal VOC annotations: an XML file per image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from unseen.detection.readers import BoxFile, image_boxes, read_text, wrong

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

__all__ = ["parse_xml", "read_voc"]

_MAX_BYTES = 1 << 26
_MOST_DEEP = 64


def read_voc(path: Path) -> BoxFile:
    """Read a folder of VOC annotations, or one of them.

    Raises
    ------
    InputError
        With the file, when something in it is wrong.
    """
    folder = next((path / name for name in ("Annotations", "annotations") if (path / name).is_dir()), path)
    files = sorted(folder.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise wrong(path, "", "annotations", "in .xml files, one per image", "none")
    images: dict[str, Any] = {}
    names: dict[str, None] = {}
    for file in files:
        root = parse_xml(file)
        rows = []
        for number, thing in enumerate(root.findall("object"), 1):
            where = f"object {number}"
            name = _text(thing, "name")
            if not name:
                raise wrong(file, where, "its name", "written", "nothing")
            corners = [_number(file, where, thing, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
            # Pixels are counted from 1, and the last one is part of the box.
            box = (corners[0] - 1, corners[1] - 1, corners[2], corners[3])
            difficult = _text(thing, "difficult") == "1"
            score = _number(file, where, thing, "score", 1.0)
            rows.append((box, min(max(score, 0.0), 1.0), name, difficult, 0))
            names.setdefault(name, None)
        size = tuple(int(_number(file, "size", root, f"size/{key}", 0.0)) for key in ("width", "height"))
        item = _text(root, "filename") or file.stem
        if item in images:
            item = file.stem
        images[item] = image_boxes(item, rows, size=(size[0], size[1]) if all(side > 0 for side in size) else None)
    return BoxFile(path, "voc", tuple(names), images)


def parse_xml(file: Path) -> Element:
    """Parse an XML file that declares nothing: no document type, so no entities and nothing from elsewhere.

    Raises
    ------
    InputError
        When it is no XML, declares a document type, or is nested deeper than 64 elements.
    """
    from xml.etree.ElementTree import TreeBuilder

    text = read_text(file, limit=_MAX_BYTES)
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate("utf-8")

    def refuse(*_: Any) -> None:
        raise wrong(file, f"line {parser.CurrentLineNumber}", "its text", "without a document type or entities", "one")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEEP:
            raise wrong(file, f"line {parser.CurrentLineNumber}", "its elements", f"at most {_MOST_DEEP} deep", depth)
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    # The text is UTF-8 by now, whatever its first line says.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1)
    try:
        parser.Parse(text.encode(), True)
        root: Element = builder.close()
    except expat.ExpatError as error:
        raise wrong(file, "", "its text", "XML", str(error)) from None
    return root


def _text(element: Element, path: str) -> str:
    found = element.find(path)
    return (found.text or "").strip() if found is not None else ""


def _number(file: Path, where: str, element: Element, path: str, otherwise: float | None = None) -> float:
    text = _text(element, path)
    if not text and otherwise is not None:
        return otherwise
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e9:
        raise wrong(file, where, path, "a number", text)
    return number
