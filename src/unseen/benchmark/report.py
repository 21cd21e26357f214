"""A benchmark's results for people: a Markdown table, and a web page with pictures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.benchmark.published_reader import shipped_published
from unseen.report.document import Document, Picture, Section, Table, render_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from unseen.benchmark.runner import Results

__all__ = ["to_html", "to_markdown"]

_FIGURES = ("t1", "t5", "u", "s", "h", "h_calibrated", "ausuc", "ece", "n1_skewness")
_HEADS = ("T1", "T5", "u", "s", "H", "H calibrated", "AUSUC", "ECE", "N1 skewness")
_TIMES = ("select_s", "fit_s", "predict_s", "rss_mb")


def _over_seeds(results: Results) -> list[dict[str, Any]]:
    """Return one row per method: means over seeds, and the spread of T1."""
    merged = []
    for name in dict.fromkeys(row["method"] for row in results.rows):
        mine = [row for row in results.rows if row["method"] == name]
        row = dict(mine[0])
        for figure in (*_FIGURES, "gamma", *_TIMES):
            values = [one[figure] for one in mine if one[figure] is not None]
            row[figure] = float(np.mean(values)) if values else None
        row["spread"] = float(np.std([one["t1"] for one in mine], ddof=1)) if len(mine) > 1 else None
        row["test_openings"] = max(one["test_openings"] for one in mine)
        merged.append(row)
    return sorted(merged, key=lambda row: -row["t1"])


def _groups(results: Results) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return methods that score each sample by itself, and those that look at the test samples together."""
    rows = _over_seeds(results)
    kinds = (
        ("Methods that score each sample by itself", [row for row in rows if row["inductive"]]),
        ("Methods that look at all test samples together (transductive)", [r for r in rows if not r["inductive"]]),
    )
    return [(title, mine) for title, mine in kinds if mine]


def _heading(results: Results) -> str:
    settings = results.settings
    seeds = "one seed" if settings["seeds"] == 1 else f"{settings['seeds']} seeds"
    return f"{results.summary['name']}: {settings['protocol'].upper()}, {seeds}"


def to_markdown(results: Results) -> str:
    """Return the results as Markdown tables, inductive and transductive methods apart."""
    lines = [f"# {_heading(results)}", ""]
    for title, rows in _groups(results):
        lines += [
            f"{title}:",
            "",
            f"| method | {' | '.join(_HEADS)} | select s | fit s |",
            "|---" * (len(_HEADS) + 3) + "|",
        ]
        for row in rows:
            cells = ["–" if row[name] is None else f"{row[name]:.3f}" for name in _FIGURES]
            lines.append(f"| `{row['method']}` | {' | '.join(cells)} | {row['select_s']:.0f} | {row['fit_s']:.1f} |")
        lines.append("")
    told = _published(results)
    if told:
        lines += [
            "Published figures:",
            "",
            *(f"- `{row[0]}`: {row[1]} {row[2]} published, {row[4]}" for row in told),
            "",
        ]
    lines += [f"`{one['method']}`, seed {one['seed']}, failed: {one['error']}" for one in results.failures]
    return "\n".join(lines).rstrip() + "\n"


def to_html(results: Results) -> str:
    """Return a web page: tables, pictures, what each column means.

    Without matplotlib there are no pictures, and the page says so.
    """
    sections = []
    for title, rows in _groups(results):
        pictures = [
            Picture(
                partial(_bars, rows=rows),
                "Bars: accuracy of unseen classes among themselves, by method. The table below has the figures.",
                1.2 + 0.3 * len(rows),
            )
        ]
        if any(row["u"] is not None for row in rows):
            pictures.append(
                Picture(
                    partial(_balance, rows=rows),
                    "Points: accuracy on seen against accuracy on unseen classes when both compete, by method.",
                    5.2,
                )
            )
        figures = Table(
            ("method", *_HEADS), [[row["method"], *(row[name] for name in _FIGURES)] for row in rows], folds=False
        )
        costs = Table(
            ("method", "family", "search s", "fit s", "predict s", "peak MB", "test openings"),
            [[r["method"], r["family"], *(_rounded(r[name]) for name in _TIMES), r["test_openings"]] for r in rows],
            caption="What it cost.",
        )
        chosen = Table(
            ("method", "settings"),
            [[row["method"], row["params"]] for row in rows],
            caption="What was chosen on held-out training classes.",
        )
        sections.append(Section(title, pictures=pictures, tables=(figures, costs, chosen)))
    if results.failures:
        failed = Table(
            ("method", "seed", "why"), [[one["method"], one["seed"], one["error"]] for one in results.failures]
        )
        sections.append(Section("Failed", badge=str(len(results.failures)), tone="doubt", tables=(failed,)))
    told = _published(results)
    if told:
        heads = ("method", "figure", "published", "paper", "compared with this run")
        sections.append(Section("Published figures", tables=(Table(heads, told),)))
    sections.append(Section("What the columns mean", paragraphs=_MEANINGS))
    summary = results.summary
    best = max((row["t1"] for row in results.rows if row["inductive"]), default=None)
    tiles = [
        ("methods", str(len({row["method"] for row in results.rows}))),
        ("classes seen, unseen", f"{summary['seen_classes']}, {summary['unseen_classes']}"),
        ("test samples", f"{summary['parts']['test_unseen']['samples'] + summary['parts']['test_seen']['samples']:,}"),
        ("best T1, sample by sample", "–" if best is None else f"{best:.3f}"),
    ]
    settings = {"data set": summary["name"], "fingerprint": summary["fingerprint"], **results.settings}
    return render_document(Document(_heading(results), tiles, sections, settings))


_MEANINGS = (
    "T1, T5: share of each unseen class's samples whose class is the best, or among the five best, of the unseen "
    "classes; then the mean over classes, so that large classes count no more than small ones.",
    "u, s, H: seen and unseen classes compete. u is the accuracy on unseen classes, s on seen ones, H their harmonic "
    "mean. Most methods favour seen classes, so u and H are low as they come.",
    "H calibrated: the same after a penalty on seen classes, chosen on training classes that were held out. AUSUC: the "
    "area under accuracy on unseen against accuracy on seen classes for every such penalty.",
    "ECE: how far stated probabilities are from the share that is right; 0 is best. N1 skewness: above 0, a few "
    "classes attract most samples; around 0, none does.",
    "Settings were chosen on three folds of held-out training classes. Test openings count how often a method opened "
    "the test part of these data from this folder of results; another folder starts to count anew.",
)


def _published(results: Results) -> list[list[str]]:
    """Return what papers say of these methods on a data set of this name, and whether that can be compared."""
    name, n_features, split = (results.summary[key] for key in ("name", "features", "split"))
    ours = {row["method"]: row for row in _over_seeds(results)}
    told = []
    for one in shipped_published():
        for figure, head in (("t1", "T1"), ("h", "H")):
            theirs = one.figure(figure, name)
            if theirs is None or one.method not in ours or ours[one.method][figure] is None:
                continue
            own = results.settings["class vectors"] == "those of the data set"
            why = one.not_comparable(n_features, split, own_prototypes=own)
            here = ours[one.method][figure]
            close = abs(here - theirs) <= one.tolerance
            verdict = f"{here:.3f} here: {'as close as' if close else 'further apart than'} {one.tolerance:.3f}"
            told.append([one.method, head, f"{theirs:.3f}", one.source, f"not comparable: {why}" if why else verdict])
    return told


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:,.1f}"


def _bars(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    places = np.arange(len(rows))[::-1]
    axes.barh(places, [row["t1"] for row in rows], color="#0067a5", height=0.66, zorder=2)
    spreads = [row["spread"] or 0.0 for row in rows]
    if any(spreads):
        axes.errorbar(
            [row["t1"] for row in rows], places, xerr=spreads, fmt="none", ecolor="#16191d", capsize=3, zorder=3
        )
    for place, row in zip(places, rows, strict=True):
        axes.text(row["t1"] + 0.008 + (row["spread"] or 0.0), place, f"{row['t1']:.3f}", va="center", fontsize=9)
    if rows[0]["per_class"]:
        chance = 1 / len(rows[0]["per_class"])
        axes.axvline(chance, color="#16191d", linestyle="--", linewidth=1, label=f"guessing, {chance:.3f}", zorder=3)
        axes.legend(loc="lower right", fontsize=9)
    axes.set_yticks(places, [row["method"] for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, min(1.0, 1.12 * max(row["t1"] for row in rows)))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("T1: mean per-class accuracy of unseen classes")


def _balance(axes: Axes, rows: Sequence[dict[str, Any]]) -> None:
    shown = sorted((row for row in rows if row["u"] is not None), key=lambda row: -row["u"])
    u, s = np.array([row["u"] for row in shown]), np.array([row["s"] for row in shown])
    left, right = max(-0.02, s.min() - 0.06), min(1.02, s.max() + 0.04)
    low, high = max(-0.02, u.min() - 0.06), min(1.02, u.max() + 0.06)
    grid_s, grid_u = np.meshgrid(np.linspace(max(left, 0.005), right, 200), np.linspace(max(low, 0.005), high, 200))
    means = 2 * grid_u * grid_s / (grid_u + grid_s)
    lines = axes.contour(grid_s, grid_u, means, levels=np.arange(0.1, 1, 0.1), colors="#8a939d", linewidths=0.8)
    axes.clabel(lines, fmt="H %.1f", fontsize=8)
    axes.scatter(s, u, s=28, color="#a8480a", edgecolor="white", zorder=3)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    # Names stand in a column of their own, in the order of u: points of good methods lie close together.
    step = (high - low) / max(len(shown), 14)
    places = u.copy()
    for i in range(len(places)):
        places[i] = min(u[i], (places[i - 1] if i else high) - step)
    for i in reversed(range(len(places))):
        places[i] = max(places[i], (places[i + 1] if i + 1 < len(places) else low) + step)
    for row, place in zip(shown, places, strict=True):
        axes.annotate(
            row["method"],
            (row["s"], row["u"]),
            (right + 0.05 * (right - left), place),
            va="center",
            fontsize=8,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "#8a939d", "linewidth": 0.6, "relpos": (0, 0.5)},
        )
    axes.set_xlabel("s: accuracy on seen classes")
    axes.set_ylabel("u: accuracy on unseen classes")
