"""Vision models whose configuration holds the configuration of a backbone."""
import torch

from ..registry import DYNAMIC, register, seed_inputs
from .entry import tiny_fields

TINY_RESNET = dict(embedding_size=16, hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1])
STAGES = ["stage1", "stage2", "stage3", "stage4"]
TINY_SWIN = dict(embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 2, 4], window_size=4, image_size=64, patch_size=2)


def _composed(name, model_class, config, tiny_size, full_size):
    """Registers hf/`name`; `config(transformers, tiny)` makes its configuration."""

    def make(tiny, batch):
        import transformers

        module = getattr(transformers, model_class)(config(transformers, tiny))
        seed_inputs()
        size = tiny_size if tiny else full_size
        return module, (), {"pixel_values": torch.randn(batch, 3, size, size)}, {"pixel_values": {0: DYNAMIC}}

    register("hf/" + name, make)


def _depth_anything(transformers, tiny):
    shared = dict(patch_size=14, apply_layernorm=True, reshape_hidden_states=False)
    if tiny:
        backbone = dict(hidden_size=64, num_hidden_layers=4, num_attention_heads=4, image_size=56, out_indices=[1, 2, 3, 4])
        neck = dict(reassemble_hidden_size=64, neck_hidden_sizes=[16, 16, 32, 32], fusion_hidden_size=16)
    else:
        backbone = dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, out_indices=[9, 10, 11, 12])
        neck = dict(reassemble_hidden_size=384, neck_hidden_sizes=[48, 96, 192, 384], fusion_hidden_size=64)
    return transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(**shared, **backbone), patch_size=14, head_in_index=-1, **neck)


def _detr(config_class, stages=("stage4",), **fields):
    def config(transformers, tiny):
        make = getattr(transformers, config_class)
        defaults = make().to_dict()
        backbone = transformers.ResNetConfig(out_features=list(stages), **(TINY_RESNET if tiny else {}))
        overrides = {**tiny_fields(defaults), "num_queries": 10} if tiny else {}
        overrides = {k: v for k, v in {**overrides, **fields}.items() if k in defaults}
        return make(**dict(dict(use_timm_backbone=False, use_pretrained_backbone=False, backbone=None), **overrides,
                           backbone_config=backbone))

    return config


def _rt_detr(transformers, tiny):
    stages = dict(out_features=["stage2", "stage3", "stage4"])
    backbone = transformers.RTDetrResNetConfig(**stages, **(dict(TINY_RESNET, layer_type="basic") if tiny else {}))
    small = dict(
        encoder_hidden_dim=32, encoder_in_channels=[16, 32, 32], encoder_ffn_dim=64, encoder_attention_heads=4, d_model=32,
        num_queries=10, decoder_in_channels=[32, 32, 32], decoder_ffn_dim=64, decoder_layers=2, decoder_attention_heads=4,
        disable_custom_kernels=True)
    return transformers.RTDetrConfig(
        backbone_config=backbone, use_timm_backbone=False, use_pretrained_backbone=False, **(small if tiny else {}))


def _swin(make, tiny):
    return make(out_features=STAGES, **(TINY_SWIN if tiny else {}))


def _mask2former(transformers, tiny):
    small = dict(feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=64, encoder_layers=2,
                 decoder_layers=2, num_attention_heads=4, dim_feedforward=64, num_queries=5)
    return transformers.Mask2FormerConfig(backbone_config=_swin(transformers.SwinConfig, tiny), **(small if tiny else {}))


def _maskformer(transformers, tiny):
    small = {}
    if tiny:
        decoder = transformers.DetrConfig(
            d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
            encoder_ffn_dim=64, decoder_ffn_dim=64, num_queries=5, use_timm_backbone=False,
            backbone_config=transformers.ResNetConfig())
        small = dict(fpn_feature_size=32, mask_feature_size=32, decoder_config=decoder)
    return transformers.MaskFormerConfig(backbone_config=_swin(transformers.MaskFormerSwinConfig, tiny), **small)


def _upernet(transformers, tiny):
    small = dict(hidden_size=32, auxiliary_channels=16, auxiliary_in_channels=64)
    full = dict(hidden_size=512, auxiliary_channels=256, auxiliary_in_channels=384)
    return transformers.UperNetConfig(
        backbone_config=_swin(transformers.SwinConfig, tiny), pool_scales=[1, 2, 3, 6], **(small if tiny else full))


_composed("depth_anything", "DepthAnythingForDepthEstimation", _depth_anything, 56, 518)
_composed("detr", "DetrForObjectDetection", _detr("DetrConfig"), 64, 480)
_composed("conditional_detr", "ConditionalDetrForObjectDetection", _detr("ConditionalDetrConfig"), 64, 480)
_composed("deformable_detr", "DeformableDetrForObjectDetection",
          _detr("DeformableDetrConfig", ("stage2", "stage3", "stage4"), disable_custom_kernels=True), 64, 480)
_composed("table_transformer", "TableTransformerForObjectDetection", _detr("TableTransformerConfig"), 64, 480)
_composed("rt_detr", "RTDetrForObjectDetection", _rt_detr, 64, 640)
_composed("mask2former", "Mask2FormerForUniversalSegmentation", _mask2former, 64, 384)
_composed("maskformer", "MaskFormerForInstanceSegmentation", _maskformer, 64, 384)
_composed("upernet_swin", "UperNetForSemanticSegmentation", _upernet, 64, 384)
