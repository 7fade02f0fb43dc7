"""Decompositions of matrices and what is computed with them, against eager.

What eager leaves open (vectors of equal eigenvalues) is compared by what it determines: the product of the factors. Signs and
phases of other vectors are eager's own, since both call LAPACK; doubles show that, of which eager's own error is none.

`compare_linalg.py [NAME...]` runs all, or those whose name contains a given text.
"""
import cases  # first: skips where PyTorch is absent
import eager
import torch
from snippets import constant, floats, main, snippet
from torch import nn
from torch.export import Dim

f64, c64 = torch.float64, torch.complex64
inf, nan = float("inf"), float("nan")
linalg = torch.linalg


def regular(*shape, dtype=torch.float32):
    """Random matrices far from singular ones."""
    return lambda: (torch.randn(shape, dtype=dtype) + 3 * torch.eye(shape[-1], dtype=dtype))


def matrices(*shape, dtype=torch.float32):
    return lambda: torch.randn(shape, dtype=dtype)


def definite(x):
    return x @ x.mT + torch.eye(x.shape[-1], dtype=x.dtype)


@snippet(regular(70, 70), regular(2, 70, 70, dtype=torch.float64))
def matrices_of_many_tiles(x, y):
    a, b = definite(x), definite(y)
    values, vectors = linalg.eigh(b)
    return (linalg.cholesky(a), linalg.cholesky(b), torch.cholesky_inverse(linalg.cholesky(b)), linalg.eigvalsh(a), values,
            vectors * values[..., None, :] @ vectors.mT, linalg.inv(x), linalg.det(y / 8), linalg.svdvals(x), linalg.solve(y, b))


@snippet(regular(2, 3, 5, 5), floats(3, 5, 2))
def cholesky(x, b):
    a = definite(x)
    lower, upper = linalg.cholesky(a), linalg.cholesky(a, upper=True)
    return lower, upper, torch.cholesky_solve(b, lower), torch.cholesky_solve(b, upper, upper=True), \
        torch.cholesky_inverse(lower), *linalg.cholesky_ex(a)


@snippet(constant([[1.0, 2.0], [2.0, 1.0]]))
def infos(x):
    return linalg.cholesky_ex(x)[1], linalg.inv_ex(x * 0)[1], linalg.lu_factor_ex(x * 0)[2], linalg.solve_ex(x, x)[1], \
        linalg.det(x * 0), *linalg.slogdet(x * 0), torch.logdet(x), linalg.cond(x * 0, 1)


@snippet(regular(2, 4, 4), matrices(3, 5), matrices(5, 3))
def lu(x, wide, tall):
    results = []
    for a in (x, x.mT, wide, tall):
        factors, pivots = linalg.lu_factor(a)
        results += [factors, pivots, *linalg.lu(a), *torch.lu_unpack(factors, pivots)]
    return results


@snippet(regular(2, 4, 4), matrices(4, 3), matrices(2, 3, 4), matrices(2, 4), regular(2, 4, 4, dtype=c64), matrices(3, 4, dtype=c64))
def solutions(x, b, c, v, z, d):
    factors, complex_factors = linalg.lu_factor(x), linalg.lu_factor(z)
    return linalg.solve(x, b), linalg.solve(x, c, left=False), linalg.solve(x, v), linalg.solve(x[0], v[0]), linalg.solve(x.mT, b), \
        *[linalg.lu_solve(*factors, b if left else c, left=left, adjoint=adjoint) for left in (True, False) for adjoint in (True, False)], \
        *[linalg.lu_solve(*complex_factors, d.mT if left else d, left=left, adjoint=adjoint) for left in (True, False) for adjoint in (True, False)]


@snippet(regular(2, 4, 4), regular(4, 4), regular(3, 3, dtype=c64))
def inverses(x, y, z):
    return linalg.inv(x), torch.inverse(y.mT), linalg.inv(z), linalg.matrix_power(x, -3), linalg.matrix_power(y, 5), \
        linalg.matrix_power(y, 0), linalg.matrix_power(z, 2), x.inverse() @ x


@snippet(regular(2, 4, 4), matrices(5, 5))
def determinants(x, y):
    return linalg.det(x), torch.det(y.mT), *linalg.slogdet(x), *torch.slogdet(-y), torch.logdet(x), torch.logdet(y), y.det()


@snippet(matrices(2, 4, 4, dtype=f64), matrices(5, 3, dtype=f64), matrices(2, 3, 5, dtype=f64), matrices(4, 3, dtype=c64))
def qr(*inputs):
    results = []
    for x in inputs:
        results += [*linalg.qr(x), *linalg.qr(x, mode="complete"), linalg.qr(x, mode="r")[1], *torch.geqrf(x)]
    return results


@snippet(matrices(2, 5, 3), matrices(2, 3), matrices(2, 5, 2))
def reflectors(x, tau, other):
    return linalg.householder_product(x, tau), torch.ormqr(x, tau, other), torch.ormqr(x, tau, other, transpose=True), \
        torch.ormqr(x, tau, other.mT, left=False)


@snippet(regular(2, 4, 4), matrices(4, 3), matrices(2, 3, 4))
def triangular_systems(x, b, c):
    results = [linalg.solve_triangular(x, b if left else c, upper=upper, left=left, unitriangular=unit)
               for upper in (True, False) for left in (True, False) for unit in (True, False)]
    return *results, *torch.triangular_solve(b, x), *torch.triangular_solve(b, x, upper=False, transpose=True, unitriangular=True)


@snippet(regular(2, 4, 4, dtype=f64), matrices(2, 4, 2, dtype=f64))
def ldl(x, b):
    a = x + x.mT
    factors, pivots = linalg.ldl_factor(a)
    return factors, pivots, linalg.ldl_solve(factors, pivots, b)


@snippet(matrices(2, 5, 5, dtype=f64), matrices(4, 4, dtype=c64))
def symmetric_spectra(x, z):
    a, h = definite(x), z @ z.mH
    return *linalg.eigh(a), *linalg.eigh(x, UPLO="U"), linalg.eigvalsh(a), *linalg.eigh(h), linalg.eigvalsh(h, UPLO="U")


@snippet(matrices(2, 4, 4, dtype=f64), matrices(5, 3, dtype=f64), matrices(2, 3, 5, dtype=f64), matrices(4, 3, dtype=c64))
def singular_values(*inputs):
    results = []
    for x in inputs:
        results += [*linalg.svd(x), *linalg.svd(x, full_matrices=False), linalg.svdvals(x), *torch.svd(x)]
    return results


@snippet(matrices(2, 5, 5, dtype=f64), matrices(4, 4, dtype=c64))
def spectra(x, z):
    pairs = torch.view_as_real  # files of references have no complex doubles
    return *map(pairs, linalg.eig(x)), pairs(linalg.eigvals(x)), *linalg.eig(z), linalg.eigvals(z), linalg.eigvals(x.float()).abs().sum()


@snippet(matrices(4, 4))
def products_of_open_vectors(x):
    projector = linalg.qr(x)[0][:, :2]
    a = projector @ projector.mT  # the eigenvalues 0, 0, 1, 1
    values, vectors = linalg.eigh(a)
    u, s, vh = linalg.svd(a)
    return values, vectors @ torch.diag(values) @ vectors.mT, vectors.mT @ vectors, u @ torch.diag(s) @ vh, u.mT @ u, vh @ vh.mT


@snippet(matrices(3, 5, 4), matrices(4, 4), matrices(3, 4, dtype=c64))
def norms_and_ranks(x, y, z):
    results = [linalg.matrix_norm(x, order) for order in (1, -1, 2, -2, inf, -inf, "nuc", "fro")]
    results += [linalg.norm(x, order, dim=(2, 0), keepdim=True) for order in (1, -2, inf, "nuc")]
    results += [linalg.norm(y[:0], 2), linalg.norm(y, 2), linalg.norm(y[0], 3), linalg.norm(x), linalg.matrix_norm(z), linalg.norm(z, "nuc"), linalg.norm(z, 1)]
    results += [linalg.cond(y, order) for order in (None, 2, -2, 1, -1, inf, "fro", "nuc")]
    low = x[..., :2] @ x[..., :2].mT
    results += [linalg.matrix_rank(low), linalg.matrix_rank(low, atol=1.0, rtol=0.1), linalg.matrix_rank(low, hermitian=True), linalg.matrix_rank(low, tol=2.0)]
    return results


@snippet(matrices(2, 5, 3), matrices(4, 4), matrices(3, 4, dtype=c64))
def pseudoinverses(x, y, z):
    return linalg.pinv(x), torch.pinverse(x.mT), linalg.pinv(y + y.mT, hermitian=True), linalg.pinv(x, rtol=0.5), linalg.pinv(x, atol=2.0), linalg.pinv(z)


@snippet(matrices(2, 4, 4), matrices(5, 3), matrices(3, 3, dtype=c64))
def roots_and_polar_forms(x, y, z):
    return linalg.matrix_sqrth(definite(x)), linalg.matrix_sqrth(x), *linalg.polar(y), linalg.matrix_sqrth(z @ z.mH), *linalg.polar(z)


@snippet(matrices(2, 4, 4), matrices(3, 3, dtype=f64), matrices(3, 3, dtype=c64))
def exponentials(x, y, z):
    return linalg.matrix_exp(x), linalg.matrix_exp(20 * y), linalg.matrix_exp(y / 1000), torch.matrix_exp(z), linalg.matrix_exp(x * 0)


@snippet(matrices(2, 3, 6), matrices(2, 3), matrices(6, 4, 2, 3, 4))
def tensors_as_matrices(a, b, c):
    return linalg.tensorinv(a.reshape(6, 2, 3), ind=1), linalg.tensorsolve(a.reshape(2, 3, 6), b), \
        linalg.tensorsolve(c, c.new_ones(6, 4), dims=None), linalg.tensorsolve(a.reshape(6, 2, 3), b.reshape(6), dims=(1, 2))


@snippet(matrices(0, 0), matrices(2, 0, 3), matrices(0, 3, 3), matrices(1, 1))
def empty_matrices(none, rows, batch, one):
    return linalg.det(none), *linalg.slogdet(none), linalg.inv(none), linalg.cholesky(none), *linalg.svd(rows), linalg.svdvals(rows), \
        *linalg.qr(rows, mode="complete"), linalg.inv(batch), *linalg.eigh(batch), linalg.matrix_exp(none), linalg.pinv(rows), \
        linalg.matrix_rank(rows), linalg.det(batch), linalg.inv(one), *linalg.eigh(one), linalg.matrix_exp(one), linalg.lu(rows)[0]


@snippet(regular(16, 40, 40), matrices(300, 200))
def large_matrices(x, y):
    return linalg.inv(x), linalg.svdvals(x), linalg.det(x / 3), linalg.svdvals(y), linalg.qr(y)[1].abs(), linalg.pinv(y)


class Sizes(nn.Module):
    def forward(self, x, y):
        a = x @ x.mT + torch.eye(x.shape[-1], dtype=x.dtype)
        q, r = linalg.qr(y)
        u, s, vh = linalg.svd(y, full_matrices=False)
        return linalg.inv(a), linalg.det(a / 8), linalg.cholesky(a), linalg.eigvalsh(a), q @ r, s, u @ (s.unsqueeze(-1) * vh), linalg.solve(a, x)


@cases.case
def sizes_that_vary(folder):
    example = lambda batch, n, m: ((torch.randn(batch, n, n), torch.randn(batch, m, n)), {})
    shapes = ({0: (b := Dim("b", min=2, max=64)), 1: (n := Dim("n", min=2, max=64)), 2: n}, {0: b, 1: 2 * n, 2: n})
    (args, kwargs), others = example(3, 6, 12), [example(2, 2, 4), example(7, 15, 30), example(4, 33, 66)]
    return eager.compare(Sizes().eval(), args, kwargs, folder, others, shapes)


@cases.case
def factors_of_decomposed_programs(folder):
    """What run_decompositions() leaves of the composites."""

    class Composites(nn.Module):
        def forward(self, x):
            a = definite(x)
            return *linalg.inv_ex(x), linalg.det(x), *linalg.slogdet(x), *linalg.solve_ex(x, a), *linalg.cholesky_ex(a), \
                linalg.eigvalsh(a), linalg.svdvals(x), *linalg.lu_factor_ex(x), linalg.pinv(x), linalg.matrix_rank(x), linalg.qr(x)[1]

    return eager.compare(Composites().eval(), (regular(2, 4, 4)(),), {}, folder, transform=lambda program: program.run_decompositions())


@cases.case
def constant_matrices_at_load(folder):
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = nn.Parameter(regular(5, 5)())

        def forward(self, x):
            return x @ linalg.inv(self.matrix), linalg.det(self.matrix) * x

    return eager.compare(Constant().eval(), (torch.randn(3, 5),), {}, folder)


if __name__ == "__main__":
    main()
