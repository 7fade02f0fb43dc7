"""One row of the tables: a model class, its configuration and what differs from the configuration's defaults."""
from ..registry import register, seed_inputs
from .inputs import INPUTS

# What a tiny configuration overrides, of whatever fields it has.
TINY = dict(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128,
    d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=128, decoder_ffn_dim=128, num_layers=2, num_decoder_layers=2, num_heads=4, d_kv=16, d_ff=128,
    n_layer=2, n_head=4, n_embd=64, n_layers=2, n_heads=4, n_positions=128, vocab_size=512,
    max_position_embeddings=128, dim=64, hidden_dim=128, emb_dim=64, ffn_dim=128, attention_heads=4,
    d_inner=128, d_head=16, embedding_size=32, word_embed_proj_dim=64, head_dim=16, num_local_experts=4,
    num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64, n_routed_experts=4, state_size=8,
    sliding_window=8, true_hidden_size=32, intra_bottleneck_size=32, mlp_dim=64,
    num_encoder_layers=2, image_size=32, patch_size=8,
)
DELETE = object()  # as a value: the field keeps its default although TINY names it
SPECIAL_TOKENS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=2, cls_token_id=2,
                      sep_token_id=2)


def tiny_fields(defaults):
    """The part of TINY that a configuration with these defaults has as plain values."""
    return {k: v for k, v in TINY.items() if defaults.get(k) is not None and not isinstance(defaults[k], (list, dict))}


def configuration(config_class, tiny, tiny_fields_only=None, full=None, both=None):
    """An instance of transformers' `config_class`, its special tokens inside its vocabulary."""
    import transformers

    make = getattr(transformers, config_class)
    fields = dict(both or {})
    fields.update({**tiny_fields(make().to_dict()), **(tiny_fields_only or {})} if tiny else full or {})
    config = make(**{k: v for k, v in fields.items() if v is not DELETE})
    size = getattr(config, "vocab_size", None)
    for name, token in SPECIAL_TOKENS.items() if isinstance(size, int) else ():
        value = getattr(config, name, None)
        if isinstance(value, list) or isinstance(value, int) and value >= size:
            setattr(config, name, 2 if isinstance(value, list) else token)
    return config


def model(name, model_class, config_class, kind="lm", tiny=None, full=None, both=None, inputs=None, seq=(16, 128),
          dyn="auto"):
    """Registers hf/`name`. `tiny`, `full`, `both`: fields of the configuration by size; `kind` or `inputs`: see inputs.py;
    `seq`: sequence length when tiny and when full; `dyn=None`: every dimension stays static."""

    def make(is_tiny, batch):
        import transformers

        config = configuration(config_class, is_tiny, tiny, full, both)
        if hasattr(config, "use_cache"):
            config.use_cache = False
        module = getattr(transformers, model_class)(config)
        seed_inputs()
        example, shapes = (inputs or INPUTS[kind])(config, is_tiny, batch, seq[0] if is_tiny else seq[1])
        return module, (), example, shapes if dyn else None

    register("hf/" + name, make)
