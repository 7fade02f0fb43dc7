"""Real architectures with random, lively weights, built from their configurations: nothing is downloaded.

    module, args, kwargs = models.build("bert_base")          # full size, batch 1
    module, args, kwargs = models.build("bert_base", tiny=True)

`MODELS` lists the names. Seeds are fixed: the same name gives the same weights and inputs.
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import torch
from torch import nn

SEED = 0


def enliven(module, args=(), kwargs=None):
    """Gives freshly initialised weights life, so that a comparison can fail: parameters that are all zero get small random
    values, batch norms the statistics of the example input (else signals die out and outputs are constants). In place."""
    state = torch.get_rng_state()
    torch.manual_seed(SEED + 7)
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point() and parameter.numel() and not parameter.any():
                parameter.normal_(0, 0.02)
        if norms:
            momenta = [norm.momentum for norm in norms]
            for norm in norms:
                norm.momentum = 1.0
                norm.train()
            module(*args, **(kwargs or {}))
            for norm, momentum in zip(norms, momenta):
                norm.momentum = momentum
                norm.eval()
                norm.running_var.clamp_(min=1e-3)
                norm.num_batches_tracked.zero_()
    torch.set_rng_state(state)
    return module


def _image_classifier(name):
    def build(tiny, batch):
        import torchvision.models as zoo

        size = 64 if tiny else 224
        options = {"image_size": size} if name.startswith("vit_") else {}
        module = getattr(zoo, name)(weights=None, **options)
        torch.manual_seed(SEED + 1)
        return module, (torch.randn(batch, 3, size, size),), {}

    return build


def _tokens(batch, length, vocabulary):
    return torch.randint(3, vocabulary, (batch, length))


def _language_model(model_class, config_class, small, decoder=False):
    """`small` is what a tiny configuration overrides; `decoder`: an encoder-decoder, which also takes decoder tokens."""

    def build(tiny, batch):
        import transformers

        config = getattr(transformers, config_class)(**(small if tiny else {}))
        config.use_cache = False
        module = getattr(transformers, model_class)(config)
        torch.manual_seed(SEED + 1)
        length = 16 if tiny else 128
        inputs = {"input_ids": _tokens(batch, length, config.vocab_size)}
        if decoder:
            inputs["decoder_input_ids"] = _tokens(batch, length // 2, config.vocab_size)
        return module, (), inputs

    return build


_BERT = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, vocab_size=512, max_position_embeddings=128)
_GPT2 = dict(n_embd=64, n_layer=2, n_head=4, n_positions=128, vocab_size=512, bos_token_id=1, eos_token_id=2)
_T5 = dict(d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, vocab_size=512)

MODELS = {
    "resnet50": _image_classifier("resnet50"),
    "mobilenet_v3_large": _image_classifier("mobilenet_v3_large"),
    "vit_b_16": _image_classifier("vit_b_16"),
    "bert_base": _language_model("BertForMaskedLM", "BertConfig", _BERT),
    "gpt2": _language_model("GPT2LMHeadModel", "GPT2Config", _GPT2),
    "t5_small": _language_model("T5ForConditionalGeneration", "T5Config", _T5, decoder=True),
}


def _is_image_classifier(name):
    return "input_ids" not in MODELS[name](True, 1)[2]


def dynamic_shapes(name):
    """What varies, as torch.export wants it: the batch, and the sequence lengths of language models."""
    from torch.export import Dim

    batch = Dim("batch", max=64)
    if _is_image_classifier(name):
        return ({0: batch},)
    _, _, kwargs = MODELS[name](True, 1)
    return {key: {0: batch, 1: Dim(f"{key}_length", min=4, max=64)} for key in kwargs}


def dynamic_sizes(name):
    """Sizes of tiny models to compare at: (batch,) or (batch, length)."""
    return [(3,), (1,)] if _is_image_classifier(name) else [(3, 7), (2, 33), (1, 16)]


def example_inputs(name, size):
    """args and kwargs of the tiny model at `size`, one of `dynamic_sizes`."""
    _, args, kwargs = MODELS[name](True, size[0])
    torch.manual_seed(SEED + 2)
    if len(size) == 1:
        return args, {}
    return (), {key: torch.randint(3, 512, (size[0], size[1] + 4 * i)) for i, key in enumerate(kwargs)}


def build(name, tiny=False, batch=None):
    """The module in eval mode, its args and its kwargs. Batch 1 at full size, 2 when tiny."""
    torch.manual_seed(SEED)
    module, args, kwargs = MODELS[name](tiny, batch or (2 if tiny else 1))
    return enliven(module.eval(), args, kwargs), args, kwargs
