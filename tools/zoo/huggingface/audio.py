"""Audio models."""
import torch

from ..registry import DYNAMIC
from .entry import DELETE, model
from .inputs import tokens

TINY_WAV2VEC2 = dict(
    conv_dim=[32, 32, 32], conv_stride=[5, 4, 4], conv_kernel=[10, 4, 4], num_feat_extract_layers=3,
    num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
)
for n, m, c in [
    ("wav2vec2_ctc", "Wav2Vec2ForCTC", "Wav2Vec2Config"), ("hubert_ctc", "HubertForCTC", "HubertConfig"),
    ("wavlm", "WavLMModel", "WavLMConfig"), ("unispeech_sat", "UniSpeechSatModel", "UniSpeechSatConfig"),
    ("data2vec_audio", "Data2VecAudioModel", "Data2VecAudioConfig"),
    ("wav2vec2_conformer", "Wav2Vec2ConformerModel", "Wav2Vec2ConformerConfig"),
]:
    model(n, m, c, "wav", tiny=dict(TINY_WAV2VEC2, vocab_size=32))
model(
    "sew", "SEWModel", "SEWConfig", "wav",
    tiny=dict(
        conv_dim=[32, 32, 32], conv_stride=[5, 4, 4], conv_kernel=[10, 4, 4], squeeze_factor=2,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, vocab_size=32,
    ),
)


def whisper_inputs(config, tiny, batch, length):
    frames = config.max_source_positions * 2
    return (
        {
            "input_features": torch.randn(batch, config.num_mel_bins, frames),
            "decoder_input_ids": tokens(batch, 8 if tiny else 32, config.vocab_size),
        },
        {"input_features": {0: DYNAMIC}, "decoder_input_ids": {0: DYNAMIC, 1: DYNAMIC}},
    )

model(
    "whisper_tiny", "WhisperForConditionalGeneration", "WhisperConfig", inputs=whisper_inputs,
    tiny=dict(max_source_positions=30, max_target_positions=32, num_mel_bins=16),
)
model(
    "ast", "ASTForAudioClassification", "ASTConfig",
    tiny=dict(max_length=64, num_mel_bins=32, patch_size=8, frequency_stride=8, time_stride=8),
    inputs=lambda config, tiny, batch, length: (
        {"input_values": torch.randn(batch, config.max_length, config.num_mel_bins)}, {"input_values": {0: DYNAMIC}},
    ),
)
model(
    "speech_to_text", "Speech2TextForConditionalGeneration", "Speech2TextConfig",
    tiny=dict(max_source_positions=128, max_target_positions=64, conv_channels=32, input_feat_per_channel=16),
    inputs=lambda config, tiny, batch, length: (
        {
            "input_features": torch.randn(batch, 64, config.input_feat_per_channel),
            "decoder_input_ids": tokens(batch, 8, config.vocab_size),
        },
        {"input_features": {0: DYNAMIC, 1: DYNAMIC}, "decoder_input_ids": {0: DYNAMIC, 1: DYNAMIC}},
    ),
)
model(
    "moonshine", "MoonshineForConditionalGeneration", "MoonshineConfig",
    tiny=dict(
        encoder_num_hidden_layers=2, decoder_num_hidden_layers=2, encoder_num_attention_heads=4,
        decoder_num_attention_heads=4, encoder_num_key_value_heads=4, decoder_num_key_value_heads=4,
    ),
    inputs=lambda config, tiny, batch, length: (
        {"input_values": torch.randn(batch, 8000), "decoder_input_ids": tokens(batch, 8, config.vocab_size)},
        {"input_values": {0: DYNAMIC, 1: DYNAMIC}, "decoder_input_ids": {0: DYNAMIC, 1: DYNAMIC}},
    ),
)
model(
    "wav2vec2_bert", "Wav2Vec2BertModel", "Wav2Vec2BertConfig",
    tiny=dict(feature_projection_input_dim=32, vocab_size=32),
    inputs=lambda config, tiny, batch, length: (
        {"input_features": torch.randn(batch, 64, config.feature_projection_input_dim)},
        {"input_features": {0: DYNAMIC, 1: DYNAMIC}},
    ),
)
model(
    "encodec", "EncodecModel", "EncodecConfig",
    tiny=dict(num_filters=8, hidden_size=32, codebook_size=64, codebook_dim=32, upsampling_ratios=[4, 2], DUMMY=DELETE),
    inputs=lambda config, tiny, batch, length: (
        {"input_values": torch.randn(batch, 1, 2400)}, {"input_values": {0: DYNAMIC, 2: DYNAMIC}},
    ),
)
model(
    "mimi", "MimiModel", "MimiConfig",
    tiny=dict(
        num_filters=8, hidden_size=32, codebook_size=64, codebook_dim=16, vector_quantization_hidden_dimension=16,
        upsampling_ratios=[4, 2], num_quantizers=4, num_attention_heads=2, num_key_value_heads=2, upsample_groups=32,
    ),
    inputs=lambda config, tiny, batch, length: (
        {"input_values": torch.randn(batch, 1, 1600 if tiny else 24000)}, {"input_values": {0: DYNAMIC, 2: DYNAMIC}},
    ),
)
model(
    "dac", "DacModel", "DacConfig",
    tiny=dict(
        encoder_hidden_size=8, decoder_hidden_size=64, downsampling_ratios=[2, 4], upsampling_ratios=[4, 2],
        codebook_size=64, n_codebooks=3,
    ),
    inputs=lambda config, tiny, batch, length: (
        {"input_values": torch.randn(batch, 1, 1600)}, {"input_values": {0: DYNAMIC, 2: DYNAMIC}},
    ),
)
model(
    "vits", "VitsModel", "VitsConfig",
    tiny=dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64, vocab_size=38, flow_size=32,
        spectrogram_bins=17, upsample_initial_channel=64, prior_encoder_num_flows=2,
        posterior_encoder_num_wavenet_layers=2, prior_encoder_num_wavenet_layers=2,
    ),
    dyn=None,
)
model(
    "clap_audio", "ClapAudioModelWithProjection", "ClapAudioConfig",
    tiny=dict(
        spec_size=64, window_size=4, num_mel_bins=16, hidden_size=32, patch_embeds_hidden_size=16, depths=[1, 1],
        DUMMY=DELETE, num_attention_heads=[2, 2], num_hidden_layers=2, projection_dim=32, patch_size=4,
        patch_stride=[4, 4], aff_block_r=2,
    ),
    inputs=lambda config, tiny, batch, length: (
        {"input_features": torch.randn(batch, 1, 256 if tiny else 1001, config.num_mel_bins)},
        {"input_features": {0: DYNAMIC}},
    ),
)
