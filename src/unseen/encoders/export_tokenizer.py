"""open_clip's own tokenizer as a ``tokenizer.json``: the same ids without open_clip, ftfy and their Python.

CLIP's tokenizer cleans a text (ftfy, HTML entities, white space, case), cuts it into words and these into the byte
pairs of its vocabulary. Words and byte pairs carry over exactly. Of the cleaning, everything that replaces characters
one by one does. Three things do not, because nothing in a ``tokenizer.json`` can do them: text that was decoded in
the wrong encoding is not repaired ("cafÃ©" stays), only the commonest HTML entities are resolved
(``&amp; &lt; &gt; &quot; &apos; &#34; &#39; &nbsp;``), and letters that Unicode added lately may count as letters to
one of the two only.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from unseen.validation import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["simple_tokenizer_json"]

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"
#: In this order: what "&amp;amp;lt;" stands for is "<", as ftfy resolves entities until there are none.
_ENTITIES = {
    "&(?:amp;)+": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#34;": '"',
    "&apos;": "'",
    "&#39;": "'",
    "&nbsp;": "\xa0",
}
#: A capital sigma at a word's end, which Python's ``lower`` tells from the others.
_LAST_SIGMA = r"(?<=\p{L})Σ(?!\p{L})"


def simple_tokenizer_json(tokenizer: Any) -> str | None:
    """Return a ``SimpleTokenizer`` of open_clip as the text of a ``tokenizer.json``.

    Parameters
    ----------
    tokenizer : open_clip.tokenizer.SimpleTokenizer

    Returns
    -------
    str or None
        None where it cuts texts at random, or cleans them in a way of its own. Padding and truncation are not part
        of it: pad with 0 to the context length, and cut to it with the last id kept, which is what `tokenizers`
        does.

    Examples
    --------
    >>> import open_clip
    >>> from tokenizers import Tokenizer
    >>> from unseen.encoders.export_tokenizer import simple_tokenizer_json
    >>> own = open_clip.tokenizer.SimpleTokenizer()
    >>> Tokenizer.from_str(simple_tokenizer_json(own)).encode("a photo of a cat").ids
    [49406, 320, 1125, 539, 320, 2368, 49407]
    """
    from tokenizers import AddedToken, Regex, Tokenizer, pre_tokenizers, processors
    from tokenizers.models import BPE

    source = import_extra("open_clip.tokenizer", extra="clip", purpose="an open_clip tokenizer")
    cleaning = {source.get_clean_fn(name): name for name in ("lower", "whitespace", "canonicalize")}.get(
        tokenizer.clean_fn
    )
    if cleaning is None or tokenizer.reduction_fn is not None:
        return None
    special = tokenizer.all_special_ids
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    model = Tokenizer(
        BPE(
            vocab=tokenizer.encoder,
            # The last line of the file is empty, which open_clip keeps as a merge of nothing.
            merges=[merge for merge in merges if len(merge) == 2],
            end_of_word_suffix="</w>",
        )
    )
    model.normalizer = _normalizer(cleaning)
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # Written out in a text they count as themselves; "normalized" finds them after the cleaning, as open_clip does.
    if cleaning != "canonicalize":  # which takes their brackets away first
        model.add_special_tokens([AddedToken(tokenizer.decoder[i], normalized=True) for i in special])
    start, end = (tokenizer.decoder[i] for i in (tokenizer.sot_token_id, tokenizer.eot_token_id))
    model.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        special_tokens=[(start, tokenizer.sot_token_id), (end, tokenizer.eot_token_id)],
    )
    return str(model.to_str())


def _normalizer(cleaning: str) -> Any:
    from tokenizers import normalizers

    return normalizers.Sequence(list(_steps(cleaning)))


def _steps(cleaning: str) -> Iterator[Any]:
    """Yield what ftfy and open_clip do to a text before it is cut into words."""
    from tokenizers import Regex
    from tokenizers.normalizers import NFC, Lowercase, Replace

    tables = import_extra("ftfy.chardata", extra="clip", purpose="an open_clip tokenizer")
    for entity, char in _ENTITIES.items():
        yield Replace(Regex(entity), char)
    # Controls that no text has on purpose are read as what Windows has in their place.
    controls = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
    characters = {code: char for code, char in controls.items() if char} | tables.LIGATURES | tables.WIDTH_MAP
    for code, replacement in characters.items():
        yield Replace(chr(code), replacement)
    yield Replace(Regex(tables.SINGLE_QUOTE_RE.pattern), "'")
    yield Replace(Regex(tables.DOUBLE_QUOTE_RE.pattern), '"')
    yield Replace(Regex(r"\x{1b}\[[\d;]*[a-zA-Z]"), "")
    yield Replace(Regex(_any_of(tables.CONTROL_CHARS)), "")
    yield Replace(Regex(_any_of(code for code in range(0x3001) if chr(code).isspace())), " ")
    yield NFC()
    if cleaning == "canonicalize":
        yield Replace("_", " ")
        yield Replace(Regex(_any_of(map(ord, string.punctuation))), "")
    if cleaning != "whitespace":
        yield Replace(Regex(_LAST_SIGMA), "ς")
        yield Lowercase()


def _any_of(codes: Iterable[int]) -> str:
    """Return a pattern for any one of these characters."""
    return "[" + "".join(f"\\x{{{code:x}}}" for code in codes) + "]"
