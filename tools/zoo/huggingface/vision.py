"""Vision models that one configuration describes; composed.py has the others."""
import torch

from ..registry import DYNAMIC
from .entry import DELETE, model

for n, m, c in [
    ("vit", "ViTForImageClassification", "ViTConfig"), ("deit", "DeiTForImageClassification", "DeiTConfig"),
    ("beit", "BeitForImageClassification", "BeitConfig"), ("dinov2", "Dinov2ForImageClassification", "Dinov2Config"),
    ("dinov2_reg", "Dinov2WithRegistersForImageClassification", "Dinov2WithRegistersConfig"),
    ("ijepa", "IJepaForImageClassification", "IJepaConfig"),
    ("vit_msn", "ViTMSNForImageClassification", "ViTMSNConfig"), ("dinov3_vit", "DINOv3ViTModel", "DINOv3ViTConfig"),
    ("data2vec_vision", "Data2VecVisionForImageClassification", "Data2VecVisionConfig"),
]:
    fo = dict(
        num_hidden_layers=12, hidden_size=768, num_attention_heads=12, intermediate_size=3072,
    ) if n == "ijepa" else None
    model(n, m, c, "vis", full=fo)
model(
    "yolos", "YolosForObjectDetection", "YolosConfig",
    tiny=dict(image_size=[64, 64], patch_size=16, num_detection_tokens=10), full=dict(image_size=[512, 864]),
    inputs=lambda config, tiny, batch, length: (
        {"pixel_values": torch.randn(batch, 3, *config.image_size)}, {"pixel_values": {0: DYNAMIC}},
    ),
)
TINY_SWIN = dict(embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4, image_size=32, patch_size=2)
model("swin", "SwinForImageClassification", "SwinConfig", "vis", tiny=TINY_SWIN)
model(
    "swinv2", "Swinv2ForImageClassification", "Swinv2Config", "vis", tiny=TINY_SWIN,
    full=dict(image_size=256, window_size=8),
)
model(
    "convnext", "ConvNextForImageClassification", "ConvNextConfig", "vis64",
    tiny=dict(hidden_sizes=[16, 32], depths=[1, 2], num_stages=2, patch_size=4),
)
model(
    "convnextv2", "ConvNextV2ForImageClassification", "ConvNextV2Config", "vis64",
    tiny=dict(hidden_sizes=[16, 32], depths=[1, 2], num_stages=2, patch_size=4),
)
model(
    "dinov3_convnext", "DINOv3ConvNextModel", "DINOv3ConvNextConfig", "vis64",
    tiny=dict(hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 2, 1]),
)
model(
    "resnet", "ResNetForImageClassification", "ResNetConfig", "vis64",
    tiny=dict(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 2]),
)
model(
    "regnet", "RegNetForImageClassification", "RegNetConfig", "vis64",
    tiny=dict(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 2], groups_width=8),
)
model(
    "bit", "BitForImageClassification", "BitConfig", "vis64",
    tiny=dict(embedding_size=16, hidden_sizes=[32, 64], depths=[1, 2], num_groups=4),
)
model("mobilenet_v1", "MobileNetV1ForImageClassification", "MobileNetV1Config", "vis64")
model("mobilenet_v2", "MobileNetV2ForImageClassification", "MobileNetV2Config", "vis64")
model(
    "mobilevit", "MobileViTForImageClassification", "MobileViTConfig", "vis64",
    tiny=dict(image_size=64, patch_size=2, hidden_sizes=[32, 40, 48], neck_hidden_sizes=[16, 16, 24, 24, 32, 32, 40]),
)
model(
    "mobilevitv2", "MobileViTV2ForImageClassification", "MobileViTV2Config", "vis64",
    tiny=dict(image_size=64, patch_size=2),
)
model(
    "efficientnet", "EfficientNetForImageClassification", "EfficientNetConfig", "vis64",
    tiny=dict(image_size=64, width_coefficient=0.5, depth_coefficient=0.3, hidden_dim=640),
    full=dict(width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280),
)
model(
    "segformer", "SegformerForSemanticSegmentation", "SegformerConfig", "vis_hw",
    tiny=dict(
        hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=32,
        patch_sizes=DELETE,
    ),
)
model(
    "segformer_cls", "SegformerForImageClassification", "SegformerConfig", "vis64",
    tiny=dict(hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4]),
)
model(
    "pvt", "PvtForImageClassification", "PvtConfig", "vis64",
    tiny=dict(image_size=64, hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4]),
)
model(
    "pvt_v2", "PvtV2ForImageClassification", "PvtV2Config", "vis64",
    tiny=dict(image_size=64, hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4]),
)
model(
    "poolformer", "PoolFormerForImageClassification", "PoolFormerConfig", "vis64",
    tiny=dict(hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1]),
)
model(
    "levit", "LevitForImageClassification", "LevitConfig", "vis",
    tiny=dict(
        image_size=64, patch_size=16, hidden_sizes=[16, 32, 32], depths=[1, 1, 1], num_attention_heads=[2, 2, 4],
        key_dim=[8, 8, 8],
    ),
)
model(
    "cvt", "CvtForImageClassification", "CvtConfig", "vis64",
    tiny=dict(embed_dim=[16, 16, 32], num_heads=[1, 2, 4], depth=[1, 2, 3]),
)
model(
    "focalnet", "FocalNetForImageClassification", "FocalNetConfig", "vis",
    tiny=dict(
        image_size=32, patch_size=2, embed_dim=16, hidden_sizes=[16, 32], depths=[1, 1], focal_levels=[2, 2],
        focal_windows=[3, 3],
    ),
)
model(
    "hiera", "HieraForImageClassification", "HieraConfig",
    inputs=lambda config, tiny, batch, length: (
        {"pixel_values": torch.randn(batch, 3, *config.image_size)}, {"pixel_values": {0: DYNAMIC}},
    ),
    tiny=dict(
        embed_dim=16, image_size=[64, 64], depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], patch_stride=[4, 4],
        patch_size=[7, 7], patch_padding=[3, 3], masked_unit_size=[8, 8],
    ),
)
model(
    "swiftformer", "SwiftFormerForImageClassification", "SwiftFormerConfig", "vis64",
    tiny=dict(embed_dims=[16, 16, 32, 32], depths=[1, 1, 1, 1]),
)
model("hgnet_v2", "HGNetV2ForImageClassification", "HGNetV2Config", "vis64")
model(
    "vit_mae", "ViTMAEForPreTraining", "ViTMAEConfig", "vis",
    tiny=dict(
        decoder_num_attention_heads=4, decoder_hidden_size=32, decoder_num_hidden_layers=2,
        decoder_intermediate_size=64,
    ),
)
model(
    "dpt", "DPTForDepthEstimation", "DPTConfig", "vis",
    tiny=dict(
        image_size=64, patch_size=16, num_hidden_layers=4, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[16, 16, 32, 32], fusion_hidden_size=32,
    ),
)
model(
    "glpn", "GLPNForDepthEstimation", "GLPNConfig", "vis64",
    tiny=dict(
        hidden_sizes=[16, 16, 32, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 2, 4], decoder_hidden_size=32,
    ),
)
model(
    "swin2sr", "Swin2SRForImageSuperResolution", "Swin2SRConfig", "vis64",
    tiny=dict(embed_dim=16, depths=[2, 2], num_heads=[2, 2], window_size=4, image_size=64, patch_size=1),
)
model("superpoint", "SuperPointForKeypointDetection", "SuperPointConfig", "vis64", dyn=None)
model(
    "sam_vision", "SamVisionModel", "SamVisionConfig", "vis",
    tiny=dict(image_size=64, patch_size=16, window_size=2, global_attn_indexes=[1], output_channels=16),
    full=dict(num_hidden_layers=12, hidden_size=768),
)
TINY_VIDEO = dict(image_size=32, patch_size=8, num_frames=4, tubelet_size=2)


def video_inputs(config, tiny, batch, length):
    n, z = config.num_frames, config.image_size
    return {"pixel_values": torch.randn(batch, n, 3, z, z)}, {"pixel_values": {0: DYNAMIC}}

model("videomae", "VideoMAEForVideoClassification", "VideoMAEConfig", inputs=video_inputs, tiny=TINY_VIDEO)
model("timesformer", "TimesformerForVideoClassification", "TimesformerConfig", inputs=video_inputs, tiny=TINY_VIDEO)
model(
    "vivit", "VivitForVideoClassification", "VivitConfig", inputs=video_inputs,
    tiny=dict(image_size=32, num_frames=4, tubelet_size=[2, 8, 8]), full=dict(num_frames=16),
)
