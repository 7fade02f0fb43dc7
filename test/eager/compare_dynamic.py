"""Models whose sizes vary, and wrong sizes, against eager; arguments as in cases.py."""
import os

import eager  # first: skips where PyTorch is absent
import cases
import models
import tenon
import torch
import torch.nn.functional as F
from cases import case
from tenon.exporting import export, flatten_tensors
from torch import nn
from torch.export import Dim

def module_of(f):
    class Function(nn.Module):
        def forward(self, *args):
            return f(*args)

    return Function().eval()


def compare_sizes(folder, f, make, dynamic_shapes, sizes):
    """Exports `f` (a module, or a function of tensors) at sizes[0] and compares at all; `make(*size)` gives the inputs."""
    module = f.eval() if isinstance(f, nn.Module) else module_of(f)
    if not isinstance(f, nn.Module):
        dynamic_shapes = (dynamic_shapes,)  # of *args
    first, *others = [make(*size) for size in sizes]
    eager.compare(module, first, {}, folder, [(inputs, {}) for inputs in others], dynamic_shapes)


#===--- sizes ---===


@case
def pointwise_and_softmax(folder):
    rows, columns = Dim("rows", max=512), Dim("columns", max=512)
    compare_sizes(folder, lambda x, y: (F.softmax(x * y + 1, -1), (x + y).sum(0), x.amax(1, keepdim=True)),
                  lambda r, c: (torch.randn(r, c), torch.randn(c)), ({0: rows, 1: columns}, {0: columns}),
                  [(4, 8), (2, 2), (7, 13), (1, 5), (130, 67)])


@case
def fourier_transforms(folder):
    f = torch.fft

    def transforms(x, y):
        spectra = f.fft(x), f.rfft(x), f.ifft(f.fft(y, dim=1)), f.fft2(y, norm="ortho"), f.fftshift(f.fft(x))
        return (*(torch.view_as_real(z) for z in spectra), f.irfft(f.rfft(x)), f.irfft(f.rfft(x), norm="forward"),
                f.ifftshift(x), f.hfft(f.ihfft(x)))

    compare_sizes(folder, transforms, lambda n: (torch.randn(3, 2 * n), torch.randn(2, n, 5)),
                  ({1: 2 * Dim("n", min=2, max=200)}, {1: Dim("n", min=2, max=200)}), [(10,), (2,), (7,), (64,), (150,)])


@case
def short_time_fourier_transform_and_back(folder):
    def there_and_back(x):
        window = torch.hann_window(16)
        spectra = torch.stft(x, 16, hop_length=4, window=window, return_complex=True)
        return torch.istft(spectra * 2, 16, hop_length=4, window=window)

    compare_sizes(folder, there_and_back, lambda n: (torch.randn(2, 4 * n),), ({1: 4 * Dim("n", min=8, max=500)},),
                  [(20,), (8,), (77,)])



@case
def sizes_as_values(folder):
    batch = Dim("batch", max=64)
    compare_sizes(folder, lambda x: (x / x.shape[0], torch.arange(x.shape[0]), torch.full((2, x.shape[0]), x.shape[0] + 1),
                                     x.mean(0), torch.arange(x.shape[0]).sum(), (torch.arange(x.shape[0]) * 2.5).amax(0) + x),
                  lambda b: (torch.randn(b, 6),), ({0: batch},), [(4,), (2,), (9,), (64,)])


@case
def size_as_output(folder):
    batch = Dim("batch", max=64)

    class Counts(nn.Module):
        def forward(self, x):
            return x + 1, x.shape[0] * 2

    path = os.path.join(folder, "model.pt2")
    export(Counts().eval(), (torch.randn(4, 3),), dynamic_shapes=({0: batch},), path=path)
    model = eager.load_program(path)
    for b in (4, 2, 11):
        assert int(model.run_flat([torch.randn(b, 3)])[1]) == 2 * b


@case
def reshapes(folder):
    batch, sequence = Dim("batch", max=16), Dim("sequence", min=3, max=64)
    compare_sizes(folder, lambda x: (x.reshape(x.shape[0], x.shape[1], 4, 3).transpose(1, 2),
                                     x.flatten(0, 1), x.permute(2, 0, 1).reshape(12, -1), x[:, 1:], x[:, -1]),
                  lambda b, s: (torch.randn(b, s, 12),), ({0: batch, 1: sequence},), [(2, 5), (3, 3), (1, 8), (16, 33)])


@case
def attention_block(folder):
    batch, sequence = Dim("batch", max=16), Dim("sequence", max=64)
    torch.manual_seed(3)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, dropout=0.0)
    compare_sizes(folder, module_with(layer, lambda m, x: m(x)), lambda b, s: (torch.randn(b, s, 32),),
                  ({0: batch, 1: sequence},), [(2, 6), (3, 2), (5, 17), (2, 64)])


def module_with(inner, f):
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return f(self.inner, x)

    return Wrapper().eval()


@case
def image_size(folder):
    height, width = Dim("height", min=10, max=128), Dim("width", min=10, max=128)
    torch.manual_seed(4)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(8, 4, 3, stride=2),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    compare_sizes(folder, module_with(net, lambda m, x: m(x)), lambda b, h, w: (torch.randn(b, 3, h, w),),
                  ({0: Dim("batch", max=8), 2: height, 3: width},), [(2, 16, 24), (3, 10, 11), (8, 33, 65)])


@case
def interpolation(folder):
    height, width = Dim("height", min=4, max=64), Dim("width", min=4, max=64)

    def f(x, like):
        size = like.shape[-2:]
        modes = [("nearest", None), ("bilinear", False), ("bilinear", True), ("bicubic", False), ("bicubic", True)]
        return [F.interpolate(x, size=s, mode=m, align_corners=c) for s in (size, (5, 9)) for m, c in modes] + [
            F.interpolate(x, scale_factor=2.0, mode="bilinear"), F.interpolate(x, scale_factor=0.6, mode="nearest-exact")]

    compare_sizes(folder, f, lambda h, w, *out: (torch.randn(2, 3, h, w), torch.randn(1, *out)),
                  ({2: height, 3: width}, {1: Dim("rows", min=2, max=64), 2: Dim("columns", min=2, max=64)}),
                  [(6, 8, 12, 7), (4, 4, 3, 5), (13, 7, 2, 31), (33, 40, 64, 10)])


@case
def antialiased_interpolation(folder):
    def f(x, like):
        return [F.interpolate(x, size=size, mode=mode, antialias=True, align_corners=corners)
                for size in (like.shape[-2:], (5, x.shape[-1])) for mode in ("bilinear", "bicubic") for corners in (False, True)]

    compare_sizes(folder, f, lambda h, w, *out: (torch.randn(2, 3, h, w), torch.randn(1, *out)),
                  ({2: Dim("height", min=2, max=64), 3: Dim("width", min=2, max=64)},
                   {1: Dim("rows", min=2, max=64), 2: Dim("columns", min=2, max=64)}),
                  [(6, 8, 12, 7), (2, 2, 3, 5), (13, 37, 2, 31), (33, 40, 33, 10)])


@case
def padding_by_sizes(folder):
    """To the next multiple, by amounts of either sign, and by other values than zero."""

    def f(x, like):
        n = x.shape[1]
        missing, difference = -n % 4, like.shape[0] - n
        return (F.pad(x, (0, 0, 0, missing)).reshape(x.shape[0], -1, 4, 3), F.pad(x, (1, -1, 2, difference - 2), value=7.0),
                F.pad(x, (0, 0, missing, 0), mode="replicate"), F.pad(x, (0, 0, missing, 1), mode="reflect"))

    compare_sizes(folder, f, lambda n, m: (torch.randn(2, n, 3), torch.randn(m)),
                  ({1: Dim.DYNAMIC}, {0: Dim.DYNAMIC}), [(6, 9), (5, 4), (16, 5), (23, 64)])


@case
def size_that_only_one_operand_knows(folder):
    """The sizes of chunks, 4, are known where a constant of that size meets them."""

    def f(x):
        padded = F.pad(x, (0, -x.shape[1] % 4))
        chunks = padded.shape[1] // 4
        y = padded.reshape(x.shape[0], chunks, padded.shape[1] // chunks)
        difference = (y.unsqueeze(-1) - y.unsqueeze(-2)).tril().exp()
        return difference.masked_fill(torch.ones(4, 4, dtype=torch.bool).triu(), 0), difference @ y.unsqueeze(-1)

    compare_sizes(folder, f, lambda b, n: (torch.randn(b, n),), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},), [(2, 10), (3, 8), (2, 5), (5, 33)])


@case
def rows_of_one_number(folder):
    """Norms of tensors that hold one number, which leave the model as they are too."""

    def f(x):
        zeros, ones = torch.zeros_like(x), torch.full_like(x, 1.5)
        norm = F.layer_norm(zeros, (16,), eps=1e-5)
        return zeros, norm, norm + x, F.softmax(ones, -1) + x, ones

    compare_sizes(folder, f, lambda b: (torch.randn(b, 10, 16),), ({0: Dim("b", max=32)},), [(4,), (2,), (7,)])


@case
def sizes_by_way_of_reals(folder):
    """Truncated products, roots and quotients of real numbers, and the guards that come of them; -2 and -2.0 are two."""

    def f(x):
        n = x.shape[0]
        return (x[: torch.sym_int(n * 0.7)] * 2, x[: torch.sym_int(torch.sym_sqrt(n))] + 1, torch.arange(n, -n, -2),
                x[: n - 2], torch.arange(0, n, 0.5), x[: torch.sym_min(torch.sym_int(n / 3), 4)] - 1, x * (n / 7))

    compare_sizes(folder, f, lambda n: (torch.randn(n, 3),), ({0: Dim.DYNAMIC},), [(12,), (6,), (9,), (65,)])


@case
def size_that_is_always_one(folder):
    """A slice from max(0, 1 - n) on of one element: its size, 1 - max(0, 1 - n), is one for every n."""

    def f(x, bias):
        start = torch.sym_max(0, bias.shape[0] - x.shape[1])
        return x + bias[start:, None]

    compare_sizes(folder, f, lambda n: (torch.randn(3, n), torch.randn(1)), ({1: Dim("n", min=2, max=64)}, None), [(5,), (2,), (64,)])


@case
def concatenation(folder):
    a, b = Dim("a", max=32), Dim("b", max=32)
    compare_sizes(folder, lambda x, y: (torch.cat([x * 2, y + 1]), torch.cat([x, y, x]).relu()),
                  lambda m, n: (torch.randn(m, 4), torch.randn(n, 4)), ({0: a}, {0: b}), [(3, 5), (2, 2), (17, 9)])


@case
def derived_sizes(folder):
    half = Dim("half", min=2, max=32)
    compare_sizes(folder, lambda x, y: (x[: y.shape[0]] + y, x.reshape(y.shape[0], 2, 3) - 1),
                  lambda h: (torch.randn(2 * h, 3), torch.randn(h, 3)), ({0: 2 * half}, {0: half}), [(4,), (2,), (31,)])


def check_model(name):
    def run(folder):
        module, args, kwargs = models.build(name, tiny=True)
        others = [models.example_inputs(name, size) for size in models.dynamic_sizes(name)]
        worst = eager.compare(module, args, kwargs, folder, others, models.dynamic_shapes(name))
        print(f"  {name}: {len(others) + 1} sizes, error against f64 {worst:.2e}")

    cases.CASES[f"model_{name}"] = run


for name in models.MODELS:
    check_model(name)


#===--- guards ---===


def expect_error(model, inputs, *parts):
    try:
        model.run_flat(inputs)
    except tenon.TenonError as error:
        for part in parts:
            assert part in str(error), f"{error}: does not say {part!r}"
        return
    raise AssertionError(f"sizes {[list(i.shape) for i in inputs]} were accepted; {parts} was expected")


@case
def wrong_sizes(folder):
    rows = Dim("rows", min=2, max=10)
    path = os.path.join(folder, "model.pt2")
    export(module_of(lambda x, y: x.reshape(-1, 4) + y.sum()), (torch.randn(4, 8), torch.randn(4)),
           dynamic_shapes=(({0: rows, 1: 4 * Dim("quarter", min=2, max=16)}, {0: rows}),), path=path)
    model = eager.load_program(path)
    expect_error(model, [torch.randn(11, 8), torch.randn(11)], "has size 11 in dimension 0", "at most 10")
    expect_error(model, [torch.randn(1, 8), torch.randn(1)], "has size 1 in dimension 0", "at least 2")
    expect_error(model, [torch.randn(4, 8), torch.randn(5)], "has size 5 in dimension 0", "= 4")
    expect_error(model, [torch.randn(4, 10), torch.randn(4)], "has size 10 in dimension 1")
    x, y = torch.randn(3, 12), torch.randn(3)
    torch.testing.assert_close(torch.from_numpy(model.run_flat([x, y])[0]), x.reshape(-1, 4) + y.sum())


@case
def wrong_sizes_of_a_scalar(folder):
    path = os.path.join(folder, "model.pt2")
    export(module_of(lambda x: x.sum()), (torch.randn(4),), dynamic_shapes=(({0: Dim("n", min=2, max=9)},),), path=path)
    model = eager.load_program(path)
    expect_error(model, [torch.randn(10)], "has size 10 in dimension 0", "at most 9")


if __name__ == "__main__":
    cases.main()
