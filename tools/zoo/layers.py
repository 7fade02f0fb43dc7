"""Single torch.nn modules and their functional forms."""
import torch
import torch.nn.functional as F
from torch import nn

from .modules import Called, Function, Training
from .registry import DYNAMIC, register, seed_inputs


def layer(name, make_module, *shapes, inputs=None, dynamic=True, dims=(0,)):
    """Registers nn/`name`. Inputs are random tensors of `shapes` behind the batch, or `inputs(batch)`; `dims` are the
    dimensions that a dynamic export leaves open."""

    def make(tiny, batch):
        module = make_module()
        seed_inputs()
        args = tuple(inputs(batch) if inputs else (torch.randn(batch, *shape) for shape in shapes))
        shapes_of = tuple({i: DYNAMIC for i in dims} if isinstance(x, torch.Tensor) else None for x in args)
        if isinstance(module, (Function, Called)):
            shapes_of = (shapes_of,)  # one tuple for *args
        return module, args, {}, shapes_of if dynamic else None

    register("nn/" + name, make)


ACTIVATIONS = """
    ReLU ReLU6 LeakyReLU PReLU RReLU ELU SELU CELU GELU SiLU Mish Softplus Softsign Softshrink Hardshrink Tanhshrink
    Hardtanh Hardswish Hardsigmoid LogSigmoid Sigmoid Tanh Identity Dropout AlphaDropout FeatureAlphaDropout
""".split()
LOSSES = """
    MSELoss L1Loss SmoothL1Loss HuberLoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss HingeEmbeddingLoss SoftMarginLoss
    MultiLabelSoftMarginLoss
""".split()

layer("linear", lambda: nn.Linear(16, 32), (8, 16), dims=(0, 1))
layer("bilinear", lambda: nn.Bilinear(8, 8, 4), (8,), (8,))
layer("conv1d", lambda: nn.Conv1d(8, 16, 3, padding=1), (8, 32), dims=(0, 2))
layer("conv1d_same_dil", lambda: nn.Conv1d(8, 16, 3, padding="same", dilation=2), (8, 32))
layer("conv2d", lambda: nn.Conv2d(8, 16, 3, stride=2, padding=1), (8, 32, 32), dims=(0, 2, 3))
layer("conv2d_nobias_group", lambda: nn.Conv2d(8, 16, 3, groups=4, bias=False), (8, 32, 32))
layer("conv2d_dw", lambda: nn.Conv2d(8, 8, 5, groups=8, padding=2), (8, 32, 32))
layer("conv2d_reflect", lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="reflect"), (8, 32, 32))
layer("conv2d_circular", lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"), (8, 32, 32))
layer("conv2d_replicate", lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="replicate"), (8, 32, 32))
layer("conv3d", lambda: nn.Conv3d(4, 8, 3, padding=1), (4, 8, 16, 16))
layer("convt1d", lambda: nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1), (8, 16))
layer("convt2d", lambda: nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1), (8, 16, 16))
layer("convt2d_group_dil", lambda: nn.ConvTranspose2d(8, 4, 3, groups=2, dilation=2), (8, 16, 16))
layer("convt3d", lambda: nn.ConvTranspose3d(4, 4, 2, stride=2), (4, 4, 8, 8))
for n, k in ((1, (8, 32)), (2, (8, 32, 32)), (3, (4, 8, 16, 16))):
    layer(f"maxpool{n}d", lambda n=n: getattr(nn, f"MaxPool{n}d")(3, 2, 1), k)
    layer(
        f"maxpool{n}d_indices_ceil", lambda n=n: getattr(nn, f"MaxPool{n}d")(2, 2, ceil_mode=True, return_indices=True),
        k,
    )
    layer(f"avgpool{n}d", lambda n=n: getattr(nn, f"AvgPool{n}d")(3, 2, 1, count_include_pad=False), k)
    layer(f"adaptive_avgpool{n}d", lambda n=n: getattr(nn, f"AdaptiveAvgPool{n}d")(3), k)
    layer(f"adaptive_avgpool{n}d_1", lambda n=n: getattr(nn, f"AdaptiveAvgPool{n}d")(1), k)
    layer(f"adaptive_maxpool{n}d", lambda n=n: getattr(nn, f"AdaptiveMaxPool{n}d")(2), k)
    layer(f"lppool{n}d", lambda n=n: getattr(nn, f"LPPool{n}d")(2, 2), k)
    layer(f"batchnorm{n}d", lambda n=n, k=k: getattr(nn, f"BatchNorm{n}d")(k[0]), k)
    layer(
        f"batchnorm{n}d_noaffine_nostats",
        lambda n=n, k=k: getattr(nn, f"BatchNorm{n}d")(k[0], affine=False, track_running_stats=False), k,
    )
    layer(f"instancenorm{n}d", lambda n=n, k=k: getattr(nn, f"InstanceNorm{n}d")(k[0], affine=True), k)
    layer(f"reflectionpad{n}d", lambda n=n: getattr(nn, f"ReflectionPad{n}d")(1), k)
    layer(f"replicationpad{n}d", lambda n=n: getattr(nn, f"ReplicationPad{n}d")(1), k)
    layer(f"constantpad{n}d", lambda n=n: getattr(nn, f"ConstantPad{n}d")(1, 0.5), k)
    layer(f"circularpad{n}d", lambda n=n: getattr(nn, f"CircularPad{n}d")(1), k)
    layer(f"zeropad{n}d", lambda n=n: getattr(nn, f"ZeroPad{n}d")(1), k)
    layer(f"dropout{n}d_eval", lambda n=n: getattr(nn, f"Dropout{n}d")(0.5), k)
layer(
    "maxunpool2d", lambda: Function(lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)), (4, 16, 16),
)
layer(
    "fractional_maxpool2d", lambda: nn.FractionalMaxPool2d(2, output_size=4, _random_samples=torch.rand(2, 4, 2)),
    (4, 16, 16), dynamic=False,
)
layer("groupnorm", lambda: nn.GroupNorm(4, 16), (16, 8, 8))
layer("layernorm", lambda: nn.LayerNorm(32), (8, 32), dims=(0, 1))
layer("layernorm_2d_noaffine", lambda: nn.LayerNorm((8, 8), elementwise_affine=False), (4, 8, 8))
layer("rmsnorm", lambda: nn.RMSNorm(32), (8, 32), dims=(0, 1))
layer("localresponsenorm", lambda: nn.LocalResponseNorm(3), (8, 16, 16))
layer("crossmaplrn", lambda: nn.CrossMapLRN2d(3), (8, 16, 16), dynamic=False)
for a in ACTIVATIONS:
    layer("act_" + a.lower(), lambda a=a: getattr(nn, a)(), (8, 16), dims=(0, 1))
layer("act_relu_inplace", lambda: nn.Sequential(nn.Linear(16, 16), nn.ReLU(inplace=True)), (16,))
layer("act_gelu_tanh", lambda: nn.GELU(approximate="tanh"), (8, 16))
layer("act_threshold", lambda: nn.Threshold(0.1, 20.0), (8, 16))
layer("act_glu", lambda: nn.GLU(), (8, 16))
layer("act_softmax", lambda: nn.Softmax(-1), (8, 16))
layer("act_logsoftmax", lambda: nn.LogSoftmax(-1), (8, 16))
layer("act_softmin", lambda: nn.Softmin(-1), (8, 16))
layer("act_softmax2d", lambda: nn.Softmax2d(), (4, 8, 8))
layer(
    "act_adaptive_logsoftmax",
    lambda: Function(lambda s, x: s.m.log_prob(x), m=nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])), (16,),
    dynamic=False,
)
token_numbers = lambda b: (torch.randint(0, 50, (b, 12)),)
layer("embedding", lambda: nn.Embedding(50, 16, padding_idx=0), inputs=token_numbers, dims=(0, 1))
layer("embedding_maxnorm", lambda: nn.Embedding(50, 16, max_norm=1.0), inputs=token_numbers)
for md in ("sum", "mean", "max"):
    layer("embeddingbag_" + md, lambda md=md: nn.EmbeddingBag(50, 16, mode=md), inputs=token_numbers)
layer(
    "embeddingbag_offsets", lambda: nn.EmbeddingBag(50, 16, mode="sum"),
    inputs=lambda b: (torch.randint(0, 50, (12,)), torch.tensor([0, 4, 9])), dynamic=False,
)
layer(
    "embeddingbag_psw",
    lambda: Function(lambda s, x, w: s.m(x, per_sample_weights=w), m=nn.EmbeddingBag(50, 16, mode="sum")),
    inputs=lambda b: (torch.randint(0, 50, (b, 6)), torch.rand(b, 6)),
)
for r in ("LSTM", "GRU", "RNN"):
    layer(r.lower(), lambda r=r: getattr(nn, r)(16, 32, batch_first=True), (10, 16))
    layer(
        r.lower() + "_2l_bidir", lambda r=r: getattr(nn, r)(16, 32, num_layers=2, bidirectional=True, batch_first=True),
        (10, 16),
    )
    layer(
        r.lower() + "_state_seqfirst", lambda r=r: getattr(nn, r)(16, 32),
        inputs=lambda b, r=r: (
            torch.randn(5, b, 16),
            (torch.randn(1, b, 32), torch.randn(1, b, 32)) if r == "LSTM" else torch.randn(1, b, 32),
        ),
        dynamic=False,
    )
    layer(r.lower() + "_cell", lambda r=r: getattr(nn, r + "Cell")(16, 32), (16,))
layer("lstm_proj", lambda: nn.LSTM(16, 32, proj_size=8, batch_first=True), (10, 16))
layer(
    "lstm_packed",
    lambda: Function(
        lambda s, x: nn.utils.rnn.pad_packed_sequence(
            s.m(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([10, 7]), batch_first=True))[0], batch_first=True,
        )[0],
        m=nn.LSTM(16, 32, batch_first=True),
    ),
    inputs=lambda b: (torch.randn(2, 10, 16),), dynamic=False,
)
layer("rnn_relu", lambda: nn.RNN(16, 32, nonlinearity="relu", batch_first=True), (10, 16))
layer("mha", lambda: nn.MultiheadAttention(32, 4, batch_first=True), (8, 32), (8, 32), (8, 32), dynamic=False)
layer(
    "mha_noweights", lambda: Called(nn.MultiheadAttention(32, 4, batch_first=True), need_weights=False),
    inputs=lambda b: tuple(torch.randn(b, 8, 32) for _ in range(3)),
)
layer(
    "mha_kdim_bias",
    lambda: nn.MultiheadAttention(32, 4, kdim=16, vdim=24, add_bias_kv=True, add_zero_attn=True, batch_first=True),
    (8, 32), (6, 16), (6, 24), dynamic=False,
)
layer("transformer_encoder_layer", lambda: nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (8, 32))
layer(
    "transformer_encoder_layer_normfirst_gelu",
    lambda: nn.TransformerEncoderLayer(32, 4, 64, activation="gelu", norm_first=True, batch_first=True), (8, 32),
)
layer(
    "transformer_encoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2),
    (8, 32),
)
layer(
    "transformer_encoder_padmask",
    lambda: Function(
        lambda s, x, k: s.m(x, src_key_padding_mask=k),
        m=nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2),
    ),
    inputs=lambda b: (torch.randn(b, 8, 32), torch.zeros(b, 8, dtype=torch.bool)), dynamic=False,
)
layer(
    "transformer_decoder_layer", lambda: nn.TransformerDecoderLayer(32, 4, 64, batch_first=True), (8, 32), (6, 32),
    dynamic=False,
)
layer(
    "transformer_decoder_causal",
    lambda: Function(
        lambda s, x, y: s.m(x, y, tgt_mask=nn.Transformer.generate_square_subsequent_mask(8), tgt_is_causal=True),
        m=nn.TransformerDecoder(nn.TransformerDecoderLayer(32, 4, 64, batch_first=True), 2),
    ),
    (8, 32), (6, 32),
)
layer("transformer", lambda: nn.Transformer(32, 4, 2, 2, 64, batch_first=True), (8, 32), (6, 32), dynamic=False)
for md, sh in [
    ("nearest", (4, 8, 8)), ("nearest-exact", (4, 8, 8)), ("bilinear", (4, 8, 8)), ("bicubic", (4, 8, 8)),
    ("linear", (4, 16)), ("trilinear", (4, 4, 8, 8)), ("area", (4, 8, 8)),
]:
    nm = md.replace("-", "_")
    layer("upsample_" + nm, lambda md=md: Function(lambda x, md=md: F.interpolate(x, scale_factor=2, mode=md)), sh)
    if md in ("bilinear", "bicubic", "linear", "trilinear"):
        layer(
            f"upsample_{nm}_ac",
            lambda md=md: Function(lambda x, md=md: F.interpolate(x, scale_factor=1.5, mode=md, align_corners=True)),
            sh,
        )
layer(
    "upsample_bilinear_aa", lambda: Function(lambda x: F.interpolate(x, size=(5, 5), mode="bilinear", antialias=True)),
    (4, 8, 8),
)
layer(
    "upsample_bicubic_aa", lambda: Function(lambda x: F.interpolate(x, size=(5, 5), mode="bicubic", antialias=True)),
    (4, 8, 8),
)
layer(
    "upsample_nearest_1d3d",
    lambda: Function(lambda x, y: (F.interpolate(x, scale_factor=2), F.interpolate(y, size=(3, 5, 7)))), (4, 8),
    (4, 4, 4, 4),
)
layer("pixelshuffle", lambda: nn.PixelShuffle(2), (8, 4, 4))
layer("pixelunshuffle", lambda: nn.PixelUnshuffle(2), (2, 8, 8))
layer("channelshuffle", lambda: nn.ChannelShuffle(2), (8, 4, 4))
layer("unfold", lambda: nn.Unfold(3, padding=1), (4, 8, 8))
layer("fold", lambda: nn.Fold((8, 8), 2, stride=2), (16, 16))
layer("flatten_unflatten", lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 16))), (8, 8))
layer("cosine_similarity", lambda: nn.CosineSimilarity(), (8,), (8,), dynamic=False)
layer("pairwise_distance", lambda: nn.PairwiseDistance(), (8,), (8,), dynamic=False)
layer("cdist", lambda: Function(lambda x, y: torch.cdist(x, y)), (6, 8), (5, 8))
for md in ("bilinear", "nearest", "bicubic"):
    layer(
        "grid_sample_" + md,
        lambda md=md: Function(
            lambda x, t, md=md: F.grid_sample(
                x, F.affine_grid(t, [2, 4, 8, 8], align_corners=False), mode=md,
                padding_mode="reflection" if md == "bicubic" else "zeros", align_corners=False,
            ),
        ),
        (4, 8, 8), (2, 3), dynamic=False,
    )
layer(
    "grid_sample_3d", lambda: Function(lambda x, g: F.grid_sample(x, g, align_corners=True)), (2, 4, 4, 4),
    (3, 3, 3, 3),
)
scores_and_classes = lambda b: (torch.randn(b, 10), torch.randint(0, 10, (b,)))
layer("loss_ce", lambda: nn.CrossEntropyLoss(label_smoothing=0.1), inputs=scores_and_classes, dynamic=False)
layer(
    "loss_ce_weight_ignore", lambda: nn.CrossEntropyLoss(weight=torch.rand(10), ignore_index=3),
    inputs=scores_and_classes, dynamic=False,
)
layer(
    "loss_nll2d", lambda: Function(lambda x, y: F.nll_loss(F.log_softmax(x, 1), y)),
    inputs=lambda b: (torch.randn(b, 5, 4, 4), torch.randint(0, 5, (b, 4, 4))),
)
for L in LOSSES:
    layer(
        "loss_" + L.lower(), lambda L=L: getattr(nn, L)(), inputs=lambda b: (torch.randn(b, 10), torch.rand(b, 10)),
        dynamic=False,
    )
layer(
    "loss_bce", lambda: Function(lambda x, y: F.binary_cross_entropy(torch.sigmoid(x), y)),
    inputs=lambda b: (torch.randn(b, 10), torch.rand(b, 10)),
)
layer(
    "loss_ctc",
    lambda: Function(lambda x, y: F.ctc_loss(x.log_softmax(-1), y, torch.tensor([12, 12]), torch.tensor([5, 4]))),
    inputs=lambda b: (torch.randn(12, 2, 20), torch.randint(1, 20, (2, 5))), dynamic=False,
)
layer("loss_triplet", lambda: nn.TripletMarginLoss(), (8,), (8,), (8,), dynamic=False)
layer(
    "loss_cosine_embed", lambda: nn.CosineEmbeddingLoss(),
    inputs=lambda b: (torch.randn(b, 8), torch.randn(b, 8), torch.ones(b)), dynamic=False,
)
layer(
    "loss_gaussian_nll", lambda: nn.GaussianNLLLoss(),
    inputs=lambda b: (torch.randn(b, 8), torch.randn(b, 8), torch.rand(b, 8) + .1), dynamic=False,
)
layer("loss_multimargin", lambda: nn.MultiMarginLoss(), inputs=scores_and_classes, dynamic=False)
layer("weight_norm", lambda: torch.nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), (8,))
layer("spectral_norm", lambda: torch.nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)), (8,))
layer("batchnorm2d_train", lambda: Training(nn.BatchNorm2d(8)), (8, 8, 8))
layer("dropout_train", lambda: Training(nn.Dropout(0.5)), (8, 8))
layer(
    "channels_last_conv",
    lambda: nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()).to(memory_format=torch.channels_last),
    inputs=lambda b: (torch.randn(b, 8, 8, 8).to(memory_format=torch.channels_last),), dynamic=False,
)
layer(
    "bf16_mlp", lambda: nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 4)).bfloat16(),
    inputs=lambda b: (torch.randn(b, 16).bfloat16(),),
)
layer("fp16_conv", lambda: nn.Conv2d(4, 8, 3).half(), inputs=lambda b: (torch.randn(b, 4, 8, 8).half(),))
layer("fp64_mlp", lambda: nn.Linear(4, 4).double(), inputs=lambda b: (torch.randn(b, 4).double(),))
