"""What Tenon compiles for arm64, run under qemu-aarch64 at every SVE vector length and without SVE, against f64.

    compare_arm.py                        a subset of everything, in seconds to minutes
    compare_arm.py --full                 everything, at every length
    compare_arm.py --full --suites tails  one kind:
        models     the tiny models of tools/bench/models.py
        zoo        tiny models of tools/zoo: evenly spaced entries of the torchvision and transformers families, the next
                   one in the place of a model that is too large for an emulator
        snippets   the modules of compare_*.py
        tails      one module per kernel family, at sizes around every vector length
        half       tiny models in bf16 and f16, strict
        precision  tiny f32 models compiled with --precision bf16 and f16: the angle to f64, and BFMMLA where the CPU has it
        refusals   models for SVE, loaded on a CPU without it; what the arm64 tool's inspect says of one
    compare_arm.py --suites models --names gpt2,t5_small --configurations neoverse-v1@512,generic@0

Needs PyTorch, qemu-aarch64, clang with the arm64 libraries, and the arm64 CLI (TENON_AARCH64); where one is absent the test is
skipped (return code 77).
"""
import argparse
import collections
import importlib
import os
import subprocess
import sys
import tempfile
import traceback

import emulation  # first: skips where PyTorch is absent
import compare_half
import eager
import models
import snippets
import tails
import torch

# What a model is compiled for, and the vector length in bits it is run at (0: a CPU without SVE).
FULL = [("generic", 0), *[("neoverse-v1", n) for n in emulation.LENGTHS], ("neoverse-v2", 128), ("neoverse-v2", 512)]
SUBSET = [("generic", 0), ("neoverse-v1", 256), ("neoverse-v2", 2048)]
SNIPPET_FILES = ("compare_snippets", "compare_indexing", "compare_losses")
# So many entries of each zoo family, of at most so many parameters: torchvision's keep their widths when tiny.
ZOO_FAMILIES = {"tv_cls": 14, "hf": 16}
MAX_PARAMETERS = 26e6
HALF_MODELS = ("bert_base", "mobilenet_v3_large", "resnet50", "gpt2", "t5_small", "vit_b_16")
# Tiny convolution nets with random weights turn by more than the bound in bf16, on x86-64 as well.
LOWERED_MODELS = ("bert_base", "gpt2", "t5_small", "vit_b_16")
CPUS_WITH_BFMMLA = ("neoverse-v1", "neoverse-v2", "neoverse-n2")


def bench_models(full):
    for name in models.MODELS if full else ("gpt2", "mobilenet_v3_large"):
        yield name, lambda name=name: (*models.build(name, tiny=True), None)


def zoo_models(full):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tools"))
    import zoo

    for family, count in ZOO_FAMILIES.items():
        names = zoo.names([family])
        starts = [i * len(names) // count for i in range(count)] if full else [0]
        for start, end in zip(starts, [*starts[1:], len(names)]):
            yield names[start], lambda candidates=names[start:end]: first_small(zoo, candidates)


def first_small(zoo, names):
    for name in names:
        module, args, kwargs, _ = zoo.build(name, tiny=True)
        if sum(parameter.numel() for parameter in module.parameters()) <= MAX_PARAMETERS:
            break
    return module, args, kwargs, None


def registered_snippets(full):
    for file in SNIPPET_FILES if full else SNIPPET_FILES[:1]:
        snippets.SNIPPETS.clear()
        importlib.import_module(file)
        for name, (module, make_inputs) in list(snippets.SNIPPETS.items()):
            yield name, lambda module=module, make_inputs=make_inputs: (module(), make_inputs(), {}, None)


def tail_sizes(full):
    for name, make in tails.FAMILIES.items():
        yield name, make
    for name in tails.DYNAMIC if full else ():
        yield f"{name}_dynamic", lambda name=name: tails.with_dynamic_sizes(tails.FAMILIES[name]())


def half_models(full):
    for name in HALF_MODELS if full else HALF_MODELS[:1]:
        for label, dtype in compare_half.DTYPES.items():
            yield f"{name}/{label}", lambda name=name, dtype=dtype: half_model(name, dtype)


def half_model(name, dtype):
    module, args, kwargs = models.build(name, tiny=True)
    return module.to(dtype), compare_half.to_half(args, dtype), compare_half.to_half(kwargs, dtype), None


def lowered_models(full):
    for name in LOWERED_MODELS if full else LOWERED_MODELS[:1]:
        for precision in compare_half.DTYPES:
            yield f"{name}/{precision}", lambda name=name: (*models.build(name, tiny=True), None)


SUITES = {"models": bench_models, "zoo": zoo_models, "snippets": registered_snippets, "tails": tail_sizes, "half": half_models,
          "precision": lowered_models}


def check_bfmmla(case, configurations):
    """Prints and returns how many runs of a model in bf16 lack BFMMLA though they are compiled for a CPU with it."""
    wrong = 0
    for cpu, bits in configurations:
        expected = cpu in CPUS_WITH_BFMMLA
        found = case.executes_bfmmla(cpu, bits)
        print(f"  {cpu}@{bits or 'no-SVE'}: {'BFMMLA' if found else 'no BFMMLA'}{'' if found == expected else ': FAILED'}", flush=True)
        wrong += found != expected
    return wrong


def check_entry(name, make, configurations, suite):
    """Prints what came out; returns "agrees", "differs" or, where no target can have the module, "unsupported"."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            torch.manual_seed(0)
            module, args, kwargs, dynamic_shapes = make()
            precision = name.split("/")[-1]
            flags = ("--precision", precision) if suite == "precision" else ()
            case = emulation.Case(name, module, args, kwargs, folder, dynamic_shapes, flags)
            case.so_for(configurations[0][0])
        except ImportError as error:
            emulation.skip(f"{error.name} is not installed")
        except (eager.Unsupported, emulation.NotExported) as error:  # the importer knows no targets
            print(f"{name:28} unsupported: {str(error).strip()[:200]}", flush=True)
            return "unsupported"
        except Exception as error:
            print(f"{name}: FAILED: {''.join(traceback.format_exception_only(error)).strip()[:500]}", flush=True)
            return "differs"
        wrong = case.check(configurations)
        if suite in ("half", "precision") and precision == "bf16":
            wrong += check_bfmmla(case, configurations)
        return "differs" if wrong else "agrees"


def check_refusals():
    """A model for SVE on a CPU without it ends with a sentence that names SVE, not with a signal."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        module, args, kwargs = models.build("mobilenet_v3_large", tiny=True)
        case = emulation.Case("mobilenet_v3_large", module, args, kwargs, folder)
        for cpu in ("neoverse-v1", "neoverse-v2", "neoverse-n2", "a64fx"):
            refused = case.is_refused(cpu)
            print(f"{cpu} on a CPU without SVE: {'refused' if refused else 'FAILED'}", flush=True)
            failed += not refused
        same = inspected([os.environ["TENON"]], case) == inspected(["qemu-aarch64", os.environ["TENON_AARCH64"]], case)
        print(f"the arm64 tool's inspect: {'as the host\'s' if same else 'FAILED'}", flush=True)
    return failed + (not same)


def inspected(tool, case):
    return subprocess.run([*tool, "inspect", case.so_for("neoverse-v1"), "--json"], capture_output=True, check=True).stdout


def parse_configuration(text):
    cpu, _, bits = text.partition("@")
    return cpu, int(bits or 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--suites", default="models,zoo,snippets,tails,half,precision,refusals")
    parser.add_argument("--names", help="only these entries")
    parser.add_argument("--configurations")
    options = parser.parse_args()
    emulation.require()
    configurations = FULL if options.full else SUBSET
    if options.configurations:
        configurations = [parse_configuration(text) for text in options.configurations.split(",")]
    emulation.check_lengths(sorted({bits for _, bits in configurations}))
    suites = options.suites.split(",")
    results = collections.Counter()
    for suite in (suite for suite in suites if suite in SUITES):
        # One snippet is about one mechanism and not about a length: one configuration, unless all are asked for.
        some = configurations[1:2] if suite == "snippets" and not options.full and not options.configurations else configurations
        for name, make in SUITES[suite](options.full or bool(options.names)):
            if not options.names or name in options.names.split(","):
                results[check_entry(name, make, some, suite)] += 1
    not_refused = check_refusals() if "refusals" in suites else 0
    print(", ".join(f"{count} {result}" for result, count in sorted(results.items())))
    # What eager_* tests compile for the host must compile for arm64: only the zoo has entries that no target has.
    is_wrong = results["differs"] or not_refused or (results["unsupported"] and "zoo" not in suites)
    sys.exit(1 if is_wrong else 0)


if __name__ == "__main__":
    main()
