"""A diagnosis as one web page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unseen.report.document import Document, Picture, Section, Table, render_document

if TYPE_CHECKING:
    from unseen.diagnosis.effects import Effect
    from unseen.diagnosis.failures import Diagnosis
    from unseen.diagnosis.finding import Finding

__all__ = ["to_html"]

_BADGES = {"none": ("not found", "good"), "mild": ("mild", ""), "strong": ("strong", "doubt")}

_HOW = (
    "Remedies against bias and hubs go around any method: Remedied(method, remedies=[CalibratedStacking()]) learns the "
    "penalty from held-out training classes when it is fitted (from unseen.methods.meta.remedied import Remedied; from "
    "unseen.decision.stacking import CalibratedStacking).",
    "For photos from another source: Aligned(method); for new classes whose photos are recognised together: "
    "SelfTraining(method); for attributes that photos do not show: Prepared(method, prototypes=AttributeWeights()).",
    "Figures that are not explained here are in the documentation, a page for each failure.",
)


def to_html(diagnosis: Diagnosis) -> str:
    """Return a web page: every failure with its verdict, picture, details and what remedies do.

    Without matplotlib there are no pictures, and the page says so.
    """
    told: set[str] = set()
    sections = []
    for finding in diagnosis.findings:
        effects = [one for one in diagnosis.effects if one.failure == finding.failure and finding.failure not in told]
        told.add(finding.failure)
        sections.append(_section(finding, effects))
    if diagnosis.effects:
        sections.append(Section("To apply a remedy", _HOW))
    strong = sum(one.severity == "strong" for one in diagnosis.findings)
    tiles = [
        ("looked for", str(len(diagnosis.findings))),
        ("strong", str(strong)),
        ("mild", str(sum(one.severity == "mild" for one in diagnosis.findings))),
    ]
    if diagnosis.effects:
        tiles.append(("remedies that clearly help", str(sum(one.clear for one in diagnosis.effects))))
    return render_document(Document(diagnosis.title, tiles, sections, diagnosis.settings))


def _section(finding: Finding, effects: list[Effect]) -> Section:
    badge, tone = _BADGES[finding.severity]
    pictures = [] if finding.draw is None else [Picture(finding.draw, f"{finding.title}. {finding.verdict}")]
    tables = []
    if effects:
        skews = ("skewness_before", "skewness_after") if finding.failure == "hubness" else ()
        rows = [
            [
                one.remedy + (" (transductive)" if one.transductive else ""),
                one.figure,
                one.before,
                one.after,
                f"{one.gain.estimate:+.3f} ({one.gain.low:+.3f} to {one.gain.high:+.3f})",
                *(one.others[name] for name in skews),
            ]
            for one in sorted(effects, key=lambda one: -one.gain.estimate)
        ]
        tables.append(
            Table(
                (
                    "remedy",
                    "figure",
                    "before",
                    "after",
                    "gain, 95 % interval over classes",
                    *(name.replace("_", " ") for name in skews),
                ),
                rows,
                caption="What remedies do on held-out training classes; each was fitted to other classes than it is "
                "judged on.",
            )
        )
    if finding.rows:
        columns = list(finding.rows[0])
        shown: list[list[Any]] = [[row.get(name) for name in columns] for row in finding.rows]
        tables.append(Table([name.replace("_", " ") for name in columns], shown, caption="Details, worst first."))
    figures = [[name.replace("_", " "), value] for name, value in finding.figures.items()]
    tables.append(Table(("figure", "value"), figures, caption="Figures."))
    return Section(finding.title, (finding.verdict,), badge, tone, pictures, tables)
