"""Tiny random open-vocabulary detectors and segmenters, made by transformers and saved as its users save them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tiny_models import _bert_tokenizer, _clip_tokenizer, _seeded, _transformer, _vision

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["tiny_clipseg", "tiny_grounding_dino", "tiny_omdet", "tiny_owlv2", "tiny_owlvit"]


def tiny_owlvit(folder: Path) -> Path:
    """Write an OWL-ViT, which squashes photos into a square."""
    from transformers import OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessor, OwlViTProcessor

    size = {"height": 48, "width": 48}
    return _owl(folder, OwlViTConfig, OwlViTForObjectDetection, OwlViTProcessor, OwlViTImageProcessor(size=size))


def tiny_owlv2(folder: Path) -> Path:
    """Write an OWLv2, which pads photos to a square on the right and below."""
    from transformers import Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor

    size = {"height": 48, "width": 48}
    return _owl(folder, Owlv2Config, Owlv2ForObjectDetection, Owlv2Processor, Owlv2ImageProcessor(size=size))


def _owl(folder: Path, config_class: Any, model_class: Any, processor_class: Any, images: Any) -> Path:
    tokenizer = _clip_tokenizer()
    tokenizer.model_max_length = 16
    text = _transformer(tokenizer) | {"max_position_embeddings": 16}
    config = config_class(text_config=text, vision_config=_vision() | {"image_size": 48}, projection_dim=32)
    return _save(folder, _seeded(model_class, config), processor_class(images, tokenizer))


def _swin() -> dict[str, Any]:
    """Return a tiny Swin with three feature maps."""
    return {
        "model_type": "swin",
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 2, 2, 2],
        "window_size": 2,
        "out_indices": [2, 3, 4],
        "image_size": 64,
    }


def tiny_grounding_dino(folder: Path, *, max_text_len: int = 64) -> Path:
    """Write a Grounding DINO, which reads all classes as one text."""
    from transformers import (
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
    )

    tokenizer = _bert_tokenizer(max_length=max_text_len)
    text = {"model_type": "bert", **_transformer(tokenizer)} | {"max_position_embeddings": max_text_len}
    config = GroundingDinoConfig(
        backbone_config=_swin(),
        text_config=text,
        d_model=32,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_feature_levels=4,
        max_text_len=max_text_len,
        disable_custom_kernels=True,
    )
    images = GroundingDinoImageProcessor(size={"shortest_edge": 128, "longest_edge": 192})
    return _save(folder, _seeded(GroundingDinoForObjectDetection, config), GroundingDinoProcessor(images, tokenizer))


def tiny_omdet(folder: Path) -> Path:
    """Write an OmDet-Turbo, which squashes photos into a square and reads a task beside the classes."""
    from transformers import DetrImageProcessor, OmDetTurboConfig, OmDetTurboForObjectDetection, OmDetTurboProcessor

    tokenizer = _clip_tokenizer()
    text = {"model_type": "clip_text_model", **_transformer(tokenizer)} | {
        "max_position_embeddings": 77,
        "projection_dim": 24,
    }
    config = OmDetTurboConfig(
        text_config=text,
        backbone_config=_swin(),
        use_timm_backbone=False,
        apply_layernorm_after_vision_backbone=False,  # for backbones whose channels come last, as timm has them
        image_size=64,
        text_projection_in_dim=32,
        text_projection_out_dim=32,
        task_encoder_hidden_dim=16,
        class_embed_dim=32,
        num_queries=12,
        encoder_hidden_dim=16,
        vision_features_channels=[16, 16, 16],
        encoder_in_channels=[16, 32, 64],
        encoder_attention_heads=2,
        encoder_dim_feedforward=16,
        decoder_hidden_dim=16,
        decoder_num_heads=2,
        decoder_num_layers=2,
        decoder_dim_feedforward=16,
        disable_custom_kernels=True,
    )
    images = DetrImageProcessor(size={"height": 64, "width": 64}, do_pad=False)
    return _save(folder, _seeded(OmDetTurboForObjectDetection, config), OmDetTurboProcessor(images, tokenizer))


def tiny_clipseg(folder: Path) -> Path:
    """Write a CLIPSeg."""
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPSegProcessor, ViTImageProcessor

    tokenizer = _clip_tokenizer()
    text = _transformer(tokenizer) | {"max_position_embeddings": 40}
    config = CLIPSegConfig(
        text_config=text,
        vision_config=_vision() | {"image_size": 48, "num_hidden_layers": 3},
        projection_dim=24,
        extract_layers=[0, 1, 2],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
    )
    images = ViTImageProcessor(size={"height": 48, "width": 48})
    return _save(folder, _seeded(CLIPSegForImageSegmentation, config), CLIPSegProcessor(images, tokenizer))


def _save(folder: Path, model: Any, processor: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
