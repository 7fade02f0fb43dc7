"""One module per kernel family, which applies it at sizes around every SVE vector length: 0, 1, VL-1, VL, VL+1, 2 VL-1, 2 VL+1
elements of f32 for vectors of 128 to 2048 bits. Entries return (module, args, kwargs, dynamic_shapes)."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

LANES = (4, 8, 16, 32, 64)
SIZES = sorted({0, 1} | {n for vl in LANES for n in (vl - 1, vl, vl + 1, 2 * vl - 1, 2 * vl + 1)})
NON_EMPTY = SIZES[1:]

FAMILIES = {}


def family(make_input, sizes=SIZES):
    """Registers function `f` of one tensor, applied to make_input(n) for every n of `sizes`; it returns a tuple."""

    def register(f):
        class Tails(nn.Module):
            def forward(self, *inputs):
                return tuple(output for x in inputs for output in f(x))

        FAMILIES[f.__name__] = lambda: (Tails(), tuple(make_input(n) for n in sizes), {}, None)
        return f

    return register


def rows(n):
    return torch.randn(3, n)


def columns(n):
    return torch.randn(3, 5, n).permute(2, 0, 1).contiguous()


@family(rows)
def pointwise(x):
    return x * 2 + x.exp(), F.gelu(x), torch.where(x > 0, x.sqrt(), -x), x.t() + 1


@family(rows)
def remainders(x):
    """Of operands that are exact in f32, so that f64 has the same quotients; one of them is far beyond the mantissa."""
    other = x.flip(-1)
    return (torch.fmod(x, 0.375), torch.fmod(x, other), torch.remainder(x * 1024, -0.625), torch.remainder(x, other),
            torch.floor_divide(x * 64, 0.75), torch.fmod(x * 2.0**80, 3), torch.fmod(x.double() * 2.0**900, other.double()))


@family(rows, NON_EMPTY)
def reductions(x):
    return x.sum(-1), x.amax(-1), x.argmin(-1), x.sum(0), x.mean(), (x > 0).any(-1), x.prod(-1)


@family(columns, NON_EMPTY)
def outer_reductions(x):
    return x.sum(0), x.amax((0, 2)), x.var(0), x.sum((0, 1))


@family(rows, NON_EMPTY)
def softmaxes(x):
    return x.softmax(-1), x.log_softmax(-1), x.softmax(0)


@family(rows, NON_EMPTY)
def norms(x):
    width = x.shape[-1]
    weight = torch.arange(width, dtype=torch.float32) / 8 + 1
    rms = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight
    return F.layer_norm(x, (width,), weight, weight - 1), rms, F.normalize(x, dim=-1)


@family(lambda n: torch.randn(1, 2, n, 8), NON_EMPTY)
def attention_lengths(x):
    return F.scaled_dot_product_attention(x, x * 0.5, x + 1), F.scaled_dot_product_attention(x, x, x, is_causal=True)


@family(lambda n: torch.randn(1, 2, 5, n), NON_EMPTY)
def attention_widths(x):
    return (F.scaled_dot_product_attention(x, x * 0.5, x + 1),)


@family(lambda n: torch.randn(2, n, 6, 5), NON_EMPTY)
def pooling(x):
    return F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 2), F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), F.adaptive_avg_pool2d(x, 1)


@family(lambda n: torch.randn(1, 3, 4, n + 2), NON_EMPTY)
def pooling_widths(x):
    return F.max_pool2d(x, 3, 1, 1), F.avg_pool2d(x, 2, 1)


@family(lambda n: torch.randn(1, n, 6, 5), NON_EMPTY)
def depthwise(x):
    weight = torch.sin(torch.arange(9 * x.shape[1], dtype=torch.float32)).reshape(-1, 1, 3, 3)
    return F.conv2d(x, weight, padding=1, groups=x.shape[1]), F.conv2d(x, weight, stride=2, groups=x.shape[1]).relu()


@family(lambda n: torch.randn(1, n, 5, 4), NON_EMPTY)
def convolutions(x):
    weight = torch.sin(torch.arange(9 * 7 * x.shape[1], dtype=torch.float32)).reshape(7, -1, 3, 3)
    back = torch.cos(torch.arange(7 * x.shape[1], dtype=torch.float32)).reshape(-1, 7, 1, 1)
    return F.conv2d(F.conv2d(x, weight, padding=1).relu(), back), F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)


@family(lambda n: torch.randn(1, n, 3, 2) * 3, NON_EMPTY)
def epilogues(x):
    """Of products of tiles, where oneDNN is not used: beyond 512 bits, and without SVE."""
    n = x.shape[1]
    weight = (torch.cos(torch.arange(n * n, dtype=torch.float32)) / n**0.5).reshape(n, n, 1, 1)
    activations = (F.relu, F.gelu, lambda t: F.gelu(t, approximate="tanh"), torch.sigmoid, torch.tanh, F.silu, F.hardsigmoid,
                   F.hardswish, F.leaky_relu, F.elu, F.relu6, F.softplus, F.mish)
    return tuple(f(F.conv2d(x, weight)) for f in activations) + (F.gelu(F.conv2d(x, weight) + x) * x,)


@family(lambda n: torch.cat([torch.full((1, n), float("nan")), torch.randn(19, n)]), NON_EMPTY)
def nans(x):
    """Where they meet a minimum or maximum of oneDNN's."""
    n = x.shape[1]
    weight = torch.cos(torch.arange(n * n, dtype=torch.float32)).reshape(n, n)
    images = x.reshape(20, n, 1, 1)
    return tuple(y.isnan() for y in (F.linear(x, weight).relu(), F.relu6(F.linear(x, weight)),
                                     F.conv2d(images, weight.reshape(n, n, 1, 1)).relu()))


@family(rows)
def matmuls(x):
    return x @ x.t(), x.t() @ x, F.linear(x, x + 1)


@family(lambda n: torch.randn(n, n), (1, 33, 70))
def factors(x):
    """Of more rows than OpenBLAS' tiles have: its symmetric updates are wrong above 256 bits (see LapackVectors)."""
    a = x @ x.t() + torch.eye(x.shape[0])
    return torch.linalg.cholesky(a), torch.linalg.eigvalsh(a), torch.linalg.inv(a)


@family(lambda n: torch.randn(9, n).bfloat16(), NON_EMPTY)
def matmuls_bf16(x):
    n = x.shape[1]
    weight = torch.cos(torch.arange(19 * n, dtype=torch.float32)).reshape(19, n).bfloat16()
    return F.linear(x, weight), x @ x.t(), x.t() @ x, x[:2] @ weight.t(), x.t() @ weight[:9]


@family(lambda n: torch.randn(1, n, 5, 4).bfloat16(), NON_EMPTY)
def convolutions_bf16(x):
    n = x.shape[1]
    weight = torch.sin(torch.arange(9 * 7 * n, dtype=torch.float32)).reshape(7, n, 3, 3).bfloat16()
    back = torch.cos(torch.arange(16 * n, dtype=torch.float32)).reshape(n, 16, 1, 1).bfloat16()
    return F.conv2d(x, weight, padding=1), F.conv2d(x.reshape(1, n, 20, 1).expand(1, n, 20, 16).transpose(1, 3), back)


@family(lambda n: torch.randn(1, 2, n, 8).bfloat16(), NON_EMPTY)
def attention_lengths_bf16(x):
    return F.scaled_dot_product_attention(x, x * 0.5, x + 1), F.scaled_dot_product_attention(x, x, x, is_causal=True)


@family(lambda n: torch.randn(1, 2, 9, n).bfloat16(), NON_EMPTY)
def attention_widths_bf16(x):
    return (F.scaled_dot_product_attention(x, x * 0.5, x + 1),)


@family(lambda n: torch.randn(n, 5), NON_EMPTY)
def gathers(x):
    index = torch.arange(x.shape[0] * 2) * 7 % x.shape[0]
    return x[index], F.embedding(index, x).sum(-1), x.gather(0, index[:, None].expand(-1, 5)), x.t()[:, index]


@family(rows)
def casts(x):
    scaled = x * 50
    return (scaled.to(torch.int64), scaled.to(torch.int8).to(torch.float32), scaled.to(torch.int32) * 3, x.double() * 2,
            x.to(torch.float16), x.to(torch.bfloat16), x.to(torch.bfloat16).float() + 1, x > 0, (x > 0).float(),
            scaled.abs().to(torch.uint8).to(torch.int64))


def integers_of_every_length(n):
    """Of up to 63 bits, some of them beside what lies midway between two numbers of f32."""
    x = torch.randint(-(2**63), 2**63 - 1, (3, n)) >> torch.randint(0, 63, (3, n))
    shift = torch.randint(1, 39, (n,))
    x[0] = (torch.randint(2**23, 2**24, (n,)) * 2 + 1 << shift - 1) + torch.randint(-1, 2, (n,))
    x[1] = -x[0] + torch.randint(-1, 2, (n,))
    return x


@family(integers_of_every_length)
def casts_of_int64(x):
    """Bit by bit, since they round once."""
    return x.float().view(torch.int32), x.to(torch.bfloat16).view(torch.int16), x.double().view(torch.int64), x.to(torch.int16)


@family(lambda n: torch.randint(0, 256, (4, n), dtype=torch.uint8))
def bytes_summed(x):
    return x.sum(-1), x.sum(0), x.sum(), x.to(torch.int16).sum(-1)


@family(lambda n: torch.full((n,), 255, dtype=torch.uint8), (64, 1000))
def canary_of_byte_sums(x):
    """LLVM 22.1.8's loop vectoriser gets this wrong for neoverse-v1 from 256 bits on (llvm-project#204939)."""
    return x.sum(), x.to(torch.int64).sum()


@family(lambda n: torch.arange(n) - n // 2, NON_EMPTY)
def canary_of_early_exits(x):
    """Loops that end at the first match; llvm.experimental.cttz.elts is wrong with SVE (llvm-project#178644)."""
    return x.argmax(), (x == 0).int().argmax(), (x > 0).any(), (x < 2**40).all(), torch.searchsorted(x, x[-1])


@family(rows)
def joins(x):
    return (torch.cat([x, x * 2], -1), torch.stack([x, -x], 1), F.pad(x, (1, 2)), x.flip(-1), x[:, ::2], x[:, 1::2] * 2,
            x.half()[:, 1::2] + 1)


DYNAMIC = ("pointwise", "reductions", "softmaxes", "norms", "casts")


def with_dynamic_sizes(entry):
    """The entry with sizes above one (export specialises on the others) as dynamic dimensions."""
    module, args, kwargs, _ = entry
    shapes = tuple({arg.dim() - 1: Dim.DYNAMIC} if arg.shape[-1] > 1 else None for arg in args)
    return module, args, kwargs, {"inputs": shapes}
