"""The samples that the page offers; their files lie in `samples/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

ROOT = Path(__file__).resolve().parents[2] / "samples"
DATA, PICTURES = "mnist-data/", "pictures/"


@dataclass(frozen=True, slots=True)
class Sample:
    """One card.

    code: folder below `samples/`, copied to ``<name>/`` of the bucket. minutes: of the whole way to
    an answering service on two processor cores. exercises: what of the console it goes through.
    hyperparameters: name -> text, None for a flag.
    """

    name: str
    title: Any
    text: Any
    engine: str
    code: str
    minutes: int
    exercises: tuple[Any, ...]
    hyperparameters: dict[str, str | None] = field(default_factory=dict)

    def files(self) -> dict[str, Path]:
        """Key in the bucket -> file here: code, data and pictures to try the service with."""
        places = (
            (f"{self.name}/", self.code),
            (DATA, "digits/data"),
            (PICTURES, "digits/pictures"),
        )
        return {
            f"{prefix}{path.relative_to(ROOT / folder).as_posix()}": path
            for prefix, folder in places
            for path in sorted((ROOT / folder).rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }


_WAY = (_("training job"), _("metrics"), _("model package"), _("service"), _("prediction"))

SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            name="digits-sklearn",
            title=_("Handwritten digits with scikit-learn"),
            text=_(
                "A small network of scikit-learn on 1,797 scans of digits. The quickest way from "
                "data to a service that answers."
            ),
            engine="python_3.11-sklearn-cpu",
            code="digits/sklearn",
            minutes=2,
            exercises=_WAY,
            hyperparameters={"epochs": "12"},
        ),
        Sample(
            name="digits-pytorch",
            title=_("Handwritten digits with PyTorch"),
            text=_("The same scans and a convolutional network, written for PyTorch 2."),
            engine="pytorch_2.13-cpu-py_3.11",
            code="digits/pytorch",
            minutes=4,
            exercises=_WAY,
            hyperparameters={"epochs": "12"},
        ),
        Sample(
            name="mnist-pytorch",
            title=_("A MNIST script as written for ModelArts"),
            text=_(
                "A script in the form of ModelArts' own example, for PyTorch 1.8 and torchvision, "
                "with its package for a service. It runs here unchanged, and takes the original "
                "files of MNIST, too."
            ),
            engine="pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64",
            code="mnist",
            minutes=4,
            exercises=(*_WAY, _("flags"), _("engine names of ModelArts")),
            hyperparameters={"epochs": "8", "no-cuda": None},
        ),
    )
}
