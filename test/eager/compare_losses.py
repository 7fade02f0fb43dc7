"""Losses and distances against eager: every reduction, weights, ignored classes, probabilities, NaN, empty tensors.

`compare_losses.py [NAME...]` runs all, or those whose name contains a given text.
"""
from snippets import constant, floats, integers, main, snippet  # first: skips where PyTorch is absent
import torch
import torch.nn.functional as F

REDUCTIONS = ("none", "mean", "sum")


def positive(*shape):
    return lambda: torch.rand(shape) * 0.8 + 0.1


@snippet(floats(4, 9), floats(4, 9), floats(9))
def pairs(x, y, z):
    return [f(x, t, reduction=r) for r in REDUCTIONS for t in (y, z.expand(4, 9)) for f in (F.mse_loss, F.l1_loss)]


@snippet(floats(4, 9), floats(4, 9))
def robust_pairs(x, y):
    return [
        f(x, y, reduction=r, **{name: value})
        for r in REDUCTIONS for f, name, values in
        ((F.smooth_l1_loss, "beta", (1.0, 0.3)), (F.huber_loss, "delta", (1.0, 0.3))) for value in values
    ]


@snippet(positive(4, 9), positive(4, 9), positive(9))
def binary(x, y, w):
    return [F.binary_cross_entropy(x, y, w if weighted else None, reduction=r) for r in REDUCTIONS for weighted in (0, 1)]


@snippet(constant([0.0, 1.0, 0.0, 1.0]), constant([0.0, 1.0, 1.0, 0.0]))
def binary_of_certainties(x, y):
    return F.binary_cross_entropy(x, y, reduction="none")


@snippet(floats(4, 9), positive(4, 9), positive(9), positive(9))
def binary_of_logits(x, y, w, p):
    return [
        F.binary_cross_entropy_with_logits(x * 30, y, weight, reduction=r, pos_weight=pos)
        for r in REDUCTIONS for weight in (None, w) for pos in (None, p)
    ]


@snippet(floats(4, 9), positive(4, 9))
def divergence(x, y):
    zero = y * (y > 0.3)
    return [F.kl_div(x, zero, reduction=r) for r in REDUCTIONS] + [F.kl_div(x, y.log(), log_target=True, reduction="sum")]


@snippet(floats(4, 9), integers(4, 9, low=0, high=5))
def poisson(x, counts):
    c = counts.float()
    return [
        F.poisson_nll_loss(x if log else x.abs(), c, log_input=log, full=full, reduction=r)
        for r in REDUCTIONS for log in (True, False) for full in (True, False)
    ]


@snippet(floats(4, 9), floats(4, 9), integers(4, 9, low=-1, high=2))
def margins(x, y, sign):
    s = sign.float()
    return [
        loss for r in REDUCTIONS for loss in (
            F.hinge_embedding_loss(x, s, margin=0.5, reduction=r), F.soft_margin_loss(x, s, reduction=r),
            F.margin_ranking_loss(x, y, s, margin=0.2, reduction=r),
        )
    ]


@snippet(floats(6, 5), integers(6, low=0, high=5), positive(5))
def classes(x, y, w):
    y = torch.where(y == 2, -100, y)
    scores = x.log_softmax(1)
    return [
        loss for r in REDUCTIONS for weight in (None, w) for loss in (
            F.nll_loss(scores, y, weight, reduction=r), F.cross_entropy(x, y, weight, reduction=r),
            F.cross_entropy(x, y, weight, reduction=r, label_smoothing=0.2),
            F.cross_entropy(x, x.softmax(1), weight, reduction=r, label_smoothing=0.1),
            F.multi_margin_loss(x, y.clamp(min=0), weight=weight, reduction=r, p=2, margin=0.7),
        )
    ]


@snippet(floats(2, 5, 3, 4), integers(2, 3, 4, low=0, high=5), positive(5))
def classes_of_images(x, y, w):
    return [
        loss for r in REDUCTIONS for loss in (
            F.cross_entropy(x, y, w, reduction=r, ignore_index=3), F.nll_loss(x, y, reduction=r),
            F.cross_entropy(x, x.softmax(1), reduction=r),
        )
    ]


@snippet(floats(5), constant(3))
def one_row(x, y):
    return F.cross_entropy(x, y), F.nll_loss(x, y), F.multi_margin_loss(x, y)


@snippet(floats(3, 4), constant([-100, -100, -100]))
def all_ignored(x, y):
    return F.cross_entropy(x, y), F.cross_entropy(x, y, reduction="sum")


@snippet(floats(0, 4), floats(0, 4))
def empty(x, y):
    return F.mse_loss(x, y), F.l1_loss(x, y, reduction="sum"), F.smooth_l1_loss(x, y, reduction="none")


@snippet(constant([1.0, float("nan"), float("inf"), -0.0]), constant([1.0, 2.0, 3.0, 0.0]))
def not_a_number(x, y):
    return F.mse_loss(x, y, reduction="none"), F.huber_loss(x, y, reduction="none"), F.hinge_embedding_loss(x, y, reduction="none")


@snippet(floats(4, 7, dtype=torch.bfloat16), floats(4, 7, dtype=torch.bfloat16), integers(4, low=0, high=7))
def half_precision(x, y, c):
    return F.mse_loss(x, y), F.l1_loss(x, y, reduction="none"), F.cross_entropy(x, c)


@snippet(floats(3, 6, 8), floats(3, 5, 8), floats(6, 8), floats(8))
def distances(x, y, z, v):
    return [torch.cdist(x, y, p) for p in (0.0, 1.0, 2.0, 3.5, float("inf"))] + [
        torch.cdist(x, z), torch.dist(z, v.expand(6, 8), 1.5), F.pairwise_distance(x, x.flip(1)),
        F.pairwise_distance(z, v, p=1, keepdim=True),
    ]


@snippet(floats(3, 6, 8), floats(3, 6, 8), floats(8))
def similarities(x, y, v):
    return F.cosine_similarity(x, y), F.cosine_similarity(x, y, -1), F.cosine_similarity(x, v, 2), F.cosine_similarity(x * 0, y, 2)


@snippet(floats(4, 8), floats(4, 8), floats(4, 8), constant([1.0, -1.0, 1.0, -1.0]))
def triplets(a, b, c, sign):
    return [
        loss for r in REDUCTIONS for loss in (
            F.triplet_margin_loss(a, b, c, reduction=r), F.triplet_margin_loss(a, b, c, p=1, swap=True, reduction=r),
            F.cosine_embedding_loss(a, b, sign, margin=0.1, reduction=r),
        )
    ]


@snippet(floats(3, 4, 5))
def norms_of_orders(x):
    return [x.norm(p, dim) for p in (0, 1, 2, 3, 0.5, float("inf"), float("-inf")) for dim in (1, (0, 2))]


if __name__ == "__main__":
    main()
