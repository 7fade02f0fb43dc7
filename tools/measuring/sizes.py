"""The other sizes at which a program with dynamic dimensions is compared: the smallest, an odd one and a larger one."""
import copy

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

NO_BOUND = 2**31
MAX_TRIES = 8


def symbol_ranges(program):
    """{symbol: (example's value, lowest, highest)} of the sizes of the program's inputs."""
    ranges, hints = {}, {}
    for value in _input_values(program):
        for size in getattr(value, "shape", ()):
            for symbol in _symbols(size):
                bounds = program.range_constraints.get(symbol)
                low = int(bounds.lower) if bounds is not None else 2
                high = int(bounds.upper) if bounds is not None and bounds.upper < NO_BOUND else NO_BOUND
                hints[symbol] = int(size.node.shape_env.backed_var_to_val[symbol])
                ranges[symbol] = (hints[symbol], low, high)
    return dict(sorted(ranges.items(), key=lambda item: str(item[0])))


def other_inputs(program, args, kwargs, accepts):
    """[(label, args, kwargs)]; `accepts(args, kwargs)` says whether the model and its program take them. Where they refuse a
    size, its neighbours are tried, then only the first dimension varies."""
    ranges = symbol_ranges(program)
    found = []
    for label, candidates in (("smallest", _smallest), ("odd", _odd), ("larger", _larger)):
        inputs = _first_accepted(program, args, kwargs, ranges, candidates, accepts)
        if inputs:
            found.append((label, *inputs))
    return found


def _smallest(example, low, high):
    return range(max(low, 1), example)


def _odd(example, low, high):
    first = example + 1 + example % 2
    return range(first, min(high, first + 2 * MAX_TRIES) + 1, 2)


def _larger(example, low, high):
    return [size for size in (2 * example + 2, 2 * example, example + example // 2, example + 2, example + 1) if size <= high]


def _first_accepted(program, args, kwargs, ranges, candidates, accepts):
    values = {s: list(candidates(*bounds))[:MAX_TRIES] for s, bounds in ranges.items()}
    for varied in (list(ranges), list(ranges)[:1]):
        for attempt in range(max((len(values[s]) for s in varied), default=0)):
            chosen = {s: bounds[0] for s, bounds in ranges.items()}
            chosen.update({s: values[s][min(attempt, len(values[s]) - 1)] for s in varied if values[s]})
            inputs = resized(program, args, kwargs, chosen)
            if accepts(*inputs):
                return inputs
    return None


def resized(program, args, kwargs, chosen):
    """Copies of the inputs with the sizes that `chosen`, {symbol: value}, gives them; elements repeat, floats with noise."""
    leaves, spec = tree_flatten((copy.deepcopy(args), copy.deepcopy(kwargs)))
    generator = torch.Generator().manual_seed(sum(chosen.values()))
    for i, value in enumerate(_input_values(program)):
        if not isinstance(leaves[i], torch.Tensor):
            continue
        for dim, size in enumerate(value.shape):
            if _symbols(size):
                wanted = int(size.node.expr.xreplace(chosen))
                leaves[i] = leaves[i].index_select(dim, torch.arange(wanted) % leaves[i].shape[dim])
        if leaves[i].is_floating_point():
            noise = torch.rand(leaves[i].shape, generator=generator, dtype=torch.float32)
            leaves[i] = leaves[i] * (0.5 + noise).to(leaves[i].dtype)
    return tree_unflatten(leaves, spec)


def _input_values(program):
    """What the exporter knows of each user input, in pytree order."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    return [values.get(name) if isinstance(name, str) else None for name in program.graph_signature.user_inputs]


def _symbols(size):
    return sorted(size.node.expr.free_symbols, key=str) if isinstance(size, torch.SymInt) else []
