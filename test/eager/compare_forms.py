"""The three forms in which users export: as torch.export leaves it, after run_decompositions({}), and core ATen."""
import eager  # first: skips where PyTorch is absent
import cases
import models
import tenon
import torch
from cases import case
from torch import nn

DECOMPOSITIONS = {"raw": lambda program: program, "decomposed": lambda program: program.run_decompositions({}),
                  "core": lambda program: program.run_decompositions()}


def compare_form(folder, form, name, batch=1):
    module, args, kwargs = models.build(name, tiny=True, batch=batch)
    eager.compare(module, args, kwargs, folder, transform=DECOMPOSITIONS[form])


def register(name):
    def compare(folder):
        for form in ("decomposed", "core"):
            compare_form(folder, form, name)

    cases.CASES[name] = compare


for _name in ("mobilenet_v3_large", "vit_b_16", "bert_base", "gpt2", "t5_small"):
    register(_name)


@case
def batch_that_decompositions_break(folder):
    """PyTorch 2.14 cannot decompose the mask that transformers makes of a batch; nothing here needs it to."""
    compare_form(folder, "raw", "gpt2", batch=2)
    compare_form(folder, "decomposed", "gpt2", batch=2)
    module, args, kwargs = models.build("gpt2", tiny=True, batch=2)
    try:
        torch.export.export(module, args, kwargs).run_decompositions()
    except Exception as error:
        print(f"run_decompositions(): {type(error).__name__}: {str(error).splitlines()[0]}")
    else:
        compare_form(folder, "core", "gpt2", batch=2)


class Solves(nn.Module):
    def forward(self, x):
        return torch.linalg.inv(x) + torch.linalg.solve(x, x), torch.linalg.cholesky(x @ x.mT)


@case
def errors_of_linear_algebra(folder):
    """run_decompositions() takes the checks out of the ops and chains them by tokens."""
    regular = torch.randn(2, 4, 4) + 4 * torch.eye(4)
    for transform in DECOMPOSITIONS.values():
        eager.compare(Solves(), (regular,), {}, folder, transform=transform)
        model = eager.machine.load(f"{folder}/model.so")
        try:
            model.run_flat([torch.zeros(2, 4, 4)])
        except tenon.TenonError as error:
            assert "singular" in str(error), error
        else:
            raise AssertionError("inverts a matrix of zeros")
        model.close()


if __name__ == "__main__":
    cases.main()
