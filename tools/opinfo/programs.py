"""One exported program of several samples: their tensors are its inputs, their results its outputs."""
import torch
import torch.export
from torch.utils import _pytree as pytree

from samples import map_tensors


def tensors_of(value):
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def call(op, sample):
    """The tensors that the op returns for a copy of the sample."""
    args, kwargs = map_tensors(torch.clone, (sample.args, sample.kwargs))
    return tensors_of(op(*args, **kwargs))


class Calls(torch.nn.Module):
    """Calls `op` with every sample; takes the samples' tensors, returns the calls' tensors."""

    def __init__(self, op, samples):
        super().__init__()
        self.op = op
        self.inputs = []
        self.calls = []  # leaves of the arguments (positions in `inputs`, or constants) and how they nest
        for sample in samples:
            leaves, spec = pytree.tree_flatten((sample.args, sample.kwargs))
            self.calls.append(([self._position(leaf) for leaf in leaves], leaves, spec))

    def _position(self, leaf):
        if not isinstance(leaf, torch.Tensor):
            return None
        self.inputs.append(leaf)
        return len(self.inputs) - 1

    def forward(self, *tensors):
        results = []
        for positions, leaves, spec in self.calls:
            leaves = [leaf if position is None else tensors[position] for position, leaf in zip(positions, leaves)]
            args, kwargs = pytree.tree_unflatten(leaves, spec)
            results += tensors_of(self.op(*args, **kwargs))
        return results


class Program:
    """The exported calls of `samples`, which have `num_results` tensors each. Raises what torch.export raises."""

    def __init__(self, op, samples, num_results, path):
        self.module = Calls(op, samples)
        self.num_results = num_results
        self.path = path
        with torch.no_grad():
            self.exported = torch.export.export(self.module, tuple(self.module.inputs), strict=False)
            torch.export.save(self.exported, path)

    @property
    def inputs(self):
        return self.module.inputs

    def refusal(self):
        """Why the exported program does not take its own inputs when PyTorch runs it; None where it does. An assertion that
        torch.export derives may be narrower than eager: of masked_select it says that the result is not longer than the
        first argument, which a mask of more elements breaks."""
        try:
            self.exported.module()(*self.inputs)
        except Exception as error:
            return str(error)
        return None

    def split(self, results):
        """The program's results, call by call."""
        remaining = iter(results)
        return [[next(remaining) for _ in range(count)] for count in self.num_results]

    def targets(self):
        """The names of the ops that each call's results are computed with, call by call."""
        return [{str(op) for op in ops} for ops in self._ops()]

    def draws(self):
        """Which calls draw random numbers. Entries of op_db seed eager's generator themselves, which a program cannot do."""
        return [any(torch.Tag.nondeterministic_seeded in getattr(op, "tags", ()) for op in ops) for ops in self._ops()]

    def _ops(self):
        outputs = self.exported.graph.find_nodes(op="output")[0].all_input_nodes
        by_name = {node.name: node for node in outputs}
        names = [spec.arg.name for spec in self.exported.graph_signature.output_specs]
        return [_ops_behind([by_name[name] for name in group if name in by_name]) for group in self.split(names)]


def _ops_behind(nodes):
    seen, waiting = set(), list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += node.all_input_nodes
    return {node.target for node in seen if node.op == "call_function"}
