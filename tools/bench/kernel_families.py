"""The families of kernels that generated code for Arm is looked at in, and compositions of them as models make them.

A row of FAMILIES is (module, inputs, counted): the rules on code hold for all, and where `counted`, instructions are counted at
several vector lengths as well.
"""
import torch
import torch.nn.functional as F
from torch import nn

ROWS, COLUMNS = 4, 4096

FAMILIES = {}

# Families that work lane by lane on CPUs without SVE; one that does not any longer has to leave. NEON has no gather and no
# division of 64-bit integers.
BY_LANES_ON_NEON = ("gather_elements", "cross_entropy", "padding", "upsample", "upsample_bilinear",
                    "floor_divide_int64", "remainder_int64", "fmod_int64")


def add_family(name, f, inputs, counted):
    class Module(nn.Module):
        def forward(self, *args):
            result = f(*args)
            return tuple(result) if isinstance(result, tuple) else result  # export knows no named ones

    FAMILIES[name] = (Module, inputs, counted)


def family(*inputs, counted=False):
    """Registers a function of tensors like `inputs`."""

    def register(f):
        add_family(f.__name__, f, inputs, counted)
        return f

    return register


def matrix(dtype=torch.float32):
    return torch.randn(ROWS, COLUMNS).to(dtype)


def integers(dtype=torch.int64):
    return torch.randint(1, 100, (ROWS, COLUMNS)).to(dtype)


def images(channels=32, size=24, dtype=torch.float32):
    return torch.randn(2, channels, size, size).to(dtype)


# --- families in which all work is on vectors --------------------------------------------------------------------------


@family(matrix(), matrix(), counted=True)
def pointwise(x, y):
    return torch.relu(x * y + x)


@family(matrix(), counted=True)
def pointwise_exp(x):
    return F.gelu(x)


@family(matrix(), counted=True)
def pointwise_log(x):
    return (x.abs() + 1).log()


@family(matrix(), counted=True)
def pointwise_sin(x):
    return x.sin()


@family(matrix(), matrix(), counted=True)
def pointwise_pow(x, y):
    return x.abs() ** y


@family(matrix(), counted=True)
def pointwise_softplus(x):
    return F.softplus(x)


@family(matrix(), counted=True)
def pointwise_atan(x):
    return x.atan()


@family(matrix(), matrix(), counted=True)
def pointwise_fmod(x, y):
    return torch.fmod(x, y)


@family(matrix(torch.bfloat16), matrix(torch.bfloat16), counted=True)
def pointwise_bf16(x, y):
    return x * y + x


@family(matrix(), counted=True)
def reduction(x):
    return x.sum(-1)


@family(torch.randn(64, COLUMNS), counted=True)
def outer_reduction(x):
    return x.amax(0)


@family(matrix(), counted=True)
def position_of_max(x):
    return x.argmax(-1)


@family(matrix(), counted=True)
def softmax(x):
    return x.softmax(-1)


@family(matrix(), counted=True)
def log_softmax(x):
    return x.log_softmax(-1)


@family(matrix(), torch.randn(COLUMNS), torch.randn(COLUMNS), counted=True)
def layer_norm(x, weight, bias):
    return F.layer_norm(x, (COLUMNS,), weight, bias)


@family(matrix(), torch.randn(COLUMNS), counted=True)
def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


@family(torch.zeros(ROWS, dtype=torch.int64), torch.randn(8, COLUMNS), counted=True)
def gather_rows(index, table):
    return F.embedding(index, table)


@family(matrix(), torch.zeros(ROWS, COLUMNS, dtype=torch.int64), counted=True)
def gather_elements(x, index):
    return x.gather(1, index) * 2


@family(matrix(), counted=True)
def cast_to_int8(x):
    return x.to(torch.int8)


@family(matrix(), counted=True)
def cast_to_bf16(x):
    return x.to(torch.bfloat16)


@family(matrix(torch.float16), counted=True)
def cast_from_f16(x):
    return x.float()


@family(torch.zeros(ROWS, COLUMNS, dtype=torch.uint8), counted=True)
def sum_of_bytes(x):
    return x.sum(-1)


# --- the rules only ------------------------------------------------------------------------------------------------------

FUNCTIONS = (torch.tan, torch.cos, torch.asin, torch.acos, torch.sinh, torch.cosh, torch.tanh, torch.asinh, torch.acosh, torch.atanh,
             torch.exp, torch.exp2, torch.expm1, torch.log2, torch.log10, torch.log1p, torch.sqrt, torch.rsqrt, torch.reciprocal,
             torch.erf, torch.erfc, torch.erfinv, torch.lgamma, torch.digamma, torch.sigmoid, torch.round, torch.frac,
             torch.special.i0, torch.special.ndtri, torch.special.log_ndtr, torch.special.erfcx, torch.special.i1e,
             F.silu, F.mish, F.elu, F.selu, F.hardswish, F.logsigmoid, F.softsign, F.tanhshrink)
for function in FUNCTIONS:
    add_family(function.__name__, lambda x, f=function: f(x), (matrix(),), False)
for function in (torch.exp, torch.log, torch.sin, torch.tanh, torch.erf, torch.sigmoid, torch.lgamma, torch.tan, torch.asinh):
    add_family(function.__name__ + "_f64", lambda x, f=function: f(x), (matrix(torch.float64),), False)
for function in (torch.exp, torch.tanh, torch.sin, F.gelu, F.silu):
    add_family(function.__name__ + "_f16", lambda x, f=function: f(x), (matrix(torch.float16),), False)

OF_TWO = (torch.remainder, torch.floor_divide, torch.atan2, torch.hypot, torch.logaddexp, torch.xlogy, torch.maximum, torch.fmin,
          torch.copysign, torch.pow)
for function in OF_TWO:
    add_family(function.__name__, lambda x, y, f=function: f(x, y), (matrix(), matrix()), False)
for function in (torch.fmod, torch.remainder, torch.pow):
    for dtype in (torch.float64, torch.float16):
        name = f"{function.__name__}_{str(dtype)[6:]}"
        add_family(name, lambda x, y, f=function: f(x, y), (matrix(dtype), matrix(dtype)), False)
for function in (torch.floor_divide, torch.remainder, torch.fmod, torch.bitwise_and, torch.gt, torch.bitwise_left_shift):
    for dtype in (torch.int64, torch.int32, torch.uint8):
        name = f"{function.__name__}_{str(dtype)[6:]}"
        add_family(name, lambda x, y, f=function: f(x, y), (integers(dtype), integers(dtype)), False)

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool)
for source in DTYPES:
    for target in DTYPES:
        if source != target:
            add_family(f"cast_{str(source)[6:]}_to_{str(target)[6:]}", lambda x, t=target: x.to(t), (integers().to(source),), False)

REDUCTIONS = {"mean": lambda x: x.mean(-1), "var": lambda x: x.var(-1), "std_mean": lambda x: torch.std_mean(x, -1),
              "amax": lambda x: x.amax(-1), "argmin": lambda x: x.argmin(-1), "max_with_index": lambda x: x.max(-1),
              "prod": lambda x: x.prod(-1), "vector_norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
              "logsumexp": lambda x: x.logsumexp(-1), "any_positive": lambda x: (x > 0).any(-1), "argmax_outer": lambda x: x.argmax(0),
              "var_outer": lambda x: x.var(0), "sum_of_all": lambda x: x.sum(), "nansum": lambda x: x.nansum(-1),
              "count_nonzero": lambda x: torch.count_nonzero(x, -1), "softmax_outer": lambda x: x.softmax(0),
              "normalize": lambda x: F.normalize(x, dim=-1)}
for name, function in REDUCTIONS.items():
    add_family(name, function, (matrix(),), False)
for dtype in (torch.int8, torch.uint8, torch.int32, torch.int64, torch.bool, torch.float16, torch.bfloat16, torch.float64):
    add_family(f"sum_{str(dtype)[6:]}", lambda x: x.sum(-1), (integers(dtype),), False)
for dtype in (torch.float16, torch.bfloat16, torch.float64):
    add_family(f"softmax_{str(dtype)[6:]}", lambda x: x.softmax(-1), (matrix(dtype),), False)


@family(images(), torch.randn(32), torch.randn(32))
def group_norm(x, weight, bias):
    return F.group_norm(x, 8, weight, bias)


@family(images(), torch.randn(32), torch.rand(32) + 1)
def batch_norm(x, mean, variance):
    return F.batch_norm(x, mean, variance)


@family(images())
def instance_norm(x):
    return F.instance_norm(x)


@family(torch.randn(64, 1000), torch.randint(0, 1000, (64,)))
def cross_entropy(x, labels):
    return F.cross_entropy(x, labels)


@family(matrix(), matrix())
def smooth_l1(x, y):
    return F.smooth_l1_loss(x, y)


@family(matrix(), matrix(torch.bool))
def masked_fill(x, mask):
    return x.masked_fill(mask, -1e9)


@family(matrix(), matrix(), matrix())
def where(x, y, z):
    return torch.where(x > 0, y, z)


@family(images())
def upsample(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


@family(images())
def upsample_bilinear(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear")


@family(images(), images(8))
def concatenation(x, y):
    return torch.cat((x, y), 1)


@family(images())
def padding(x):
    return F.pad(x, (1, 2, 3, 4), mode="reflect")


@family(images())
def pixel_shuffle(x):
    return F.pixel_shuffle(x, 2)


@family(matrix())
def transposition(x):
    return x.t().contiguous()


@family(matrix())
def triangle(x):
    return x.tril(3)


# --- compositions as models make them -------------------------------------------------------------------------------------


@family(matrix(), matrix(), torch.randn(COLUMNS), torch.randn(COLUMNS))
def gelu_residual_layer_norm(x, residual, weight, bias):
    return F.layer_norm(F.gelu(x) + residual, (COLUMNS,), weight, bias)


@family(matrix(), matrix(), torch.randn(COLUMNS))
def residual_rms_norm(x, residual, weight):
    total = x + residual
    return total, total * torch.rsqrt(total.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


@family(torch.randn(2, 16, 8, 64), torch.randn(16, 32))
def rotary_embedding(x, angle):
    cosine, sine = (f(torch.cat((angle, angle), -1))[None, :, None] for f in (torch.cos, torch.sin))
    low, high = x.chunk(2, -1)
    return x * cosine + torch.cat((-high, low), -1) * sine


@family(torch.randn(2, 16, 8, 64), torch.randn(16, 32))
def rotary_interleaved(x, angle):
    even, odd = x[..., 0::2], x[..., 1::2]
    cosine, sine = angle.cos()[None, :, None], angle.sin()[None, :, None]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


@family(matrix(), matrix())
def swiglu(gate, x):
    return F.silu(gate) * x


@family(torch.randn(ROWS, 2 * COLUMNS))
def geglu(x):
    gate, value = x.chunk(2, -1)
    return F.gelu(gate, approximate="tanh") * value


@family(torch.randn(2, 4, 64, 64), torch.rand(2, 1, 1, 64) > 0.2)
def masked_softmax(scores, mask):
    return scores.mul(0.125).masked_fill(~mask, torch.finfo(torch.float32).min).softmax(-1)


@family(torch.randn(2, 4, 64, 64))
def causal_softmax(scores):
    hidden = torch.ones(64, 64, dtype=torch.bool).triu(1)
    return scores.masked_fill(hidden, float("-inf")).softmax(-1)


@family(torch.randn(2, 4, 64, 64), torch.randn(4))
def alibi_softmax(scores, slopes):
    distance = torch.arange(64)[None] - torch.arange(64)[:, None]
    return (scores + slopes[:, None, None] * distance).softmax(-1)


@family(images(), torch.randn(32), torch.randn(32))
def group_norm_silu(x, weight, bias):
    return F.silu(F.group_norm(x, 8, weight, bias))


@family(images(), torch.randn(32), torch.rand(32) + 1, images())
def batch_norm_residual_relu(x, mean, variance, residual):
    return F.relu(F.batch_norm(x, mean, variance) + residual)


@family(images(), torch.randn(2, 32, 1, 1))
def squeeze_excitation(x, scale):
    return F.hardswish(x * F.hardsigmoid(scale))


@family(images(), torch.randn(32))
def layer_scale_gelu(x, scale):
    return F.gelu(x) * scale[:, None, None]


@family(images(), torch.randn(32), torch.randn(32))
def channels_layer_norm(x, weight, bias):
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).pow(2).mean(1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-6) * weight[:, None, None] + bias[:, None, None]


@family(torch.zeros(2, 64, dtype=torch.int64), torch.randn(100, 256), torch.randn(64, 256), torch.randn(256), torch.randn(256))
def embeddings_layer_norm(tokens, table, positions, weight, bias):
    return F.layer_norm(F.embedding(tokens, table) + positions, (256,), weight, bias)


@family(torch.zeros(2, 64, dtype=torch.int64), torch.randn(100, 256))
def embeddings_rms_norm_bf16(tokens, table):
    x = F.embedding(tokens, table.to(torch.bfloat16)).float()
    return (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)).to(torch.bfloat16)


@family(matrix(torch.bfloat16), matrix(torch.bfloat16), torch.randn(COLUMNS).to(torch.bfloat16))
def residual_rms_norm_bf16(x, residual, weight):
    total = x + residual
    wide = total.float()
    return total, weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(torch.bfloat16)


@family(matrix(torch.bfloat16), matrix(torch.bfloat16))
def swiglu_bf16(gate, x):
    return F.silu(gate) * x


@family(matrix(torch.float16), matrix(torch.float16))
def gelu_residual_f16(x, residual):
    return F.gelu(x) * 0.5 + residual


@family(torch.randn(2, 4, 64, 64).to(torch.bfloat16), torch.zeros(2, 1, 64, 64).to(torch.bfloat16))
def masked_softmax_bf16(scores, mask):
    return (scores * 0.125 + mask).softmax(-1, dtype=torch.float32).to(torch.bfloat16)


@family(torch.randn(2, 16, 8, 64).to(torch.bfloat16), torch.randn(16, 64))
def rotary_embedding_bf16(x, angle):
    cosine, sine = (f(angle).to(torch.bfloat16)[None, :, None] for f in (torch.cos, torch.sin))
    low, high = x.chunk(2, -1)
    return x * cosine + torch.cat((-high, low), -1) * sine


@family(torch.randn(64, 32000))
def log_probability_of_best(logits):
    return logits.log_softmax(-1).amax(-1), logits.argmax(-1)


@family(torch.randn(64, 1000))
def entropy(logits):
    logarithm = logits.log_softmax(-1)
    return -(logarithm.exp() * logarithm).sum(-1)


@family(torch.randn(8, 64))
def router(logits):
    weights, experts = logits.softmax(-1).max(-1)
    return weights / weights.sum(), experts


@family(torch.randn(128))
def timestep_embedding(steps):
    frequency = torch.exp(torch.arange(160) * (-9.2 / 160))
    angle = steps[:, None] * frequency
    return torch.cat((angle.cos(), angle.sin()), -1)


@family(matrix(), torch.randn(ROWS, 1), torch.randn(ROWS, 1))
def modulated_layer_norm(x, shift, scale):
    return F.layer_norm(x, (COLUMNS,)) * (1 + scale) + shift


@family(matrix(), matrix(), matrix())
def state_space_step(x, delta, state):
    step = F.softplus(delta)
    return torch.exp(-step * F.softplus(x)) * state + step * x


@family(matrix(), matrix())
def relu_squared_gate(x, gate):
    return torch.relu(x).square() * torch.sigmoid(gate)


@family(matrix())
def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


@family(matrix())
def softcap(x):
    return 30 * torch.tanh(x / 30)


@family(torch.randn(2, 3, 64, 64), torch.randn(3), torch.rand(3) + 1)
def image_normalisation(x, mean, deviation):
    return (x.clamp(0, 1) - mean[:, None, None]) / deviation[:, None, None]


@family(torch.randn(2, 1000, 4), torch.randn(2, 1000, 4))
def box_decoding(boxes, deltas):
    centre = boxes[..., :2] + deltas[..., :2] * boxes[..., 2:]
    size = boxes[..., 2:].abs() * deltas[..., 2:].clamp(max=4.13).exp()
    return torch.cat((centre - size / 2, centre + size / 2), -1).clamp(0, 640)


@family(matrix())
def fake_quantisation(x):
    scale = x.abs().amax(-1, keepdim=True) / 127
    return (x / scale).round().clamp(-128, 127) * scale


@family(matrix())
def dynamic_int8(x):
    scale = x.abs().amax(-1, keepdim=True) / 127
    return (x / scale).round().clamp(-128, 127).to(torch.int8), scale


@family(torch.randint(-128, 127, (ROWS, COLUMNS)).to(torch.int8), torch.randn(ROWS, 1))
def dequantisation(x, scale):
    return (x.float() * scale).to(torch.bfloat16)


@family(matrix(), matrix())
def cosine_similarity(x, y):
    return F.cosine_similarity(x, y, dim=-1)
