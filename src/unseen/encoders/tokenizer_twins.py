"""Tokenizers of other libraries in the words of the library ``tokenizers``, as far as they can be put so."""

from __future__ import annotations

import string
from typing import Any

__all__ = ["SAMPLES", "twin_of_backend", "twin_of_open_clip", "twin_of_siglip"]

#: What must come out alike before a translation is handed out.
SAMPLES = (
    "a photo of a cat.",
    "This is a photo of ZEBRA-striped  legs, seen at dusk; it's 3/4 empty!",
    "  naïve café — “quoted” ‘text’ \t of\nthe_day (50% off) #1 ",
    "e\u0301tude ñandú Größe オカピ、シマウマ 🦓",
    "a very long text " * 200,
    "",
)
_CURLY = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}


def twin_of_backend(tokenizer: Any) -> Any:
    """Return a copy of what a tokenizer of transformers runs on; None where that is not of ``tokenizers``."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    return None if backend is None else Tokenizer.from_str(backend.to_str())


def twin_of_open_clip(tokenizer: Any) -> Any:
    """Return a twin of CLIP's own tokenizer, or of one of transformers' with open_clip's cleaning in front."""
    from tokenizers import Tokenizer

    from unseen.encoders.export_tokenizer import simple_tokenizer_json

    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        made = simple_tokenizer_json(tokenizer)
        return None if made is None else Tokenizer.from_str(made)
    odd = tokenizer.tokenizer_mode or tokenizer.strip_sep_token
    made = None if odd else twin_of_backend(inner)
    return None if made is None else _with_cleaning(made, tokenizer)


def twin_of_siglip(tokenizer: Any) -> Any:
    """Return a twin of transformers' SiglipTokenizer, which runs on sentencepiece."""
    from sentencepiece import sentencepiece_model_pb2
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram

    card = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.sp_model.serialized_model_proto())
    if card.trainer_spec.model_type != 1 or card.trainer_spec.byte_fallback:
        return None
    pieces = [(piece.piece, piece.score) for piece in card.pieces]
    made = Tokenizer(Unigram(pieces, unk_id=card.trainer_spec.unk_id, byte_fallback=False))
    table = card.normalizer_spec.precompiled_charsmap
    made.normalizer = normalizers.Sequence(
        [
            *([normalizers.Lowercase()] if tokenizer.do_lower_case else []),
            *_without_marks(),
            *([normalizers.Precompiled(table)] if table else []),
            *_single_spaces(),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    end = tokenizer.eos_token
    made.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, tokenizer.eos_token_id)]
    )
    return made


def _with_cleaning(made: Any, tokenizer: Any) -> Any:
    """Put what open_clip does to a text before transformers' tokenizer gets it in front of its normaliser."""
    from tokenizers import normalizers

    cleaning = _cleaning(tokenizer)
    if cleaning is None:
        return None
    made.normalizer = cleaning if made.normalizer is None else normalizers.Sequence([cleaning, made.normalizer])
    return made


def _cleaning(tokenizer: Any) -> Any:
    """Return the normaliser for one of open_clip's ways of cleaning text; None for one that it has no name for."""
    from tokenizers import normalizers

    way = getattr(tokenizer.clean_fn, "__name__", "").removeprefix("_clean_")
    quotes = [normalizers.Replace(curly, straight) for curly, straight in _CURLY.items()]
    space = _single_spaces()
    if way == "whitespace":
        return normalizers.Sequence([normalizers.NFC(), *quotes, *space])
    if way == "canonicalize":
        drop = [normalizers.Replace("_", " "), *_without_marks(), normalizers.Lowercase()]
        return normalizers.Sequence([normalizers.NFC(), *quotes, *drop, *space])
    return None


def _without_marks() -> list[Any]:
    from tokenizers import Regex, normalizers

    marks = "".join(f"\\x{ord(mark):02x}" for mark in string.punctuation)
    return [normalizers.Replace(Regex(f"[{marks}]"), "")]


def _single_spaces() -> list[Any]:
    from tokenizers import Regex, normalizers

    return [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
