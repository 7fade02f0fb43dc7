"""Models of images and text."""
import torch

from ..registry import DYNAMIC
from .entry import model
from .inputs import layout_inputs, tokens

TINY_TEXT = dict(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, vocab_size=512,
    max_position_embeddings=64, eos_token_id=511, projection_dim=32,
)
TINY_IMAGES = dict(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, image_size=32, patch_size=8,
    projection_dim=32,
)
for n, m, c in [
    ("clip", "CLIPModel", "CLIPConfig"), ("siglip", "SiglipModel", "SiglipConfig"),
    ("chinese_clip", "ChineseCLIPModel", "ChineseCLIPConfig"), ("metaclip_2", "MetaClip2Model", "MetaClip2Config"),
]:
    model(n, m, c, "clip", tiny=dict(text_config=TINY_TEXT, vision_config=TINY_IMAGES, projection_dim=32))
model("clip_vision", "CLIPVisionModel", "CLIPVisionConfig", "vis")
model("clip_text", "CLIPTextModel", "CLIPTextConfig", tiny=dict(eos_token_id=511), seq=(7, 77))
model(
    "clipseg", "CLIPSegForImageSegmentation", "CLIPSegConfig", "clip",
    tiny=dict(
        text_config=TINY_TEXT, vision_config=TINY_IMAGES, projection_dim=32, extract_layers=[0, 1], reduce_dim=16,
        decoder_num_attention_heads=4, decoder_intermediate_size=32,
    ),
)
model(
    "owlvit", "OwlViTForObjectDetection", "OwlViTConfig",
    tiny=dict(text_config=dict(TINY_TEXT, max_position_embeddings=16), vision_config=TINY_IMAGES, projection_dim=64),
    inputs=lambda config, tiny, batch, length: (
        {
            "input_ids": tokens(batch, 7 if tiny else 16, config.text_config.vocab_size),
            "pixel_values": torch.randn(batch, 3, config.vision_config.image_size, config.vision_config.image_size),
            "attention_mask": torch.ones(batch, 7 if tiny else 16, dtype=torch.long),
        },
        None,
    ),
)
model(
    "blip_vqa", "BlipForConditionalGeneration", "BlipConfig", "clip",
    tiny=dict(
        text_config=dict(TINY_TEXT, encoder_hidden_size=64, bos_token_id=1, sep_token_id=2, pad_token_id=0),
        vision_config=TINY_IMAGES, projection_dim=32,
    ),
)
model(
    "vilt", "ViltModel", "ViltConfig",
    inputs=lambda config, tiny, batch, length: (
        {
            "input_ids": tokens(batch, 8, config.vocab_size),
            "pixel_values": torch.randn(batch, 3, config.image_size, config.image_size),
        },
        None,
    ),
)
model(
    "git", "GitForCausalLM", "GitConfig", tiny=dict(vision_config=TINY_IMAGES),
    inputs=lambda config, tiny, batch, length: (
        {
            "input_ids": tokens(batch, 8, config.vocab_size),
            "pixel_values": torch.randn(batch, 3, config.vision_config.image_size, config.vision_config.image_size),
        },
        {"input_ids": {0: DYNAMIC, 1: DYNAMIC}, "pixel_values": {0: DYNAMIC}},
    ),
)
model(
    "layoutlmv3", "LayoutLMv3ForTokenClassification", "LayoutLMv3Config",
    inputs=lambda config, tiny, batch, length: (
        lambda options: (dict(options, pixel_values=torch.randn(batch, 3, config.input_size, config.input_size)), None)
    )(layout_inputs(config, tiny, batch, length)[0]),
    tiny=dict(input_size=32, patch_size=8, coordinate_size=8, shape_size=16, max_2d_position_embeddings=1024),
)
model(
    "visual_bert", "VisualBertModel", "VisualBertConfig", tiny=dict(visual_embedding_dim=32),
    inputs=lambda config, tiny, batch, length: (
        {
            "input_ids": tokens(batch, 8, config.vocab_size),
            "visual_embeds": torch.randn(batch, 4, config.visual_embedding_dim),
        },
        None,
    ),
)
model("vision_text_dual", "FlavaTextModel", "FlavaTextConfig")
TINY_LLAMA = dict(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128,
    vocab_size=512, head_dim=16, pad_token_id=0, model_type="llama",
)


def llava_inputs(config, tiny, batch, length):
    z = config.vision_config.image_size
    n = (z // config.vision_config.patch_size) ** 2
    itok = config.image_token_id
    ids = torch.cat([torch.full((batch, n), itok), tokens(batch, 8, itok - 1)], 1)
    return {"input_ids": ids, "pixel_values": torch.randn(batch, 3, z, z), "attention_mask": torch.ones_like(ids), "use_cache": False}, {
        "input_ids": {0: DYNAMIC, 1: DYNAMIC}, "pixel_values": {0: DYNAMIC}, "attention_mask": {0: DYNAMIC, 1: DYNAMIC},
        "use_cache": None,
    }

model(
    "llava", "LlavaForConditionalGeneration", "LlavaConfig", inputs=llava_inputs,
    tiny=dict(
        text_config=TINY_LLAMA, vision_config=dict(TINY_IMAGES, model_type="clip_vision_model"), image_token_id=500,
    ),
    full=dict(
        text_config=dict(
            hidden_size=1024, num_hidden_layers=8, num_attention_heads=16, intermediate_size=4096, vocab_size=32064,
            model_type="llama",
        ),
        image_token_id=32000,
    ),
)
