"""Time series and decision models."""
import torch

from ..registry import DYNAMIC
from .entry import model

model(
    "patchtst", "PatchTSTForPrediction", "PatchTSTConfig",
    tiny=dict(context_length=32, prediction_length=8, patch_length=4, patch_stride=4, d_model=32),
    full=dict(context_length=512, patch_length=16, patch_stride=16, num_input_channels=7),
    inputs=lambda config, tiny, batch, length: (
        {"past_values": torch.randn(batch, config.context_length, config.num_input_channels)},
        {"past_values": {0: DYNAMIC}},
    ),
)
model(
    "patchtsmixer", "PatchTSMixerForPrediction", "PatchTSMixerConfig",
    tiny=dict(context_length=32, prediction_length=8, patch_length=4, patch_stride=4),
    inputs=lambda config, tiny, batch, length: (
        {"past_values": torch.randn(batch, config.context_length, config.num_input_channels)},
        {"past_values": {0: DYNAMIC}},
    ),
)
model(
    "decision_transformer", "DecisionTransformerModel", "DecisionTransformerConfig",
    inputs=lambda config, tiny, batch, length: (
        {
            "states": torch.randn(batch, 6, config.state_dim), "actions": torch.randn(batch, 6, config.act_dim),
            "returns_to_go": torch.randn(batch, 6, 1), "timesteps": torch.randint(0, 20, (batch, 6)),
            "attention_mask": torch.ones(batch, 6),
        },
        None,
    ),
)
