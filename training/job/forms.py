"""The forms of a training job."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.catalog.flavors import DEFAULT_FLAVOR, fitting, pools
from compute.engines import catalogue
from console.choices import Rows, SearchChoiceField, chosen_in
from console.forms import NamedForm, ResourceForm
from core.errors import AppError
from datasets import queries as datasets
from datasets.version.models import DatasetVersion
from storage.bucket.queries import bucket_rows
from training.job import output_paths, services, values
from training.job.checks import MAX_OUTPUTS
from training.job.models import TrainingJob
from training.job.output_paths import ACCEPT

OBS = re.compile(r"^(?:obs://)?(?P<bucket>[^/\s]+)/?(?P<prefix>.*)\Z")


def refuse_longer(value: Any, most: int | None) -> None:
    """Raise ValidationError for a text of more than ``most`` characters, before it is read."""
    if most is not None and len(str(value or "")) > most:
        raise ValidationError(_("At most %(most)s characters."), params={"most": most})


class PairsField(forms.CharField):
    """Lines of ``name=value`` as a dict. With ``flags`` a name alone is a flag, and None."""

    widget = forms.Textarea

    def __init__(self, *, flags: bool = False, **kwargs: Any) -> None:
        self.flags = flags
        kwargs.setdefault("required", False)
        super().__init__(max_length=128 * 1024, **kwargs)
        self.widget.attrs["rows"] = 4

    def to_python(self, value: Any) -> dict[str, str | None]:  # type: ignore[override]
        refuse_longer(value, self.max_length)
        pairs: dict[str, str | None] = {}
        for number, line in enumerate(str(value or "").splitlines(), 1):
            if not line.strip():
                continue
            name, sign, text = line.partition("=")
            if not sign and not self.flags:
                raise ValidationError(
                    _("Line %(number)s: write it as name=value."), params={"number": number}
                )
            if name.strip() in pairs:
                raise ValidationError(
                    _("Line %(number)s: “%(name)s” is given twice."),
                    params={"number": number, "name": name.strip()},
                )
            pairs[name.strip()] = text.strip() if sign else None
        return pairs

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(k if v is None else f"{k}={v}" for k, v in value.items())
        return value


def named(text: str) -> dict[str, str]:
    """``name``, or ``$name`` for a path that is passed as an environment variable."""
    name = text.strip()
    if not name.startswith("$"):
        return {"name": name}
    return {"name": name[1:].strip(), "access_method": "env"}


class PlacesField(forms.CharField):
    """Lines of ``name=obs://bucket/directory/`` as inputs or outputs; ``$name`` as in `named`."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32 * 1024, **kwargs)
        self.widget.attrs["rows"] = 2

    def to_python(self, value: Any) -> list[dict[str, str]]:  # type: ignore[override]
        refuse_longer(value, self.max_length)
        places = []
        for number, line in enumerate(str(value or "").splitlines(), 1):
            if not line.strip():
                continue
            name, sign, where = line.partition("=")
            match = OBS.match(where.strip())
            if not sign or match is None:
                raise ValidationError(
                    _("Line %(number)s: write it as name=obs://bucket/directory/."),
                    params={"number": number},
                )
            places.append({**named(name), "bucket": match["bucket"], "prefix": match["prefix"]})
        return places

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(
                f"{'$' if p.get('access_method') == 'env' else ''}{p['name']}"
                f"=obs://{p['bucket']}/{p['prefix']}"
                for p in value
            )
        return value


class EngineField(forms.ChoiceField):
    """An installed engine, or a preset image of ModelArts that one of them stands in for."""

    def valid_value(self, value: Any) -> bool:
        return super().valid_value(value) or catalogue.counterpart(str(value)) is not None

    def prepare_value(self, value: Any) -> Any:
        engine = catalogue.counterpart(str(value or ""))
        return engine.name if engine else value


class OutputsForm(ResourceForm):
    """Where a job writes; a path that holds objects is asked about, each by itself."""

    outputs = PlacesField(
        label=_("Outputs"),
        required=False,
        help_text=_(
            "One per line: train_url=obs://bucket/directory/. Empty: train_url in the code bucket, "
            "at output/ and the name of the job."
        ),
    )

    def setup(self) -> None:
        given = self.data.getlist(ACCEPT) if hasattr(self.data, "getlist") else []
        if 0 < len(given) <= 2 * MAX_OUTPUTS:  # more were never asked about
            self._ask(given)

    def add_app_error(self, error: AppError) -> None:
        super().add_app_error(error)
        if error.code == "OUTPUT_NOT_EMPTY":
            paths = [seen["path"] for seen in error.extra["outputs"]]
            self._ask([*self.cleaned_data.get(ACCEPT, ()), *paths])

    def _ask(self, paths: list[str]) -> None:
        self.fields[ACCEPT] = AcceptedField(paths)


class AcceptedField(forms.MultipleChoiceField):
    """Paths that hold objects and are written to all the same."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, paths: list[str]) -> None:
        super().__init__(
            label=_("Write there all the same"),
            required=False,
            choices=[(path, path) for path in dict.fromkeys(paths)],
            help_text=_(
                "Files of the same name are overwritten; the others stay beside those of this job."
            ),
        )


class JobForm(OutputsForm, NamedForm):
    """Everything a job needs; what can be known to be wrong is said before it is accepted."""

    FIELDSETS = (
        (_("Job"), "", ("name", "description")),
        (
            _("Program"),
            _("The code directory is copied into the sandbox with its sub-directories."),
            ("code_bucket", "code_prefix", "boot_file", "engine"),
        ),
        (
            _("Data"),
            _(
                "Each input becomes a writable local copy and is passed as --name=path; written "
                "as $name it is passed as an environment variable instead. Outputs are uploaded "
                "while the job runs and once more at its end."
            ),
            ("dataset_version", "dataset_parameter", "inputs", "outputs", ACCEPT, "predownload"),
        ),
        (
            _("Parameters"),
            _("Only what stands here is passed to the program; nothing is added."),
            ("hyperparameters", "environment", "secret_environment"),
        ),
        (_("Resources"), "", ("pool", "flavor", "max_duration", "priority")),
    )

    code_bucket = SearchChoiceField(label=_("Code bucket"))
    code_prefix = forms.CharField(
        label=_("Code directory"),
        required=False,
        max_length=1024,
        help_text=_(
            "Directory in the bucket that holds the boot file, e.g. code/sklearn/. Empty: the root "
            "of the bucket; all of it is copied but what lies in output/."
        ),
    )
    boot_file = forms.CharField(
        label=_("Boot file"),
        max_length=255,
        initial="train.py",
        help_text=_("Python file to run, relative to the code directory."),
    )
    engine = EngineField(label=_("Engine"))
    dataset_version = SearchChoiceField(
        label=_("Dataset version"),
        required=False,
        empty=_("none"),
        help_text=_("Optional: train on a checked, unchanging version."),
    )
    dataset_parameter = forms.CharField(
        label=_("Passed as"),
        required=False,
        initial="data_url",
        max_length=64,
        help_text=_("Name of the parameter that receives the dataset's path."),
    )
    inputs = PlacesField(
        label=_("Inputs"),
        required=False,
        help_text=_("One per line: data_url=obs://bucket/directory/"),
    )
    predownload = forms.BooleanField(
        label=_("Pre-download to the local directory"),
        required=False,
        help_text=_(
            "Copies what already lies at the output paths into the output directories before the "
            "program starts, for example to go on from a checkpoint."
        ),
    )
    hyperparameters = PairsField(
        label=_("Hyperparameters"),
        flags=True,
        help_text=_("One per line: epochs=5. A name alone, no-cuda, is passed as a bare flag."),
    )
    environment = PairsField(label=_("Environment variables"), help_text=_("One per line: A=b"))
    secret_environment = PairsField(
        label=_("Secret variables"),
        help_text=_(
            "One per line: TOKEN=value. Kept encrypted, shown to no user again, and masked in the "
            "log. Variables whose name says password, secret, token or key are taken as secret too."
        ),
    )
    pool = forms.ChoiceField(label=_("Resource pool"))
    flavor = forms.ChoiceField(label=_("Flavor"), initial=DEFAULT_FLAVOR)
    max_duration = forms.IntegerField(
        label=_("Time limit (seconds)"),
        initial=3600,
        min_value=10,
        max_value=30 * 86400,
        help_text=_("The job is stopped after this long; outputs so far are kept."),
    )
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        coerce=int,
        initial=1,
        choices=[(1, _("1 (normal)")), (2, _("2 (high)")), (3, _("3 (highest)"))],
    )

    def setup(self) -> None:
        super().setup()
        bucket, version = self.fields["code_bucket"], self.fields["dataset_version"]
        assert isinstance(bucket, SearchChoiceField) and isinstance(version, SearchChoiceField)
        bucket.fill(bucket_rows(self.actor), chosen="".join(chosen_in(self, "code_bucket")))
        version.fill(
            *(
                Rows(rows, search=("dataset__name", "name"), exact=DatasetVersion.called)
                for rows in datasets.usable_versions(self.actor, region=self.actor.region)
            )
        )
        self.choose(
            "engine",
            [(e.name, f"{e.name}: {gettext(e.description)}") for e in catalogue.ENGINES.values()],
        )
        self.choose("pool", [(p.id, gettext(p.label)) for p in pools().values()])
        self.choose("flavor", [(f.id, f.label) for f in fitting(pools()["public"])])

    def choose(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def data_for_service(self) -> dict[str, Any]:
        data = super().data_for_service()
        version, name = data.pop("dataset_version"), data.pop("dataset_parameter")
        if version:
            data["inputs"] = [
                {**named(name or "data_url"), "dataset_version": version},
                *data["inputs"],
            ]
        if data.pop("predownload"):
            data["outputs"] = [{**item, "predownload": True} for item in data["outputs"]]
        return data


class JobEditForm(ResourceForm):
    """Words about a job; its specification is fixed."""

    description = forms.CharField(label=_("Description"), max_length=255, required=False)


class RerunForm(OutputsForm):
    """Outputs and values of a rerun: who submitted the job may give new secrets, another user has
    to give values of their own for every name. A name without a value has no answer."""

    hyperparameters = PairsField(label=_("Hyperparameters"), flags=True)
    environment = PairsField(label=_("Environment variables"))
    secret_hyperparameters = PairsField(label=_("Secret hyperparameters"))
    secret_environment = PairsField(label=_("Secret variables"))

    def setup(self) -> None:
        super().setup()
        self.fields["outputs"].help_text = _(
            "One per line: train_url=obs://bucket/directory/. Empty: as listed above."
        )
        own = values.readable(self.instance, self.actor)
        asked = values.names(self.instance)
        for name in values.FIELDS:
            names, field = asked[name], self.fields[name]
            if not names or (own and name in values.KINDS):
                del self.fields[name]
            elif own:
                field.help_text = _(
                    "Empty: the values that you gave before are taken along (%(names)s). One per "
                    "line: name=value gives a new one."
                ) % {"names": ", ".join(names)}
            else:
                field.required = True
                given = getattr(self.instance, name, {})
                self.initial[name] = {n: None if given.get(n, "") is None else "" for n in names}
                field.help_text = _(
                    "Another user submitted this job, and its values are not passed on. Give one "
                    "of your own for each, one per line: name=value."
                )

    def initial_from(self, instance: TrainingJob) -> dict[str, Any]:
        """Where it would write; nothing else of the job: its values are for the user who submitted
        it."""
        name = services.next_name(instance)
        return {"outputs": output_paths.of_rerun(instance.outputs, instance.name, name)}

    def data_for_service(self) -> dict[str, Any]:
        """What was given, without the names that have no value."""
        data = super().data_for_service()
        given = {name: data.pop(name) for name in ("outputs", ACCEPT) if name in data}
        copied = {place["name"] for place in self.instance.outputs if place.get("predownload")}
        given["outputs"] = [
            place | ({"predownload": True} if place["name"] in copied else {})
            for place in given["outputs"]
        ]
        return given | {
            kind: {k: v for k, v in pairs.items() if v != ""} for kind, pairs in data.items()
        }
