"""Boxes of detectors: suppression of those that overlap, and pooling of what lies in them; arguments as in cases.py."""
import os
import tempfile

import eager  # first: skips where PyTorch is absent
import cases
import tenon
import torch
import torchvision.ops as ops
from cases import case
from tenon.exporting import export
from torch.export import Dim

nan, inf = float("nan"), float("inf")


def compare(folder, f, first, *others, dynamic_shapes=None):
    """Exports the function `f` for the inputs `first`, and compares it with eager on these and on `others`. A case may do so
    several times: each model has a folder of its own, since a library of the same path is not loaded again."""

    class Function(torch.nn.Module):
        def forward(self, *args):
            return f(*args)

    with tempfile.TemporaryDirectory(dir=folder) as own:
        return eager.compare(Function().eval(), first, {}, own, [(inputs, {}) for inputs in others],
                             dynamic_shapes and (dynamic_shapes,))


def boxes(count, size=20.0, dtype=torch.float32):
    corners = torch.rand(count, 2) * size
    return torch.cat([corners, corners + torch.rand(count, 2) * size / 2], 1).to(dtype)


def scored(count, dtype=torch.float32):
    return boxes(count, dtype=dtype), torch.rand(count, dtype=dtype)


# A program is exported for two boxes that stay at least: PyTorch takes one for a special case.
APART = torch.tensor([[100.0, 100, 101, 101], [200.0, 200, 201, 201]])


def with_apart(inputs):
    return torch.cat([inputs[0], APART.to(inputs[0].dtype)]), torch.cat([inputs[1], torch.tensor([0.5, 0.25], dtype=inputs[1].dtype)])


@case
def suppression(folder):
    for dtype in torch.float32, torch.float64:
        calls = [with_apart(scored(40, dtype)) for _ in range(3)]
        compare(folder, lambda b, s: (ops.nms(b, s, 0.3), ops.nms(b, s, 0.7)), *calls)


@case
def suppression_of_any_number(folder):
    calls = [with_apart(scored(count)) for count in (7, 0, 1, 200)]
    compare(folder, lambda b, s: ops.nms(b, s, 0.4), *calls, dynamic_shapes=({0: Dim("n", min=2, max=1000)},) * 2)


@case
def suppression_at_the_threshold(folder):
    b = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 2, 4, 4], [0, 0, 4, 2.8], [8, 8, 8, 8], [8, 8, 8, 8]])
    equal = torch.ones(6)
    falling = torch.tensor([6.0, 5, 4, 3, 2, 1])
    for threshold in 0.5, 0.7, 0.7000000001, 0.0:
        compare(folder, lambda b, s: ops.nms(b, s, threshold), (b, falling), (b, equal), (b, -falling))


@case
def suppression_of_specials(folder):
    b = torch.tensor([[nan, 0.0, 4, 4], [0, 0, 4, 4], [0, 0, inf, inf], [3, 3, 1, 1], [0, 0, 4, 3.9]])
    compare(folder, lambda b, s: ops.nms(b, s, 0.5), (b, torch.tensor([1.0, 2, 3, 4, 5])), (b, torch.tensor([nan, 2, inf, -inf, 2])))


@case
def suppression_per_class(folder):
    """As detectors do: the best boxes of what is left, by class."""

    def f(b, s, labels):
        kept = ops.batched_nms(b, s, labels, 0.5)
        torch._check(kept.size(0) >= 4)
        best = kept[:4]
        return b[best], s[best], labels[best]

    calls = [(*scored(60), torch.randint(0, 5, (60,))) for _ in range(3)]
    compare(folder, f, *calls)


def image(channels=8, dtype=torch.float32):
    return torch.randn(2, channels, 12, 10, dtype=dtype)


def regions(dtype=torch.float32, size=10.0):
    """Boxes of both images, also ones outside of them, of no size, and of a negative one."""
    odd = torch.tensor([[-8.0, -8, 3, 3], [5, 5, 40, 40], [3, 3, 3, 3], [6, 6, 2, 1], [30, 30, 35, 35]])
    both = torch.cat([boxes(6, size), odd])
    return torch.cat([(torch.arange(len(both)) % 2).float()[:, None], both], 1).to(dtype)


@case
def aligned_regions(folder):
    def f(x, b):
        return [
            ops.roi_align(x, b, size, scale, ratio, aligned) for size, scale, ratio, aligned in
            ((3, 1.0, -1, False), ((2, 4), 0.5, 2, True), (1, 1.5, 3, False), ((7, 5), 0.25, -1, True))
        ]

    for dtype in torch.float32, torch.float64:
        compare(folder, f, (image(dtype=dtype), regions(dtype)), (image(dtype=dtype), regions(dtype, 24.0)))


@case
def aligned_regions_of_half_width(folder):
    def f(x, b):
        return ops.roi_align(x, b, 3, 0.5, 2, True), ops.ps_roi_align(x, b, 2, 1.0, 2)

    compare(folder, f, (image(dtype=torch.float16), regions(torch.float16)))


@case
def aligned_regions_of_specials(folder):
    """A sample outside of the image counts the first pixel times zero."""
    x = image()
    x[:, :, 0, 0] = inf
    x[0, 1, 5, 5] = nan
    compare(folder, lambda x, b: ops.roi_align(x, b, 2, 1.0, 2), (x, regions()))


@case
def greatest_pixels_of_regions(folder):
    def f(x, b):
        return [ops.roi_pool(x, b, size, scale) for size, scale in ((3, 1.0), ((2, 5), 0.5), (1, 1.3))]

    x = image()
    x[0, 0, 2:6] = nan
    x[1, 1] = -inf
    for dtype in torch.float32, torch.float64:
        compare(folder, f, (x.to(dtype), regions(dtype)), (image(dtype=dtype), regions(dtype, 24.0)))


@case
def positional_regions(folder):
    def f(x, b):
        return [ops.ps_roi_align(x, b, 2, 1.0, 2), ops.ps_roi_align(x, b, (1, 4), 0.5), ops.ps_roi_pool(x, b, 2, 1.0),
                ops.ps_roi_pool(x, b, (4, 2), 0.7)]

    for dtype in torch.float32, torch.float64:
        compare(folder, f, (image(16, dtype), regions(dtype)), (image(16, dtype), regions(dtype, 24.0)))


@case
def regions_of_any_number(folder):
    def f(x, b):
        return ops.roi_align(x, b, 3, 0.5, 2), ops.roi_pool(x, b, 2)

    calls = [(image(), regions()[:count]) for count in (5, 2, 11)]
    compare(folder, f, *calls, dynamic_shapes=(None, {0: Dim("n", min=2, max=100)}))


@case
def regions_of_a_view(folder):
    """Channels last, and boxes from a list per image."""

    def f(x, first, second):
        return ops.roi_align(x.permute(0, 3, 1, 2), [first, second], 3, 1.0, 2)

    compare(folder, f, (torch.randn(2, 9, 11, 4), boxes(3), boxes(2)))


@case
def a_box_in_no_image(folder):
    class Pool(torch.nn.Module):
        def forward(self, x, b):
            return ops.roi_align(x, b, 2)

    path = os.path.join(folder, "model.pt2")
    x, b = image(), regions()
    export(Pool().eval(), (x, b), path=path)
    model = eager.load_program(path)
    b[3, 0] = 2
    try:
        model.run_flat([x, b])
    except tenon.TenonError as error:
        assert "box 3 lies in image 2 of 2; number images from 0" in str(error), error
        return
    raise AssertionError("a box in image 2 of 2 was taken")


@case
def a_detector_head(folder):
    """Proposals of scores and offsets, the best of them pooled and classified."""

    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.score = torch.nn.Conv2d(8, 1, 1)
            self.offsets = torch.nn.Conv2d(8, 4, 1)
            self.classify = torch.nn.Linear(8 * 4, 3)

        def forward(self, x):
            s = self.score(x).flatten()
            corners = self.offsets(x)[0].flatten(1).t()
            b = torch.cat([corners[:, :2] * 3 + 4, corners[:, :2] * 3 + 5 + corners[:, 2:].abs() * 4], 1)
            top, order = s.topk(30)
            b = ops.clip_boxes_to_image(b[order], (12, 10))
            kept = ops.nms(b, top, 0.5)
            pooled = ops.roi_align(x, [b[kept]], 2, 1.0, 2)
            return b[kept], self.classify(pooled.flatten(1)).softmax(-1)

    compare_module = Head().eval()
    return eager.compare(compare_module, (image()[:1],), {}, folder, [((image()[:1],), {})])


if __name__ == "__main__":
    cases.main()
