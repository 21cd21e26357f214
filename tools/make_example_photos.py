"""Make the example photos and their credits from the pictures inside scikit-image's wheel.

Usage: ``pip install --no-deps scikit-image==0.26.0 && python tools/make_example_photos.py``

Only pictures that scikit-image's documentation (``skimage/data/_fetchers.py``) says are CC0 or released into the
public domain are taken. Left out on purpose: "no known copyright restrictions" without a release (coins,
immunohistochemistry), pictures without a statement (moon, page, motorcycle), and scikit-learn's ``china.jpg`` and
``flower.jpg``, which are CC BY 2.0.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import NamedTuple

from PIL import Image

LONGEST = 640
QUALITY = 88
CC0 = "CC0 1.0"
PUBLIC = "public domain"


class Photo(NamedTuple):
    """One example: our file, scikit-image's file, and what its documentation says of it."""

    name: str
    source: str
    shows: str
    author: str
    licence: str
    origin: str


PHOTOS = (
    Photo("astronaut", "astronaut.png", "Eileen Collins in her space suit", "NASA", PUBLIC, "NASA Great Images"),
    Photo("brick_wall", "brick.png", "bricks", "CC0Textures", CC0, "cc0textures.com, Bricks25"),
    Photo("cat", "chelsea.png", "the cat Chelsea", "Stefan van der Walt", CC0, "the photographer"),
    Photo("cell", "cell.png", "a cell under a microscope (not among the classes)", "Paul Müller et al.", CC0,
          "doi:10.1364/OE.26.010729"),
    Photo("coffee", "coffee.png", "a cup of coffee, Pikolo Espresso Bar", "Rachel Michetti", CC0, "the photographer"),
    Photo("galaxies", "hubble_deep_field.jpg", "the Hubble eXtreme Deep Field", "NASA", PUBLIC,
          "hubblesite.org, release 2012-37"),
    Photo("grass", "grass.png", "grass", "linolafett", CC0, "deviantart.com, Grass 01"),
    Photo("gravel", "gravel.png", "gravel (not among the classes)", "CC0Textures", CC0, "cc0textures.com, Gravel04"),
    Photo("horse", "horse.png", "the silhouette of a horse", "Andreas Preuss (marauder)", CC0,
          "openclipart.org, detail 158377"),
    Photo("moving_clock", "clock_motion.png", "a clock blurred by motion (not among the classes)",
          "Stefan van der Walt", PUBLIC, "the photographer"),
    Photo("photographer", "camera.png", "a photographer behind his tripod", "Lav Varshney", CC0, "the photographer"),
    Photo("retina", "retina.jpg", "the back of a human eye (not among the classes)", "Mikael Häggström", CC0,
          "doi:10.15347/wjm/2014.008"),
    Photo("rocket", "rocket.jpg", "a Falcon 9 lifting off with DSCOVR", "SpaceX", PUBLIC, "SpaceX Photos, flickr.com"),
)  # fmt: skip

HEAD = f"""# Credits of the example photos

All come from the wheel of scikit-image 0.26 (`skimage/data`), whose documentation states author and licence of
each as given here; all are CC0 or public domain, so they may be copied, changed and shared freely. Showing a
person, a company or its products here says nothing about what they think of this software.

Changes: scaled down to at most {LONGEST} pixels, transparency laid on white, converted to 8-bit RGB, saved as JPEG
(quality {QUALITY}). Made by `tools/make_example_photos.py`.

| photo | shows | author | licence | from | in scikit-image |
|---|---|---|---|---|---|
"""


def convert(source: Path, target: Path) -> None:
    """Write `source` as a small RGB JPEG without metadata."""
    with Image.open(source) as picture:
        # On white: a silhouette's transparent ground would turn as black as the silhouette.
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, "white")
        ground.alpha_composite(rgba)
        photo = ground.convert("RGB")
    photo.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    photo.save(target, "JPEG", quality=QUALITY, optimize=True)


def main() -> None:
    """Write the photos and CREDITS.md into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "examples" / "photos")
    out: Path = parser.parse_args().out
    # The package is found but not imported: only its data is wanted, not its dependencies.
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit("scikit-image must be installed. Install it with: pip install --no-deps scikit-image==0.26.0")
    data = Path(package.origin).parent / "data"
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for photo in PHOTOS:
        convert(data / photo.source, out / f"{photo.name}.jpg")
        lines.append(
            f"| {photo.name}.jpg | {photo.shows} | {photo.author} | {photo.licence} | {photo.origin} "
            f"| `{photo.source}` |\n"
        )
    (out / "CREDITS.md").write_text(HEAD + "".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
