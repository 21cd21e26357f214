"""Tiny random models of each kind, built by the libraries themselves and saved as their users save them.

Each function writes one model with its preprocessing and its tokenizer into a folder and returns that folder. The
weights depend on the function and its options only. Their scale is that of a model at the start of its training, 14.3,
as at the end of it, near 100, a model with random weights would be sure of everything. Nothing is downloaded.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SIZE",
    "tiny_align",
    "tiny_altclip",
    "tiny_chinese_clip",
    "tiny_clip",
    "tiny_metaclip2",
    "tiny_open_clip",
    "tiny_sentence_transformer",
    "tiny_siglip",
    "tiny_siglip2",
]

#: Side of the images, in pixels.
SIZE = 32

_SENTENCES = [
    "a photo of a cat",
    "this is a photo of a red car at night",
    "the striped legs of a giraffe's only living relative seen at dusk in the forest",
    "a machine for making coffee",
    "a small bird on a wire",
    "snow on the mountains, and a lake below",
    "two people riding bicycles past an old brick house",
    "zebra okapi sorrow grey weather money sport",
    "a bowl of soup with bread beside it",
    "0 1 2 3 4 5 6 7 8 9 . , : ; ! ? ' \" ( ) - /",
    "abcdefghijklmnopqrstuvwxyz a b c d e f g h i j k l m n o p q r s t u v w x y z",
]


def tiny_clip(folder: Path, *, logit_scale: float = 2.6592, **preprocessing: Any) -> Path:
    """Write a CLIP of transformers; `preprocessing` goes to its image processor."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    tokenizer = _clip_tokenizer()
    text = _transformer(tokenizer) | {"max_position_embeddings": 40}
    config = CLIPConfig(text_config=text, vision_config=_vision(), projection_dim=24)
    settings = {"size": {"shortest_edge": SIZE}, "crop_size": {"height": SIZE, "width": SIZE}} | preprocessing
    processor = CLIPImageProcessor(**settings)
    return _write(folder, _seeded(CLIPModel, config, logit_scale=logit_scale), processor, tokenizer)


def tiny_siglip(folder: Path, *, logit_scale: float = 2.6592, logit_bias: float = -2.0) -> Path:
    """Write a SigLIP of transformers, with a sentencepiece tokenizer as the published ones have."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    tokenizer = _siglip_tokenizer(folder)
    text = _transformer(tokenizer) | {"max_position_embeddings": 64, "projection_size": 32}
    config = SiglipConfig(text_config=text, vision_config=_vision())
    processor = SiglipImageProcessor(size={"height": SIZE, "width": SIZE}, resample=2)
    model = _seeded(SiglipModel, config, logit_scale=logit_scale, logit_bias=logit_bias)
    return _write(folder, model, processor, tokenizer)


def tiny_siglip2(folder: Path, *, logit_scale: float = 2.6592, logit_bias: float = -2.0, naflex: bool = False) -> Path:
    """Write a SigLIP 2 of transformers: of fixed resolution (whose architecture is SigLIP's) or NaFlex."""
    from transformers import (
        Siglip2Config,
        Siglip2ImageProcessor,
        Siglip2Model,
        SiglipConfig,
        SiglipImageProcessor,
        SiglipModel,
    )

    tokenizer = _siglip2_tokenizer()
    text = _transformer(tokenizer) | {"max_position_embeddings": 64, "projection_size": 32}
    model_class: Any = Siglip2Model if naflex else SiglipModel
    vision: dict[str, Any] = _vision() | ({"num_patches": 16} if naflex else {})
    processor: Any = (
        Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
        if naflex
        else SiglipImageProcessor(size={"height": SIZE, "width": SIZE}, resample=2)
    )
    config = (Siglip2Config if naflex else SiglipConfig)(text_config=text, vision_config=vision)
    model = _seeded(model_class, config, logit_scale=logit_scale, logit_bias=logit_bias)
    return _write(folder, model, processor, tokenizer)


def tiny_align(folder: Path, *, temperature: float = 0.07) -> Path:
    """Write an ALIGN of transformers: an EfficientNet and a BERT."""
    from transformers import AlignConfig, AlignModel, EfficientNetImageProcessor

    tokenizer = _bert_tokenizer(max_length=40)
    vision = {
        "image_size": SIZE,
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "in_channels": [32, 16, 24],
        "out_channels": [16, 24, 40],
        "kernel_sizes": [3, 3, 3],
        "strides": [1, 2, 2],
        "num_block_repeats": [1, 1, 1],
        "expand_ratios": [1, 2, 2],
        "depthwise_padding": [],
        "hidden_dim": 64,
    }
    text = _transformer(tokenizer) | {"max_position_embeddings": 40, "type_vocab_size": 2}
    config = AlignConfig(text_config=text, vision_config=vision, projection_dim=40)
    processor = EfficientNetImageProcessor(
        size={"height": SIZE, "width": SIZE}, do_center_crop=False, include_top=False, rescale_offset=False
    )
    return _write(folder, _seeded(AlignModel, config, temperature=temperature), processor, tokenizer)


def tiny_chinese_clip(folder: Path, *, logit_scale: float = 2.6592) -> Path:
    """Write a ChineseCLIP of transformers, whose tokenizer knows a few Chinese characters."""
    from transformers import ChineseCLIPConfig, ChineseCLIPImageProcessor, ChineseCLIPModel

    tokenizer = _bert_tokenizer("一张猫的照片。汽车雪山和湖", max_length=40)
    text = _transformer(tokenizer) | {"max_position_embeddings": 40, "type_vocab_size": 2}
    config = ChineseCLIPConfig(text_config=text, vision_config=_vision(), projection_dim=24)
    processor = ChineseCLIPImageProcessor(
        size={"height": SIZE, "width": SIZE}, crop_size={"height": SIZE, "width": SIZE}, do_center_crop=False
    )
    return _write(folder, _seeded(ChineseCLIPModel, config, logit_scale=logit_scale), processor, tokenizer)


def tiny_altclip(folder: Path, *, logit_scale: float = 2.6592) -> Path:
    """Write an AltCLIP of transformers: a ViT and an XLM-RoBERTa."""
    from transformers import AltCLIPConfig, AltCLIPModel, CLIPImageProcessor

    tokenizer = _bert_tokenizer(max_length=40)
    text = _transformer(tokenizer) | {"max_position_embeddings": 48, "type_vocab_size": 2, "project_dim": 32}
    config = AltCLIPConfig(text_config=text, vision_config=_vision(), projection_dim=24)
    processor = CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    return _write(folder, _seeded(AltCLIPModel, config, logit_scale=logit_scale), processor, tokenizer)


def tiny_metaclip2(folder: Path, *, logit_scale: float = 2.6592) -> Path:
    """Write a MetaCLIP 2 of transformers: CLIP with a tokenizer of many languages."""
    from transformers import CLIPImageProcessor, MetaClip2Config, MetaClip2Model

    tokenizer = _siglip2_tokenizer()
    text = _transformer(tokenizer) | {"max_position_embeddings": 64, "projection_dim": 24}
    config = MetaClip2Config(text_config=text, vision_config=_vision() | {"projection_dim": 24}, projection_dim=24)
    processor = CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    return _write(folder, _seeded(MetaClip2Model, config, logit_scale=logit_scale), processor, tokenizer)


def tiny_open_clip(
    folder: Path,
    *,
    sigmoid: bool = False,
    resize_mode: str | None = None,
    hf_tokenizer: bool | None = None,
    coca: bool = False,
) -> Path:
    """Write a model of open_clip as ``push_to_hf_hub`` writes it.

    Parameters
    ----------
    sigmoid : bool
        Whether it is a SigLIP, with a bias, an attention pool and texts read to the last position.
    resize_mode : {"shortest", "longest", "squash"} or None
        How images become square; None takes what its kind is trained with.
    hf_tokenizer : bool or None
        Whether the tokenizer is one of transformers' (as SigLIPs have) in place of CLIP's own; None by its kind.
    coca : bool
        Whether it is a CoCa: with an attention pool, a token of its own at the end of texts, and a decoder that writes.
    """
    import open_clip
    from safetensors.torch import save_file

    by_transformers = sigmoid if hf_tokenizer is None else hf_tokenizer
    tokenizer = _siglip2_tokenizer() if by_transformers else None
    text: dict[str, Any] = {
        "context_length": 64 if by_transformers else 40,
        "vocab_size": len(tokenizer) if tokenizer else 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    }
    if tokenizer:
        text |= {"hf_tokenizer_name": "tiny", "tokenizer_kwargs": {"clean": "canonicalize"}}
        text |= {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"}
    model_cfg: dict[str, Any] = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": SIZE, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
        "text_cfg": text,
    }
    if sigmoid:
        model_cfg |= {"init_logit_bias": -2.0, "init_logit_scale": 2.6592}
    if by_transformers or coca:
        model_cfg["custom_text"] = True
    if coca:
        model_cfg["vision_cfg"] |= {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
        text |= {"embed_cls": True, "output_tokens": True}
        sizes = {key: text[key] for key in ("context_length", "vocab_size", "width", "heads", "layers")}
        model_cfg["multimodal_cfg"] = {**sizes, "attn_pooler_heads": 2}
    mode = resize_mode or ("squash" if sigmoid else "shortest")
    grey = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]} if sigmoid else {}
    preprocess_cfg = {"size": SIZE, "mode": "RGB", "interpolation": "bicubic", "resize_mode": mode, **grey}
    folder.mkdir(parents=True, exist_ok=True)
    card = {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg}
    (folder / "open_clip_config.json").write_text(json.dumps(card), "utf-8")
    settings = {key: value for key, value in model_cfg.items() if key != "custom_text"}
    kind = open_clip.CustomTextCLIP if by_transformers else open_clip.CLIP
    model = _seeded((open_clip.CoCa if coca else kind), **settings)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, _weights(folder))
    if tokenizer:
        tokenizer.save_pretrained(folder)
    return folder


def tiny_sentence_transformer(folder: Path) -> Path:
    """Write a sentence encoder: a BERT, the mean of its tokens, unit length."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    tokenizer = _bert_tokenizer(max_length=32)
    config = BertConfig(**_transformer(tokenizer), max_position_embeddings=32)
    inner = folder / "bert"
    _seeded(BertModel, config).save_pretrained(inner)
    tokenizer.save_pretrained(inner)
    words = Transformer(str(inner))
    SentenceTransformer(modules=[words, Pooling(32), Normalize()], device="cpu").save(str(folder))
    return folder


# -- parts -----------------------------------------------------------------------------------------------------


def _vision() -> dict[str, Any]:
    """Return the settings that all ViTs here share."""
    return {
        "image_size": SIZE,
        "patch_size": 8,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }


def _transformer(tokenizer: Any) -> dict[str, Any]:
    """Return the settings that all text networks here share."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _seeded(model_class: Any, *args: Any, logit_scale: float | None = None, **options: Any) -> Any:
    """Build a model with weights that depend on nothing outside, large enough to tell inputs apart."""
    import torch

    learned = {key: options.pop(key) for key in ("logit_bias", "temperature") if key in options}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = model_class(*args, **options).eval()
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                deviation = 0.6 / parameter[0].numel() ** 0.5 if parameter.ndim > 2 else 0.15
                parameter.normal_(0, deviation if "embed" not in name else 0.3)
        for name, value in learned.items():
            getattr(model, name).fill_(value)
        if logit_scale is not None:
            model.logit_scale.fill_(logit_scale)
    return model


def _write(folder: Path, model: Any, processor: Any, tokenizer: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _weights(folder: Path) -> str:
    return str(folder / "open_clip_model.safetensors")


def _words() -> list[str]:
    return sorted({word for sentence in _SENTENCES for word in sentence.split()})


def _merges(word: list[str]) -> list[tuple[str, str]]:
    """Return the merges that put a word together from the left."""
    return [("".join(word[:i]), word[i]) for i in range(1, len(word))]


def _clip_tokenizer() -> Any:
    """Return a tokenizer of CLIP's kind: every byte is known, alone and at a word's end, and the words above."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    merges = list(dict.fromkeys(m for word in _words() for m in _merges([*word[:-1], f"{word[-1]}</w>"])))
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys([*bytes_, *(f"{byte}</w>" for byte in bytes_), *("".join(pair) for pair in merges)])
    vocabulary = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=40)


def _bert_tokenizer(extra: str = "", *, max_length: int) -> Any:
    """Return a tokenizer of BERT's kind: the words above, and the letters of these and of `extra`."""
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted(set("".join(_SENTENCES) + extra) - {" "})
    tokens = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *_words()])
    return BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, model_max_length=max_length)


def _siglip_tokenizer(folder: Path) -> Any:
    import sentencepiece
    from transformers import SiglipTokenizer

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES),
        model_writer=model,
        vocab_size=120,
        hard_vocab_limit=False,
        pad_id=-1,
        eos_id=1,
        bos_id=-1,
        unk_id=2,
        user_defined_symbols=["<first>"],
        minloglevel=2,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spiece.model"
    path.write_bytes(model.getvalue())
    return SiglipTokenizer(str(path), model_input_names=["input_ids"])


def _siglip2_tokenizer() -> Any:
    """Return a tokenizer of Gemma's kind, in lower case, which reads unknown letters as bytes."""
    from tokenizers import processors
    from transformers import Siglip2Tokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    letters = sorted(set("".join(_SENTENCES)) - {" "} | {"▁"})
    merges = list(dict.fromkeys(m for word in _words() for m in _merges(["▁", *word])))
    tokens = dict.fromkeys([*special, *letters, *("".join(pair) for pair in merges)])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Siglip2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        padding_side="right",
        model_max_length=64,
        model_input_names=["input_ids"],
    )
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", vocabulary["<eos>"])]
    )
    return tokenizer
