"""One decoding step with a key-value cache of fixed length in buffers: what an exported generator looks like."""
import torch
from torch import nn

from ..registry import register
from .decoders import LLAMA_1B
from .entry import configuration
from .inputs import tokens

TINY_LENGTH, FULL_LENGTH = 32, 512


class CachedDecoder(nn.Module):
    """(input_ids, cache_position) -> logits; the cache is state of the module."""

    def __init__(self, decoder, config, batch, length):
        super().__init__()
        import transformers
        from transformers.cache_utils import StaticLayer

        self.decoder = decoder
        self.cache = transformers.StaticCache(config=config, max_cache_len=length)
        self.cache.layers = [StaticLayer(length) for _ in self.cache.layers]  # sliding windows depend on data
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        self.cache.early_initialization(batch, heads, width, torch.float32, torch.device("cpu"))
        for i, layer in enumerate(self.cache.layers):
            self.register_buffer(f"k{i}", layer.keys, persistent=False)
            self.register_buffer(f"v{i}", layer.values, persistent=False)
            self.register_buffer(f"n{i}", layer.cumulative_length, persistent=False)

    def forward(self, input_ids, cache_position):
        # The cache object must hold this module's buffers, not copies of its own, or export lifts them as constants.
        saved = [(layer.keys, layer.values, layer.cumulative_length) for layer in self.cache.layers]
        for i, layer in enumerate(self.cache.layers):
            layer.keys, layer.values = getattr(self, f"k{i}"), getattr(self, f"v{i}")
            layer.cumulative_length = getattr(self, f"n{i}")
            layer.cumulative_length.copy_(cache_position[0:1])
        logits = self.decoder(input_ids=input_ids, past_key_values=self.cache, use_cache=True).logits
        for layer, state in zip(self.cache.layers, saved):
            layer.keys, layer.values, layer.cumulative_length = state
        return logits


def _decoding_step(name, model_class, config_class, tiny_fields=None, full=None):
    def make(tiny, batch):
        import transformers

        config = configuration(config_class, tiny, tiny_fields, full)
        config.use_cache = True
        decoder = getattr(transformers, model_class)(config)
        module = CachedDecoder(decoder, config, batch, TINY_LENGTH if tiny else FULL_LENGTH)
        return module, (tokens(batch, 1, config.vocab_size), torch.tensor([5])), {}, None

    register("hf_decode/" + name, make)


QWEN3_06B = dict(vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
                 num_attention_heads=16, num_key_value_heads=8, head_dim=128, tie_word_embeddings=True)

_decoding_step("gpt2", "GPT2LMHeadModel", "GPT2Config")
_decoding_step("llama", "LlamaForCausalLM", "LlamaConfig", full=LLAMA_1B)
_decoding_step("qwen3", "Qwen3ForCausalLM", "Qwen3Config", full=QWEN3_06B)
_decoding_step("gemma3", "Gemma3ForCausalLM", "Gemma3TextConfig", full=dict(num_hidden_layers=4),
               tiny_fields=dict(layer_types=["sliding_attention", "full_attention"]))
