"""Models that keep state, write to their inputs, or return what shares memory, against eager; arguments as in cases.py."""
import copy
import os

import eager  # first: skips where PyTorch is absent
import cases
import tenon
import torch
from cases import case, case_on_host
from eager import compare_state, compiled
from tenon.exporting import export, flatten_tensors
from torch import nn

#===--- state ---===


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.tensor(3, dtype=torch.int64))
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x):
        self.count += 1
        before = self.total.clone()
        self.total.add_(x)
        return self.count * 2, before, self.total - x


@case
def counter(folder):
    compare_state(folder, Counter().eval(), [(torch.randn(4),) for _ in range(3)])


class Cache(nn.Module):
    """Keys of the positions seen so far, in one buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(2, 8, 4))

    def forward(self, position, key):
        self.keys.index_copy_(1, position, key)
        return self.keys.sum(1), self.keys[:, 2:5] * 2


@case
def cache_by_index_copy(folder):
    compare_state(folder, Cache().eval(), [(torch.tensor([p]), torch.randn(2, 1, 4)) for p in (0, 3, 7)])


class SliceCache(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(2, 8, 4))

    def forward(self, key):
        self.keys[:, 1:3] = key
        return self.keys * 1.5


@case
def cache_by_slice(folder):
    compare_state(folder, SliceCache().eval(), [(torch.randn(2, 2, 4),) for _ in range(3)])


class Scaled(nn.Module):
    """A running value that a kernel updates where it lies, and one that is replaced as a whole."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.ones(33, 7))
        self.register_buffer("latest", torch.zeros(33, 7))

    def forward(self, x):
        change = x - self.latest
        self.total.mul_(1.5).add_(change)
        self.latest.copy_(x)
        return self.total.sum(), change


@case
def updates_by_kernels(folder):
    compare_state(folder, Scaled().eval(), [(torch.randn(33, 7),) for _ in range(4)])


class Swapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("a", torch.arange(5.0))
        self.register_buffer("b", torch.arange(5.0) * 10)

    def forward(self, x):
        a = self.a.clone()
        self.a.copy_(self.b)
        self.b.copy_(a + x)
        return self.a - self.b


@case
def swapped_state(folder):
    compare_state(folder, Swapped().eval(), [(torch.randn(5),) for _ in range(4)])


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("square", torch.arange(16.0).reshape(4, 4))

    def forward(self, x):
        self.square.copy_(self.square.t() + x)
        return self.square + 0.5


@case
def transposed_state(folder):
    compare_state(folder, Transposed().eval(), [(torch.randn(4, 4),) for _ in range(3)])


#===--- inputs that the model writes to, and what shares memory ---===


def check_call(model, module, inputs):
    """Outputs agree, and so do the inputs after the call: torch tensors of any strides, changed in place."""
    expected_inputs = [i.clone() if isinstance(i, torch.Tensor) else i for i in inputs]
    expected = flatten_tensors(copy.deepcopy(module)(*expected_inputs))
    for actual, e in zip(model.run_flat(list(inputs)), expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(actual), e)
    for given, e in zip(inputs, expected_inputs, strict=True):
        torch.testing.assert_close(given, e)


class ReshapesACopy(nn.Module):
    """Flattening a transposed tensor copies it, flattening a contiguous one does not; moved dimensions merge only where they lie together."""

    def forward(self, x, y):
        rows, columns = x.reshape(-1), x.t().reshape(-1)
        rows += 1
        columns += 10
        moved = y.movedim(0, 2).flatten(1)
        moved[0] = 1
        y.flatten(1)[0] = 2
        return x, rows, columns, y, moved


@case
def reshapes_that_copy(folder):
    inputs = [torch.randn(3, 4), torch.randn(2, 3, 4)]
    check_call(compiled(folder, ReshapesACopy(), tuple(i.clone() for i in inputs)), ReshapesACopy(), inputs)


class WritesWindows(nn.Module):
    def forward(self, x):
        x.unfold(0, 2, 1).mul_(3)
        return x


@case
def writes_to_windows_are_refused(folder):
    try:
        compiled(folder, WritesWindows(), (torch.randn(6),))
    except eager.Unsupported as error:
        assert "writes to a view that may show an element more than once" in str(error), error
        return
    raise AssertionError("it was compiled")


class WritesInputs(nn.Module):
    def forward(self, x, y, position):
        x.mul_(2).add_(y)
        y[:, 1:3] = x[:, :2]
        return x - y, position + 1


@case
def mutated_inputs(folder):
    module = WritesInputs().eval()
    inputs = torch.randn(3, 5), torch.randn(3, 5), torch.tensor([4])
    model = compiled(folder, module, copy.deepcopy(inputs))
    check_call(model, module, inputs)
    check_call(model, module, inputs)  # the tensors as the first run left them
    strided = torch.randn(5, 3).t(), torch.randn(3, 10)[:, ::2], torch.tensor([4])
    check_call(model, module, strided)


@case_on_host
def mutated_inputs_by_position(folder):
    model = compiled(folder, WritesInputs().eval(), (torch.randn(3, 5), torch.randn(3, 5), torch.tensor([4])))
    assert list(model._info.mutated_inputs[: model._info.num_mutated_inputs]) == [0, 1]


@case_on_host
def mutated_inputs_of_numpy(folder):
    class Doubles(nn.Module):
        def forward(self, x):
            x.mul_(2)
            return x.sum()

    model = compiled(folder, Doubles().eval(), (torch.ones(4),))
    array = torch.arange(4.0).numpy().copy()
    model.run_flat([array])
    assert array.tolist() == [0, 2, 4, 6], array
    frozen = array.copy()
    frozen.flags.writeable = False
    for refused, text in ((frozen, "no writable array"), (torch.ones(1).expand(4), None)):
        try:
            model.run_flat([refused])
        except tenon.TenonError as error:
            assert text is None or text in str(error), error
        except RuntimeError:  # PyTorch's own: the expanded tensor
            assert text is None
        else:
            raise AssertionError("it was accepted")


@case
def mutated_input_of_dynamic_size(folder):
    class Decays(nn.Module):
        def forward(self, x, rate):
            x.mul_(rate)
            return x.sum(0)

    module = Decays().eval()
    rows = torch.export.Dim("rows", min=2, max=32)
    model = compiled(folder, module, (torch.randn(4, 3), torch.tensor(0.5)), ({0: rows}, None))
    for n in (4, 2, 17):
        check_call(model, module, (torch.randn(n, 3), torch.tensor(0.25)))


class Aliases(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(12.0).reshape(3, 4))

    def forward(self, x):
        y = x + 1
        return x, x.t(), x[1:], y, y, y.view(-1), self.table, self.table[0], x.expand(2, 3, 4)


@case
def outputs_that_share_memory(folder):
    module = Aliases().eval()
    model = compiled(folder, module, (torch.randn(3, 4),))
    check_call(model, module, (torch.randn(3, 4),))


class Tied(nn.Module):
    """Two names of one buffer, one of which is written."""

    def __init__(self):
        super().__init__()
        shared = torch.zeros(4)
        self.register_buffer("first", shared)
        self.register_buffer("second", shared)

    def forward(self, x):
        self.first.add_(x)
        return self.second * 2


@case
def one_buffer_with_two_names(folder):
    compare_state(folder, Tied().eval(), [(torch.randn(4),) for _ in range(3)])


class Overlapping(nn.Module):
    def __init__(self):
        super().__init__()
        whole = torch.zeros(6)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[1:3])

    def forward(self, x):
        self.part.add_(x)
        return self.whole * 2


@case
def overlapping_buffers(folder):
    """A part of a buffer under a name of its own: right, or refused, but never wrong."""
    try:
        compare_state(folder, Overlapping().eval(), [(torch.randn(2),) for _ in range(2)])
    except eager.Unsupported as error:
        assert "shares memory" in str(error), error


@case_on_host
def constant_inputs(folder):
    class Scaled(nn.Module):
        def forward(self, x, factor, mode, mask=None):
            return x * factor + (1 if mode == "up" else 0)

    path = os.path.join(folder, "model.pt2")
    export(Scaled().eval(), (torch.ones(3), 2.5, "up", None), path=path)
    model = eager.load_program(path)
    torch.testing.assert_close(model(torch.ones(3), 2.5, "up", None), torch.full((3,), 3.5))
    for wrong in ((3.5, "up", None), (2.5, "down", None), (2.5, "up", torch.ones(3))):
        try:
            model(torch.ones(3), *wrong)
        except tenon.TenonError as error:
            assert "was exported with" in str(error), error
        else:
            raise AssertionError(f"{wrong} was accepted")


#===--- values that the run computes ---===


def refused(model, inputs, *parts):
    try:
        model.run_flat(list(inputs))
    except tenon.TenonError as error:
        for part in parts:
            assert part in str(error), f"{error}: does not say {part!r}"
        return
    raise AssertionError(f"{inputs} was accepted")


@case
def indices_out_of_range(folder):
    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(7, 4)

        def forward(self, i, x):
            return self.table(i), x[i]

    module, x = Looks().eval(), torch.randn(9, 2)
    model = compiled(folder, module, (torch.tensor([1, 2]), x))
    refused(model, (torch.tensor([1, 7]), x), "embedding", "index 7", "size 7")


@case
def negative_indices_that_wrap(folder):
    class Picks(nn.Module):
        def forward(self, i, x):
            return x[i]

    x = torch.randn(9, 2)
    model = compiled(folder, Picks().eval(), (torch.tensor([1, 2]), x))
    check_call(model, Picks(), (torch.tensor([-9, -1]), x))
    refused(model, (torch.tensor([-10, 0]), x), "index -10", "size 9")


@case
def item_with_checks(folder):
    class Repeats(nn.Module):
        def forward(self, x, n):
            count = n.item()
            torch._check(count >= 2)
            torch._check(count <= 6)
            return x * count + x.new_full((3,), 1.0)

    module = Repeats().eval()
    model = compiled(folder, module, (torch.randn(3), torch.tensor(4)))
    check_call(model, module, (torch.randn(3), torch.tensor(6)))
    refused(model, (torch.randn(3), torch.tensor(7)), "7")
    refused(model, (torch.randn(3), torch.tensor(1)), "1")


#===--- decoding ---===

STEPS = 16


def check_decoding(name):
    def run(folder):
        import zoo

        example = zoo.build(f"hf_decode/{name}", tiny=True)
        tokens, _ = example.args
        steps = [(torch.randint(0, int(tokens.max()) + 1, tokens.shape), torch.tensor([i])) for i in range(STEPS)]
        model = compiled(folder, example.module, example.args)
        double = eager.to_double_module(example.module)
        for _ in range(2):  # again after reset_state
            reference, exact_reference = copy.deepcopy(example.module), copy.deepcopy(double)
            for step, inputs in enumerate(steps):
                with torch.no_grad():
                    expected = flatten_tensors(reference(*inputs))
                    exact = flatten_tensors(exact_reference(*eager.to_double(inputs)))
                for i, (array, e, x) in enumerate(zip(model.run_flat(list(inputs)), expected, exact, strict=True)):
                    eager.check(f"step {step}, output {i}", torch.from_numpy(array), e, x)
            model.reset_state()

    cases.CASES[f"decoding_{name}"] = run


for _name in ("gpt2", "llama", "qwen3", "gemma3"):
    check_decoding(_name)


if __name__ == "__main__":
    cases.main()
