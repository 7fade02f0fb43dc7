"""Branches, loops and regions of torch's higher-order ops, against eager; arguments as in cases.py."""
import eager  # first: skips where PyTorch is absent
import cases
import torch
from cases import case
from eager import compare_state
from torch import nn
from torch._higher_order_ops import map as map_rows, scan, while_loop
from torch.export import Dim


def module_of(f):
    class Function(nn.Module):
        def forward(self, *args):
            return f(*args)

    return Function().eval()


def compare(folder, f, *calls, dynamic_shapes=None):
    """Exports `f` (a module, or a function of tensors) for the first of `calls` (tuples of inputs) and compares all."""
    if not isinstance(f, nn.Module):
        f, dynamic_shapes = module_of(f), dynamic_shapes and (dynamic_shapes,)
    first, *others = calls
    eager.compare(f, first, {}, folder, [(inputs, {}) for inputs in others], dynamic_shapes)


#===--- cond ---===


@case
def cond_on_a_tensor(folder):
    def f(x, y):
        return torch.cond(x.sum() > 0, lambda x, y: (x + y, x * 2), lambda x, y: (x - y, y.exp()), (x, y))

    x, y = torch.randn(4, 5), torch.randn(4, 5)
    compare(folder, f, (x.abs(), y), (-x.abs(), y))


@case
def cond_with_layers(folder):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.small, self.large = nn.Linear(8, 4), nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))

        def forward(self, x, use_large):
            return torch.cond(use_large, self.large, self.small, (x,)).softmax(-1)

    x = torch.randn(3, 8)
    compare(folder, Gated().eval(), (x, torch.tensor(True)), (x, torch.tensor(False)))


@case
def cond_within_cond(folder):
    def inner(x):
        return torch.cond(x.max() > 1, lambda x: x - 1, lambda x: x + 1, (x,))

    def f(x):
        return torch.cond(x.sum() > 0, inner, lambda x: x * 3, (x,))

    compare(folder, f, (torch.full((3,), 2.0),), (torch.full((3,), 0.5),), (torch.full((3,), -1.0),))


@case
def cond_on_a_size(folder):
    def f(x):
        return torch.cond(x.shape[0] > 4, lambda x: x.cos() + x.shape[0], lambda x: x.sin(), (x,))

    compare(folder, f, (torch.randn(6, 3),), (torch.randn(3, 3),), (torch.randn(9, 3),),
            dynamic_shapes=({0: Dim("rows", min=2, max=16)},))


@case
def cond_returns_operands(folder):
    def f(x, y):
        return torch.cond(x.sum() > y.sum(), lambda x, y: x.clone(), lambda x, y: y.clone(), (x, y))

    a, b = torch.ones(3), torch.zeros(3)
    compare(folder, f, (a, b), (b, a))


@case
def cond_of_different_sizes(folder):
    def f(x):
        y, z = torch.cond(x.sum() > 0, lambda x: (x[:2].exp(), x[2:].clone()), lambda x: (x[:3] * 2, x.clone()), (x,))
        return y, y.sum(0), z.softmax(-1), y @ x.t()

    x = torch.rand(4, 5)
    compare(folder, f, (x,), (-x,), (x,))


@case
def cond_of_different_dynamic_sizes(folder):
    def f(x):
        return torch.cond(x.sum() > 0, lambda x: torch.cat([x, x * 2]), lambda x: x[1:].sin(), (x,)) + 1

    compare(folder, f, *[(torch.full((rows, 3), value),) for rows in (5, 4, 9) for value in (1.0, -1.0)],
            dynamic_shapes=({0: Dim("rows", min=4, max=99)},))


@case
def cond_of_values_that_are_there(folder):
    def f(x, y):
        return torch.cond(x.sum() > 0, lambda x, y: x.clone(), lambda x, y: y.clone(), (x, y)).cumsum(0)

    compare(folder, f, (torch.ones(2, 3), torch.randn(4, 3)), (-torch.ones(2, 3), torch.randn(4, 3)))


@case
def cond_writes_to_an_operand(folder):
    def f(x, y):
        z = y.clone()

        def add(x, z):
            z.add_(x)
            return x + z

        torch.cond(x.sum() > 0, add, lambda x, z: x - z, (x, z))
        return z

    x, y = torch.ones(3), torch.arange(3.0)
    compare(folder, f, (x, y), (-x, y))


@case
def cond_writes_to_a_buffer(folder):
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("total", torch.zeros(3))

        def forward(self, x):
            def add(x):
                self.total.add_(x)
                return x + self.total

            return torch.cond(x.sum() > 0, add, lambda x: x - self.total, (x,))

    x = torch.ones(3)
    compare_state(folder, Counter().eval(), [(x,), (-x,), (x,)])


@case
def cond_within_while(folder):
    def f(x):
        def body(i, x):
            return i + 1, torch.cond(x.sum() > 4, lambda x: x / 2, lambda x: x * 3, (x,))

        return while_loop(lambda i, x: i < 6, body, (torch.tensor(0), x))

    compare(folder, f, (torch.ones(3),), (torch.ones(3) * 7,))


@case
def cond_of_nested_results(folder):
    def f(x):
        r = torch.cond(x.sum() > 0, lambda x: {"a": x + 1, "b": (x.argmax(), x > 0)},
                       lambda x: {"a": x * 2, "b": (x.argmin(), x < 0)}, (x,))
        return r["a"], r["b"][0], r["b"][1]

    compare(folder, f, (torch.rand(4, 3),), (-torch.rand(4, 3),))


@case
def cond_on_an_item(folder):
    def f(x, n):
        return torch.cond(n.item() > 3, lambda x: x + 1, lambda x: x - 1, (x,))

    compare(folder, f, (torch.ones(4), torch.tensor(5)), (torch.ones(4), torch.tensor(1)))


@case
def cond_without_operands(folder):
    def f(x):
        return torch.cond(x.sum() > 0, lambda: x.sin(), lambda: x.cos(), ())

    compare(folder, f, (torch.ones(4),), (-torch.ones(4),))


#===--- while_loop ---===


@case
def while_counts(folder):
    def f(x):
        return while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 1.5 + i), (torch.tensor(0), x))

    compare(folder, f, (torch.randn(3, 4),), (torch.randn(3, 4),))


@case
def while_depends_on_data(folder):
    def f(x):
        return while_loop(lambda x, n: x.norm() > 1, lambda x, n: (x / 2, n + 1), (x, torch.zeros((), dtype=torch.int64)))

    compare(folder, f, (torch.randn(6) * 100,), (torch.randn(6) * 0.01,), (torch.randn(6) * 1e6,))


@case
def while_with_layers(folder):
    class Iterated(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x, steps):
            return while_loop(lambda i, x: i < steps, lambda i, x: (i + 1, torch.tanh(self.layer(x))), (torch.tensor(0), x))

    compare(folder, Iterated().eval(), (torch.randn(2, 6), torch.tensor(3)), (torch.randn(2, 6), torch.tensor(0)))


@case
def while_swaps(folder):
    def f(x, y):
        return while_loop(lambda i, a, b: i < 3, lambda i, a, b: (i + 1, b.clone(), a + b), (torch.tensor(0), x, y))

    compare(folder, f, (torch.ones(4), torch.arange(4.0)))


@case
def while_over_dynamic_rows(folder):
    def f(x):
        return while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x.softmax(0) + x), (torch.tensor(0), x))[1]

    compare(folder, f, (torch.randn(5, 3),), (torch.randn(2, 3),), (torch.randn(11, 3),),
            dynamic_shapes=({0: Dim("rows", min=2, max=16)},))


#===--- scan, map ---===


@case
def scan_sums(folder):
    def f(x, start):
        return scan(lambda c, row: (c + row, (c * row).sum(-1)), start, x)

    compare(folder, f, (torch.randn(5, 2, 3), torch.randn(2, 3)))


@case
def scan_recurrence(folder):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.input, self.hidden = nn.Linear(4, 8), nn.Linear(8, 8)

        def forward(self, x, state):
            def step(h, row):
                h = torch.tanh(self.input(row) + self.hidden(h))
                return h, h * 1.0

            return scan(step, state, x)

    compare(folder, Recurrent().eval(), (torch.randn(6, 2, 4), torch.zeros(2, 8)), (torch.randn(6, 2, 4), torch.ones(2, 8)))


@case
def scan_over_dynamic_length(folder):
    def f(x, start):
        return scan(lambda c, row: (c * 0.5 + row, c.exp()), start, x)

    compare(folder, f, (torch.randn(5, 3), torch.randn(3)), (torch.randn(2, 3), torch.randn(3)), (torch.randn(17, 3), torch.randn(3)),
            dynamic_shapes=({0: Dim("steps", min=2, max=32)}, None))


@case
def map_over_rows(folder):
    def f(x, y):
        return map_rows(lambda row, y: row @ y + row.sum(), x, y)

    compare(folder, f, (torch.randn(5, 2, 3), torch.randn(3, 3)))


#===--- regions without an effect on values ---===


@case
def autocast_region(folder):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(32, 16)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = self.layer(x)
                z = y @ y.t()
                with torch.autocast("cpu", enabled=False):
                    w = y.float() * 2
            return y, z.float().softmax(-1), w

    compare(folder, Mixed().eval(), (torch.randn(8, 32),))


@case
def no_grad_region(folder):
    def f(x):
        with torch.no_grad():
            y = x.sin() + 1
        return y * x

    compare(folder, f, (torch.randn(4, 3),))


if __name__ == "__main__":
    cases.main()
