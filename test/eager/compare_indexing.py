"""Sorting, scans, writing by indices and masks, windows: small modules against eager.

`compare_indexing.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import booleans, constant, floats, integers, main, register_module, snippet  # first: skips without PyTorch
import torch
import torch.nn.functional as F
from torch import nn

NAN, INF = float("nan"), float("inf")


#--- sorting ---


@snippet(floats(3, 4, 17))
def sorts(x):
    return *x.sort(-1), *x.sort(1, descending=True), *torch.sort(x, dim=0, stable=True), x.argsort(-1), torch.msort(x)


@snippet(integers(4, 40, high=3), integers(4, 40, high=3, dtype=torch.int8), integers(4, 40, low=0, high=250, dtype=torch.uint8), booleans(4, 40))
def sorts_keep_order_of_equals(i, j, u, b):
    return (*torch.sort(i, stable=True), *torch.sort(j, dim=1, stable=True, descending=True),
            *torch.sort(u, stable=True), *torch.sort(b, dim=0, stable=True))


@snippet(constant([3.0, NAN, -INF, INF, NAN, 0.0, -0.0]), floats(5, 9, dtype=torch.bfloat16), floats(5, 9, dtype=torch.float16), floats(5, 9, dtype=torch.float64))
def sorts_of_floats(x, b, h, d):
    return (*torch.sort(x, stable=True), *torch.sort(x, stable=True, descending=True), *x.topk(3), *x.topk(3, largest=False),
            b.sort(-1).values, h.sort(0).values, *d.topk(4))


@snippet(floats(3, 200), integers(3, 200, low=0, high=4), integers(2, 30, low=0, high=5), floats(6, 4, 5))
def topks(x, i, j, y):
    return *x.topk(5), *x.topk(2), *i.topk(3), *i.topk(20), *j.topk(7, largest=False), *y.topk(3, dim=1), *y.topk(6, dim=0)


@snippet(floats(5, 7), floats())
def order_statistics(x, z):
    return *x.kthvalue(3), *x.kthvalue(2, dim=0, keepdim=True), *z.sort(), *z.topk(1)


@snippet(floats(0, 4), floats(3, 0))
def sorts_of_nothing(x, y):
    return *x.sort(-1), *x.sort(0), *y.sort(-1), *x.topk(2, dim=1)


#--- scans ---


@snippet(floats(3, 4, 50), integers(5, 6), booleans(4, 9), floats())
def cumulative_sums(x, i, b, z):
    return x.cumsum(-1), x.cumsum(0), i.cumsum(1), b.cumsum(-1), z.cumsum(0), i.to(torch.int32).cumsum(0, dtype=torch.float32)


@snippet(floats(3, 50), integers(5, 6), floats(4, 30, dtype=torch.bfloat16))
def cumulative_products(x, i, b):
    return x.cumprod(-1), i.cumprod(0), x.logcumsumexp(1), x.logcumsumexp(0), b.cumsum(1), b.float().cumprod(-1)


@snippet(floats(3, 20), integers(4, 20, high=3), constant([1.0, NAN, 3.0, 2.0]), constant([INF, -INF, INF, 0.0]), integers(4, 9, low=0, high=255, dtype=torch.uint8))
def cumulative_extremes(x, i, n, f, u):
    return *x.cummax(1), *x.cummin(0), *i.cummax(-1), *i.cummin(-1), *n.cummax(0), *n.cummin(0), *f.cummax(0), f.logcumsumexp(0), *u.cummax(1)


#--- writing by indices ---


@snippet(floats(6, 8), integers(3, 2, low=-6, high=6), floats(3, 2, 8), floats(8), constant([5, 0, 3]), constant([7, -1, 2]), floats(3))
def index_puts(x, i, v, w, rows, columns, u):
    i = i // 100 + torch.arange(6).view(3, 2)
    return (x.index_put((i,), v), x.index_put((rows,), w), x.index_put((rows, columns), u), x.index_put((rows, columns), u[0]),
            x.index_put((rows[:, None], columns), u), x.index_put((rows, rows), u, accumulate=True))


@snippet(floats(6, 8), constant([1, 1, 4, 1]), floats(4, 8), integers(6, 8), floats(6, 8, dtype=torch.bfloat16))
def index_puts_that_accumulate(x, i, v, n, b):
    return (x.index_put((i,), v, accumulate=True), n.index_put((i,), torch.ones_like(v).long(), accumulate=True),
            b.index_put((torch.arange(4),), v.to(b.dtype), accumulate=True))


@snippet(floats(2, 3, 10, 4), constant([7]), floats(2, 3, 1, 4), floats(3, 4), constant([1, 0]), constant([2, 5]), floats(2, 3, 4))
def index_puts_between_slices(cache, position, update, row, b, s, values):
    a, c = cache.clone(), cache.clone()
    a[:, :, position] = update
    c[b, :, s] = values
    d = cache.clone()
    d[:, 1:, s] += 1
    return a, c, d


@snippet(floats(4, 5), booleans(4, 5), booleans(4), floats(5), floats(30))
def mask_writes(x, m, r, v, s):
    a, b, c = x.clone(), x.clone(), x.clone()
    a[m] = 3
    b[r] = v
    c[r] = 0
    return a, b, c, x.masked_scatter(m, s), x.masked_scatter(r[:, None], s)


@snippet(floats(5, 6), integers(3, 4, low=0, high=5), integers(5, 3, low=0, high=6), floats(5, 6))
def scatters(x, i, j, s):
    i, j = i.argsort(0), j.argsort(1)
    return (x.scatter(0, i, s), x.scatter(1, j, s), x.scatter(1, j, 2.5), x.scatter(-1, j[:2], s),
            x.scatter(0, i, s, reduce="add"), x.scatter(1, j, s, reduce="multiply"))


@snippet(floats(5, 6), integers(7, 6, low=0, high=5), floats(7, 6), integers(5, 6), integers(7, 6))
def scatter_reductions(x, i, s, n, t):
    return (x.scatter_add(0, i, s), n.scatter_add(0, i, t), *(x.scatter_reduce(0, i, s, r) for r in ("sum", "prod", "mean", "amax", "amin")),
            *(x.scatter_reduce(0, i, s, r, include_self=False) for r in ("sum", "prod", "mean", "amax", "amin")),
            *(n.scatter_reduce(0, i, t, r) for r in ("sum", "mean", "amax", "amin")), n.scatter_reduce(0, i, t, "amin", include_self=False))


@snippet(floats(5, 6), constant([3, 0, 3]), floats(3, 6), floats(5, 3), constant([4, 1, 0]), integers(5, 6))
def index_updates(x, i, s, t, j, n):
    return (x.index_add(0, i, s), x.index_add(1, i, t, alpha=2), x.index_copy(0, j, s), x.index_copy(-1, j, t),
            x.index_fill(0, i, -1.5), n.index_fill(1, i, 7), n.index_add(0, i, n[:3], alpha=-1),
            x.index_reduce(0, i, s, "amax"), x.index_reduce(0, i, s, "mean", include_self=False))


@snippet(floats(), constant(0), floats(), floats(0, 4), floats(3, 4))
def updates_of_numbers(x, i, s, e, y):
    return x.scatter(0, i, s), x.index_add(0, i, s), y.index_put((torch.zeros(0, dtype=torch.int64),), e), y.scatter_add(0, i.expand(0, 4), e)


@snippet(floats(40), integers(6, 7, low=0, high=8))
def histograms(x, i):
    return torch.histc(x, 10, -2, 2), torch.histc(i.float(), bins=8, min=0, max=7)


#--- windows, groups, searches ---


@snippet(floats(2, 3, 9, 8), floats(3, 20), floats(2, 12, 30), floats(3, 6, 7))
def windows(x, y, c, u):
    return (F.unfold(x, 3), F.unfold(x, (2, 3), dilation=2, padding=1, stride=(2, 1)), y.unfold(1, 5, 3), x.unfold(2, 3, 2).unfold(3, 2, 2),
            F.fold(c, (6, 7), 2), F.fold(F.unfold(x, 3, padding=1, stride=2), (9, 8), 3, padding=1, stride=2), F.unfold(u, 2))


@snippet(floats(2, 3, 10, 7), floats(2, 3, 11), floats(2, 4, 5, 6, 7), floats(2, 3, 2, 2))
def uneven_adaptive_pools(x, y, z, small):
    return (F.adaptive_avg_pool2d(x, (3, 4)), F.adaptive_max_pool2d(x, 4), F.adaptive_avg_pool1d(y, 4), F.adaptive_avg_pool3d(z, (2, 4, 3)),
            F.adaptive_avg_pool2d(small, 3), F.adaptive_avg_pool2d(x, (5, 3)))


@snippet(constant([1.0, 2.0, 2.0, 5.0]), floats(3, 4), integers(3, 4), constant([0.5, NAN, 9.0]), floats(3, 6))
def searches(boundaries, x, i, n, lines):
    return (torch.bucketize(x, boundaries), torch.bucketize(i, boundaries, right=True, out_int32=True), torch.bucketize(n, boundaries),
            torch.searchsorted(boundaries, i), torch.searchsorted(lines.sort(-1).values, x), torch.searchsorted(lines, x, sorter=lines.argsort(-1)), F.one_hot(i.abs(), 12))


@snippet(floats(9, 5), floats(3, 5, 4), constant([2, 2, 9], dtype=torch.int32))
def grouped_products(x, w, ends):
    import transformers.integrations.moe  # registers the op

    return torch.ops.transformers.grouped_mm_fallback(x, w, ends), torch.ops.transformers.grouped_mm_fallback(x[:, :4], w.transpose(1, 2)[:, :4], ends)


@snippet(floats(40, 48, dtype=torch.bfloat16), constant([7, 7, 8, 40], dtype=torch.int32))
def grouped_products_of_bf16(x, ends):
    import transformers.integrations.moe  # registers the op

    w = torch.cos(torch.arange(4 * 48 * 20, dtype=torch.float32)).reshape(4, 48, 20).bfloat16().to(x.dtype)
    turned = torch.sin(torch.arange(4 * 48 * 30, dtype=torch.float32)).reshape(4, 30, 48).bfloat16().to(x.dtype).transpose(1, 2)
    return torch.ops.transformers.grouped_mm_fallback(x, w, ends), torch.ops.transformers.grouped_mm_fallback(x, turned, ends)


if __name__ == "__main__":
    main()
