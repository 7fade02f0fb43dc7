"""Windows and resampling against eager: positions of maxima, uneven and fractional pools, bags, filters, grids.

`compare_windows.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import constant, floats, integers, main, snippet  # first: skips where PyTorch is absent
import torch
import torch.nn.functional as F

nan, inf = float("nan"), float("inf")


@snippet(floats(2, 3, 9, 11), integers(2, 3, 9, 11, low=0, high=3))
def max_positions(x, i):
    ties = i.float()
    return [
        F.max_pool2d(t, 3, 2, 1, return_indices=True) for t in (x, ties)
    ] + [
        F.max_pool2d(x, (2, 3), 2, ceil_mode=True, return_indices=True), F.max_pool2d(x, 2, 1, dilation=2, return_indices=True),
        F.max_pool1d(x[0], 4, 2, 1, return_indices=True), F.max_pool3d(x[None], 2, return_indices=True),
    ]


@snippet(constant([[[1.0, nan, 3.0, nan], [-inf, -inf, -inf, -inf], [inf, 5.0, inf, 0.0]]]))
def max_positions_of_specials(x):
    return F.max_pool1d(x, 2, return_indices=True), F.max_pool1d(x, 4, return_indices=True)


@snippet(floats(2, 3, 7, 10))
def adaptive(x):
    return [
        f(x, size, **kw) for size in (1, 3, (2, 5), (7, 1)) for f, kw in
        ((F.adaptive_max_pool2d, {"return_indices": True}), (F.adaptive_avg_pool2d, {}))
    ]


@snippet(floats(2, 3, 9, 9), lambda: torch.rand(2, 3, 2))
def fractional(x, samples):
    return F.fractional_max_pool2d(x, 3, (4, 5), return_indices=True, _random_samples=samples)


@snippet(floats(2, 3, 8, 6))
def unpool(x):
    return F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), F.max_unpool1d(
        *F.max_pool1d(x[0], 2, return_indices=True), 2)


@snippet(floats(2, 3, 9, 7))
def antialiased(x):
    return [
        F.interpolate(x, size=size, mode=mode, antialias=True, align_corners=corners)
        for size in ((4, 3), (5, 14), (9, 2)) for mode in ("bilinear", "bicubic") for corners in (False, True)
    ] + [F.interpolate(x, scale_factor=0.6, mode="bilinear", antialias=True)]


@snippet(constant([[[[1.0, 2.0, inf, 4.0, 5.0, 6.0, nan, 8.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]]]))
def antialiased_specials(x):
    return F.interpolate(x, size=(2, 4), mode="bilinear", antialias=True)


@snippet(floats(2, 3, 5, 7))
def nearest(x):
    return [
        F.interpolate(x, size=size, mode=mode) for size in ((3, 4), (11, 7), (10, 20)) for mode in ("nearest", "nearest-exact")
    ] + [F.interpolate(x[0], scale_factor=1.7, mode="nearest-exact"), F.interpolate(x, scale_factor=0.7, mode="nearest-exact")]


@snippet(floats(2, 2, 3), floats(2, 3, 4), floats(2, 3, 6, 5))
def grids(flat, solid, x):
    return [
        F.affine_grid(t, size, align_corners=corners)
        for t, size in ((flat, (2, 3, 6, 5)), (flat, (2, 1, 1, 4)), (solid, (2, 1, 3, 4, 5))) for corners in (True, False)
    ] + [F.grid_sample(x, F.affine_grid(flat, (2, 3, 4, 4), align_corners=False), mode="bicubic", align_corners=False)]


@snippet(floats(10, 6), integers(9, low=0, high=10), constant([0, 0, 4, 4, 9]), floats(9))
def bags(table, indices, offsets, weights):
    last = torch.cat([offsets, offsets[-1:]])
    return [
        F.embedding_bag(indices, table, offsets, mode=mode, padding_idx=padding)
        for mode in ("sum", "mean", "max") for padding in (None, 3, -1)
    ] + [
        F.embedding_bag(indices, table, offsets, mode="sum", per_sample_weights=weights),
        F.embedding_bag(indices, table, last, mode="mean", include_last_offset=True),
        F.embedding_bag(indices.view(3, 3), table, mode="mean"),
    ]


@snippet(floats(4, 5, dtype=torch.bfloat16), integers(2, 3, low=0, high=4))
def bags_of_half_precision(table, indices):
    return F.embedding_bag(indices, table, mode="sum"), F.embedding_bag(indices, table, mode="max")


if __name__ == "__main__":
    main()
