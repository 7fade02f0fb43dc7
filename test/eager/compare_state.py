"""Models that keep state, write to their inputs, or return what shares memory, against eager; arguments as in cases.py."""
import copy
import os

import eager  # first: skips where PyTorch is absent
import cases
import tenon
import torch
from cases import case
from tenon.exporting import export, flatten_tensors
from torch import nn

#===--- state ---===


def compiled(folder, module, example, dynamic_shapes=None):
    path = os.path.join(folder, "model.pt2")
    export(copy.deepcopy(module), example, dynamic_shapes=dynamic_shapes, path=path)
    return tenon.load(eager.compile_program(path))


def compare_state(folder, module, calls, dynamic_shapes=None):
    """Runs the same calls in eager and compiled, then again after reset_state: state must persist and be restored."""
    model = compiled(folder, module, calls[0], dynamic_shapes)
    for _ in range(2):
        reference = copy.deepcopy(module)
        for inputs in calls:
            with torch.no_grad():
                expected = flatten_tensors(reference(*inputs))
            for actual, e in zip(model.run_flat(list(inputs)), expected, strict=True):
                torch.testing.assert_close(torch.from_numpy(actual), e)
        model.reset_state()


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
