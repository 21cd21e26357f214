"""The report's builder: takes predictions batch by batch and keeps only what the report will show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.report.cards import MAX_LABELS, MAX_RANKS, Card, Summary, Thumbnail, printable, quote
from unseen.report.keep import BestExamples, LeastCertain
from unseen.validation import check_number, message, verbatim
from unseen.writers import check_writable, partial_of, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from unseen.results import Explanation, Predictions

    Preview = npt.NDArray[Any] | str | Callable[[], npt.NDArray[Any] | None] | None

__all__ = ["FORMATS", "ReportBuilder", "check_report", "format_of"]

#: Suffix to format.
FORMATS = {".html": "html", ".htm": "html", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}

_MAX_ERRORS = 100
_PER_CLASS = 3
_SHEET_CELLS = 48
_BINS = 10


def format_of(path: str | Path) -> str:
    """Return the format a report's suffix asks for: ``"html"``, ``"png"`` or ``"jpeg"``.

    Raises
    ------
    InputError
        When the suffix is none of :data:`FORMATS`.
    """
    try:
        return FORMATS[Path(path).suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise InputError(
            message("report", "the report's suffix", f"one of {known}", Path(path).name, "Rename the report")
        ) from None


def check_report(path: str | Path) -> None:
    """Raise when a report cannot be written to `path`, so that this is known before the work and not after.

    Raises
    ------
    InputError
        When the suffix is none of :data:`FORMATS`, or the system refuses.
    """
    format_of(path)
    check_writable("report", "the report", Path(path))


class ReportBuilder:
    """Collects predictions as they come and writes a report of them for people.

    Parameters
    ----------
    names : sequence of str
        Class names of the vocabulary.
    settings : mapping
        What produced the predictions: model, fingerprints, thresholds. Shown as it is; nothing is added, neither
        date nor machine, so that the same run gives the same bytes.
    title : str, default "What was recognised"
        The report's headline.
    max_items : int, default 400
        How many items, the least certain ones, the page shows one by one; at least 1. The totals and charts
        always count all of them.

    Raises
    ------
    InputError
        When `max_items` is not a whole number of at least 1.

    Notes
    -----
    Memory is bounded by `max_items` and the number of classes, however many items come. Least certain means:
    items called unknown first, then by the probability of the likeliest class; where there are more of both than
    `max_items`, half of the room is kept for the recognised ones.

    Examples
    --------
    >>> from unseen.report import ReportBuilder
    >>> from unseen.results import Predictions
    >>> p = Predictions(["a.txt:1"], ["sport", "art"], [[0, 1]], [[0.9, 0.1]], [0.8], [False], [None])
    >>> builder = ReportBuilder(["sport", "art"], {"model": "default"})
    >>> builder.add(p, ["They won the match."])
    >>> builder.summary().recognised
    1
    """

    def __init__(
        self,
        names: Sequence[str],
        settings: Mapping[str, Any],
        *,
        title: str = "What was recognised",
        max_items: int = 400,
    ) -> None:
        self._names = tuple(names)
        self._settings = dict(settings)
        self._title = title
        self._least = LeastCertain(int(check_number("ReportBuilder", "max_items", max_items, low=1, integer=True)))
        self._cards: dict[int, Card] = {}
        self._examples: BestExamples[Card] = BestExamples(_PER_CLASS, 2 * _SHEET_CELLS)
        # Apart, lest many classes crowd them out.
        self._unknown_examples: BestExamples[Card] = BestExamples(_PER_CLASS, _PER_CLASS)
        self._errors: list[tuple[str, str]] = []
        self._items = self._skipped = self._unknown = self._recognised = 0
        self._certainty = 0.0
        self._counts: Counter[int] = Counter()
        self._histogram = [[0, 0] for _ in range(_BINS)]

    def add(
        self,
        predictions: Predictions,
        previews: Sequence[Preview],
        explanations: Sequence[Explanation | None] | None = None,
    ) -> None:
        """Take in one batch.

        Parameters
        ----------
        predictions : Predictions
            The answers, about the builder's classes.
        previews : sequence of (uint8 array of shape (height, width, 3), str, callable or None)
            For each item its photo in RGB, its text, or None; or what returns the photo or None, called only where
            the report may show it. Photos are shrunk, and only those that the report will show are kept.
        explanations : sequence of (Explanation or None) or None, default None
            For each item what speaks for its answer.

        Raises
        ------
        InputError
            When the predictions are about other classes, or previews or explanations do not fit them.
        """
        self._check(predictions, previews, explanations)
        for i, item in enumerate(predictions.items):
            index = self._items
            self._items += 1
            if (error := predictions.errors[i]) is not None:
                self._skipped += 1
                if len(self._errors) < _MAX_ERRORS:
                    self._errors.append((printable(item), printable(error, 400)))
                continue
            labels = predictions.ranks(i)
            several = bool(predictions.settings.get("multi_label")) and labels > 0
            # All that was accepted, or the likeliest; of what nothing was accepted of, what came nearest.
            n = min(labels, MAX_LABELS) if several else min(labels or MAX_RANKS, MAX_RANKS)
            ranks = zip(predictions.top[i, :n], predictions.probabilities[i, :n], strict=True)
            self._take(
                index,
                item,
                # Through str(): float32 0.9 is a little less than 0.9 and would count as below 90 %.
                tuple((int(position), float(str(probability))) for position, probability in ranks),
                known=float(predictions.known[i]),
                unknown=bool(predictions.unknown[i]),
                preview=previews[i],
                explanation=explanations[i] if explanations is not None else None,
                labels=n if several else 1,
            )

    def _take(
        self,
        index: int,
        item: str,
        top: tuple[tuple[int, float], ...],
        *,
        known: float,
        unknown: bool,
        preview: Preview,
        explanation: Explanation | None,
        labels: int,
    ) -> None:
        likeliest, certainty = top[0]
        self._histogram[min(int(certainty * _BINS), _BINS - 1)][unknown] += 1
        if unknown:
            self._unknown += 1
        else:
            self._recognised += 1
            self._certainty += certainty
            self._counts.update(position for position, _ in top[:labels])

        gone = self._least.offer(index, certainty, unknown=unknown)
        # The clearest example of "none of these" is what looks like them least.
        group, clarity = (0, 1 - known) if unknown else (likeliest, certainty)
        examples = self._unknown_examples if unknown else self._examples
        is_example = examples.admits(group, clarity, index)
        if gone == index and not is_example:
            return
        # Only now: a thumbnail costs more than everything else here.
        if callable(preview):
            preview = preview()
            self._check_previews([preview])
        card = Card(
            index,
            printable(item),
            top,
            known,
            unknown,
            thumbnail=None if preview is None or isinstance(preview, str) else Thumbnail.of(preview),
            text=quote(preview) if isinstance(preview, str) else None,
            explanation=explanation,
            labels=labels,
        )
        if gone != index:
            self._cards[index] = card
            if gone is not None:
                del self._cards[gone]
        if is_example:
            examples.add(group, clarity, card)

    def _check(
        self, predictions: Predictions, previews: Sequence[Preview], explanations: Sequence[Explanation | None] | None
    ) -> None:
        # An empty result may come without names (Predictions.concatenate([])).
        if len(predictions) and predictions.names != self._names:
            raise InputError(
                message(
                    "ReportBuilder.add",
                    "the predictions",
                    f"about the report's {len(self._names)} classes in their order",
                    verbatim(f"{len(predictions.names)} classes, {', '.join(map(repr, predictions.names[:3]))} …"),
                    "Make one report per vocabulary",
                )
            )
        for argument, values in (("previews", previews), ("explanations", explanations)):
            if values is not None and len(values) != len(predictions):
                raise InputError(
                    message(
                        "ReportBuilder.add",
                        argument,
                        f"{len(predictions)} entries, one per item",
                        verbatim(str(len(values))),
                        "Pass None for items that have none",
                    )
                )
        self._check_previews(previews)

    def _check_previews(self, previews: Sequence[Preview]) -> None:
        for preview in previews:
            if preview is None or isinstance(preview, str) or callable(preview):
                continue
            shape: tuple[int, ...] = getattr(preview, "shape", ())
            dtype = str(getattr(preview, "dtype", ""))
            if dtype != "uint8" or len(shape) != 3 or shape[2] != 3 or not shape[0] or not shape[1]:
                expected = "a uint8 array of shape (height, width, 3), a text or None"
                raise InputError(
                    message("ReportBuilder.add", "a preview", expected, preview, "Convert photos to 8-bit RGB")
                )

    def summary(self) -> Summary:
        """Return what the report will show, as plain values."""
        return Summary(
            title=self._title,
            names=self._names,
            settings=self._settings,
            items=self._items,
            recognised=self._recognised,
            unknown=self._unknown,
            skipped=self._skipped,
            certainty=self._certainty / self._recognised if self._recognised else None,
            counts=tuple(self._counts[position] for position in range(len(self._names))),
            histogram=tuple((recognised, unknown) for recognised, unknown in self._histogram),
            cards=tuple(self._cards[index] for index in self._least.indices()),
            examples=self._sheet(),
            errors=tuple(self._errors),
        )

    def _sheet(self) -> tuple[Card, ...]:
        usable = self._recognised + self._unknown
        if usable <= _SHEET_CELLS and usable == len(self._cards):
            # Everything fits: as it came.
            return tuple(self._cards[index] for index in sorted(self._cards))
        groups = [position for position, _ in self._counts.most_common()]
        unknown = self._unknown_examples.choose([0], _PER_CLASS)
        return (*self._examples.choose(groups, _SHEET_CELLS - len(unknown)), *unknown)

    def write(self, path: str | Path) -> None:
        """Write the report: a web page (``.html``) or the contact sheet (``.png``, ``.jpg``).

        The page is one file that loads nothing from anywhere. The file appears under its name only when it is
        complete. More may be added and written afterwards.

        Raises
        ------
        InputError
            When the suffix is unknown or the file cannot be written.
        """
        path = Path(path)
        kind = format_of(path)
        if kind == "html":
            from unseen.report.page import render

            data = render(self.summary()).encode()
        else:
            from unseen.report.sheet import draw

            data = draw(self.summary(), kind)
        check_report(path)
        try:
            partial_of(path).write_bytes(data)
            partial_of(path).replace(path)
        except OSError as error:
            raise unwritable("report", "the report", path, error) from None
