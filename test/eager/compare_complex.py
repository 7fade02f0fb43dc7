"""Complex numbers: functions, moves, reductions, products: small modules against eager.

`compare_complex.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import constant, floats, integers, main, snippet  # first: skips without PyTorch
import torch
import torch.nn.functional as F


def complexes(*shape, dtype=torch.complex64):
    return lambda: torch.randn(shape, dtype=dtype)


def resolved(*values):
    """Complex128, which safetensors files do not hold, as pairs."""
    values = tuple(value.resolve_conj() for value in values)
    return tuple(torch.view_as_real(value) if value.dtype == torch.complex128 else value for value in values)


NAN, INF = float("nan"), float("inf")
RARE = [0j, complex(-0.0, 0.0), complex(-1, 0.0), complex(-1, -0.0), 1 + 0j, 1e-30 + 1e-30j, complex(30, -30), complex(-40, 2), 1j, -1j, 0.5 + 1e-4j]


#--- functions ---


def functions_of(z):
    return (z.exp(), z.log(), z.sqrt(), z.rsqrt(), z.reciprocal(), z.sin(), z.cos(), z.tan(), z.sinh(), z.cosh(), z.tanh(), z.asin(), z.acos(), z.atan(),
            z.asinh(), z.acosh(), z.atanh(), z.log1p(), z.expm1(), z.log2(), z.log10(), z.exp2(), z.sigmoid(), F.silu(z), z.sinc(), z.sgn(), z.abs(), z.angle())


@snippet(complexes(3, 9), floats(5, 2, dtype=torch.float64))
def functions(z, w):
    return resolved(*functions_of(z), *functions_of(torch.view_as_complex(w)))


# Reciprocals, roots and logarithms of zero are infinite in eager in one part or the other; the rest is not.
@snippet(constant(RARE[2:], dtype=torch.complex64))
def functions_at_cuts(z):
    return z.exp(), z.log(), z.sqrt(), z.tanh(), z.tan()[[0, 2, 3]], z.asinh(), z.acos(), z.acosh(), z.asin(), z.sgn(), z.sin()[:4], z.expm1()[:4]


@snippet(constant(RARE, dtype=torch.complex64))
def functions_near_zero(z):
    return z.sqrt(), z.exp(), z.sgn(), z.sinc()[:5], z.log1p()[[0, 1, 4, 5]], z.expm1()[:6], z ** 2, z ** 0.5, z ** 3


@snippet(complexes(3, 4), complexes(4), floats(3, 4), integers(4, low=1))
def arithmetic(z, w, x, i):
    return resolved(z + i, 2 - z, z * w.conj(), z / (x + 3), torch.addcmul(z, z, w, value=2), torch.addcdiv(z, z, w, value=.5 - 1j), torch.lerp(z, w, .3), torch.lerp(z, w, z),
                    z ** w, z ** 2, z ** -1, z ** x, x ** z, 2 ** z, z ** (1 - 2j), z.float_power(3), torch.add(z, w, alpha=2j), -z, z.square(), z.ldexp(i), torch.logaddexp(z, w),
                    z.mul(3j), z.clone().div_(w), z.sub(1j), torch.where(x > 0, z, w), torch.where(x > 0, z, x), z.masked_fill(x > 0, 2.5), z.masked_fill(x > 0, 1 + 2j))


@snippet(constant([1 + 2j, 1 - 2j, complex(NAN, 1), complex(INF, 0), complex(3, INF), 2 + 0j], dtype=torch.complex64), constant([1 + 2j, 1 + 2j, 1j, complex(INF, 0), 1, 2.001 + 0j], dtype=torch.complex64))
def comparisons(z, w):
    return (z == w, z != w, z.isnan(), z.isinf(), z.isfinite(), z.isreal(), torch.isclose(z, w), torch.isclose(z, w, rtol=1e-2, equal_nan=True), z.logical_and(w - w[0]),
            (z - z[0]).logical_not(), z.any(), (w - w[0]).all(), (w - w[0]).count_nonzero(), z.to(torch.bool), torch.nan_to_num(z), z.bool() ^ (w - w).bool())


#--- moves and sums ---


@snippet(complexes(4, 6), integers(4, 6, low=0, high=4), integers(3, low=0, high=6), complexes(4, 3), floats(4, 6))
def moves(z, i, j, s, x):
    y, d = z.clone(), z.clone()
    y[:, j[:1]] = 2 + 1j
    y[x > 0] = 0.5
    d.diagonal(1).add_(3j)
    return (z.flip(1), z.roll(2, 0), z.rot90(), z.gather(0, i), z[i[:, 0]], z[i[:3, 0], j], z.index_select(1, j), z.take(j), z.tril(1), z.triu(), z.diag(), z[0].diag(1), z.diagonal(-1),
            F.pad(z, (1, 2, 0, 1)), F.pad(z, (1, 1), value=2.5), z.scatter(0, i, z), z.scatter(0, i, 2.5), z.scatter_add(0, i, z), z.index_add(1, j, s), z.index_copy(1, torch.tensor([5, 0, 2]), s),
            z.index_fill(1, j, 1j), z.index_put((i[:, 0],), z[0], accumulate=True), z.masked_scatter(x > 0, z.flip(0)), z.repeat(2, 1), z.repeat_interleave(2, 1), torch.diag_embed(s), y, d,
            torch.full((2, 3), 1 + 2j), torch.full_like(z, 2.0), torch.eye(3, dtype=torch.complex64), torch.ones_like(z), z.unfold(1, 3, 2), torch.cat([z, x], 1), torch.stack([z, x]),
            torch.block_diag(z, s), z.mH.resolve_conj(), z.select_scatter(s[:, 0], 1, 2), z.put(j, s[0]), torch.linspace(0, 1 + 2j, 5), z.as_strided((2, 3), (1, 2)))


@snippet(complexes(3, 7), complexes(2, 0), integers(3, 7))
def reductions(z, e, i):
    return resolved(z.sum(), z.sum(1), z.mean(0), z.prod(), z.prod(1), e.prod(1), e.sum(1), z.cumsum(1), z.cumprod(1), z.var(1), z.std(), *torch.var_mean(z, 0), *torch.std_mean(z, 1, keepdim=True),
            torch.linalg.vector_norm(z, dim=1), z.norm(), torch.linalg.vector_norm(z, 3), z[:, :3].trace(), z.diff(), z.sum_to_size(1, 7), torch.trapezoid(z), z.sum(dtype=torch.complex128),
            i.sum(dtype=torch.complex64), i.prod(1, dtype=torch.complex64))


#--- products ---


@snippet(complexes(3, 4), complexes(4, 5), complexes(2, 3, 4), complexes(3, 5), floats(4, 5), complexes(4), floats(5))
def products(a, b, c, d, x, v, r):
    return resolved(a @ b, a @ x.to(a.dtype), c @ b, torch.bmm(c, c.mT), a @ v, torch.dot(v, v), torch.vdot(v, b[:, 0]), torch.addmm(d, a, b, beta=.5, alpha=2 - 1j), torch.addmm(d, a, b, beta=0), torch.inner(a, a), torch.outer(v, v),
                    torch.einsum("bij,kj->bik", c, a), torch.einsum("bij,jk,k->i", c, b, r.to(a.dtype)), torch.einsum("ij->ji", a), torch.tensordot(c, b, ([2], [0])), torch.kron(a, b[:2]), F.linear(c, a, v[:3]),
                    torch.baddbmm(c, c[:, :, :3], c), torch.addmv(v[:3], a, v), torch.addr(b, v, r.to(a.dtype)), torch.linalg.cross(a[:, :3], c[0, :, 1:]), torch.linalg.multi_dot([a, b, d.mT]))


@snippet(complexes(2, 4, 9), complexes(6, 2, 3), complexes(6), complexes(1, 2, 5, 6), complexes(3, 2, 3, 2), complexes(2, 3, 2, 2))
def convolutions(x, w, b, y, u, t):
    return F.conv1d(x, w, b, padding=1, groups=2), F.conv1d(x, w, stride=2, groups=2), F.conv2d(y, u, b[:3], stride=2), F.conv_transpose2d(y, t, b[:3], stride=2)


if __name__ == "__main__":
    main()
