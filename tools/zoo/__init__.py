"""Real architectures, single modules and idioms with random, lively weights: nothing is downloaded.

    example = zoo.build("hf/bert_mlm", tiny=True)       # module, args, kwargs, dynamic_shapes
    zoo.names(["tv_cls", "hf"])                         # entries, by family

Entries are "family/model". `tiny` means two layers, small widths and small images; torchvision keeps its widths.

    tv_cls tv_seg tv_video tv_flow tv_det tv_det_raw    torchvision
    hf hf_decode                                        transformers from their configurations; one decoding step
    nn fn                                               single torch.nn modules; functional idioms and control flow
"""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

from . import functions, huggingface, layers, torchvision_models
from .registry import ENTRIES, Example, build, family


def names(families=None):
    """Entries in the order of their tables; of `families` only, when given."""
    return [name for name in ENTRIES if not families or family(name) in families]
