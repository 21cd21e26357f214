"""The report: bounded memory, honest numbers, a page nobody can break out of, a picture that opens."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from unseen.errors import InputError
from unseen.report import ReportBuilder, format_of
from unseen.report.cards import THUMBNAIL, Card, percent, printable, quote
from unseen.report.keep import BestExamples, LeastCertain
from unseen.report.sheet import WIDTH, drawable
from unseen.results import Evidence, Explanation, Predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.report.builder import Preview

NAMES = ("okapi", "zebra", "piano")
PHOTO = np.full((260, 200, 3), 120, dtype=np.uint8)
#: What an attacker would call a class or a file, or write in a text.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "line\nfeed\r\x00",
    "cod\u202egpj.exe",
    "\udce4 lone surrogate",
    "x" * 10_000,
)


class Page(HTMLParser):
    """Counts elements, collects attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.values: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self._inside = ""
        self.raw: dict[str, str] = {"style": "", "script": ""}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}
        self.values += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside] += data
        elif data.strip():
            self.text.append(data.strip())

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def batch(
    n: int,
    certainty: float | list[float] = 0.9,
    *,
    unknown: Sequence[int] = (),
    errors: dict[int, str] | None = None,
    prefix: str = "photo",
    names: tuple[str, ...] = NAMES,
) -> Predictions:
    """Return predictions that call item i class i modulo the number of classes."""
    values = [certainty] * n if isinstance(certainty, float) else certainty
    c = len(names)
    return Predictions(
        [f"{prefix}{i}.jpg" for i in range(n)],
        names,
        [[i % c, (i + 1) % c] for i in range(n)],
        [[p, 1 - p] for p in values],
        [0.1 if i in unknown else 0.8 for i in range(n)],
        [i in unknown for i in range(n)],
        [(errors or {}).get(i) for i in range(n)],
        {"model": "default"},
    )


def page_of(builder: ReportBuilder, folder: Path) -> tuple[str, Page]:
    builder.write(folder / "report.html")
    html = (folder / "report.html").read_text(encoding="utf-8")
    return html, Page(html)


# -- what is kept --------------------------------------------------------------------------------------------


def test_ten_thousand_items_leave_fifty_cards_the_least_certain() -> None:
    builder = ReportBuilder(NAMES, {}, max_items=50)
    values = np.random.default_rng(0).permutation(np.linspace(0.5, 1, 10_000)).astype(np.float32)
    photo = PHOTO[:8, :8]
    for start in range(0, 10_000, 500):
        part = [float(p) for p in values[start : start + 500]]
        builder.add(batch(500, part, prefix=f"{start}-"), [photo] * 500)
    summary = builder.summary()
    assert len(summary.cards) == 50
    assert sum(card.thumbnail is not None for card in summary.cards) == 50
    np.testing.assert_allclose([card.certainty for card in summary.cards], np.sort(values)[:50], rtol=1e-6)
    assert (summary.items, summary.recognised, sum(summary.counts)) == (10_000, 10_000, 10_000)
    assert sum(map(sum, summary.histogram)) == 10_000
    assert summary.certainty == pytest.approx(float(values.mean()))
    # Nothing else grows with the number of items.
    assert len(builder._cards) == 50
    assert len(builder._examples._cards) <= 3 * len(NAMES)


def test_nine_tenths_count_as_nine_tenths() -> None:
    # float32 0.9 is a little less.
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(3, [0.9, 0.8, 1.0], unknown=[1]), [None] * 3)
    assert builder.summary().histogram[8:] == ((0, 1), (2, 0))


def test_batches_do_not_matter(tmp_path: Path) -> None:
    whole, parts = ReportBuilder(NAMES, {}, max_items=7), ReportBuilder(NAMES, {}, max_items=7)
    values = [0.9, 0.5, 0.5, 0.7, 0.6, 0.95, 0.8, 0.5, 0.99, 0.4]
    all_of_it = batch(10, values, unknown=[1, 4, 5, 6, 8])
    whole.add(all_of_it, [PHOTO] * 10)
    for i in range(10):
        one = slice(i, i + 1)
        parts.add(
            Predictions(
                all_of_it.items[one],
                NAMES,
                all_of_it.top[one],
                all_of_it.probabilities[one],
                all_of_it.known[one],
                all_of_it.unknown[one],
                [None],
            ),
            [PHOTO],
        )
    whole.write(tmp_path / "a.html")
    parts.write(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_unknown_items_leave_half_the_room_to_doubtful_answers() -> None:
    keep = LeastCertain(4)
    for index in range(10):
        keep.offer(index, 0.3 + 0.01 * index, unknown=True)
    assert keep.indices() == [0, 1, 2, 3]
    for index in range(10, 20):
        keep.offer(index, 0.9 - 0.01 * index, unknown=False)
    assert keep.indices() == [0, 1, 19, 18]


def test_a_tie_goes_to_the_earlier_item() -> None:
    keep = LeastCertain(2)
    assert [keep.offer(index, 0.5, unknown=False) for index in range(4)] == [None, None, 2, 3]


def test_examples_are_the_best_of_each_class_within_a_limit() -> None:
    builder = ReportBuilder(NAMES, {}, max_items=1)
    builder.add(batch(9, [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.6, 0.7, 0.8]), [None] * 9)
    cards = builder.summary().cards
    examples: BestExamples[Card] = BestExamples(2, 4)
    values = ((0, 0.5), (0, 0.9), (0, 0.7), (1, 0.2), (1, 0.3), (2, 0.1))
    for index, (group, certainty) in enumerate(values):
        if examples.admits(group, certainty, index):
            examples.add(group, certainty, replace(cards[0], index=index))
    # Six came; a third of class 0 and, for the limit, the weakest of a class with two had to go.
    assert [card.index for card in examples.choose([0, 1, 2], 10)] == [1, 2, 4, 5]
    assert [card.index for card in examples.choose([0, 1, 2], 2)] == [1, 4]


def test_only_examples_that_stay_are_admitted() -> None:
    # Else every item of a class that found no room would cost a thumbnail: hours, with many classes.
    names = tuple(f"class {i}" for i in range(30))
    builder = ReportBuilder(names, {}, max_items=1)
    builder.add(batch(1, names=names), [None])
    card = builder.summary().cards[0]
    rng = np.random.default_rng(0)
    examples: BestExamples[Card] = BestExamples(3, 10)
    admitted = 0
    for index in range(3_000):
        group, certainty = int(rng.integers(30)), float(rng.random())
        kept = set(examples._cards)
        admits = examples.admits(group, certainty, index)
        examples.add(group, certainty, replace(card, index=index))
        assert (index in examples._cards) == admits
        assert admits or set(examples._cards) == kept
        admitted += admits
    assert len(examples._cards) == 10
    assert admitted < 300


def test_errors_are_counted_but_only_the_first_hundred_listed(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(250, errors={i: f"reason {i}" for i in range(250)}), [None] * 250)
    _, page = page_of(builder, tmp_path)
    assert builder.summary().skipped == 250
    assert "Showing the first 100 of 250." in page.words
    assert "reason 99" in page.words
    assert "reason 100" not in page.words
    assert "No item could be used." in page.words


# -- the page ------------------------------------------------------------------------------------------------


def test_numbers_on_the_page_are_the_numbers(tmp_path: Path) -> None:
    builder = ReportBuilder(
        NAMES, {"model_name": "default", "versions": {"numpy": "2"}, "date": None, "templates": ["a", "b"]}, title="Zoo"
    )
    explanation = Explanation(
        "photo0.jpg", "okapi", (Evidence("seen class", "giraffe", 0.4), Evidence("attribute", "wings", -0.25))
    )
    predictions = batch(6, [0.9, 0.8, 0.997, 0.6, 0.2, 0.9], unknown=[4], errors={5: "cannot be read"})
    builder.add(predictions, [PHOTO] * 5 + [None], [explanation] + [None] * 5)
    html, page = page_of(builder, tmp_path)
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+?) ?<", html))
    assert tiles == {
        "items": "6",
        "recognised": "4",
        "unknown": "1",
        "skipped": "1",
        "mean certainty of the recognised": "82%",
    }
    rows = re.findall(r'<th scope="row">(okapi|zebra|piano)</th>.*?<td class="num">(\d+)', html, flags=re.DOTALL)
    assert rows == [("okapi", "2"), ("zebra", "1"), ("piano", "1")]
    assert page.elements["img"] == 5
    assert page.words.count("? unknown") == 1
    assert "Looks 10% like any of the classes. Perhaps: zebra 20% piano 80%" in page.words
    assert "piano >99%" in page.words
    assert "Why okapi ? seen class giraffe 40% attribute wings −0.25 against" in page.words
    assert "photo5.jpg cannot be read" in page.words
    assert "model name default versions · numpy 2 date – templates a, b" in page.words
    assert "Showing all 5, least certain first" in page.words
    assert "Every class was the answer at least once." in page.words


def test_the_page_says_what_it_leaves_out(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {}, max_items=4)
    for start in range(2):
        builder.add(batch(1_000, 0.7, unknown=list(range(10)), prefix=str(start)), [None] * 1_000)
    _, page = page_of(builder, tmp_path)
    assert "Showing the 4 least certain of 2,000: 2 of the 20 unknown and 2 of the 1,980 recognised" in page.words


def test_least_certain_first_and_unknown_before_that(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(4, [0.9, 0.6, 0.7, 0.99], unknown=[3]), [None] * 4)
    html, _ = page_of(builder, tmp_path)
    assert re.findall(r'<p class="item" title="(\w+)', html) == ["photo3", "photo1", "photo2", "photo0"]


def test_many_classes_fold_away(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(600))
    builder = ReportBuilder(names, {}, max_items=5)
    builder.add(batch(560, names=names), [None] * 560)
    _, page = page_of(builder, tmp_path)
    assert "490 more classes" in page.words
    assert "60 rarer classes are not listed. 40 of 600 classes were never the answer." in page.words


def test_hostile_strings_stay_text(tmp_path: Path) -> None:
    def report(strings: tuple[str, ...], folder: Path) -> tuple[str, Page]:
        n = len(strings)
        settings = {text: [text, {text: text}] for text in strings}
        builder = ReportBuilder(strings, settings | {"nested": settings}, title=strings[0])
        for errors in ([None] * n, list(strings)):
            predictions = Predictions(
                strings,
                strings,
                [[i, (i + 1) % n] for i in range(n)],
                [[0.9, 0.1]] * n,
                [0.5] * n,
                [i % 2 == 0 for i in range(n)],
                errors,
            )
            why = [Explanation(text, text, (Evidence(text, text, 0.5), Evidence(text, text, -0.5))) for text in strings]
            builder.add(predictions, strings, why)
        folder.mkdir()
        return page_of(builder, folder)

    html, page = report(HOSTILE, tmp_path / "hostile")
    _, harmless = report(tuple(f"a/harmless{i}" for i in range(len(HOSTILE))), tmp_path / "harmless")
    assert page.attributes == harmless.attributes
    # The folder of a path is an element of its own, and only some of the hostile names have a slash.
    assert {**page.elements, "bdi": 0} == {**harmless.elements, "bdi": 0}
    assert not any(name.startswith("on") or name == "style" for name in page.attributes)
    assert page.raw == harmless.raw
    assert not set(html) & set("\u202e\x00\r")
    assert "cod\\u202egpj.exe" in page.words
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7 * 7 }}{% raw %}" in page.words
    assert max(map(len, page.text)) < 500


def test_the_page_loads_nothing_and_its_policy_allows_nothing(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(3, unknown=[0]), [PHOTO] * 3)
    html, page = page_of(builder, tmp_path)
    (policy,) = [value for tag, name, value in page.values if tag == "meta" and "default-src" in value]
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert allowed == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": hashed(page.raw["style"]),
        "script-src": hashed(page.raw["script"]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert not re.search(r"https?:|//\w|@import|\burl\((?!#)", page.raw["style"] + html.split("<script>")[0])
    assert not re.search(r"https?:|fetch|XMLHttp|innerHTML|eval|import", page.raw["script"])
    links = [value for _, name, value in page.values if name in {"src", "href", "srcset", "action"}]
    assert links
    assert all(value.startswith(("data:image/", "#")) for value in links)
    assert not {"link", "iframe", "object", "embed", "base"} & page.elements.keys()
    assert page.elements["script"] == page.elements["style"] == 1


def test_the_page_can_be_read_without_eyes(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {"model": "default"})
    builder.add(batch(3, errors={2: "broken"}), [PHOTO] * 3)
    html, page = page_of(builder, tmp_path)
    assert ("html", "lang", "en") in page.values
    assert sorted(value for tag, name, value in page.values if tag == "img" and name == "alt") == [
        "photo0.jpg",
        "photo1.jpg",
    ]
    # Every control sits in its label, every picture that only repeats a number is silent.
    for control in re.findall(r"<(?:input|select)[^>]*>", html):
        assert re.search(r"<label[^>]*>[^<]*" + re.escape(control), html), control
    assert html.count("<svg") == html.count('aria-hidden="true"><')
    ids = {value for _, name, value in page.values if name == "id"}
    assert {value for _, name, value in page.values if name == "aria-labelledby"} <= ids


def test_texts_show_as_texts(tmp_path: Path) -> None:
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(2), ["They  won\nthe match.", "word " * 5_000])
    _, page = page_of(builder, tmp_path)
    assert page.elements["blockquote"] == 2
    assert "They won the match." in page.words
    assert "img" not in page.elements


def test_an_empty_report_says_so(tmp_path: Path) -> None:
    builder = ReportBuilder([], {})
    builder.add(Predictions.concatenate([]), [])
    _, page = page_of(builder, tmp_path)
    assert "No items." in page.words
    assert "NaN" not in page.words
    builder.write(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == WIDTH


def test_same_run_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html", "a.png", "b.png"):
        builder = ReportBuilder(NAMES, {"model": "default"})
        builder.add(batch(5, unknown=[2]), [PHOTO] * 5)
        builder.write(tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert not list(tmp_path.glob("*.partial"))


# -- the contact sheet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("s.png", "PNG"), ("s.jpg", "JPEG"), ("s.JPEG", "JPEG")])
def test_sheet_opens_and_has_the_expected_size(name: str, kind: str, tmp_path: Path) -> None:
    builder = ReportBuilder((*NAMES[:2], "オカピ"), {})
    previews: list[Preview] = [PHOTO, "A text.", None]
    predictions = batch(13, unknown=[3], errors={4: "broken"}, names=(*NAMES[:2], "オカピ"))
    builder.add(predictions, [*previews * 4, PHOTO])
    builder.write(tmp_path / name)
    with Image.open(tmp_path / name) as sheet:
        sheet.load()
        assert sheet.format == kind
        # Twelve cells: six columns, two rows of pictures 172 pixels wide.
        assert sheet.size == (1200, 104 + 2 * (172 + 44 + 20) - 20 + 32)


def test_a_long_run_shows_the_clearest_of_each_class_and_unknown_last() -> None:
    builder = ReportBuilder(NAMES, {}, max_items=5)
    values = [0.5 + i / 1000 for i in range(300)]
    builder.add(batch(300, values, unknown=list(range(0, 300, 10))), [None] * 300)
    examples = builder.summary().examples
    assert [card.unknown for card in examples] == [False] * 9 + [True] * 3
    assert {card.index for card in examples[:9]} == set(range(291, 300))
    assert {card.likeliest for card in examples[:9]} == {0, 1, 2}


def test_the_font_writes_what_it_can() -> None:
    assert drawable("Käse – größer") == "Kase - grosser"
    assert drawable("œuf à la coque") == "oeuf a la coque"
    assert drawable("オカピ") == ""
    assert drawable("okapi オカピ") == "okapi"


# -- small things --------------------------------------------------------------------------------------------


def test_percent_never_claims_certainty() -> None:
    shares = (0.0, 0.001, 0.005, 0.5, 0.994, 0.999, 1.0)
    assert [percent(share) for share in shares] == ["0%", "<1%", "<1%", "50%", "99%", ">99%", "100%"]


def test_printable_hides_nothing_and_keeps_both_ends() -> None:
    assert printable("a\tb\u2028c") == "a\\tb\\u2028c"
    assert printable("👩‍🔬 ok") == "👩‍🔬 ok"
    long = printable("head" + "x" * 1_000 + "tail.jpg", 30)
    assert long.startswith("head")
    assert long.endswith("tail.jpg")
    assert len(long) == 30
    assert quote(" a \n b ") == "a b"
    assert quote("y" * 500, 10) == "y" * 10 + "…"
    assert quote("a" + " " * 500, 10) == "a…"


def test_thumbnails_are_small() -> None:
    builder = ReportBuilder(NAMES, {})
    noise = np.random.default_rng(0).integers(0, 255, (600, 400, 3), dtype=np.uint8)
    builder.add(batch(1), [noise])
    thumbnail = builder.summary().cards[0].thumbnail
    assert thumbnail is not None
    assert (thumbnail.width, thumbnail.height) == (round(THUMBNAIL * 2 / 3), THUMBNAIL)
    with Image.open(io.BytesIO(thumbnail.data)) as picture:
        assert picture.size == (thumbnail.width, thumbnail.height)


def test_without_webp_thumbnails_are_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    builder = ReportBuilder(NAMES, {})
    builder.add(batch(1), [PHOTO])
    thumbnail = builder.summary().cards[0].thumbnail
    assert thumbnail is not None
    assert thumbnail.mime == "image/jpeg"


def test_importing_the_report_loads_nothing_heavy() -> None:
    code = "import sys, json, unseen.report; print(json.dumps([m for m in ('PIL', 'jinja2') if m in sys.modules]))"
    assert json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) == []


# -- messages ------------------------------------------------------------------------------------------------


def test_unknown_suffix() -> None:
    expected = (
        r"^report: the report's suffix must be one of \.html, \.htm, \.png, \.jpg, \.jpeg; got 'a\.pdf'\. "
        r"Rename the report\.$"
    )
    with pytest.raises(InputError, match=expected):
        format_of("a.pdf")
    with pytest.raises(InputError, match=expected):
        ReportBuilder(NAMES, {}).write(Path("folder/a.pdf"))
    assert format_of(Path("A.HTML")) == "html"


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^report: the report .* must be writable; got No such file or directory\."):
        ReportBuilder(NAMES, {}).write(tmp_path / "missing" / "a.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match=r"^report: the report .* must be writable; got Is a directory\."):
        ReportBuilder(NAMES, {}).write(tmp_path / "folder.html")


@pytest.mark.parametrize("value", [0, 1.5, "many"])
def test_max_items_must_be_a_positive_whole_number(value: object) -> None:
    with pytest.raises(InputError, match=r"^ReportBuilder: max_items must be a whole number at least 1; got "):
        ReportBuilder(NAMES, {}, max_items=value)  # type: ignore[arg-type]


def test_predictions_about_other_classes() -> None:
    with pytest.raises(
        InputError,
        match=r"^ReportBuilder\.add: the predictions must be about the report's 2 classes in their order; got 3 "
        r"classes, 'okapi', 'zebra', 'piano' …\. Make one report per vocabulary\.$",
    ):
        ReportBuilder(NAMES[:2], {}).add(batch(1), [None])


def test_previews_and_explanations_must_fit() -> None:
    builder = ReportBuilder(NAMES, {})
    remedy = r"Pass None for items that have none\.$"
    with pytest.raises(InputError, match=rf"^ReportBuilder\.add: previews must be 2 entries, .*; got 1\. {remedy}"):
        builder.add(batch(2), [None])
    with pytest.raises(InputError, match=rf"^ReportBuilder\.add: explanations must be 2 .*; got 0\. {remedy}"):
        builder.add(batch(2), [None] * 2, [])
    bad = (PHOTO.astype(np.float32), PHOTO[:, :, 0], PHOTO[:0], b"bytes")
    for preview in bad:
        with pytest.raises(
            InputError,
            match=r"^ReportBuilder\.add: a preview must be a uint8 array of shape \(height, width, 3\), a text or "
            r"None; got .*\. Convert photos to 8-bit RGB\.$",
        ):
            builder.add(batch(1), [preview])  # type: ignore[list-item]
    assert builder.summary().items == 0


# -- items of several classes --------------------------------------------------------------------------------


def several() -> ReportBuilder:
    """Return a report of an item of two classes, of one, and of none."""
    predictions = Predictions(
        ["two.jpg", "one.jpg", "none.jpg"],
        NAMES,
        [[1, 2, 0], [0, 1, 2], [2, 1, 0]],
        [[0.9, 0.7, 0.1], [0.8, 0.2, 0.1], [0.3, 0.2, 0.1]],
        [0.9, 0.8, 0.3],
        [False, False, True],
        [None] * 3,
        {"multi_label": True},
        chosen=[2, 1, 0],
    )
    builder = ReportBuilder(NAMES, {})
    builder.add(predictions, [PHOTO] * 3)
    return builder


def test_every_accepted_class_counts_and_no_other_is_shown(tmp_path: Path) -> None:
    summary = several().summary()
    assert (summary.recognised, summary.unknown) == (2, 1)
    assert summary.counts == (1, 1, 1)
    cards = {card.item: card for card in summary.cards}
    assert cards["two.jpg"].top == ((1, 0.9), (2, 0.7))
    assert cards["two.jpg"].labels == 2
    assert cards["one.jpg"].top == ((0, 0.8),)
    assert len(cards["none.jpg"].top) == 3
    _, page = page_of(several(), tmp_path)
    assert "And also: piano 70%" in page.words
    assert page.words.count("And also:") == 1
    assert "Looks 30% like any of the classes. Perhaps: piano 30%" in page.words


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_the_sheet_names_every_class(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageDraw

    written: list[str] = []
    text = ImageDraw.ImageDraw.text

    def noted(self: ImageDraw.ImageDraw, xy: object, words: str, *rest: object, **options: object) -> None:
        written.append(words)
        text(self, xy, words, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    several().write(tmp_path / f"sheet.{suffix}")
    assert "zebra, piano" in written
    assert {"okapi", "80%", "unknown"} <= set(written)
    assert "90%" not in written
