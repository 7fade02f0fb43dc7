"""Encoder-decoder text models."""
from .entry import model

model("bart_s2s", "BartForConditionalGeneration", "BartConfig", "s2s")
BLENDERBOT_FULL = dict(d_model=1280, encoder_layers=2, decoder_layers=12, encoder_ffn_dim=5120, decoder_ffn_dim=5120)
model("blenderbot_causal", "BlenderbotForCausalLM", "BlenderbotConfig", full=BLENDERBOT_FULL)
model("blenderbot_s2s", "BlenderbotForConditionalGeneration", "BlenderbotConfig", "s2s", full=BLENDERBOT_FULL)
model("blenderbot_small_s2s", "BlenderbotSmallForConditionalGeneration", "BlenderbotSmallConfig", "s2s")
model("m2m100_s2s", "M2M100ForConditionalGeneration", "M2M100Config", "s2s")
model("mbart_s2s", "MBartForConditionalGeneration", "MBartConfig", "s2s")
model("mt5_s2s", "MT5ForConditionalGeneration", "MT5Config", "s2s")
model("plbart_s2s", "PLBartForConditionalGeneration", "PLBartConfig", "s2s")
model("pegasus_s2s", "PegasusForConditionalGeneration", "PegasusConfig", "s2s")
model("t5_small", "T5ForConditionalGeneration", "T5Config", "s2s")
model("marian_s2s", "MarianMTModel", "MarianConfig", "s2s", both=dict(pad_token_id=0))
model(
    "led_s2s", "LEDForConditionalGeneration", "LEDConfig", "s2s",
    tiny=dict(attention_window=8, max_encoder_position_embeddings=128, max_decoder_position_embeddings=128),
    full=dict(attention_window=64),
)
model(
    "prophetnet_s2s", "ProphetNetForConditionalGeneration", "ProphetNetConfig", "s2s",
    tiny=dict(
        num_encoder_layers=2, num_decoder_layers=2, num_encoder_attention_heads=4, num_decoder_attention_heads=4,
        encoder_ffn_dim=64, decoder_ffn_dim=64,
    ),
)
model("umt5_s2s", "UMT5ForConditionalGeneration", "UMT5Config", "s2s", full=dict(vocab_size=32128))
model("longt5_s2s", "LongT5ForConditionalGeneration", "LongT5Config", "s2s_mask", tiny=dict(local_radius=4))
model(
    "switch_transformers", "SwitchTransformersForConditionalGeneration", "SwitchTransformersConfig", "s2s_mask",
    tiny=dict(num_experts=4, expert_capacity=16, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1),
)
model(
    "bigbird_pegasus_s2s", "BigBirdPegasusForConditionalGeneration", "BigBirdPegasusConfig", "s2s",
    both=dict(attention_type="original_full"), full=dict(encoder_layers=6, decoder_layers=6),
)
model(
    "nllb_moe", "NllbMoeForConditionalGeneration", "NllbMoeConfig", "s2s",
    tiny=dict(num_experts=4, encoder_sparse_step=2, decoder_sparse_step=2, expert_capacity=16),
    full=dict(num_experts=8, encoder_layers=4, decoder_layers=4),
)
model(
    "pegasus_x_s2s", "PegasusXForConditionalGeneration", "PegasusXConfig", "s2s",
    tiny=dict(block_size=8, num_global_tokens=4),
    full=dict(encoder_layers=4, decoder_layers=4, block_size=64, num_global_tokens=32), seq=(16, 128),
)
model(
    "t5gemma", "T5GemmaForConditionalGeneration", "T5GemmaConfig", "s2s_nocache",
    tiny=dict(
        encoder=dict(
            hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128,
            head_dim=16, vocab_size=512, sliding_window=8, query_pre_attn_scalar=16,
        ),
        decoder=dict(
            hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=128,
            head_dim=16, vocab_size=512, sliding_window=8, query_pre_attn_scalar=16,
        ),
        vocab_size=512,
    ),
    full=dict(
        encoder=dict(
            hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=8, intermediate_size=1024,
            head_dim=64, vocab_size=32000,
        ),
        decoder=dict(
            hidden_size=512, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=8, intermediate_size=1024,
            head_dim=64, vocab_size=32000,
        ),
        vocab_size=32000,
    ),
)
