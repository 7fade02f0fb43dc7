"""State-space, recurrent and hybrid text models."""
from .entry import DELETE, model

model(
    "mamba_130m", "MambaForCausalLM", "MambaConfig", tiny=dict(time_step_rank=4, intermediate_size=DELETE),
    full=dict(hidden_size=768, num_hidden_layers=24),
)
model(
    "mamba2", "Mamba2ForCausalLM", "Mamba2Config",
    tiny=dict(num_heads=8, head_dim=16, n_groups=1, chunk_size=8, intermediate_size=DELETE),
    full=dict(hidden_size=768, num_heads=24, head_dim=64, n_groups=1, num_hidden_layers=24, vocab_size=50288),
)
model(
    "falcon_mamba", "FalconMambaForCausalLM", "FalconMambaConfig",
    tiny=dict(time_step_rank=4, intermediate_size=DELETE), full=dict(hidden_size=1024, num_hidden_layers=8),
)
model(
    "rwkv", "RwkvForCausalLM", "RwkvConfig", tiny=dict(attention_hidden_size=64, context_length=64),
    full=dict(hidden_size=768, num_hidden_layers=12, attention_hidden_size=768), seq=(8, 32),
)
model(
    "recurrent_gemma", "RecurrentGemmaForCausalLM", "RecurrentGemmaConfig",
    tiny=dict(
        lru_width=64, attention_window_size=8, num_hidden_layers=3, block_types=["recurrent", "recurrent", "attention"],
    ),
    full=dict(
        hidden_size=1024, num_hidden_layers=6, lru_width=1024, intermediate_size=3072, num_attention_heads=8,
        vocab_size=64000,
    ),
)
model(
    "jamba", "JambaForCausalLM", "JambaConfig",
    tiny=dict(
        num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1,
        mamba_d_state=8, mamba_dt_rank=4, use_mamba_kernels=False,
    ),
    full=dict(
        hidden_size=1024, intermediate_size=2048, num_hidden_layers=8, num_attention_heads=16, num_experts=4,
        use_mamba_kernels=False,
    ),
)
model(
    "bamba", "BambaForCausalLM", "BambaConfig",
    tiny=dict(
        mamba_n_heads=8, mamba_d_head=16, mamba_n_groups=1, mamba_d_state=8, mamba_chunk_size=8, attn_layer_indices=[1],
    ),
    full=dict(
        hidden_size=1024, intermediate_size=2048, num_hidden_layers=4, mamba_n_heads=32, mamba_d_head=64,
        attn_layer_indices=[1, 3], vocab_size=64000,
    ),
)
model(
    "zamba2", "Zamba2ForCausalLM", "Zamba2Config",
    tiny=dict(
        num_hidden_layers=4, layers_block_type=["mamba", "hybrid", "mamba", "hybrid"], mamba_d_state=8, mamba_ngroups=1,
        n_mamba_heads=8, mamba_headdim=16, chunk_size=8, attention_head_dim=32, attention_hidden_size=128,
        num_mem_blocks=1, hybrid_layer_ids=[1, 3], num_key_value_heads=4, use_mamba_kernels=False, use_mem_rope=True,
    ),
    full=dict(
        num_hidden_layers=6, hidden_size=1024, use_mamba_kernels=False, n_mamba_heads=8,
        layers_block_type=["mamba", "mamba", "hybrid"] * 2, hybrid_layer_ids=[2, 5],
    ),
)
model(
    "xlstm", "xLSTMForCausalLM", "xLSTMConfig",
    tiny=dict(num_blocks=2, num_heads=2, hidden_size=64, embedding_dim=64, chunk_size=8, mode="inference"),
    full=dict(num_blocks=8, hidden_size=1024, embedding_dim=1024),
)
