"""The model package: what a directory must hold to be registered as a model. No Django here.

Rules: ModelArts "Model Package Specifications" (layout, config.json, customize_service.py).
"""

from .bounded import inspect_bounded
from .example import ExampleRequest, build_example, judge_answer
from .inspect import inspect
from .own_server import command_line, health_line
from .report import Opener, PackageReport, Problem, from_directory

__all__ = [
    "ExampleRequest",
    "Opener",
    "PackageReport",
    "Problem",
    "build_example",
    "command_line",
    "from_directory",
    "health_line",
    "inspect",
    "inspect_bounded",
    "judge_answer",
]
