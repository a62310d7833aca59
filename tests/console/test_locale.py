"""The console in Simplified Chinese: nothing left out, nothing stale, nothing broken."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polib
import pytest
from django.conf import settings
from django.template import engines
from django.test import Client
from django.urls import reverse
from django.utils import translation

from console.choices import Offer
from console.filters import filterset_class
from console.pages.base import status_of
from core import registry
from core.text import english
from registry.model import sources
from sharing.invitation.models import Invitation
from tests.accounts import make as accounts
from tests.storage import people
from training.job import services as jobs
from training.job.models import TrainingJob

ROOT = Path(settings.BASE_DIR)
PO = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
NEXT = "Translate it in locale/zh_Hans, then run .venv/bin/python locale/update.py."
HAN = re.compile("[\u4e00-\u9fff]")
# Names and patterns that are the same in every language.
SAME = {"ID", "vCPU", "%(verb)s: “%(name)s”."}


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("locale_update", ROOT / "locale/update.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


tool = _tool()


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(PO), check_for_duplicates=True)


@pytest.fixture(scope="module")
def found() -> dict:
    return tool.marked()


def test_the_catalogue_holds_exactly_the_strings_of_the_sources(
    catalogue: polib.POFile, found: dict
) -> None:
    """Fails when a string is added or changed without the catalogue, and when one is stale."""
    known = {tool.key(entry) for entry in catalogue}
    missing, stale = sorted(set(found) - known, key=str), sorted(known - set(found), key=str)
    assert not missing, f"Not in the catalogue: {missing}. {NEXT}"
    assert not stale, f"In no source any more: {stale}. Run .venv/bin/python locale/update.py."
    for entry in catalogue:
        assert (entry.msgid_plural or None) == found[tool.key(entry)].plural, entry.msgid


def test_every_string_has_a_translation(catalogue: polib.POFile) -> None:
    left = [e.msgid for e in catalogue if e.fuzzy or e.obsolete or not all(tool.texts(e))]
    assert not left, f"Without a translation, or marked fuzzy: {left}. {NEXT}"
    english = [
        e.msgid
        for e in catalogue
        if e.msgid not in SAME and not all(HAN.search(text) for text in tool.texts(e))
    ]
    assert not english, f"Not Chinese: {english}. {NEXT}"
    assert catalogue.metadata["Plural-Forms"] == "nplurals=1; plural=0;"
    assert all(set(e.msgstr_plural) == {0} for e in catalogue if e.msgid_plural)


def test_translations_keep_the_placeholders(catalogue: polib.POFile) -> None:
    """A lost ``%(name)s`` is a lost name, an invented one a page that cannot be shown."""
    for entry in catalogue:
        for text in tool.texts(entry):
            wanted = tool.placeholders(entry.msgid_plural or entry.msgid)
            assert tool.placeholders(text) == wanted, f"{entry.msgid!r}: {text!r}. {NEXT}"


def test_the_compiled_catalogue_is_that_of_the_text(catalogue: polib.POFile) -> None:
    assert PO.with_suffix(".mo").read_bytes() == catalogue.to_binary(), (
        "The .mo is older than the .po. Run .venv/bin/python locale/update.py."
    )


def test_the_catalogue_is_written_for_small_differences(catalogue: polib.POFile) -> None:
    """Sorted, without dates and line numbers: two branches rarely touch the same lines."""
    order = [(entry.msgid, entry.msgctxt or "") for entry in catalogue]
    assert order == sorted(order)
    assert catalogue.metadata == tool.METADATA
    assert not any(line for entry in catalogue for _name, line in entry.occurrences)


def test_an_update_keeps_what_is_translated_and_drops_what_is_gone() -> None:
    old = polib.POFile()
    old.append(polib.POEntry(msgid="Kept", msgstr="保留"))
    old.append(polib.POEntry(msgid="Gone", msgstr="已去"))
    old.append(polib.POEntry(msgid="Now counted", msgstr="已计"))
    new = tool.updated(
        old,
        {
            (None, "Kept"): tool.Marked(files={"core/b.py", "core/a.py"}),
            (None, "New %(n)s"): tool.Marked(files={"core/a.py"}),
            (None, "Now counted"): tool.Marked(plural="Now counted ones"),
        },
    )
    assert [(entry.msgid, tool.texts(entry)) for entry in new] == [
        ("Kept", ["保留"]),
        ("New %(n)s", [""]),
        ("Now counted", [""]),
    ]
    assert new[0].occurrences == [("core/a.py", ""), ("core/b.py", "")]
    assert new[1].flags == ["python-format"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('x = _("One " "two")', [(None, "One two", None)]),
        ('x = _("50% of %(a)s")', [(None, "50% of %(a)s", None)]),
        ('x = pgettext_lazy("share", "Waiting")', [("share", "Waiting", None)]),
        ('x = ngettext("%(n)d job", "%(n)d jobs", n)', [(None, "%(n)d job", "%(n)d jobs")]),
        ("x = _(words)", []),
    ],
)
def test_finds_marked_strings_of_python(source: str, expected: list) -> None:
    assert list(tool.of_python(source)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{% translate "It\'s here" %} words', [(None, "It's here", None)]),
        ('{% translate "Open" context "share" %}', [("share", "Open", None)]),
        ('{% include "a.html" with label=_("Whose") only %}', [(None, "Whose", None)]),
        ('{% include "a.html" with title="Whose" only %}', []),
        (
            "{% blocktranslate trimmed %}\n a\n {{ b }}\n{% endblocktranslate %}",
            [(None, "a %(b)s", None)],
        ),
        (
            "{% blocktranslate count n=n %}{{ n }} job{% plural %}{{ n }} jobs"
            "{% endblocktranslate %}",
            [(None, "%(n)s job", "%(n)s jobs")],
        ),
    ],
)
def test_finds_marked_strings_of_templates(source: str, expected: list) -> None:
    assert list(tool.of_template(source)) == expected


def test_finds_the_texts_of_declarations_without_django(found: dict) -> None:
    source = 'e = Engine(name="a", description="Small " "and fast.")\nOther(description="No")'
    assert list(tool.of_declaration(source, "Engine", "description")) == ["Small and fast."]
    policies = '{"policies": [{"name": "A", "description": "All of it."}, {"name": "B"}]}'
    assert list(tool.of_declaration(policies, "", "description")) == ["All of it."]
    for name in tool.DECLARED:
        assert any(name in one.files for one in found.values()), f"Nothing was found in {name}."


@pytest.mark.skipif(not shutil.which("msgfmt"), reason="gettext tools are not on this machine")
def test_gettext_accepts_the_catalogue() -> None:
    done = subprocess.run(
        ["msgfmt", "--check-format", "-o", "/dev/null", str(PO)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_switch_changes_the_page(db: None) -> None:
    """The choice is kept in a cookie; the page names its language for fonts and readers."""
    client = Client()
    before = client.get(reverse("accounts:sign-in"), follow=True)
    assert '<html lang="en"' in before.text
    answer = client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert answer.status_code == 302
    after = client.get(reverse("accounts:sign-in"), follow=True)
    assert '<html lang="zh-hans"' in after.text
    assert "语言" in after.text and "Language" not in re.sub(r"<[^>]*>", "", after.text)


def test_numbers_and_names_stand_in_the_sentence() -> None:
    with translation.override("zh-hans"):
        assert translation.gettext("Delete %(name)s") % {"name": "a"} == "删除a"
        text = translation.ngettext("%(n)d hour ago", "%(n)d hours ago", 3) % {"n": 3}
        assert text == "3小时前"
        page = engines["django"].from_string(
            "{% load i18n %}{% blocktranslate with typed=typed %}"
            "Type <code>{{ typed }}</code> to confirm{% endblocktranslate %}"
        )
        assert page.render({"typed": "<b>"}) == "请输入<code>&lt;b&gt;</code>以确认"


def test_the_api_is_english_for_every_reader(db: None) -> None:
    """Programs compare what it says; a browser's language must not change it."""
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    answer = Client().get("/api/v1/training-jobs", headers=chinese)
    assert answer.status_code == 401
    assert answer["Content-Language"] == "en"
    assert not HAN.search(answer.text), answer.text
    page = Client().get(reverse("accounts:sign-in"), follow=True, headers=chinese)
    assert '<html lang="zh-hans"' in page.text


def test_errors_are_of_one_language() -> None:
    """They go to the audit trail too, which all readers of an account share."""
    spec = registry.spec_by_type("training.trainingjob")
    with translation.override("zh-hans"):
        assert str(spec.label) == "训练作业"
        assert english(spec.label) == "Training job"
        assert translation.get_language() == "zh-hans"


def test_labels_made_at_import_follow_the_reader() -> None:
    """The filter class is made once and serves both languages."""
    made = filterset_class(registry.spec_by_type("registry.model"))
    label = made.base_filters["engine"].label
    with translation.override("zh-hans"):
        assert str(label) == "引擎"
    with translation.override("en"):
        assert str(label) == "Engine"


def test_a_status_is_told_in_words_on_both_levels() -> None:
    """What is stored stays what the API says; what is shown follows the reader."""
    job = TrainingJob(phase="Running", secondary="Preparing")
    left = Invitation(phase="ACCEPTED", secondary="LEFT")
    with translation.override("zh-hans"):
        assert (str(status_of(job)["label"]), status_of(job)["secondary"]) == ("运行中", "准备中")
        assert (str(status_of(left)["label"]), status_of(left)["secondary"]) == ("已退出", "")
    with translation.override("en"):
        assert status_of(job)["secondary"] == "Preparing"
        assert status_of(TrainingJob(phase="Running", secondary="New"))["secondary"] == "New"


def test_finished_jobs_are_offered_with_the_label_of_their_status(db: None) -> None:
    person = people.root("trainer")
    accounts.agency(
        person.user.account,
        accounts.statement("Allow", "obs:*:*"),
        accounts.statement("Allow", "modelarts:*:*"),
    )
    people.bucket(person, "data")
    people.put(person, "data", "code/train.py", b"print('hello')\n")
    job = jobs.create(
        person.actor,
        {
            "name": "j",
            "code_bucket": "data",
            "code_prefix": "code",
            "boot_file": "train.py",
            "engine": "python_3.11-sklearn-cpu",
            "outputs": [{"name": "train_url", "bucket": "data", "prefix": "out"}],
        },
    )
    TrainingJob.objects.unscoped("test").filter(pk=job.pk).update(phase="Completed")
    with translation.override("zh-hans"):
        listed, _more = Offer(sources.rows("training_job", person.actor)).listed(9)
        assert listed == [("", [(str(job.pk), "j (已完成)")])]
