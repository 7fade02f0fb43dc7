"""Text decoders, dense and with experts."""
from .entry import model

model("bart_causal", "BartForCausalLM", "BartConfig")
model("blenderbot_small_causal", "BlenderbotSmallForCausalLM", "BlenderbotSmallConfig")
model("distilgpt2", "GPT2LMHeadModel", "GPT2Config", full=dict(n_layer=6))
model("gpt2", "GPT2LMHeadModel", "GPT2Config")
model("gpt2_mask", "GPT2LMHeadModel", "GPT2Config", "lm_mask")
model("gpt2_seqcls", "GPT2ForSequenceClassification", "GPT2Config", both=dict(pad_token_id=0))
model("electra_causal", "ElectraForCausalLM", "ElectraConfig", both=dict(is_decoder=True))
model("mbart_causal", "MBartForCausalLM", "MBartConfig")
model("megatron_bert_causal", "MegatronBertForCausalLM", "MegatronBertConfig", both=dict(is_decoder=True))
model("opt_125m", "OPTForCausalLM", "OPTConfig")
model("plbart_causal", "PLBartForCausalLM", "PLBartConfig")
model("pegasus_causal", "PegasusForCausalLM", "PegasusConfig")
model("roberta_causal", "RobertaForCausalLM", "RobertaConfig", both=dict(is_decoder=True))
model("trocr_causal", "TrOCRForCausalLM", "TrOCRConfig")
model("xglm_564m", "XGLMForCausalLM", "XGLMConfig")
model("xlnet", "XLNetLMHeadModel", "XLNetConfig", full=dict(d_model=768, n_head=12, d_inner=3072, n_layer=12))
LLAMA_1B = dict(
    vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
    num_key_value_heads=8, head_dim=64, tie_word_embeddings=True, rope_theta=500000.0,
    rope_scaling=dict(
        rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=8192,
    ),
    max_position_embeddings=131072,
)
model("llama", "LlamaForCausalLM", "LlamaConfig", full=LLAMA_1B)
model("llama_mask", "LlamaForCausalLM", "LlamaConfig", "lm_mask", full=LLAMA_1B)
QWEN_05B = dict(
    vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
    num_key_value_heads=2, tie_word_embeddings=True,
)
model("qwen2", "Qwen2ForCausalLM", "Qwen2Config", full=QWEN_05B)
model("qwen2_mask", "Qwen2ForCausalLM", "Qwen2Config", "lm_mask", full=QWEN_05B)
model(
    "qwen3", "Qwen3ForCausalLM", "Qwen3Config",
    full=dict(
        vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
        num_key_value_heads=8, head_dim=128, tie_word_embeddings=True,
    ),
)
model(
    "qwen2_moe", "Qwen2MoeForCausalLM", "Qwen2MoeConfig", tiny=dict(shared_expert_intermediate_size=64),
    full=dict(num_hidden_layers=2, hidden_size=1024, num_experts=8),
)
model("qwen3_moe", "Qwen3MoeForCausalLM", "Qwen3MoeConfig", full=dict(num_hidden_layers=4, num_experts=16))
model(
    "qwen3_next", "Qwen3NextForCausalLM", "Qwen3NextConfig",
    tiny=dict(
        layer_types=["linear_attention", "full_attention"], linear_num_value_heads=4, linear_num_key_heads=2,
        linear_key_head_dim=16, linear_value_head_dim=16, shared_expert_intermediate_size=64,
    ),
    full=dict(num_hidden_layers=4, num_experts=8),
)
GEMMA2_FULL = dict(num_hidden_layers=8)
model(
    "gemma", "GemmaForCausalLM", "GemmaConfig", tiny=dict(num_key_value_heads=1),
    full=dict(
        hidden_size=2048, num_hidden_layers=6, intermediate_size=16384, num_attention_heads=8, num_key_value_heads=1,
        head_dim=256,
    ),
)
model("gemma2", "Gemma2ForCausalLM", "Gemma2Config", full=GEMMA2_FULL)
model(
    "gemma3_text", "Gemma3ForCausalLM", "Gemma3TextConfig",
    tiny=dict(layer_types=["sliding_attention", "full_attention"]),
    full=dict(
        vocab_size=262144, hidden_size=1152, intermediate_size=6912, num_hidden_layers=26, num_attention_heads=4,
        num_key_value_heads=1, head_dim=256, sliding_window=512,
    ),
)
model(
    "gemma3n_text", "Gemma3nForCausalLM", "Gemma3nTextConfig",
    tiny=dict(
        layer_types=["sliding_attention", "full_attention"], num_kv_shared_layers=0, hidden_size_per_layer_input=16,
        vocab_size_per_layer_input=512, laurel_rank=8, activation_sparsity_pattern=[0.5, 0.0],
        intermediate_size=[128, 128],
    ),
    full=dict(num_hidden_layers=5, num_kv_shared_layers=0, vocab_size=32000, vocab_size_per_layer_input=32000),
)
model("mistral", "MistralForCausalLM", "MistralConfig", full=dict(num_hidden_layers=4))
model(
    "ministral", "MinistralForCausalLM", "MinistralConfig", tiny=dict(head_dim=16),
    full=dict(num_hidden_layers=4, head_dim=128),
)
model(
    "mixtral", "MixtralForCausalLM", "MixtralConfig",
    full=dict(
        hidden_size=1024, intermediate_size=3584, num_hidden_layers=4, num_attention_heads=16, num_key_value_heads=4,
    ),
)
model("phi", "PhiForCausalLM", "PhiConfig", full=dict(num_hidden_layers=8))
model("phi3", "Phi3ForCausalLM", "Phi3Config", full=dict(num_hidden_layers=8), both=dict(pad_token_id=0))
model(
    "phimoe", "PhimoeForCausalLM", "PhimoeConfig",
    full=dict(
        num_hidden_layers=2, hidden_size=1024, intermediate_size=2048, num_attention_heads=16, num_key_value_heads=4,
    ),
)
model("falcon", "FalconForCausalLM", "FalconConfig", full=dict(num_hidden_layers=4))
model(
    "falcon_alibi", "FalconForCausalLM", "FalconConfig", both=dict(alibi=True),
    full=dict(num_hidden_layers=4, hidden_size=2048, num_attention_heads=32),
)
model("bloom_560m", "BloomForCausalLM", "BloomConfig", full=dict(hidden_size=1024, n_layer=24, n_head=16))
model(
    "gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXConfig",
    full=dict(vocab_size=50304, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
)
model(
    "gpt_neo", "GPTNeoForCausalLM", "GPTNeoConfig",
    tiny=dict(attention_types=[[["global", "local"], 1]], window_size=4),
    full=dict(hidden_size=768, num_layers=12, num_heads=12, attention_types=[[["global", "local"], 6]]),
)
model("gptj", "GPTJForCausalLM", "GPTJConfig", tiny=dict(rotary_dim=8), full=dict(n_layer=4))
model(
    "codegen", "CodeGenForCausalLM", "CodeGenConfig", tiny=dict(rotary_dim=8, n_ctx=128),
    full=dict(n_embd=1024, n_layer=20, n_head=16),
)
model("gpt_bigcode", "GPTBigCodeForCausalLM", "GPTBigCodeConfig")
model("biogpt", "BioGptForCausalLM", "BioGptConfig")
model("ctrl", "CTRLLMHeadModel", "CTRLConfig", tiny=dict(dff=128), full=dict(n_layer=12))
model("openai_gpt", "OpenAIGPTLMHeadModel", "OpenAIGPTConfig")
model(
    "stablelm", "StableLmForCausalLM", "StableLmConfig",
    full=dict(
        vocab_size=100352, hidden_size=2048, intermediate_size=5632, num_hidden_layers=12, num_attention_heads=32,
        num_key_value_heads=32,
    ),
)
model("starcoder2", "Starcoder2ForCausalLM", "Starcoder2Config", full=dict(num_hidden_layers=8))
model(
    "olmo", "OlmoForCausalLM", "OlmoConfig",
    full=dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=16),
)
model(
    "olmo2", "Olmo2ForCausalLM", "Olmo2Config",
    full=dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=16),
)
model("olmoe", "OlmoeForCausalLM", "OlmoeConfig", full=dict(num_hidden_layers=2, num_experts=16))
model(
    "cohere", "CohereForCausalLM", "CohereConfig",
    full=dict(num_hidden_layers=2, hidden_size=2048, intermediate_size=8192, num_attention_heads=16, vocab_size=64000),
)
model(
    "cohere2", "Cohere2ForCausalLM", "Cohere2Config", tiny=dict(layer_types=["sliding_attention", "full_attention"]),
    full=dict(num_hidden_layers=4, hidden_size=2048, intermediate_size=8192, num_attention_heads=16, vocab_size=64000),
)
model(
    "granite", "GraniteForCausalLM", "GraniteConfig",
    full=dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=10),
)
model(
    "granitemoe", "GraniteMoeForCausalLM", "GraniteMoeConfig",
    full=dict(hidden_size=1024, intermediate_size=512, num_hidden_layers=8, num_attention_heads=16),
)
model(
    "nemotron", "NemotronForCausalLM", "NemotronConfig", tiny=dict(num_key_value_heads=2, head_dim=16),
    full=dict(
        num_key_value_heads=8, head_dim=128, hidden_size=2048, intermediate_size=8192, num_hidden_layers=4,
        num_attention_heads=16, vocab_size=64000,
    ),
)
model(
    "persimmon", "PersimmonForCausalLM", "PersimmonConfig",
    full=dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=4, num_attention_heads=32, vocab_size=64000),
)
model(
    "deepseek_v2", "DeepseekV2ForCausalLM", "DeepseekV2Config", both=dict(num_experts_per_tok=2),
    tiny=dict(
        q_lora_rank=32, kv_lora_rank=16, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_shared_experts=1,
        num_key_value_heads=4, head_dim=8, first_k_dense_replace=1,
    ),
    full=dict(num_hidden_layers=2, hidden_size=1024, n_routed_experts=8, n_group=1, topk_group=1),
)
model(
    "deepseek_v3", "DeepseekV3ForCausalLM", "DeepseekV3Config",
    tiny=dict(
        q_lora_rank=32, kv_lora_rank=16, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_shared_experts=1,
        n_group=2, topk_group=1, num_key_value_heads=4, first_k_dense_replace=1, head_dim=8,
    ),
    full=dict(
        num_hidden_layers=4, hidden_size=1024, n_routed_experts=8, num_attention_heads=16, num_key_value_heads=16,
        intermediate_size=4096, n_group=2, topk_group=1, first_k_dense_replace=2, vocab_size=32000,
    ),
)
model("glm", "GlmForCausalLM", "GlmConfig", full=dict(num_hidden_layers=4), both=dict(pad_token_id=0))
model("glm4", "Glm4ForCausalLM", "Glm4Config", full=dict(num_hidden_layers=4), both=dict(pad_token_id=0))
model(
    "glm4_moe", "Glm4MoeForCausalLM", "Glm4MoeConfig",
    tiny=dict(n_group=1, topk_group=1, first_k_dense_replace=1, n_shared_experts=1),
    full=dict(num_hidden_layers=2, hidden_size=1024, n_routed_experts=8, num_attention_heads=16),
)
model(
    "exaone4", "Exaone4ForCausalLM", "Exaone4Config", tiny=dict(layer_types=["sliding_attention", "full_attention"]),
    full=dict(num_hidden_layers=4),
)
model("smollm3", "SmolLM3ForCausalLM", "SmolLM3Config", both=dict(pad_token_id=0), full=dict(num_hidden_layers=8))
model("helium", "HeliumForCausalLM", "HeliumConfig", full=dict(num_hidden_layers=6))
model("mpt", "MptForCausalLM", "MptConfig", tiny=dict(max_seq_len=64), full=dict(n_layers=12, d_model=1024, n_heads=16))
model(
    "dbrx", "DbrxForCausalLM", "DbrxConfig",
    tiny=dict(
        max_seq_len=64, attn_config=dict(kv_n_heads=2, rope_theta=10000.0, clip_qkv=8.0),
        ffn_config=dict(ffn_hidden_size=64, moe_num_experts=4, moe_top_k=2, hidden_size=64),
    ),
    full=dict(
        d_model=1024, n_heads=16, n_layers=4, max_seq_len=2048,
        attn_config=dict(kv_n_heads=4, rope_theta=10000.0, clip_qkv=8.0),
        ffn_config=dict(ffn_hidden_size=2048, moe_num_experts=4, moe_top_k=2, hidden_size=1024),
    ),
)
model("jetmoe", "JetMoeForCausalLM", "JetMoeConfig", tiny=dict(kv_channels=16), full=dict(num_hidden_layers=4))
model(
    "gpt_oss", "GptOssForCausalLM", "GptOssConfig", tiny=dict(layer_types=["sliding_attention", "full_attention"]),
    full=dict(num_hidden_layers=2, num_local_experts=8, vocab_size=50000),
)
model("diffllama", "DiffLlamaForCausalLM", "DiffLlamaConfig", full=dict(num_hidden_layers=8))
model("bitnet", "BitNetForCausalLM", "BitNetConfig", full=dict(num_hidden_layers=8))
model(
    "lfm2", "Lfm2ForCausalLM", "Lfm2Config", tiny=dict(layer_types=["conv", "full_attention"]),
    full=dict(num_hidden_layers=8, layer_types=["conv", "full_attention"] * 4),
)
model("ernie4_5", "Ernie4_5ForCausalLM", "Ernie4_5Config", full=dict(num_hidden_layers=18))
model(
    "apertus", "ApertusForCausalLM", "ApertusConfig",
    full=dict(num_hidden_layers=4, hidden_size=2048, intermediate_size=8192, vocab_size=64000),
)
model("arcee", "ArceeForCausalLM", "ArceeConfig", full=dict(num_hidden_layers=8))
model("seed_oss", "SeedOssForCausalLM", "SeedOssConfig", full=dict(num_hidden_layers=2))
model(
    "hunyuan_dense", "HunYuanDenseV1ForCausalLM", "HunYuanDenseV1Config", tiny=dict(head_dim=16),
    full=dict(head_dim=128, num_hidden_layers=4, hidden_size=2048, intermediate_size=6144, num_attention_heads=16),
)
model(
    "minimax", "MiniMaxForCausalLM", "MiniMaxConfig",
    tiny=dict(layer_types=["linear_attention", "full_attention"], block_size=8),
    full=dict(
        hidden_size=1024, intermediate_size=2048, num_hidden_layers=4, num_attention_heads=16, num_key_value_heads=4,
        layer_types=["linear_attention", "full_attention"] * 2,
    ),
)
model(
    "llama4_text", "Llama4ForCausalLM", "Llama4TextConfig",
    tiny=dict(
        intermediate_size_mlp=128, interleave_moe_layer_step=1, attention_chunk_size=8, no_rope_layer_interval=2,
        pad_token_id=0,
    ),
    full=dict(
        hidden_size=1024, intermediate_size=2048, intermediate_size_mlp=4096, num_hidden_layers=4,
        num_attention_heads=16, num_key_value_heads=4, num_local_experts=4, vocab_size=50000, pad_token_id=0,
    ),
)
model("nanochat", "NanoChatForCausalLM", "NanoChatConfig", full=dict(num_hidden_layers=8))
model(
    "olmo3", "Olmo3ForCausalLM", "Olmo3Config", tiny=dict(layer_types=["sliding_attention", "full_attention"]),
    full=dict(num_hidden_layers=4, hidden_size=2048, intermediate_size=8192, num_attention_heads=16),
)
