"""What Tenon compiles for arm64, run under qemu-aarch64 at every SVE vector length and without SVE, against f64.

    compare_arm.py                        a subset of everything, in seconds to minutes
    compare_arm.py --full                 everything, at every length
    compare_arm.py --full --suites zoo --results zoo.json --minutes 6
                                          kept in a file and broken off: the same command goes on, until the table is whole
    compare_arm.py --suites models --names gpt2,t5_small --configurations neoverse-v1@512,generic@0

Suites:
    models     the tiny models of tools/bench/models.py
    zoo        tiny convolution nets and transformers of tools/zoo
    cases      the cases of compare_*.py: losses, dynamic sizes, state, recurrence, control flow, windows, …
    tails      one module per kernel family, at sizes around every vector length
    half       tiny models in bf16 and f16, strict
    precision  tiny f32 models compiled with --precision bf16 and f16: the angle to f64, and BFMMLA where the CPU has it
    full_size  models of tools/bench/models.py at full size, at one length
    refusals   models for SVE, loaded on a CPU without it; what the arm64 tool's inspect says of one

Prints a table of the errors. Needs PyTorch, qemu-aarch64, clang with the arm64 libraries, and the arm64 CLI (TENON_AARCH64);
where one is absent the test is skipped (return code 77). Return code 3: broken off by --minutes.
"""
import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import traceback

import emulation  # first: skips where PyTorch is absent
import cases
import compare_half
import eager
import models
import tails
import torch
from results import Results

NOT_COMPLETE = 3

# What a model is compiled for, and the vector length in bits it is run at (0: a CPU without SVE).
FULL = ["generic@0", *[f"neoverse-v1@{bits}" for bits in emulation.LENGTHS], "neoverse-v2@128", "neoverse-v2@512"]
SUBSET = ["generic@0", "neoverse-v1@256", "neoverse-v2@2048"]
CONFIGURATIONS_OF_CASES = FULL[:6]
CASE_FILES = ("snippets", "functions", "complex", "losses", "indexing", "linalg", "products", "windows", "recurrent", "dynamic",
              "late_sizes", "boxes", "state", "control_flow", "checks", "forms")
CASES_PER_CASE_OF_SUBSET = 24
# Convolution nets whose widths an emulator can bear (torchvision's tiny ones keep them), and transformers of all kinds.
ZOO = {
    "tv_cls": ("squeezenet1_0", "mobilenet_v3_large", "densenet121", "efficientnet_b0", "googlenet", "maxvit_t", "mnasnet0_5",
               "regnet_x_400mf", "resnet18", "shufflenet_v2_x0_5"),
    "hf": ("gpt2_mask", "llama", "qwen2_mask", "gemma3_text", "falcon", "olmoe", "mpt", "olmo3", "bert_mlm", "layoutlm_seqcls",
           "bigbird_sparse_mlm", "deberta_v2_mlm", "roformer_mlm", "t5_small", "mbart_s2s", "patchtst", "vit", "swin", "vivit", "clip",
           "convnext", "poolformer", "wav2vec2_ctc", "whisper_tiny", "moonshine"),
}
HALF_MODELS = ("bert_base", "mobilenet_v3_large", "resnet50", "gpt2", "t5_small", "vit_b_16")
# Not resnet50: with random weights and images of 64 pixels it turns by more than the bound, in PyTorch and on x86-64 as well.
LOWERED_MODELS = ("bert_base", "gpt2", "t5_small", "vit_b_16", "mobilenet_v3_large")
FULL_SIZE_MODELS = ("resnet50", "bert_base", "gpt2")
CPUS_WITH_BFMMLA = ("neoverse-v1", "neoverse-v2", "neoverse-n2")


# --- suites of modules: a name, and what makes (module, args, kwargs, dynamic shapes) --------------------------------------------


def bench_models(full):
    for name in models.MODELS if full else ("gpt2", "mobilenet_v3_large"):
        yield name, lambda name=name: (*models.build(name, tiny=True), None)


def full_size_models(full):
    for name in FULL_SIZE_MODELS if full else ():
        yield name, lambda name=name: (*models.build(name), None)


def zoo_models(full):
    for family, names in ZOO.items():
        for name in names if full else names[:1]:
            yield f"{family}/{name}", lambda name=f"{family}/{name}": zoo_model(name)


def any_zoo_models(names):
    import zoo

    for name in names:
        if name in zoo.ENTRIES:
            yield name, lambda name=name: zoo_model(name)


def zoo_model(name):
    import zoo

    example = zoo.build(name, tiny=True)
    return example.module, example.args, example.kwargs, None


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


MODULE_SUITES = {"models": bench_models, "zoo": zoo_models, "tails": tail_sizes, "half": half_models, "precision": lowered_models,
                 "full_size": full_size_models}


def bfmmla_is_as_expected(case, cpu, bits):
    """Whether a model in bf16 comes to BFMMLA exactly on CPUs that have it."""
    return case.executes_bfmmla(cpu, bits) == (cpu in CPUS_WITH_BFMMLA)


def run_module(name, make, configurations, suite):
    """Yields (configuration, outcome) of one module, exported once and compiled once per CPU."""
    precision = name.split("/")[-1]
    with tempfile.TemporaryDirectory() as folder:
        try:
            torch.manual_seed(0)
            module, args, kwargs, dynamic_shapes = make()
            flags = ("--precision", precision) if suite == "precision" else ()
            case = emulation.Case(name, module, args, kwargs, folder, dynamic_shapes, flags)
            case.so_for(emulation.parse_configuration(configurations[0])[0])
        except ImportError as error:
            emulation.skip(f"{error.name} is not installed")
        except (eager.Unsupported, emulation.NotExported) as error:  # the importer knows no targets
            yield from ((c, f"unsupported: {str(error).strip()}") for c in configurations)
            return
        except Exception as error:
            yield from ((c, f"FAILED: {sentence_of(error)}") for c in configurations)
            return
        for configuration in configurations:
            cpu, bits = emulation.parse_configuration(configuration)
            text = case.outcome(cpu, bits)
            if suite in ("half", "precision") and precision == "bf16" and not bfmmla_is_as_expected(case, cpu, bits):
                text = f"FAILED: BFMMLA is {'absent' if cpu in CPUS_WITH_BFMMLA else 'there'}"
            yield configuration, text


def sentence_of(error):
    return "".join(traceback.format_exception_only(error)).strip()


def run_module_suite(suite, options, configurations, results):
    entries = MODULE_SUITES[suite](options.full or bool(options.names))
    if options.names:
        entries = any_zoo_models(options.names) if suite == "zoo" else [(n, make) for n, make in entries if n in options.names]
    for name, make in entries:
        missing = results.missing(f"{suite}: {name}", configurations)
        if missing and not results.is_over():
            results.add_all(f"{suite}: {name}", run_module(name, make, missing, suite))


# --- the cases of compare_*.py -------------------------------------------------------------------------------------------------


def run_cases(options, configurations, results):
    machines = {text: emulation.Emulated(*emulation.parse_configuration(text)) for text in configurations}
    eager.machine = machines[configurations[0]]
    for file in CASE_FILES:
        cases.CASES.clear()
        importlib.import_module("compare_" + file)
        names = cases.chosen(options.names)
        if not options.full and not options.names:
            names = names[::CASES_PER_CASE_OF_SUBSET]
        for name in names:
            missing = results.missing(f"{file}: {name}", configurations)
            if missing and not results.is_over():
                results.add_all(f"{file}: {name}", ((c, run_case(name, machines[c])) for c in missing))
    eager.machine = eager.Host()


def run_case(name, machine):
    eager.machine = machine
    try:
        return cases.run(name)
    except Exception as error:
        return f"FAILED: {sentence_of(error)}"


# --- refusals ------------------------------------------------------------------------------------------------------------------


def check_refusals(results):
    """A model for SVE on a CPU without it ends with a sentence that names SVE, not with a signal."""
    with tempfile.TemporaryDirectory() as folder:
        module, args, kwargs = models.build("mobilenet_v3_large", tiny=True)
        case = emulation.Case("mobilenet_v3_large", module, args, kwargs, folder)
        for cpu in ("neoverse-v1", "neoverse-v2", "neoverse-n2", "a64fx"):
            results.add("refusals: on a CPU without SVE", f"{cpu}@0", "agrees" if case.is_refused(cpu) else "FAILED")
        same = inspected([os.environ["TENON"]], case) == inspected(["qemu-aarch64", os.environ["TENON_AARCH64"]], case)
        results.add("refusals: inspect as on the host", "generic@0", "agrees" if same else "FAILED")


def inspected(tool, case):
    return subprocess.run([*tool, "inspect", case.so_for("neoverse-v1"), "--json"], capture_output=True, check=True).stdout


def configurations_of(suite, options):
    if options.configurations:
        return options.configurations
    if suite == "full_size":
        return FULL[2:3]
    if suite == "cases":
        return CONFIGURATIONS_OF_CASES if options.full else SUBSET[1:2]
    return FULL if options.full else SUBSET


def main():
    listed = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--suites", type=listed, default=[*MODULE_SUITES, "cases", "refusals"])
    parser.add_argument("--names", type=listed,
                        help="only these entries (of cases: those whose name contains one of these; of zoo: any of tools/zoo)")
    parser.add_argument("--configurations", type=listed)
    parser.add_argument("--results", metavar="FILE", help="where results are kept, and what is there already is not run again")
    parser.add_argument("--minutes", type=float, help="after so many, begin nothing further")
    options = parser.parse_args()
    emulation.require()
    used = list(dict.fromkeys(c for suite in options.suites for c in configurations_of(suite, options)))
    emulation.check_lengths(sorted({emulation.parse_configuration(c)[1] for c in used}))
    results = Results(options.results, options.minutes)
    for suite in options.suites:
        if suite == "refusals":
            check_refusals(results)
        elif suite == "cases":
            run_cases(options, configurations_of(suite, options), results)
        else:
            run_module_suite(suite, options, configurations_of(suite, options), results)
    results.print_table([*FULL, *(c for c in used if c not in FULL)])
    # What eager_* tests compile for the host must compile for arm64: only the zoo has entries that no target has.
    unsupported = [entry for entry, outcomes in results.entries.items() if not entry.startswith("zoo")
                   and any(text.startswith("unsupported") for text in outcomes.values())]
    if results.failed() or unsupported:
        sys.exit(1)
    if results.is_over():
        print(f"broken off after {options.minutes} minutes; the same command goes on")
        sys.exit(NOT_COMPLETE)


if __name__ == "__main__":
    main()
