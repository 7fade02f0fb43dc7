"""What a run refuses: indices out of range and divisors of zero (where eager raises; else they agree), and sizes beyond guards."""
import functools
import os

import eager  # first: skips where PyTorch is absent
import cases
import tenon
import torch
import torch.nn.functional as F
from tenon.exporting import export, flatten_tensors
from torch import nn
from torch.export import Dim


class Function(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


TABLE = torch.arange(20.0).view(5, 4)
LOGITS = torch.randn(3, 5)


def ids(*values):
    return torch.tensor(values)


def with_index(f):
    """Variants of an index into a dimension of five: in range, negative, and beyond each end."""
    return f, [ids(0, 4, 2), ids(0, -1, 2), ids(0, 1, -5), ids(5, 0, 1), ids(0, 1, -6), ids(2**40, 0, 0)], "index"


def line(index):
    return index.view(-1, 1).expand(-1, 4)


def selected(index):
    return TABLE.select(0, index[0].item())


def matrix(a, b):
    """A batch of two, the second of which is symmetric with `a` on its diagonal and `b` elsewhere."""
    return torch.stack((torch.eye(2), torch.tensor([[a, b], [b, a]], dtype=torch.float32)))


#: Functions that have no result where a matrix has no inverse.
SINGULAR = {
    "inverse": torch.linalg.inv,
    "solution": lambda a: torch.linalg.solve(a, torch.ones(2, 1)),
    "negative_power": lambda a: torch.linalg.matrix_power(a, -2),
    "lu_factors": lambda a: tuple(torch.linalg.lu_factor(a)),
}

#: (function of one tensor, that tensor's variants (the first must be good), a word of the sentence)
CHECKED = {
    "embedding": with_index(lambda i: F.embedding(i, TABLE)),
    "embedding_bag": with_index(lambda i: F.embedding_bag(i, TABLE, ids(0, 2))),
    "index_select": with_index(lambda i: TABLE.index_select(0, i)),
    "gather": with_index(lambda i: TABLE.gather(0, line(i))),
    "take_along_dim": with_index(lambda i: torch.take_along_dim(TABLE, line(i), 0)),
    "take_along_no_dim": with_index(lambda i: torch.take_along_dim(TABLE[:, 0], i)),
    "take": with_index(lambda i: TABLE[:, 0].take(i)),
    "index": with_index(lambda i: TABLE[i]),
    "index_of_two": with_index(lambda i: TABLE[i, ids(0, -1, 3)]),
    "index_32": with_index(lambda i: TABLE[i.int()]),
    "index_put": with_index(lambda i: TABLE.clone().index_put((i,), torch.ones(4))),
    "index_put_accumulate": with_index(lambda i: TABLE.clone().index_put((i,), torch.ones(4), accumulate=True)),
    "index_add": with_index(lambda i: TABLE.index_add(0, i, torch.ones(3, 4))),
    "index_copy": with_index(lambda i: TABLE.index_copy(0, i, torch.ones(3, 4))),
    "index_fill": with_index(lambda i: TABLE.index_fill(0, i, 7.0)),
    "scatter": with_index(lambda i: TABLE.scatter(0, line(i), 1.5)),
    "scatter_add": with_index(lambda i: TABLE.scatter_add(0, line(i), torch.ones(3, 4))),
    "scatter_reduce": with_index(lambda i: TABLE.scatter_reduce(0, line(i), torch.ones(3, 4), "amax")),
    "cross_entropy": with_index(lambda i: F.cross_entropy(LOGITS, i, ignore_index=-100)),
    "nll_loss": with_index(lambda i: F.nll_loss(LOGITS.log_softmax(1), i)),
    "one_hot": with_index(lambda i: F.one_hot(i, 5)),
    "floor_divide": (lambda d: (torch.arange(6).view(2, 3) // d, d), [ids(1, -2, 3), ids(1, 0, 3)], "division"),
    "remainder": (lambda d: torch.arange(3) % d, [ids(1, -2, 3), ids(0, 2, 3)], "division"),
    "fmod": (lambda d: torch.fmod(ids(7, -7, 5), d.int()), [ids(2, -2, 3), ids(1, 2, 0)], "division"),
    "divide_to_zero": (lambda d: torch.div(ids(7, -7, 5), d, rounding_mode="trunc"), [ids(2, -2, 3), ids(1, 2, 0)], "division"),
    "divide_floats": (lambda d: torch.ones(3) // d, [ids(2, -2, 3), ids(1, 2, 0)], "division"),
    "divide_exactly": (lambda d: torch.ones(3, dtype=torch.int64) / d, [ids(2, -2, 3), ids(1, 2, 0)], "division"),
    **{name: (f, [matrix(2, 1), matrix(1, 1), matrix(0, 0)], "singular") for name, f in SINGULAR.items()},
    "cholesky": (torch.linalg.cholesky, [matrix(2, 1), matrix(1, 2)], "positive definite"),
    "singular_values_of_nan": (torch.linalg.svdvals, [matrix(2, 1), matrix(2, float("nan"))], "LAPACK"),
    "select": (lambda i: torch.ones(5, 2).select(0, i.item()) * 2, [torch.tensor(1), torch.tensor(4)], "index"),
}


def eager_result(f, value):
    """What eager gives; None where it raises."""
    try:
        return flatten_tensors(f(value.clone()))
    except (IndexError, RuntimeError):
        return None


def compare(f, variants, word, folder):
    path = os.path.join(folder, "model.pt2")
    assert eager_result(f, variants[0]) is not None, "the example is bad"
    export(Function(f), (variants[0],), path=path)
    model = eager.load_program(path)
    for value in variants:
        expected = eager_result(f, value)
        try:
            actual = [torch.from_numpy(array) for array in model.run_flat([value])]
        except tenon.TenonError as error:
            assert expected is None, f"{value.tolist()}: eager gives a result, the run says: {error}"
            assert word in str(error) and "aten." in str(error), f"{value.tolist()}: {error}"
            continue
        assert expected is not None, f"{value.tolist()}: eager raises, the run gives {actual}"
        for a, e in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, e, equal_nan=True)
    model.close()


for name, (f, variants, word) in CHECKED.items():
    cases.CASES[name] = functools.partial(compare, f, variants, word)


@cases.case
def sentence_names_op_input_index_and_bound(folder):
    path = os.path.join(folder, "model.pt2")
    export(Function(lambda ids: F.embedding(ids, TABLE)), (ids(1, 2),), path=path)
    try:
        eager.load_program(path).run_flat([ids(1, 9)])
    except tenon.TenonError as error:
        assert "aten.embedding.default of 'args_0': index 9 is out of range for size 5; valid are 0 to 4" in str(error), error
        return
    raise AssertionError("it ran")


#===--- guards of the inputs' sizes ---===


def compare_guards(folder, module, args, kwargs, dynamic_shapes, bad, sentence):
    """Runs the example and `bad` (args, kwargs), which must be refused with `sentence`."""
    path = os.path.join(folder, "model.pt2")
    export(module, args, kwargs, dynamic_shapes=dynamic_shapes, path=path)
    so, messages = eager.compile_with_messages(path)
    assert "outside what can be checked" not in messages, messages
    model = eager.machine.load(so)
    leaves = lambda value: [v if isinstance(v, torch.Tensor) else torch.tensor(v) for v in torch.utils._pytree.tree_leaves(value)]
    for actual, e in zip(model.run_flat(leaves((args, kwargs))), flatten_tensors(module(*args, **kwargs)), strict=True):
        torch.testing.assert_close(torch.from_numpy(actual), e)
    try:
        model.run_flat(leaves(bad))
    except tenon.TenonError as error:
        assert sentence in str(error), error
        return
    raise AssertionError("sizes outside the guards were taken")


@cases.case
def guards_of_variable_arguments(folder):
    class Pair(nn.Module):
        def forward(self, *args, **kwargs):
            x, y, z = *args, kwargs["z"]
            return x.sum() + y.sum() if 2 * x.shape[0] > y.shape[0] and z.shape[0] != 5 else x.sum() * z.sum()

    shapes = {"args": ({0: Dim.AUTO}, {0: Dim.AUTO}), "kwargs": {"z": {0: Dim.AUTO}}}
    x, y, z = torch.rand(8, 3), torch.rand(6, 3), torch.rand(4)
    compare_guards(folder, Pair().eval(), (x, y), {"z": z}, shapes, ((torch.rand(2, 3), y), {"z": z}),
                   "input 'args_0' has size 2 in dimension 0, input 'args_1' has size 6 in dimension 0; the exported program takes")
    compare_guards(folder, Pair().eval(), (x, y), {"z": z}, shapes, ((x, y), {"z": torch.rand(5)}),
                   "input 'z' has size 5 in dimension 0; the exported program takes sizes for which L['kwargs']['z'].size()[0] != 5")


@cases.case
def guards_of_functions_and_numbers(folder):
    class Conditions(nn.Module):
        def forward(self, x, y, k):
            result = x.sum() * k
            if abs(x.shape[0] - y.shape[0]) < 100 and max(x.shape[0], y.shape[0]) > 5 and k > 3:
                result = result + 1
            if round(x.shape[0] / 3) < 30 and x.shape[0] * 1.5 < 90:
                result = result * 2
            return result

    x, y = torch.rand(12), torch.rand(8)
    shapes = ({0: Dim.AUTO}, {0: Dim.AUTO}, Dim.AUTO)
    for bad, sentence in [((torch.rand(150), y, 5), "input 'x' has size 150 in dimension 0"), ((x, y, 3), "input 'k' is 3;"),
                          ((torch.rand(4), torch.rand(5), 5), "torch.sym_max"), ((torch.rand(60), y, 5), "input 'x' has size 60")]:
        compare_guards(folder, Conditions().eval(), (x, y, 5), {}, shapes, (bad, {}), sentence)


if __name__ == "__main__":
    cases.main()
