"""Results as long as values of the inputs say: masks, nonzero, repeats, sizes from items; arguments as in cases.py."""
import os

import eager  # first: skips where PyTorch is absent
import cases
import tenon
import torch
from cases import case
from tenon.exporting import export
from torch import nn
from torch.export import Dim


def compare(folder, f, *calls, dynamic_shapes=None):
    """Exports the function `f` for the first of `calls` (tuples of inputs), and compares all with eager."""

    class Function(nn.Module):
        def forward(self, *args):
            return f(*args)

    first, *others = calls
    eager.compare(Function().eval(), first, {}, folder, [(inputs, {}) for inputs in others],
                  dynamic_shapes and (dynamic_shapes,))


ROWS = Dim("rows", min=1, max=64)


@case
def positions_of_true_elements(folder):
    calls = [(torch.tensor([0, 3, 0, 4, 5]),), (torch.zeros(5, dtype=torch.int64),), (torch.ones(5, dtype=torch.int64),)]
    compare(folder, lambda x: (x.nonzero(), (x > 3).nonzero()), *calls)


@case
def positions_in_three_dimensions(folder):
    compare(folder, lambda x: torch.nonzero(x > 0.5), (torch.rand(3, 4, 5),), (torch.zeros(3, 4, 5),))


@case
def positions_as_columns(folder):
    compare(folder, lambda x: torch.where(x > 0), (torch.randn(4, 6),), (torch.ones(4, 6),), (-torch.ones(4, 6),))


@case
def selection_by_a_mask(folder):
    def f(x, y):
        kept = x[x > 0]
        return kept, kept.exp() + 1, torch.masked_select(x, y.bool())

    compare(folder, f, (torch.randn(5, 4), torch.tensor([0, 1, 1, 0])), (-torch.rand(5, 4), torch.zeros(4, dtype=torch.int64)))


@case
def selection_of_rows(folder):
    def f(x, mask):
        rows = x[mask]
        return rows @ x.t(), rows.sum(0), rows.softmax(-1)

    compare(folder, f, (torch.randn(6, 4), torch.tensor([1, 0, 1, 1, 0, 1]).bool()), (torch.randn(6, 4), torch.ones(6).bool()))


@case
def selection_within_a_result_of_known_size(folder):
    compare(folder, lambda x: x[x > 0].sum(), (torch.randn(50),), (torch.randn(50),), (-torch.ones(50),))


@case
def selection_of_dynamic_rows(folder):
    compare(folder, lambda x: x[x[:, 0] > 0] * 2, (torch.randn(6, 4),), (torch.randn(1, 4),), (torch.randn(33, 4),),
            dynamic_shapes=({0: ROWS},))


@case
def writes_by_masks(folder):
    def f(x, v):
        x, y, z = x.clone(), x.clone(), x.clone()
        x[x > 0] = -1
        y[y[:, 0] > 0] = v
        z[z[:, 0] > 0, 1] = 7
        return x, y, z

    compare(folder, f, (torch.randn(6, 4), torch.randn(4)), (torch.ones(6, 4), torch.randn(4)), (-torch.ones(6, 4), torch.randn(4)))


@case
def writes_of_what_a_mask_selects(folder):
    def f(x):
        y = torch.zeros_like(x)
        mask = x > 0
        y[mask] = x[mask] * 2
        return y

    compare(folder, f, (torch.randn(6, 4),), (torch.ones(6, 4),), (-torch.ones(6, 4),))


@case
def repeats(folder):
    def f(x, n):
        return torch.repeat_interleave(x, n, dim=0).sum(0), torch.repeat_interleave(n).float().mean()

    compare(folder, f, (torch.randn(3, 4), torch.tensor([2, 0, 3])), (torch.randn(3, 4), torch.tensor([1, 1, 9])))


@case
def repeats_of_known_length(folder):
    compare(folder, lambda x, n: torch.repeat_interleave(x, n, dim=0, output_size=5), (torch.randn(3, 4), torch.tensor([2, 0, 3])),
            (torch.randn(3, 4), torch.tensor([0, 5, 0])))


@case
def unique_elements(folder):
    def f(x, y):
        values, inverse, counts = x.unique(return_inverse=True, return_counts=True)
        return values, values[inverse], counts, counts.sum(), torch.unique(y)

    nan = float("nan")
    compare(folder, f, (torch.tensor([[3, 1, 3], [2, 1, 1]]), torch.tensor([2.0, nan, 2.0, nan])),
            (torch.zeros(2, 3, dtype=torch.int64), torch.zeros(4)), (torch.arange(6).flip(0).reshape(2, 3), torch.ones(4)))


@case
def runs_of_equal_elements(folder):
    def f(x):
        return torch.unique_consecutive(x, return_inverse=True, return_counts=True)

    compare(folder, f, (torch.tensor([1, 1, 2, 1, 1, 1]),), (torch.zeros(6, dtype=torch.int64),), (torch.arange(6),))


@case
def unique_elements_of_dynamic_rows(folder):
    compare(folder, lambda x: torch.unique(x, return_counts=True), (torch.randint(5, (6, 4)),), (torch.randint(5, (1, 4)),),
            (torch.randint(5, (33, 4)),), dynamic_shapes=({0: ROWS},))


@case
def unique_parts(folder):
    def f(x, y):
        rows, inverse, counts = torch.unique(x, dim=0, return_inverse=True, return_counts=True)
        return rows, inverse, counts, rows[inverse], torch.unique(x, dim=1), torch.unique(y, dim=1, return_counts=True)

    def inputs(greatest):
        return torch.randint(-greatest, greatest + 1, (7, 3)), torch.randint(2, (2, 5, 2)).float()

    compare(folder, f, *map(inputs, (1, 0, 9)))


@case
def unique_parts_of_dynamic_rows(folder):
    compare(folder, lambda x: torch.unique(x, dim=0, return_inverse=True), *[(torch.randint(2, (rows, 3)),) for rows in (6, 1, 33)],
            dynamic_shapes=({0: ROWS},))


@case
def runs_of_equal_parts(folder):
    x = torch.tensor([[1, 2], [1, 2], [1, 3], [1, 2], [1, 2]])
    compare(folder, lambda x: torch.unique_consecutive(x, return_inverse=True, return_counts=True, dim=0), (x,), (x * 0,),
            (torch.arange(10).reshape(5, 2),))


@case
def a_fixed_number_of_positions(folder):
    def f(x):
        return torch.nonzero_static(x > 0, size=5), torch.nonzero_static(x, size=30, fill_value=7)

    compare(folder, f, (torch.randn(4, 6),), (torch.ones(4, 6),), (torch.zeros(4, 6),))


@case
def sizes_from_items(folder):
    def f(x, n):
        k = n.item()
        torch._check(k >= 1)
        torch._check(k <= 10)
        return torch.arange(k), x[:k] * 2, torch.zeros(k, 3) + x[0, 0], x.narrow(0, 0, k).sum()

    compare(folder, f, (torch.randn(10, 3), torch.tensor(4)), (torch.randn(10, 3), torch.tensor(10)), (torch.randn(10, 3), torch.tensor(1)))


@case
def rests_behind_items(folder):
    def f(x, n):
        k = n.item()
        torch._check(k >= 0)
        torch._check(k < 10)
        return x[k:], x[k], x[k:].sum(0), x[:k].flip(0), torch.zeros(20 - 2 * k)

    compare(folder, f, *[(torch.randn(10, 3), torch.tensor(k)) for k in (4, 0, 9)])


@case
def steps_between_half_width_items(folder):
    def f(first, last):
        steps = torch.arange(first.item(), last.item())
        torch._check(steps.size(0) >= 1)
        torch._check(steps.size(0) <= 10)
        return (steps * 2).sum()

    compare(folder, f, (torch.tensor(1.5).half(), torch.tensor(4.0).bfloat16()), (torch.tensor(-1.0).half(), torch.tensor(8.5).bfloat16()))


@case
def slices_between_items(folder):
    def f(x, n):
        first, last = n.unbind(0)
        part = x[first.item():last.item()]
        torch._check(part.size(0) >= 1)
        torch._check(part.size(0) <= 10)
        return (part * 2).sum(0), part @ x.t()[:, :3]

    compare(folder, f, (torch.randn(10, 3), torch.tensor([2, 7])), (torch.randn(10, 3), torch.tensor([-3, 10])),
            (torch.randn(10, 3), torch.tensor([-30, 30])))


@case
def a_truth_value_that_the_program_relies_on(folder):
    class Positive(nn.Module):
        def forward(self, x):
            torch._check((x > 0).all().item())
            return x.log()

    path = os.path.join(folder, "model.pt2")
    export(Positive().eval(), (torch.ones(4),), path=path)
    model = eager.load_program(path)
    assert not model.run_flat([torch.ones(4)])[0].any()
    try:
        model.run_flat([torch.tensor([1.0, -1, 1, 1])])
    except tenon.TenonError:
        return
    raise AssertionError("a number below zero was taken")


@case
def asserts_at_run_time(folder):
    class Cut(nn.Module):
        def forward(self, x, n):
            k = n.item()
            torch._check(k >= 1)
            torch._check(k <= 10)
            return x[:k] * 2

    path = os.path.join(folder, "model.pt2")
    export(Cut().eval(), (torch.randn(10, 3), torch.tensor(4)), path=path)
    model = eager.load_program(path)
    for bad in 0, 11:
        try:
            model.run_flat([torch.randn(10, 3), torch.tensor(bad)])
        except tenon.TenonError as error:
            assert str(bad) in str(error), error
            continue
        raise AssertionError(f"a size of {bad} was taken")


@case
def outputs_that_nothing_bounds(folder):
    def f(n, x):
        k = n.item()
        return torch.full((k,), 2.5), torch.arange(k), x[0] + torch.zeros(k, 2), x.sum()

    compare(folder, f, *[(torch.tensor(k), torch.randn(3, 2)) for k in (4, 0, 1, 1000)])


@case
def repeats_that_nothing_bounds(folder):
    def f(x, n):
        return torch.repeat_interleave(x, n, dim=0), torch.repeat_interleave(n), x.repeat_interleave(n, 1).exp()

    x = torch.randn(3, 3)
    compare(folder, f, *[(x, torch.tensor(n)) for n in ([2, 0, 3], [0, 0, 0], [1, 1, 90])])


@case
def repeats_of_dynamic_rows(folder):
    compare(folder, lambda x, n: torch.repeat_interleave(x, n, dim=0) * 2, *[
        (torch.randn(rows, 3), torch.randint(0, 4, (rows,))) for rows in (4, 1, 33)
    ], dynamic_shapes=({0: ROWS}, {0: ROWS}))


@case
def counts_of_numbers(folder):
    def f(x, w, d):
        return torch.bincount(x), torch.bincount(x, minlength=7), torch.bincount(x, w), torch.bincount(x.int(), d, 3)

    def inputs(*numbers):
        return torch.tensor(numbers), torch.randn(len(numbers)), torch.randn(len(numbers), dtype=torch.float64)

    compare(folder, f, inputs(0, 3, 1, 3, 9), inputs(0, 0, 0, 0, 0), inputs(100, 1, 1, 1, 1))


@case
def counts_of_dynamic_rows(folder):
    compare(folder, lambda x: torch.bincount(x, minlength=2), *[(torch.randint(0, 9, (rows,)),) for rows in (4, 1, 33)],
            dynamic_shapes=({0: ROWS},))


@case
def counts_of_negative_numbers(folder):
    class Count(nn.Module):
        def forward(self, x):
            return torch.bincount(x)

    path = os.path.join(folder, "model.pt2")
    export(Count().eval(), (torch.tensor([1, 2]),), path=path)
    model = eager.load_program(path)
    try:
        model.run_flat([torch.tensor([1, -2])])
    except tenon.TenonError as error:
        assert "aten.bincount.default" in str(error) and "-2" in str(error), error
        return
    raise AssertionError("a negative number was counted")


@case
def writes_by_several_masks(folder):
    def masks(*positions):
        return [torch.isin(torch.arange(size), torch.tensor(p)) for size, p in zip((5, 6), positions)]

    x = torch.randn(5, 6)
    compare(folder, lambda x, r, c: x.clone().index_put_((r, c), x[0, 0] * 2), *[
        (x, *masks(*p)) for p in (([0, 2], [1, 5]), ([1, 2, 4], [3]), ([3], [0, 1, 2, 3]), ([0, 1, 2, 3, 4], [0, 1, 3, 4, 5]))
    ])


@case
def writes_by_masks_and_indices(folder):
    def inputs(*rows):
        return torch.randn(5, 6, 7), torch.isin(torch.arange(5), torch.tensor(rows)), torch.tensor([1, 0, 5]), torch.randn(3, 7)

    compare(folder, lambda x, mask, i, v: x.clone().index_put_((mask, i), v), inputs(0, 2, 3), inputs(4), inputs(1, 2, 4))

@case
def writes_by_a_mask_apart_from_an_index(folder):
    def f(x, mask, i, v):
        y = x.clone()
        y[i, :, mask] = v
        return y

    compare(folder, f, *[(torch.randn(6, 2, 5), torch.tensor(mask).bool(), torch.tensor([1, 0, 5]), torch.randn(3, 2))
                         for mask in ([1, 0, 1, 1, 0], [0, 0, 0, 0, 1])])


@case
def reads_by_a_mask_and_an_index(folder):
    compare(folder, lambda x, mask, i: (x[mask, :, i], x[i, mask]), *[
        (torch.randn(5, 5, 6), mask, torch.tensor([2])) for mask in (torch.tensor([1, 0, 1, 1, 0]).bool(), torch.zeros(5).bool())
    ])


@case
def numbers_among_the_outputs(folder):
    class Numbers(nn.Module):
        def forward(self, x):
            count = x.nonzero().shape[0]
            return x + 1, count * 2, count * 0

    path = os.path.join(folder, "model.pt2")
    export(Numbers().eval(), (torch.tensor([0.0, 1.0, 2.0]),), path=path)
    _, twice, zero = eager.load_program(path).run_flat([torch.tensor([3.0, 0.0, 2.0])])
    assert (int(twice), int(zero)) == (4, 0), (twice, zero)


@case
def lengths_that_do_not_broadcast(folder):
    class Put(nn.Module):
        def forward(self, x, rows, columns):
            return x.clone().index_put_((rows, columns), x[0, 0])

    path = os.path.join(folder, "model.pt2")
    inputs = torch.randn(3, 3), torch.tensor([1, 1, 0]).bool(), torch.tensor([0, 1, 1]).bool()
    export(Put().eval(), inputs, path=path)
    model = eager.load_program(path)
    try:
        model.run_flat([inputs[0], inputs[1], torch.ones(3).bool()])
    except tenon.TenonError as error:
        assert "2 and 3 positions do not broadcast" in str(error) or "3 and 2 positions" in str(error), error
        return
    raise AssertionError("two rows and three columns were taken")


if __name__ == "__main__":
    cases.main()
