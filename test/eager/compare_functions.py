"""Statistics, diagonals, joins, special functions, windows, Einstein sums, quantisation: small modules against eager.

`compare_functions.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import booleans, constant, floats, integers, main, snippet  # first: skips without PyTorch
import torch
import torch.nn.functional as F

NAN, INF = float("nan"), float("inf")
HALF = torch.bfloat16


#--- views as copies, other names ---


@snippet(floats(4, 6, 2))
def copies_of_views(x):
    copies = (torch.transpose_copy(x, 0, 1), torch.squeeze_copy(x[:1], 0), torch.narrow_copy(x, 1, 2, 3), *torch.unbind_copy(x, 2),
              *torch.split_with_sizes_copy(x, [1, 3]), torch.permute_copy(x, (2, 0, 1)), torch.view_copy(x, (24, 2)))
    for copy in copies:
        copy.mul_(2)
    return x.clone(), *copies


@snippet(floats(4, 6, 2), floats(4, 2, 2), floats(9))
def pieces(x, y, z):
    return (*x.hsplit(3), *x.vsplit((1, 3)), *x.dsplit(2), *z.hsplit(3), torch.slice_scatter(x, y, 1, 1, 5, 2),
            torch.slice_scatter(x, y, 1, -2))


@snippet(floats(4, 5), constant([INF, -INF, NAN, 2.0]), integers(4, 5), floats(3, 4, 6), floats(3, 6, 5))
def ops_under_other_names(x, f, i, a, b):
    return (torch.subtract(x, i, alpha=2), torch.negative(i), torch.divide(x, 3, rounding_mode="floor"), torch.greater(x, i),
            torch.arctan2(x, x + 1), torch.special.expit(x), f.isposinf(), f.isneginf(), i.isposinf(), x.ldexp(i), f.ldexp(i[0, 0]),
            torch.special.xlog1py(f, x[0, :4].abs()), torch.isclose(i, i + 1, rtol=0.3), torch.isclose(i, i + 1, rtol=0, atol=0),
            x.sum_to_size(1, 5), i.sum_to_size(4, 1), torch.addbmm(x, a, b, beta=.5, alpha=2))


#--- remainders ---

SPECIAL = constant([0.0, -0.0, 1.0, -1.5, 3.0, 0.25, -1e-40, 3e38, -7e30, 1.2e-38, INF, -INF, NAN])


@snippet(SPECIAL, floats(40), floats(40))
def remainders_of_floats(special, x, y):
    pairs = [(special[:, None].to(dtype), special.to(dtype)) for dtype in (torch.float32, torch.float64, torch.float16, HALF)]
    return (*(f(a, b) for a, b in pairs for f in (torch.fmod, torch.remainder)), torch.fmod(x, y), torch.remainder(x * 128, y),
            torch.fmod(x * 2.0**100, y), torch.fmod(x.double() * 2.0**900, y), torch.fmod(x, 0.5), 7 % y)


#--- reductions and order statistics ---


@snippet(floats(3, 4, 17), integers(5, 6), constant([1.0, NAN, 3.0, -INF]), floats(4, 9, dtype=HALF))
def reductions_of_numbers(x, i, n, h):
    return (x.nansum(), i.nansum(1), n.nansum(), n.nanmean(), h.nanmean(1, keepdim=True), x.count_nonzero((0, 2)), i.count_nonzero(),
            *torch.aminmax(x, dim=1), *i.aminmax(), *n.aminmax(), *torch.std_mean(x, 1), *torch.var_mean(x, (0, 2), keepdim=True),
            *torch.var_mean(h, 1, correction=0))


@snippet(floats(3, 4, 17), constant([[INF, 1.0, -INF], [-INF, -INF, -INF], [NAN, 0.0, INF]]), integers(4, 5), floats())
def log_sum_exps(x, f, i, z):
    return x.logsumexp(1), x.logsumexp((0, 2), keepdim=True), f.logsumexp(-1), i.logsumexp(0), z.logsumexp(0), (x * 100).logsumexp(2)


@snippet(floats(3, 4, 17), integers(3, 10), constant([[1.0, NAN, 3.0, 2.0, NAN], [4.0, 0.0, 3.0, 2.0, -INF], [NAN] * 5]), floats())
def medians(x, i, n, z):
    return (x.median(), *x.median(1), *x.median(0, keepdim=True), i.median(), i.median(1).values, n.median(), n.median(1).values,
            n.nanmedian(), n.nanmedian(1).values, *n[:2].nanmedian(0), z.median(), *z.median(0), x.kthvalue(3, 1).values, z.kthvalue(1).values)


@snippet(integers(4, 30, high=0), integers(3, 5, 2, low=0, high=3), constant([2.0, 1.0, 2.0, 1.0, 5.0]), floats(3, 9))
def modes(i, j, x, y):
    return i.mode(1).values, *i[:, :12].mode(-1), *j.mode(1), *j.mode(0, keepdim=True), *x.mode(), *y.mode()


@snippet(floats(5, 9), constant([[1.0, NAN, 3.0, 2.0], [4.0, 0.0, 3.0, 2.0]]), constant([0.0, 0.1, 0.62, 1.0]))
def quantiles(x, n, q):
    return (x.quantile(.5), x.quantile(.31, dim=1), x.quantile(q, dim=0), x.quantile(q), x.quantile(q, dim=1, keepdim=True), n.quantile(.5, 1),
            n.nanquantile(.4, 1), n.nanquantile(q, 0), *(x.quantile(.37, 1, interpolation=i) for i in ("lower", "higher", "nearest", "midpoint")))


@snippet(floats(3, 9), floats(9), integers(4, 5), floats(3, 9))
def trapezoids(y, x, i, z):
    return (torch.trapezoid(y), torch.trapezoid(y, dx=.25, dim=0), torch.trapezoid(y, x), torch.trapezoid(i), torch.trapezoid(y, z, dim=0),
            torch.cumulative_trapezoid(y), torch.cumulative_trapezoid(y, x, dim=1))


@snippet(floats(3, 9), floats(4, 3, 9))
def norms(x, y):
    norm = torch.linalg.norm
    return norm(x), norm(x, dim=1), norm(y), norm(y, dim=(0, 2), keepdim=True), norm(x[0], 3), norm(y, 1, dim=1), norm(x, "fro"), norm(x[0], INF)


@snippet(floats(64, dtype=torch.float64), floats(64, dtype=torch.float64), constant([0.0, -0.0, INF, -INF, NAN, -2.0, 1.0, 1e-310], dtype=torch.float64))
def powers_of_doubles(x, y, special):
    return x.abs() ** y, x.abs() ** 2.3, 10000.0 ** x, special[:, None] ** special, special**7, x.abs() ** -1.7, x**5


#--- views and joins ---


@snippet(floats(9, 4), floats(4, 9), integers(3, 3, 3))
def filled_diagonals(tall, wide, cube):
    fill = lambda x, *args, **kwargs: x.clone().fill_diagonal_(*args, **kwargs)
    return fill(tall, 2), fill(tall, 2.5, wrap=True), fill(wide, 7), fill(wide, 7, wrap=True), fill(cube, 9), fill(tall.t(), 3)


@snippet(floats(3, 5, 6), integers(4, 4), floats(7))
def diagonals(x, i, v):
    y, z = x.clone(), i.clone()
    y.diagonal(1, 1, 2).add_(5)
    z.diagonal(-2).zero_()
    return (x.diagonal(), x.diagonal(2, 0, 2), x.diagonal(-1, 2, 1), torch.diag_embed(x), torch.diag_embed(x, -2, 0, 2), torch.diag(v), torch.diag(v, -1),
            torch.diag(i, 1), torch.diagflat(x[0, :2]), i.trace(), x[0].trace(), torch.diagonal_scatter(i, v[:3].long(), 1), y, z,
            torch.linalg.diagonal(x), x.diagonal(5, 1, 2))


@snippet(floats(4, 6), integers(2, 3, dtype=torch.int32), floats(3, 4, dtype=torch.float64))
def reinterpretations(x, i, d):
    return x.view(torch.int32), i.view(torch.float32).view(torch.int32), d.view(torch.int64), x.as_strided((2, 3), (1, 2)), x.as_strided((3, 2), (6, 2), 3)


@snippet(floats(4), floats(2, 4), floats(2, 4, 3), floats(), integers(4))
def stacks(v, m, c, z, i):
    return (torch.hstack([v, v, i]), torch.hstack([m, m]), torch.vstack([v, m]), torch.dstack([m, m]), torch.dstack([v, v]), torch.column_stack([v, m.t()]),
            torch.atleast_1d(z), torch.atleast_2d(v), torch.atleast_3d(v), torch.atleast_3d(m), *torch.atleast_3d(z, v), torch.block_diag(m, v, z, c[0]))


@snippet(floats(5), floats(3), integers(4))
def grids(x, y, i):
    return (*torch.meshgrid(x, y, indexing="xy"), *torch.meshgrid(x, y, x[:2], indexing="ij"), torch.cartesian_prod(x, y), torch.cartesian_prod(i, i, i), torch.cartesian_prod(x),
            torch.combinations(x), torch.combinations(i, 3), torch.combinations(y, 2, with_replacement=True), torch.combinations(x, 1))


@snippet(floats(3, 4, 5), integers(2, 6, low=-60, high=60), constant([[0, 2, 1], [1, 1, 0]]), integers(3, 5))
def rotations_and_takes(x, i, t, n):
    return (x.rot90(), x.rot90(2, (1, 2)), x.rot90(-1, (2, 0)), x.rot90(4), n.fliplr(), n.flipud(), x.take(i), torch.take_along_dim(n, t.t().contiguous(), 1),
            torch.take_along_dim(x[0], t), torch.isin(n, t), torch.isin(n, t, invert=True), torch.isin(n, 1), torch.isin(x, x[0]))


#--- creation ---


@snippet(floats(8), floats(2, 3))
def windows_and_scales(x, y):
    return (torch.hann_window(8) * x, torch.hann_window(8, periodic=False), torch.hamming_window(9), torch.hamming_window(8, True, .6, .3), torch.blackman_window(8),
            torch.bartlett_window(8), torch.bartlett_window(7, False), torch.kaiser_window(8) * x, torch.kaiser_window(8, False, 5.5), torch.hann_window(1),
            torch.hann_window(6, dtype=torch.float64), torch.logspace(0, 1, 5), torch.logspace(-2, 3, 7, base=2), torch.vander(x), torch.vander(x, 3),
            torch.vander(x, 4, increasing=True), torch.linalg.vander(y, N=4), torch.vander(x, 1), torch.linalg.vander(y.sum(), N=2))


@snippet(floats(2))
def triangle_indices(x):
    return torch.tril_indices(3, 4) * x[0].long(), torch.triu_indices(4, 3, 1), torch.tril_indices(3, 3, -1), torch.triu_indices(3, 5, -2)


@snippet(floats(40), constant([2.0, 2.0, 2.0]), floats(50, dtype=torch.float64))
def histograms_of_data(x, c, d):
    return torch.histc(x, 5), torch.histc(c, 4), torch.histc(d, 7), torch.histc(x, 6, -1, 1)


#--- special functions ---

POINTS = constant([-INF, -30.0, -7.5, -3.0, -2.457, -1.5, -1.0, -0.7, -0.5, -1e-5, -0.0, 0.0, 1e-7, 0.3, 0.5, 0.9, 1.0, 1.4616, 2.0, 2.5, 5.0, 9.9, 10.0, 14.0, 18.5, 35.0, 80.0, 1e6, INF, NAN])


@snippet(POINTS)
def gamma_functions(x):
    return x.lgamma(), x.digamma(), torch.polygamma(1, x.abs() + .1), torch.polygamma(1, x[2:12] + .05), torch.special.gammaln(x.abs()), torch.mvlgamma(x[19:28], 2)


@snippet(POINTS, floats(300), floats(300, dtype=torch.float64), constant([1e-30, 1e-5, .1, .5, .7, .99999, 0.0, 1.0, -.5, 1.5, NAN]))
def error_functions(x, y, d, p):
    return (torch.erfinv(p), torch.erfinv(-p), torch.erfinv(y.tanh()), torch.erfinv(d.tanh()), torch.special.ndtr(x), torch.special.ndtr(y * 5), torch.special.ndtri(p),
            torch.special.ndtri(y.sigmoid()), torch.special.log_ndtr(x), torch.special.log_ndtr(y * 4), torch.special.erfcx(x.clamp(-5)), torch.special.erfcx((y * 4).clamp(-5)))


@snippet(POINTS, floats(300), integers(9))
def bessel_functions(x, y, i):
    x = x.clamp(-80, 80)
    return (torch.special.i0(x), torch.i0(y * 10), torch.special.i0e(x), torch.special.i1(x), torch.special.i1(y), torch.special.i1e(x), torch.i0(i), i.lgamma(),
            y.bfloat16().digamma(), y.half().lgamma())


@snippet(constant([[0.0, 0.5, 1.9, 2.0, 2.1, 7.0, 17.9, 18.1, 40.0]]), floats(40))
def bessel_functions_of_both_kinds(d, x):
    s = torch.special
    both, positive = (s.bessel_j0, s.bessel_j1, s.modified_bessel_i0, s.modified_bessel_i1, s.spherical_bessel_j0), (s.bessel_y0, s.bessel_y1, s.modified_bessel_k0, s.modified_bessel_k1,
                                                                                                                 s.scaled_modified_bessel_k0, s.scaled_modified_bessel_k1)
    return (*(f(x * 9) for f in both), *(f(-d) for f in both[:2]), *(f(d[:, 1:]) for f in positive), *(f(x.abs() * 9) for f in positive), *(f(d[:, :1]) for f in positive))


@snippet(constant([NAN, INF, -INF, 0.0, -0.0, 1.5, -2.25, 1e-40, 3e38]), constant([1.0, -INF, INF, -1.0, 1.0, 1.5, 3.0, 0.0, INF]), floats(40), integers(30), integers(30, low=0))
def numbers_by_their_bits(f, g, x, i, j):
    return (f.nan_to_num(), f.nan_to_num(1, 2, 3), f.half().nan_to_num(), f.bfloat16().nan_to_num(), i.nan_to_num(), f.isreal(), torch.nextafter(f, g), torch.nextafter(x, -x), torch.nextafter(x.double(), x.double() * 2),
            *torch.frexp(f), *torch.frexp(x.double() * 1e-310), *torch.frexp(x.half()), torch.logaddexp2(f, f), torch.logaddexp2(x, -x), torch.gcd(i, j), torch.lcm(i, j), torch.gcd(i.to(torch.int8), j.to(torch.int8)),
            x.round(decimals=2), x.round(decimals=-1), (x * 9).round(decimals=0), x.float_power(2), i.float_power(3), torch.float_power(2, x))


@snippet(floats(2, 6, 8), lambda: torch.tensor([[True] * 5, [False] * 5, [True, False, True, False, False]]), floats(3, 5))
def softmax_of_hidden_rows(x, m, y):
    hidden = y.masked_fill(~m, -INF)
    return torch.ops.aten._safe_softmax(hidden, -1), torch.ops.aten._safe_softmax(hidden, 0), y[0, 0].softmax(0), y[0, 0].log_softmax(0)


@snippet(floats(5, 6), floats(5), integers(4, low=-30, high=30), floats(4), floats(2, 3), integers(3, 1, low=-9, high=9), integers(3, 2, low=-9, high=9))
def placements(x, c, p, s, t, i, j):
    mask = i > 0
    return (x.select_scatter(c, 1, -2), x.put(p, s), x.put(p, s, accumulate=True), torch.as_strided_scatter(x, t, (2, 3), (6, 2), 3), torch.unfold_copy(x, 1, 3, 2), x.renorm(2, 0, 1.5), x.renorm(1, 1, 2),
            torch.ops.aten._unsafe_masked_index(x, mask, [i, j], 7), torch.ops.aten._unsafe_masked_index_put_accumulate(x, mask, [i, j], j.to(x.dtype)), x.mH, torch.ops.aten._unsafe_index(x, [p % 5]),
            torch.nonzero_static(x > 0, size=40), torch.nonzero_static(x > 0, size=3, fill_value=7), torch.nonzero_static(c, size=4))


@snippet(floats(6, 5), floats(7), floats(5, 4, dtype=torch.float64))
def differences_and_distances(x, y, d):
    return (F.pdist(x), F.pdist(x, 1), F.pdist(x, INF), F.pdist(d, 3), F.pdist(x[:1]), *torch.gradient(x), *torch.gradient(x, spacing=.5, dim=1), *torch.gradient(x, spacing=(.5, 2.0)), *torch.gradient(y, edge_order=2))


@snippet(floats(4, 3, 5), floats(3), floats(3), floats(3), lambda: torch.rand(3) + .5)
def batch_norms_of_decompositions(x, w, b, mean, variance):
    a, running = torch.ops.aten, (mean.clone(), variance.clone())
    return (*a._native_batch_norm_legit.no_stats(x, w, b, True, .1, 1e-5), *a._native_batch_norm_legit_functional(x, w, b, mean, variance, True, .1, 1e-5),
            *a._native_batch_norm_legit_functional(x, w, None, mean, variance, False, .1, 1e-5), *a._native_batch_norm_legit(x, w, b, *running, True, .25, 1e-5), *running)


#--- complex numbers and Fourier transforms ---


def real_views(*values):
    return tuple(torch.view_as_real(value.resolve_conj()) if value.is_complex() else value for value in values)


@snippet(floats(3, 8), floats(3, 8), floats(3, 8, 2), floats(4, dtype=torch.float64))
def complex_arithmetic(x, y, p, d):
    c, z = torch.complex(x, y), torch.view_as_complex(p)
    w = z.clone()
    w.real.add_(1)
    w[:, 1:3] = c[:, :2]
    return real_views(c + z, c - 2 * z, c * z, c / z, c * x, z + 3, c.conj() * z, c.abs(), z.angle(), x.angle(), c.real, c.imag, torch.polar(x.abs(), y), c.sum(1), z.mean(), c @ z.mT,
                      torch.cat([c, z], 1).reshape(6, 8)[::2, 1:].t(), w, c.to(torch.complex128), torch.complex(d, d).abs(), torch.stack([c, z], 1).flatten(0, 1))


@snippet(floats(3, 8), floats(2, 5, 7), floats(2, 96), floats(2, 200, dtype=torch.float64), floats(131))
def fourier_transforms(x, y, z, d, p):
    f = torch.fft
    return real_views(f.fft(x), f.ifft(f.fft(x)), f.fft(y, dim=1), f.rfft(x), f.irfft(f.rfft(x)), f.rfft(y), f.irfft(f.rfft(y), 7), f.fft2(y), f.rfft2(y), f.irfft2(f.rfft2(y), (5, 7)),
                      f.fftn(y), f.ifftn(f.fftn(y, norm="ortho")), f.rfftn(y, dim=(2, 1)), f.hfft(x), f.hfft(f.fft(x)), f.ihfft(x), f.fft(z), f.rfft(z, 128), f.fft(d), f.irfft(f.rfft(d)),
                      f.hfft2(y), f.hfftn(y), f.ihfft2(y), f.ihfftn(y, norm="ortho"), f.fft(x, 5), f.fft(x, 11, norm="forward"), f.fft(p), f.fftshift(y), f.ifftshift(y, 1), f.fftshift(f.fft(x)), f.rfft(x).angle(), f.rfft(z).angle()[:, ::48], f.fftfreq(8), f.fftfreq(7, .5), f.rfftfreq(9))


@snippet(floats(2, 64), floats(70))
def short_time_transforms(x, y):
    window, short = torch.hann_window(16), torch.hamming_window(12)
    spectra = torch.stft(x, 16, 4, window=window, return_complex=True)
    plain = torch.stft(y, 15, 5, 12, short, center=False, normalized=True, return_complex=True)
    return real_views(spectra, spectra.abs(), torch.istft(spectra, 16, 4, window=window), torch.istft(spectra, 16, 4, window=window, length=50), plain,
                      torch.stft(x, 16, 4, window=window, onesided=False, return_complex=True))


@snippet(floats(2, 4), lambda: torch.randn(2, 4, dtype=torch.complex64))
def complex_inputs_and_outputs(x, c):
    return c * x, c.conj(), (c + 1).abs(), c[:, 1:].t()


#--- regions ---


@snippet(floats(2, 6, 8), floats(5, 3), floats(3))
def vmaps(x, y, z):
    return (torch.vmap(lambda a: a @ a.t())(x), torch.vmap(lambda a: a.sum() * z, in_dims=1)(y), torch.vmap(lambda a: torch.vmap(lambda c: c.sin())(a) + 1)(x),
            torch._higher_order_ops.associative_scan(lambda a, b: a + b, x, 1, combine_mode="generic"))


#--- products ---


@snippet(floats(2, 3, 4), floats(2, 5, 4), floats(4, 4), floats(5, 6), floats(3))
def einstein_sums(x, y, m, w, v):
    return (torch.einsum("bij->bji", x), torch.einsum("bij->b", x), torch.einsum("ii->i", m), torch.einsum("ii", m), torch.einsum("bij,bkj", x, y), torch.einsum("...ij,...kj->...ik", x, y),
            torch.einsum("bij,bkj,km->bim", x, y, w), torch.einsum("i,j->ij", v, w[0]), torch.einsum("bij,bkj->ik", x, y), torch.einsum("bij,jj->bi", x, m),
            torch.einsum("i,i->", v, v), torch.einsum("bij,aij->bj", x, x[:1]), torch.einsum("i,ij,j->", v, x[0], m[0]), torch.einsum("...i->...", x), torch.einsum("bij->bij", x))


@snippet(integers(3, 4), integers(4, 5), integers(2, 3, 4), integers(4, dtype=torch.int32), integers(4, 6, dtype=torch.int32), integers(5))
def integer_products(a, b, c, v, m, d):
    return a @ b, c @ b, torch.bmm(c, c.mT), v @ m, torch.einsum("bij,kj->bik", c, a), torch.addmm(d, a, b), torch.inner(a, a), torch.tensordot(c, a, ([2], [1])), torch.dot(v, v)


@snippet(floats(4, 6, 5), constant([.1, .25, .05, .5, .07, .3], dtype=torch.float32), constant([0, 3, -2, 1, 0, 5], dtype=torch.int32), constant([1e30, -1e30, NAN, INF, .25, .75, -.25]))
def fake_quantizations(x, scale, zero, rare):
    scale = scale.float()
    return (torch.fake_quantize_per_tensor_affine(x, .1, 0, -128, 127), torch.fake_quantize_per_tensor_affine(x, .03, 5, 0, 15), torch.fake_quantize_per_tensor_affine(rare, .5, 1, -8, 7),
            torch.fake_quantize_per_tensor_affine(x, scale[1], zero[1], -128, 127), torch.fake_quantize_per_channel_affine(x, scale, zero, 1, -8, 7),
            torch.fake_quantize_per_channel_affine(rare[None], scale[3:4], zero[3:4], 0, -8, 7))


@snippet(floats(200), constant([0.0, -0.0, NAN, INF, -INF, 448.0, 463.9, 464.0, 465.0, 500.0, 57344.0, 61439.0, 61440.0, 1e9, 2**-9, 2**-10, 2**-10 * 1.01, 2**-16, 2**-17, 1.0625, 1.1875]))
def eight_bit_floats(x, rare):
    both = torch.float8_e4m3fn, torch.float8_e5m2
    return (*(x.to(t).float() for t in both), *(rare.to(t).float() for t in both), *((x * 100).bfloat16().to(t).reshape(20, 10).t().to(torch.bfloat16) for t in both),
            (x * 1e-2).half().to(both[1]).double(), (x * 1e-2).to(both[0]).to(torch.float16))


@snippet(floats(2, 4, 8, 9), floats(2, 36, 3, 5), floats(2, 18, 3, 5), floats(6, 2, 3, 3), floats(6), floats(2, 8, 7, 8), floats(3, 4, 2, 2))
def deformable_convolutions(x, o, m, w, b, p, v):
    from torchvision.ops import deform_conv2d

    return deform_conv2d(x, o, w, b, stride=(2, 2), padding=(0, 1), dilation=(1, 1), mask=m.sigmoid()), deform_conv2d(x, p * 3, v)


if __name__ == "__main__":
    main()
