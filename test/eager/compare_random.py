"""Random numbers, dropout and batch norm in training mode: the same seed gives eager's numbers; arguments as in cases.py."""
import copy

import eager  # first: skips where PyTorch is absent
import cases
import torch
import torch.nn.functional as F
from cases import case
from torch import nn
from torch.export import Dim

SEEDS = (0, 7, 2**40 + 3)


def compare(folder, f, *inputs, others=(), dynamic_shapes=None):
    """Runs `f` twice after each seed, in eager and compiled."""

    class Function(nn.Module):
        def forward(self, *args):
            return f(*args)

    model = eager.compiled(folder, Function(), inputs, dynamic_shapes and (dynamic_shapes,))
    for call in (inputs, *others):
        for seed in SEEDS:
            torch.manual_seed(seed)
            model.seed(seed)
            for _ in range(2):
                expected = eager.flatten_tensors(f(*copy.deepcopy(call)))
                for array, e in zip(model.run_flat(list(call)), expected, strict=True):
                    actual = torch.from_numpy(array)
                    actual = actual.view(torch.bfloat16) if e.dtype == torch.bfloat16 else actual
                    torch.testing.assert_close(actual, e, rtol=1e-5, atol=1e-5)
    model.close()


@case
def uniform_numbers(folder):
    compare(folder, lambda x: (torch.rand(2, 3), torch.rand_like(x), torch.rand(5, dtype=torch.float64), torch.rand(9, dtype=torch.bfloat16),
                               torch.rand(9, dtype=torch.float16), torch.empty(7).uniform_(-2, 5), x.clone().uniform_().t() + 1), torch.randn(3, 4))


@case
def normal_numbers(folder):
    compare(folder, lambda x: (torch.randn(3), torch.randn(16), torch.randn(5, 7), torch.randn(2), torch.randn_like(x),
                               torch.randn(40, dtype=torch.float64), torch.normal(x, x.abs()), torch.empty(33).normal_(2, 3),
                               torch.normal(0.5, x.abs()), torch.normal(x, 0.1)), torch.randn(3, 11))


@case
def normal_numbers_of_half_width(folder):
    compare(folder, lambda x: (torch.randn(5, dtype=torch.bfloat16), torch.randn(32, dtype=torch.float16), torch.randn(3, 13, dtype=torch.bfloat16),
                               torch.empty(40, dtype=torch.float16).normal_(1, 2), torch.randn(2)), torch.randn(3))


@case
def numbers_in_the_order_of_memory(folder):
    """Eager draws for tensors that are not row-major as they lie in memory, and normal numbers one by one."""

    def f(x):
        padded = torch.zeros(5, 9)
        padded[:, 1:8].normal_()
        return (torch.randn_like(x.transpose(0, 1)), torch.rand_like(x.permute(2, 0, 1)), torch.randint_like(x.transpose(0, 1), 50),
                padded, torch.randn_like(x.half().permute(2, 1, 0)).float(), x.clone().transpose(1, 2).normal_(2, 3), torch.randn(20))

    compare(folder, f, torch.randn(4, 6, 5))


@case
def complex_numbers(folder):
    compare(folder, lambda x: tuple(map(torch.view_as_real, (torch.randn(3, dtype=torch.complex64), torch.rand(2, 9, dtype=torch.complex128), torch.randn_like(x)))),
            torch.randn(5, 7, dtype=torch.complex64))


@case
def heavy_tails(folder):
    compare(folder, lambda x: (x.clone().cauchy_(1, 2), x.clone().geometric_(.3)), torch.randn(6, 20))


@case
def integers(folder):
    compare(folder, lambda x: (torch.randint(0, 5, (30,)), torch.randint(-7, 2**40, (5,)), torch.randint(9, (4,), dtype=torch.int32),
                               torch.randint_like(x, 5), torch.randint(2**28, (3,)), torch.randperm(11)), torch.randn(3, 4))


@case
def events(folder):
    compare(folder, lambda x: (torch.bernoulli(x.sigmoid()), torch.empty(3, 40).bernoulli_(0.3), torch.bernoulli(x.double().sigmoid()),
                               x.clone().exponential_(2.5), x.clone().bernoulli_(x.sigmoid())), torch.randn(6, 20))


@case
def draws(folder):
    compare(folder, lambda x: (torch.multinomial(x.softmax(-1), 1), torch.multinomial(x[0].softmax(-1), 4), F.gumbel_softmax(x, hard=True)),
            torch.randn(6, 20))


@case
def dropouts(folder):
    compare(folder, lambda x: (F.dropout(x, 0.3, True), F.dropout(x, 0.0, True), F.dropout(x, 1.0, True), F.dropout(x, 0.5, False),
                               F.alpha_dropout(x, 0.4, True), F.dropout2d(x[None], 0.5, True),
                               F.feature_alpha_dropout(x[None], 0.5, True), F.dropout(x + 0, 0.3, True, inplace=True),
                               F.alpha_dropout(x + 0, 0.4, True, inplace=True)),
            torch.randn(6, 20, 3))


@case
def sizes_that_vary(folder):
    compare(folder, lambda x: (torch.randn_like(x), F.dropout(x, 0.1, True), torch.rand(x.shape[0], 2)), torch.randn(6, 5),
            others=[(torch.randn(2, 5),), (torch.randn(33, 5),)], dynamic_shapes=({0: Dim("rows", min=1, max=64)},))


@case
def numbers_nobody_reads_are_drawn(folder):
    def f(x):
        torch.rand(3)
        return x + torch.rand(4)

    compare(folder, f, torch.randn(4))


@case
def equal_draws_are_not_merged(folder):
    compare(folder, lambda x: (torch.rand(8) - torch.rand(8), sum(torch.randn(5) for _ in range(3)) + x), torch.randn(5))


@case
def draws_in_a_loop(folder):
    def f(x):
        def body(i, x):
            return i + 1, x + torch.rand_like(x)

        return torch._higher_order_ops.while_loop(lambda i, x: i < 4, body, (torch.tensor(0), x))

    compare(folder, f, torch.randn(5))


@case
def a_reset_returns_to_the_seed(folder):
    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.randn(4)

    model = eager.compiled(folder, Noise(), (torch.zeros(4),))
    run = lambda: torch.from_numpy(model.run_flat([torch.zeros(4)])[0])
    model.seed(5)
    first, second = run(), run()
    model.reset_state()
    assert torch.equal(first, run()) and torch.equal(second, run()) and not torch.equal(first, second)


@case
def batch_norm_in_training_mode(folder):
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, momentum=0.3)

        def forward(self, x):
            return self.norm(self.conv(x)), self.norm.running_mean + 0, self.norm.running_var + 0

    eager.compare_state(folder, Norm().train(), [(torch.randn(2, 3, 6, 6) * 3 + 1,) for _ in range(3)])


@case
def embeddings_of_bounded_norm(folder):
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 6, max_norm=1.5)

        def forward(self, i):
            return self.table(i), self.table.weight.norm(dim=1)

    eager.compare_state(folder, Table(), [(torch.tensor([[1, 2, 2], [9, 0, 1]]),), (torch.tensor([[3, 3, 4], [9, 0, 1]]),)])


if __name__ == "__main__":
    cases.main()
