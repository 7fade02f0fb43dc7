"""One system under test in a process of its own: prepares a model, then times runs when told to.

Started by peers.py: `worker.py SYSTEM MODEL THREADS [--tiny] [--so MODEL.so] [--inputs FILE]`. Prints one JSON object when
ready (compile_s, artifact_mb), then one per line read from standard input: a line with a number of seconds asks for a
round of runs of about that length and is answered with {"ms": [...]}.
"""
import argparse
import json
import os
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def _files_mb(folder):
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) / 1e6


def _eager(module, args, kwargs, _):
    return lambda: module(*args, **kwargs), {}


def _aoti(module, args, kwargs, _):
    import torch

    program = torch.export.export(module, args, kwargs, strict=False)
    start = time.perf_counter()
    # Freezing is AOTInductor's best configuration: constants folded, weights packed.
    package = torch._inductor.aoti_compile_and_package(
        program, package_path=os.path.join(tempfile.mkdtemp(), "model.pt2"), inductor_configs={"freezing": True})
    compiled = time.perf_counter() - start
    runner = torch._inductor.aoti_load_package(package)
    return lambda: runner(*args, **kwargs), {"compile_s": compiled, "artifact_mb": os.path.getsize(package) / 1e6}


def _add_missing_onnx_ops():
    """Teaches the TorchScript-based exporter what it lacks for the models here: aten::diff, and cumsum of booleans."""
    import torch
    from torch.onnx import symbolic_helper

    @symbolic_helper.parse_args("v", "i", "i", "v", "v")
    def diff(graph, x, n, dim, prepend, append):
        for part in (append, prepend):
            if not symbolic_helper._is_none(part):
                x = graph.op("Concat", *((x, part) if part is append else (part, x)), axis_i=dim)
        for _ in range(n):
            later = symbolic_helper._slice_helper(graph, x, axes=[dim], starts=[1], ends=[2**62])
            earlier = symbolic_helper._slice_helper(graph, x, axes=[dim], starts=[0], ends=[-1])
            x = graph.op("Sub", later, earlier)
        return x

    @symbolic_helper.parse_args("v", "i", "none")
    def cumsum(graph, x, dim, dtype):
        if x.type().scalarType() == "Bool":
            x = graph.op("Cast", x, to_i=7)  # int64
        return graph.op("CumSum", x, graph.op("Constant", value_t=torch.tensor(dim)))

    torch.onnx.register_custom_op_symbolic("aten::diff", diff, 14)
    torch.onnx.register_custom_op_symbolic("aten::cumsum", cumsum, 14)


def _ort(module, args, kwargs, threads):
    import onnxruntime
    import torch

    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "model.onnx")
    _add_missing_onnx_ops()
    torch.backends.mha.set_fastpath_enabled(False)  # the exporter does not know the fused operator it takes

    class GivenArguments(torch.nn.Module):
        """The module without its other parameters: the exporter makes inputs of numbers that are their defaults."""

        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, *tensors):
            return self.module(*tensors[: len(args)], **dict(zip(kwargs, tensors[len(args) :])))

    start = time.perf_counter()
    torch.onnx.export(GivenArguments().eval(), (*args, *kwargs.values()), path, dynamo=False)
    exported = time.perf_counter() - start
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    tensors = [t for t in (*args, *kwargs.values()) if isinstance(t, torch.Tensor)]
    feed = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors)}
    return lambda: session.run(None, feed), {"export_s": exported, "artifact_mb": _files_mb(folder)}


SYSTEMS = {"eager": _eager, "aoti": _aoti, "ort": _ort}


def _tenon(so, inputs_path, threads):
    """The compiled model called the way an application does: through its C interface, outputs allocated once."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
    import tenon
    from safetensors.numpy import load_file

    file = load_file(inputs_path)
    model = tenon.load(so, threads)
    inputs = [file[f"input.{i}"] for i in range(len(model.inputs))]
    return lambda: model.run_flat(inputs), {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("system")
    parser.add_argument("model")
    parser.add_argument("threads", type=int)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--so")
    parser.add_argument("--inputs")
    options = parser.parse_args()
    # Libraries print to standard output; the answers go to the real one, everything else to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(row):
        answers.write(json.dumps(row) + "\n")
        answers.flush()

    try:
        if options.system == "tenon":
            run, facts = _tenon(options.so, options.inputs, options.threads)
        else:
            import models
            import torch

            torch.set_num_threads(options.threads)
            torch.set_grad_enabled(False)
            run, facts = SYSTEMS[options.system](*models.build(options.model, options.tiny), options.threads)
        for _ in range(3):
            run()
    except Exception as error:  # a peer that cannot do a model is a result, not a failure
        answer({"error": f"{type(error).__name__}: {str(error)[:300]}"})
        return
    answer(facts)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        answer({"ms": times})


if __name__ == "__main__":
    main()
