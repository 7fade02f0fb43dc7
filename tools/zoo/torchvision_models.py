"""torchvision's own models: classification, segmentation, video, detection and optical flow."""
import inspect

import torch
import torchvision.models as tv
from torch import nn

from .registry import DYNAMIC, register, seed_inputs

FULL_IMAGE = {
    "inception_v3": 299, "efficientnet_b1": 240, "efficientnet_b2": 288, "efficientnet_b3": 300, "efficientnet_b4": 380,
    "efficientnet_b5": 456, "efficientnet_b6": 528, "efficientnet_b7": 600, "efficientnet_v2_s": 384,
    "efficientnet_v2_m": 480, "efficientnet_v2_l": 480,
}
TINY_IMAGE = {"inception_v3": 96, "vit_h_14": 56}
# Heads without auxiliary outputs and torch's own initialisation (torchvision's truncated normals need SciPy).
CLASSIFIER_OPTIONS = {
    "googlenet": dict(init_weights=False, aux_logits=False),
    "inception_v3": dict(init_weights=False),
}
TINY_MAXVIT = dict(input_size=(64, 64), partition_size=2, block_channels=[16, 32], block_layers=[1, 2],
                   stem_channels=16, stochastic_depth_prob=0.0, head_dim=8)


def _first_argument(module):
    return next(iter(inspect.signature(module.forward).parameters))


def _classifier(name, size, tiny):
    if name == "maxvit_t":
        return tv.MaxVit(**TINY_MAXVIT) if tiny else tv.maxvit_t(weights=None, input_size=(size, size))
    options = dict(image_size=size) if name.startswith("vit_") else CLASSIFIER_OPTIONS.get(name, {})
    return getattr(tv, name)(weights=None, **options)


def _classification(name):
    def make(tiny, batch):
        size = TINY_IMAGE.get(name, 64) if tiny else FULL_IMAGE.get(name, 224)
        module = _classifier(name, size, tiny)
        seed_inputs()
        return module, (torch.randn(batch, 3, size, size),), {}, {_first_argument(module): {0: DYNAMIC}}

    return make


def _segmentation(name):
    def make(tiny, batch):
        module = getattr(tv.segmentation, name)(weights=None, weights_backbone=None)
        size = 64 if tiny else 520
        seed_inputs()
        shapes = {_first_argument(module): {0: DYNAMIC, 2: DYNAMIC, 3: DYNAMIC}}
        return module, (torch.randn(batch, 3, size, size),), {}, shapes

    return make


def _video(name):
    def make(tiny, batch):
        large = name.startswith("mvit") or name == "s3d"  # their pooling needs the full clip
        frames, size = (16, 224) if large else (8, 64) if tiny else (16, 112)
        batch = 1 if tiny and name.startswith("mvit") else batch
        module = getattr(tv.video, name)(weights=None)
        seed_inputs()
        shapes = {"x": {0: DYNAMIC}} if batch > 1 else None
        return module, (torch.randn(batch, 3, frames, size, size),), {}, shapes

    return make


class SingleImage(nn.Module):
    """A detector, which takes a list of images, on one image."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def forward(self, image):
        return self.detector([image])


class RawHeads(nn.Module):
    """Backbone and heads of a detector, without anchors and suppression: normalised batch -> raw head outputs."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def forward(self, x):
        detector = self.detector
        features = detector.backbone(x)
        features = list(features.values()) if isinstance(features, dict) else [features]
        return detector.rpn.head(features) if hasattr(detector, "rpn") else detector.head(features)


def _detection(name):
    def make(tiny, batch):
        small = dict(min_size=96, max_size=128) if tiny and not name.startswith("ssd") else {}
        module = SingleImage(getattr(tv.detection, name)(weights=None, weights_backbone=None, **small))
        size = 96 if tiny else 320
        seed_inputs()
        return module, (torch.rand(3, size, size),), {}, None

    return make


def _detection_heads(name):
    def make(tiny, batch):
        module = RawHeads(getattr(tv.detection, name)(weights=None, weights_backbone=None))
        size = 300 if name.startswith("ssd300") else 128 if tiny else 640
        seed_inputs()
        return module, (torch.randn(batch, 3, size, size),), {}, {"x": {0: DYNAMIC}}

    return make


def _optical_flow(name):
    def make(tiny, batch):
        module = getattr(tv.optical_flow, name)(weights=None)
        seed_inputs()
        size = 128 if tiny else 256
        images = tuple(torch.randn(batch, 3, size, size) for _ in range(2))
        shapes = {"image1": {0: DYNAMIC}, "image2": {0: DYNAMIC}}
        if not tiny:
            return module, images, {}, shapes
        return module, images, dict(num_flow_updates=2), dict(shapes, num_flow_updates=None)

    return make


RAW_DETECTORS = ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssd300_vgg16",
                 "ssdlite320_mobilenet_v3_large"]

for _family, _make, _names in [
    ("tv_cls", _classification, tv.list_models(module=tv)),
    ("tv_seg", _segmentation, tv.list_models(module=tv.segmentation)),
    ("tv_video", _video, tv.list_models(module=tv.video)),
    ("tv_det", _detection, tv.list_models(module=tv.detection)),
    ("tv_det_raw", _detection_heads, RAW_DETECTORS),
    ("tv_flow", _optical_flow, tv.list_models(module=tv.optical_flow)),
]:
    for _name in _names:
        register(f"{_family}/{_name}", _make(_name))
