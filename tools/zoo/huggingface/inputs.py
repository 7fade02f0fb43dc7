"""Example inputs by kind: (config, tiny, batch, length) -> (kwargs, dynamic_shapes)."""
import torch

from ..registry import DYNAMIC

TOKENS = {0: DYNAMIC, 1: DYNAMIC}
IMAGES = {0: DYNAMIC}


def tokens(batch, length, size):
    """Random token numbers; the first three are usually special."""
    return torch.randint(3, size, (batch, length))


def vocabulary(config):
    for part in (config, getattr(config, "text_config", None)):
        size = getattr(part, "vocab_size", None)
        if isinstance(size, int):
            return size
    return 100


def image_size(config):
    for part in (config, getattr(config, "vision_config", None)):
        size = getattr(part, "image_size", None)
        if isinstance(size, int):
            return size
        if isinstance(size, (list, tuple)):
            return size[0]
    return None


def text_inputs(config, tiny, batch, length):
    return {"input_ids": tokens(batch, length, vocabulary(config))}, {"input_ids": TOKENS}


def masked_text_inputs(config, tiny, batch, length):
    inputs, shapes = text_inputs(config, tiny, batch, length)
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[:, -2:] = 0
    return dict(inputs, attention_mask=mask), dict(shapes, attention_mask=TOKENS)


def seq2seq_inputs(config, tiny, batch, length):
    size = vocabulary(config)
    inputs = {"input_ids": tokens(batch, length, size), "decoder_input_ids": tokens(batch, length // 2, size)}
    return inputs, dict.fromkeys(inputs, TOKENS)


def masked_seq2seq_inputs(config, tiny, batch, length):
    inputs, shapes = seq2seq_inputs(config, tiny, batch, length)
    for mask, of in (("attention_mask", "input_ids"), ("decoder_attention_mask", "decoder_input_ids")):
        inputs[mask], shapes[mask] = torch.ones_like(inputs[of]), TOKENS
    return inputs, shapes


def uncached_seq2seq_inputs(config, tiny, batch, length):
    inputs, shapes = seq2seq_inputs(config, tiny, batch, length)
    return dict(inputs, use_cache=False), dict(shapes, use_cache=None)


def configured_image_inputs(config, tiny, batch, length):
    size = image_size(config) or (64 if tiny else 224)
    channels = getattr(config, "num_channels", 3) or 3
    return {"pixel_values": torch.randn(batch, channels, size, size)}, {"pixel_values": IMAGES}


def image_inputs(config, tiny, batch, length):
    size = 64 if tiny else 224
    return {"pixel_values": torch.randn(batch, 3, size, size)}, {"pixel_values": IMAGES}


def free_image_inputs(config, tiny, batch, length):
    size = 64 if tiny else 512
    return {"pixel_values": torch.randn(batch, 3, size, size)}, {"pixel_values": {0: DYNAMIC, 2: DYNAMIC, 3: DYNAMIC}}


def waveform_inputs(config, tiny, batch, length):
    return {"input_values": torch.randn(batch, 4000 if tiny else 16000)}, {"input_values": TOKENS}


def image_text_inputs(config, tiny, batch, length):
    size, text = config.vision_config.image_size, config.text_config
    length = 7 if tiny else min(77, text.max_position_embeddings)
    ids = tokens(batch, length, text.vocab_size)
    ids[:, -1] = text.vocab_size - 1  # the end token, where the text is pooled
    inputs = {"input_ids": ids, "pixel_values": torch.randn(batch, 3, size, size),
              "attention_mask": torch.ones(batch, length, dtype=torch.long)}
    return inputs, {"input_ids": TOKENS, "pixel_values": IMAGES, "attention_mask": TOKENS}


def layout_inputs(config, tiny, batch, length):
    inputs, shapes = text_inputs(config, tiny, batch, length)
    boxes = torch.randint(0, 60, (batch, length, 2)).repeat(1, 1, 2)
    boxes[..., 2:] += 3
    return dict(inputs, bbox=boxes), dict(shapes, bbox=TOKENS)


INPUTS = {
    "lm": text_inputs,
    "lm_mask": masked_text_inputs,
    "s2s": seq2seq_inputs,
    "s2s_mask": masked_seq2seq_inputs,
    "s2s_nocache": uncached_seq2seq_inputs,
    "vis": configured_image_inputs,
    "vis64": image_inputs,
    "vis_hw": free_image_inputs,
    "wav": waveform_inputs,
    "clip": image_text_inputs,
    "layout": layout_inputs,
}
