"""Pictures for reports: drawn by matplotlib without a screen, as SVG that gives the same bytes for the same data."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from unseen.errors import MissingExtraError
from unseen.validation import import_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

__all__ = ["draw_svg", "without_pictures"]

# Blue first: beside the vermilion that follows it stays apart in grey and for the colour-blind.
_STYLE: Any = {
    "axes.edgecolor": "#565e68",
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": "#d9dde2",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "text.parse_math": False,
    "svg.hashsalt": "unseen",
}


def without_pictures() -> str:
    """Return how to get pictures where matplotlib is not installed, and nothing where it is."""
    try:
        import_extra("matplotlib", extra="plots", purpose="a report with pictures")
    except MissingExtraError as error:
        return str(error)
    return ""


def draw_svg(draw: Callable[[Axes], None], *, width: float = 7.0, height: float = 4.2) -> bytes:
    """Return a picture as SVG.

    Parameters
    ----------
    draw : callable
        Draws onto the axes it is handed.
    width, height : float
        In inches.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    import_extra("matplotlib", extra="plots", purpose="a report with pictures")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot())
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
