"""open_clip's own tokenizer in the words of ``tokenizers``: the same ids, and where not."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.encoders.export_tokenizer import simple_tokenizer_json

CLEANINGS = ["lower", "whitespace", "canonicalize"]
TEXTS = [
    "a photo of a cat",
    "A PHOTO of Two-Toed SLOTHS, 3/4 asleep (50%)!",
    "It's 12 o'clock, don't we'll I'M they'd've",
    "it’s “quoted” ‘so’ — dash… ellipsis",
    "  spaces\t tabs\nand\r\nlines  \x0b\x1c ",
    "no\xa0break\u2003em\u3000ideographic\u2028line\x85next",
    "café naïve Ünïcödé e\u0301tude ǅ ǆ ﬁne ﬂow ﬃ Ĳ ŉ",
    "ΣΊΣΥΦΟΣ ΟΔΟΣ ΑΣ. Σ",
    "Привет МИР, مرحبا, 한국어, 你好，世界！（全角）ＡＢＣ１２３ ｶﾀｶﾅ",
    "ß ẞ İ ı K Å ſ 'ſ",
    "½ ² ① Ⅷ 𝔘𝔫𝔦 1234567890",
    "😀 👩‍👩‍👧 🇩🇪 🦓👩‍🔬",
    "&lt;b&gt; fish &amp; chips &quot;so&quot; don&#39;t &amp;amp; &amp;lt;",
    "&nbsp;x",
    "a\x00b\x1bc \x1b[31mred\x1b[0m \ufeffmark \u200bzero\u200dwidth",
    "\x93quoted\x94 it\x92s",
    "under_score a.b-c:d/e\\f #tag @name http://example.org/?a=b&c=d",
    "x" * 300,
    "word " * 200,
    "",
    "   ",
]


@cache
def pair(cleaning: str, length: int = 77) -> tuple[Any, Any]:
    import open_clip
    from tokenizers import Tokenizer

    own = open_clip.tokenizer.SimpleTokenizer(clean=cleaning, context_length=length)
    text = simple_tokenizer_json(own)
    assert text is not None
    made = Tokenizer.from_str(text)
    made.enable_truncation(length)
    made.enable_padding(length=length, pad_id=0)
    return own, made


@pytest.mark.parametrize("cleaning", CLEANINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_same_ids(cleaning: str, text: str) -> None:
    own, made = pair(cleaning)
    assert made.encode(text).ids == own([text])[0].tolist()


def test_special_tokens_written_out() -> None:
    for cleaning in ("lower", "canonicalize"):
        own, made = pair(cleaning)
        text = "<start_of_text> x <END_OF_TEXT>"
        assert made.encode(text).ids == own([text])[0].tolist()


def test_a_shorter_context() -> None:
    own, made = pair("lower", 8)
    for text in TEXTS:
        assert made.encode(text).ids == own([text])[0].tolist()
    assert len(made.encode("one two three four five six seven eight").ids) == 8


@settings(max_examples=150)
@given(text=st.text(alphabet=st.characters(codec="ascii", exclude_characters="&\x1b<")))
def test_the_same_ids_of_any_ascii(text: str) -> None:
    own, made = pair("lower")
    assert made.encode(text).ids == own([text])[0].tolist()


@settings(max_examples=150)
@given(words=st.lists(st.text(alphabet="абвгджзαβγδεζäöüßéèñçøåþðñ日本語한국어漢字ひらカタ", max_size=6), max_size=8))
def test_the_same_ids_of_other_scripts(words: list[str]) -> None:
    from ftfy import fix_text

    text = " ".join(words)
    if fix_text(text) != text:
        return  # taken for text decoded wrongly
    own, made = pair("lower")
    assert made.encode(text).ids == own([text])[0].tolist()


@pytest.mark.parametrize(
    ("text", "repaired"),
    [("cafÃ©", "café"), ("&eacute;clair", "éclair"), ("&#233;clair", "éclair")],
)
def test_what_is_not_carried_over(text: str, repaired: str) -> None:
    """The two differences that the module's text tells of: repairs of wrong decoding, rarer HTML entities."""
    own, made = pair("lower")
    assert own([text])[0].tolist() == own([repaired])[0].tolist()
    assert made.encode(text).ids != made.encode(repaired).ids


def test_what_cuts_at_random_is_not_translated() -> None:
    import open_clip

    assert simple_tokenizer_json(open_clip.tokenizer.SimpleTokenizer(reduction_mask="random")) is None
    own = open_clip.tokenizer.SimpleTokenizer()
    own.clean_fn = str.upper
    assert simple_tokenizer_json(own) is None
