"""What scripts written for older releases of PyTorch need, supplied when they import it.

Loaded at the start of every interpreter of an engine, so it imports next to nothing itself and
prints nothing. ``MODELYARD_COMPAT=0`` in the environment switches it off.

- ``torch._six`` (gone since torch 2.0): ``string_classes``, ``int_classes``, ``container_abcs``,
  ``inf``, ``nan``.
- ``torchvision`` beside a CPU build of torch: the compiled part of the index's build wants CUDA and
  cannot load, and the import then ends for want of two operators. They are declared (not
  implemented: ``torchvision.ops.nms`` says so when it is called). A matching build loads as ever.
"""

import os
import sys

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept = []  # a library that is collected takes its operators along


def add_six(torch):
    """After torch was imported."""
    if hasattr(torch, "_six"):
        return
    import collections.abc
    import math
    from types import ModuleType

    six = ModuleType("torch._six", "Names that torch had up to 1.13.")
    six.string_classes, six.int_classes = (str, bytes), int
    six.container_abcs = collections.abc
    six.inf, six.nan = math.inf, math.nan
    torch._six = sys.modules["torch._six"] = six


def declare_operators(torchvision):
    """Before torchvision's own code runs."""
    from pathlib import Path

    import torch

    try:
        for library in Path(torchvision.__path__[0]).glob("_C*.so"):
            torch.ops.load_library(str(library))
            return
    except OSError:
        pass
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for schema in OPERATORS:
        declared.define(schema)
    _kept.append(declared)


BEFORE = {"torchvision": declare_operators}
AFTER = {"torch": add_six}


class Finder:
    """Finds what another finder finds, and wraps the run of the module's code."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in BEFORE and name not in AFTER:
            return None
        for finder in sys.meta_path:
            spec = None if finder is cls else finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        run = getattr(spec.loader, "exec_module", None)
        if run is None:
            return spec

        def run_between(module):
            if name in BEFORE:
                BEFORE[name](module)
            run(module)
            if name in AFTER:
                AFTER[name](module)

        spec.loader.exec_module = run_between
        return spec


if os.environ.get("MODELYARD_COMPAT") != "0":
    sys.meta_path.insert(0, Finder)
