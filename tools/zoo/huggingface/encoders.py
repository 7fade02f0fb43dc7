"""Text encoders."""
from .entry import model

ALBERT_BASE = dict(embedding_size=128, hidden_size=768, num_attention_heads=12, intermediate_size=3072)
model("albert_mlm", "AlbertForMaskedLM", "AlbertConfig", full=ALBERT_BASE)
model("albert_qa", "AlbertForQuestionAnswering", "AlbertConfig", full=ALBERT_BASE)
model("bert_mlm", "BertForMaskedLM", "BertConfig")
model("bert_mlm_mask", "BertForMaskedLM", "BertConfig", "lm_mask")
model("bert_qa", "BertForQuestionAnswering", "BertConfig")
model("camembert_mlm", "CamembertForMaskedLM", "CamembertConfig")
DEBERTA = dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False)
model("deberta_mlm", "DebertaForMaskedLM", "DebertaConfig", both=DEBERTA)
model("deberta_qa", "DebertaForQuestionAnswering", "DebertaConfig", both=DEBERTA)
DEBERTA_V2 = dict(
    DEBERTA, position_buckets=256, share_att_key=True, norm_rel_ebd="layer_norm", max_relative_positions=-1,
)
DEBERTA_V2_BASE = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
model(
    "deberta_v2_mlm", "DebertaV2ForMaskedLM", "DebertaV2Config", both=DEBERTA_V2, full=DEBERTA_V2_BASE,
    tiny=dict(position_buckets=8),
)
model(
    "deberta_v2_qa", "DebertaV2ForQuestionAnswering", "DebertaV2Config", both=DEBERTA_V2, full=DEBERTA_V2_BASE,
    tiny=dict(position_buckets=8),
)
model("distilbert_mlm", "DistilBertForMaskedLM", "DistilBertConfig")
model("distilbert_qa", "DistilBertForQuestionAnswering", "DistilBertConfig")
model("electra_qa", "ElectraForQuestionAnswering", "ElectraConfig")
model("fnet_mlm", "FNetForMaskedLM", "FNetConfig")
model("layoutlm_mlm", "LayoutLMForMaskedLM", "LayoutLMConfig", "layout")
model("layoutlm_seqcls", "LayoutLMForSequenceClassification", "LayoutLMConfig", "layout")
model(
    "longformer_mlm", "LongformerForMaskedLM", "LongformerConfig", tiny=dict(attention_window=8),
    full=dict(attention_window=64),
)
model("megatron_bert_qa", "MegatronBertForQuestionAnswering", "MegatronBertConfig")
TINY_MOBILEBERT = dict(hidden_size=64, embedding_size=16)
model("mobilebert_mlm", "MobileBertForMaskedLM", "MobileBertConfig", tiny=TINY_MOBILEBERT)
model("mobilebert_qa", "MobileBertForQuestionAnswering", "MobileBertConfig", tiny=TINY_MOBILEBERT)
model("roberta_qa", "RobertaForQuestionAnswering", "RobertaConfig")
model("convbert_mlm", "ConvBertForMaskedLM", "ConvBertConfig")
model("xlm_roberta_mlm", "XLMRobertaForMaskedLM", "XLMRobertaConfig")
model("mpnet_mlm", "MPNetForMaskedLM", "MPNetConfig")
model(
    "modernbert_mlm", "ModernBertForMaskedLM", "ModernBertConfig",
    tiny=dict(local_attention=8, global_attn_every_n_layers=2),
)
model("roformer_mlm", "RoFormerForMaskedLM", "RoFormerConfig")
model(
    "rembert_mlm", "RemBertForMaskedLM", "RemBertConfig", tiny=dict(input_embedding_size=32, output_embedding_size=32),
    full=dict(num_hidden_layers=4),
)
model("squeezebert_mlm", "SqueezeBertForMaskedLM", "SqueezeBertConfig", tiny=dict(embedding_size=64))
model(
    "nystromformer_mlm", "NystromformerForMaskedLM", "NystromformerConfig",
    tiny=dict(segment_means_seq_len=16, num_landmarks=4),
)
model("bigbird_mlm", "BigBirdForMaskedLM", "BigBirdConfig", both=dict(attention_type="original_full"))
model(
    "bigbird_sparse_mlm", "BigBirdForMaskedLM", "BigBirdConfig", tiny=dict(block_size=4, num_random_blocks=1),
    seq=(64, 1024), dyn=None,
)
model(
    "funnel", "FunnelForMaskedLM", "FunnelConfig",
    tiny=dict(block_sizes=[1, 1], d_inner=64, n_head=4, d_model=64, d_head=16),
)
model(
    "canine", "CanineModel", "CanineConfig",
    tiny=dict(downsampling_rate=2, num_hash_buckets=64, local_transformer_stride=4), seq=(16, 256),
)
model(
    "esm_mlm", "EsmForMaskedLM", "EsmConfig",
    both=dict(vocab_size=33, pad_token_id=1, mask_token_id=32, position_embedding_type="rotary", token_dropout=True),
)
model("ernie_mlm", "ErnieForMaskedLM", "ErnieConfig")
model("flaubert", "FlaubertWithLMHeadModel", "FlaubertConfig", full=dict(emb_dim=768, n_layers=6, n_heads=12))
model("xlm", "XLMWithLMHeadModel", "XLMConfig", full=dict(emb_dim=1024, n_layers=6, n_heads=8))
model("nomic_bert", "NomicBertForMaskedLM", "NomicBertConfig")
model("eurobert", "EuroBertForMaskedLM", "EuroBertConfig")
model("ibert", "IBertForMaskedLM", "IBertConfig")
model("yoso", "YosoForMaskedLM", "YosoConfig", both=dict(use_expectation=True))
model("luke", "LukeModel", "LukeConfig")
model(
    "perceiver_mlm", "PerceiverForMaskedLM", "PerceiverConfig",
    tiny=dict(
        d_latents=32, num_latents=8, num_self_attends_per_block=2, num_self_attention_heads=4,
        num_cross_attention_heads=4, qk_channels=32, v_channels=32,
    ),
    seq=(16, 128),
)
model("dpr_question", "DPRQuestionEncoder", "DPRConfig")
model("splinter", "SplinterModel", "SplinterConfig")
model("tapas", "TapasModel", "TapasConfig")
