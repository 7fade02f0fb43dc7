"""Functional idioms: one row per family of operators, then control flow."""
import torch
import torch.nn.functional as F
import torchvision

from .modules import Function
from .registry import DYNAMIC, register, seed_inputs


def function(name, call, *inputs, dynamic=False):
    """Registers fn/`name`. An input is a shape behind the batch (random values) or a function of the batch."""

    def make(tiny, batch):
        seed_inputs()
        args = tuple(i(batch) if callable(i) else torch.randn(batch, *i) for i in inputs)
        shapes = (tuple({0: DYNAMIC} if x.ndim else None for x in args),)
        return Function(call), args, {}, shapes if dynamic else None

    register("fn/" + name, make)


def _writes_through_views(x):
    y = x.clone()
    y[0] = 1.0
    y[:, 1:3] += 2
    y[y > 1] = 0.0
    y.view(-1)[::3].mul_(2)
    z = y.transpose(0, 1)
    z.add_(1).clamp_(min=0)
    y[:, 0].copy_(x[:, 1])
    y.masked_fill_(x < 0, 3.0)
    return y, z, F.relu_(y + 1)


def _regions(x):
    with torch.no_grad():
        y = x.sin()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = x @ x.mT
    return y, z


UNARY = """
    abs neg sign exp exp2 expm1 sin cos tan sinh cosh tanh asinh atan erf erfc floor ceil round trunc frac sigmoid sgn
    positive sinc square rad2deg deg2rad isfinite isnan isinf signbit logical_not
""".split()
UNARY_OF_POSITIVE = "log log2 log10 log1p sqrt rsqrt reciprocal lgamma digamma".split()
X, Y = (6, 8), (6, 8)
INDICES = lambda b: torch.randint(0, 6, (b, 6, 8))
function(
    "unary_math",
    lambda x: [
        getattr(torch, n)(x)
        for n in UNARY
    ],
    X,
)
function(
    "unary_math_pos",
    lambda x: [getattr(torch, n)(x.abs() + .1) for n in UNARY_OF_POSITIVE] + [
        torch.acos(x.tanh()), torch.asin(x.tanh()), torch.atanh(x.tanh() * .9), torch.acosh(x.abs() + 1),
        torch.erfinv(x.tanh() * .9), torch.logit(x.sigmoid()), torch.special.i0(x), torch.special.ndtr(x),
        torch.special.entr(x.abs()),
    ],
    X,
)
function(
    "binary_math",
    lambda x, y: [
        x + y, x - y, x * y, x / (y.abs() + 1), torch.maximum(x, y), torch.minimum(x, y), torch.fmax(x, y),
        torch.fmin(x, y), torch.pow(x.abs(), y), torch.atan2(x, y), torch.hypot(x, y), torch.fmod(x, 2.0),
        torch.remainder(x, y), x // 0.5, torch.copysign(x, y), torch.logaddexp(x, y), torch.floor_divide(x, 0.3),
        torch.div(x, y, rounding_mode="trunc"), torch.xlogy(x.abs(), y.abs() + 1), torch.heaviside(x, y),
        torch.lerp(x, y, .3), torch.addcmul(x, x, y), torch.addcdiv(x, x, y.abs() + 1), 2 - x, 2 / (x.abs() + 1),
        2 ** x, x ** 2, x ** 0.5,
    ],
    X, Y,
)
function(
    "compare_logic",
    lambda x, y: [
        x > y, x >= y, x < y, x <= y, x == y, x != y, (x > 0) & (y > 0), (x > 0) | (y > 0), (x > 0) ^ (y > 0), ~(x > 0),
        torch.logical_and(x, y), torch.logical_xor(x, y), torch.isclose(x, y), torch.where(x > y, x, y),
        torch.where(x > 0, x, 0.), (x > 0).any(), (x > 0).all(1),
    ],
    X, Y,
)
function(
    "int_bitwise",
    lambda x: [
        x & 3, x | 3, x ^ 3, ~x, x << 1, x >> 1, x // 3, x % 3, x.bitwise_and(x), torch.bitwise_not(x), x.float() / 2,
        x / 2, x.sum(), x.clamp(1, 3), x.to(torch.int32), x.to(torch.uint8), x.bool(),
    ],
    INDICES,
)
function(
    "reductions",
    lambda x: [
        x.sum(), x.sum(1), x.mean((1, 2), keepdim=True), x.prod(1), x.amax(1), x.amin((1, 2)), x.max(), x.min(),
        x.max(1), x.min(1), x.argmax(1), x.argmin(), x.std(1), x.var((1, 2), unbiased=False), x.norm(),
        x.norm(p=1, dim=1), torch.linalg.vector_norm(x, dim=1), x.logsumexp(1), x.median(), x.median(1), x.mode(1),
        x.kthvalue(2, 1), x.quantile(.5), x.nansum(), x.nanmean(1), x.all(), x.count_nonzero(1), torch.std_mean(x, 1),
        torch.var_mean(x, 1), torch.aminmax(x, dim=1), x.nanmedian(),
    ],
    X,
)
function(
    "scans",
    lambda x: [
        x.cumsum(1), x.cumprod(1), x.cummax(1), x.cummin(1), x.logcumsumexp(1), torch.diff(x), torch.trapezoid(x),
    ],
    X,
)
function(
    "sort_topk",
    lambda x: [
        x.sort(1), x.sort(dim=1, descending=True, stable=True), x.argsort(), x.topk(3), x.topk(2, largest=False),
        torch.msort(x), torch.unique(x), torch.unique_consecutive(x), torch.searchsorted(x[0, 0].sort()[0], x),
        torch.bucketize(x, torch.tensor([-1., 0., 1.])), torch.histc(x, 5), torch.bincount(x.abs().long().flatten()),
        torch.isin(x, x[0]),
    ],
    X,
)
function(
    "indexing",
    lambda x, i: [
        x[0], x[:, 1:3], x[..., -1], x[:, ::2], x[:, None], x[x > 0], x[:, [0, 2]], x[i[0, 0] % 2], x.gather(1, i),
        x.index_select(1, i[0, 0]), x.take(i), torch.take_along_dim(x, i, 1), x.narrow(1, 1, 2), x.select(1, 2),
        x.masked_select(x > 0), x.nonzero(), torch.argwhere(x > 1), x.scatter(1, i, 0.5), x.scatter(1, i, x),
        x.scatter_add(1, i, x), x.scatter_reduce(1, i, x, "amax"),
        x.index_add(1, i[0, 0] % 6, x.repeat(1, 2, 1)[:, :8]), x.index_fill(1, i[0, 0, :2], 1.),
        x.index_copy(1, torch.tensor([0, 1]), x[:, :2]), x.index_put((i[0, 0] % 2,), torch.tensor(1.)),
        x.masked_fill(x > 0, 1.), x.masked_scatter(x > 0, x),
    ],
    X, INDICES,
)
function("inplace_views", _writes_through_views, X)
function(
    "shape_ops",
    lambda x: [
        x.view(-1, 8), x.reshape(2, -1), x.permute(2, 0, 1), x.transpose(0, 1), x.t() if x.ndim < 3 else x.mT,
        x.unsqueeze(0), x[:, :1].squeeze(1), x.flatten(1), x.expand(3, -1, -1, -1), x.repeat(1, 2, 1), x.tile(2),
        x.repeat_interleave(2, 1), x.flip(1), x.roll(1, 1), x.rot90(1, (1, 2)), x.movedim(0, 1), x.swapaxes(0, 1),
        x.unfold(1, 2, 1), x.diagonal(dim1=1, dim2=2), torch.diag_embed(x), x.tril(), x.triu(1), x.split(2, 1),
        x.chunk(3, 1), x.unbind(1), torch.cat([x, x], 1), torch.stack([x, x]), torch.hstack([x, x]),
        torch.vstack([x, x]), torch.tensor_split(x, 4, 1), x.contiguous(), x.clone(), x.broadcast_to(3, *x.shape),
        torch.atleast_3d(x[0]), torch.meshgrid(x[0, 0], x[0, 1], indexing="ij"), torch.cartesian_prod(x[0, 0], x[0, 1]),
        torch.combinations(x[0, 0]), x.as_strided((2, 3), (1, 2)), x.unflatten(1, (2, 3)), torch.block_diag(x[0], x[1]),
        F.pad(x, (1, 2), value=1.), F.pad(x, (1, 1), mode="reflect"), F.one_hot(x.abs().long() % 5, 5), x.view_as(x),
        x.view(torch.int32),
    ],
    X,
)
function(
    "creation",
    lambda x: [
        torch.zeros(3), torch.ones(2, 3), torch.full((2,), 3.), torch.full((2,), 3), torch.empty(2).fill_(1),
        torch.arange(5), torch.arange(0., 1., .25), torch.linspace(0, 1, 5), torch.logspace(0, 1, 5), torch.eye(3),
        torch.zeros_like(x), torch.ones_like(x, dtype=torch.int64), torch.full_like(x, 2.), x.new_zeros(2),
        x.new_ones(2), x.new_full((2,), 1.), x.new_empty(2).zero_(), torch.tensor([1, 2]), torch.tensor(1.5),
        torch.scalar_tensor(2.), torch.tril_indices(3, 3), torch.triu_indices(3, 3), torch.hann_window(8),
        torch.hamming_window(8), torch.kaiser_window(8), torch.empty_like(x).copy_(x), torch.vander(x[0, 0]),
        torch.complex(x, x).abs(),
    ],
    X,
)
function(
    "random",
    lambda x: [
        torch.rand(2, 3), torch.randn(2), torch.randint(0, 5, (3,)), torch.rand_like(x), torch.randn_like(x),
        torch.randint_like(x, 5), torch.bernoulli(x.sigmoid()), torch.multinomial(x[0].softmax(-1), 2),
        torch.normal(x, x.abs()), torch.randperm(5), F.dropout(x, .5, True), x.clone().uniform_(), x.clone().normal_(),
        F.gumbel_softmax(x), x.clone().exponential_(),
    ],
    X,
)
function(
    "matmul",
    lambda x, y: [
        x @ y.mT, torch.bmm(x, y.mT), torch.mm(x[0], y[0].t()), torch.mv(x[0], y[0, 0]), torch.dot(x[0, 0], y[0, 0]),
        torch.matmul(x, y[0].t()), torch.matmul(x[0, 0], y.mT), torch.addmm(x[0, :6, :6], x[0], y[0].t()),
        torch.baddbmm(x[:, :, :6], x, y.mT, beta=.5, alpha=2.), torch.outer(x[0, 0], y[0, 0]),
        torch.einsum("bij,bkj->bik", x, y), torch.einsum("bij->bji", x), torch.tensordot(x, y, ([1, 2], [1, 2])),
        torch.inner(x, y[0]), torch.kron(x[0], y[0]), torch.chain_matmul(x[0], y[0].t(), x[0]), F.linear(x, y[0]),
        torch.linalg.multi_dot([x[0], y[0].t(), x[0]]), torch.cross(x[..., :3], y[..., :3], dim=-1),
        torch.addmv(x[0, :, 0], x[0], y[0, 0]), torch.addr(x[0], x[0, :, 0], y[0, 0]), torch.vdot(x[0, 0], y[0, 0]),
    ],
    X, Y,
)
SQUARE = lambda b: torch.eye(4).repeat(b, 1, 1) * 3 + torch.randn(b, 4, 4) * .1
function(
    "linalg",
    lambda a: [
        torch.linalg.inv(a), torch.linalg.det(a), torch.linalg.slogdet(a), torch.linalg.cholesky(a @ a.mT),
        torch.linalg.solve(a, a), torch.linalg.qr(a), torch.linalg.svd(a), torch.linalg.svdvals(a),
        torch.linalg.eigh(a @ a.mT), torch.linalg.eigvalsh(a @ a.mT), torch.linalg.matrix_norm(a),
        torch.linalg.matrix_exp(a), torch.linalg.matrix_power(a, 3), torch.linalg.pinv(a), torch.linalg.lu_factor(a),
        torch.linalg.solve_triangular(a.triu(), a, upper=True), torch.linalg.matrix_rank(a), torch.trace(a[0]),
        torch.linalg.eigvals(a).abs(), torch.cholesky_solve(a, torch.linalg.cholesky(a @ a.mT)), torch.linalg.cond(a),
    ],
    SQUARE,
)
function(
    "fft",
    lambda x: [
        torch.fft.fft(x), torch.fft.ifft(torch.fft.fft(x)).real, torch.fft.rfft(x), torch.fft.irfft(torch.fft.rfft(x)),
        torch.fft.fft2(x), torch.fft.rfft2(x), torch.fft.fftn(x), torch.fft.hfft(x), torch.fft.fftshift(x),
        torch.fft.fftfreq(8), torch.view_as_real(torch.fft.rfft(x)), torch.fft.rfft(x).angle(),
        torch.fft.rfft(x).conj(), torch.polar(x.abs(), x),
    ],
    X,
)
function("stft", lambda x: torch.stft(x, 16, 4, window=torch.hann_window(16), return_complex=True).abs(), (64,))
function(
    "istft",
    lambda x: torch.istft(
        torch.stft(x, 16, 4, window=torch.hann_window(16), return_complex=True), 16, 4, window=torch.hann_window(16),
    ),
    (64,),
)
function(
    "sdpa",
    lambda q, k, v: [
        F.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True),
        F.scaled_dot_product_attention(q, k, v, attn_mask=torch.ones(8, 8).tril().bool()),
        F.scaled_dot_product_attention(q, k, v, attn_mask=torch.zeros(8, 8), scale=.5),
        F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True),
    ],
    (4, 8, 16), (4, 8, 16), (4, 8, 16),
)
function(
    "dtype_cast",
    lambda x: [
        x.to(torch.float16), x.bfloat16(), x.double(), x.int(), x.long(), x.bool(), x.half().float(),
        x.type(torch.int8), x.type_as(x.double()), x.to("cpu"),
        x.to(torch.float8_e4m3fn).float() if hasattr(torch, "float8_e4m3fn") else x, x.detach(),
        x.requires_grad_(False),
    ],
    X,
)
function(
    "quant_fake",
    lambda x: [
        torch.fake_quantize_per_tensor_affine(x, .1, 0, -128, 127),
        torch.fake_quantize_per_channel_affine(x, torch.ones(6) * .1, torch.zeros(6, dtype=torch.int32), 1, -128, 127),
    ],
    X,
)
function(
    "data_dependent",
    lambda x: [
        torch.zeros(
            x.abs().long().max().item() + 1,
        ) if torch._check_is_size(x.abs().long().max().item()) is None else x,
    ],
    X,
)
function(
    "repeat_interleave_t", lambda x, r: torch.repeat_interleave(x, r, 0), lambda b: torch.randn(3, 4),
    lambda b: torch.tensor([1, 2, 3]),
)
function(
    "nms_roi",
    lambda bx, s, x: (
        lambda tv: [
            tv.ops.nms(bx, s, .5), tv.ops.roi_align(x, [bx[:2], bx[2:4]], 3), tv.ops.roi_pool(x, [bx[:2], bx[2:4]], 3),
            tv.ops.box_iou(bx, bx),
        ]
    )(torchvision),
    lambda b: torch.tensor([[0., 0, 4, 4], [1, 1, 5, 5], [0, 0, 3, 3], [2, 2, 7, 7]]), lambda b: torch.rand(4),
    lambda b: torch.randn(2, 4, 8, 8),
)
function(
    "deform_conv", lambda x, o, w: torchvision.ops.deform_conv2d(x, o, w),
    lambda b: torch.randn(b, 4, 8, 8), lambda b: torch.randn(b, 18, 6, 6), lambda b: torch.randn(4, 4, 3, 3),
)
function("cond_tensor", lambda x: torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,)), X, dynamic=True)
function(
    "cond_shape", lambda x: torch.cond(x.shape[0] > 4, lambda x: x.sin(), lambda x: x.cos(), (x,)), X, dynamic=True,
)
function(
    "while_loop",
    lambda x: torch._higher_order_ops.while_loop(
        lambda i, x: i < 5, lambda i, x: (i + 1, x * 1.1), (torch.tensor(0), x),
    ),
    X,
)
function("scan", lambda x: torch._higher_order_ops.scan(lambda c, y: (c + y, c * y), x[0] * 0, x), X)
function(
    "associative_scan",
    lambda x: torch._higher_order_ops.associative_scan(lambda a, b: a + b, x, 1, combine_mode="generic"), X,
)
function("map", lambda x: torch._higher_order_ops.map(lambda a: a.sin() + 1, x), X, dynamic=True)
function("vmap", lambda x: torch.vmap(lambda a: a @ a.t())(x), X)
function("no_grad_autocast", _regions, X)
function("item_branch", lambda x, n: x * n.item(), X, lambda b: torch.tensor(3))
