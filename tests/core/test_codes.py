"""Messages are English by value, told in the reader's language, and kept as code and parameters."""

from __future__ import annotations

import json
import pickle

import pytest
from django.template import engines
from django.utils import translation
from django.utils.translation import gettext_lazy

from compute import messages as of_compute
from compute.runner.sentences import SENTENCES, say
from core import codes, messages
from core.errors import AppError, Conflict, Problem, ValidationFailed
from core.said import data_of

NAME = "{0.__class__} %s {{x}} <b>"


@pytest.fixture
def message() -> codes.Message:
    return messages.NAME_TAKEN(obj=NAME)


def test_it_is_english_text_and_told_in_the_language_of_the_reader(message: codes.Message) -> None:
    with translation.override("zh-hans"):
        assert message == f"Another “{NAME}” exists already."
        assert f"{message}" == message and json.loads(json.dumps(message)) == message
        assert message.told() == f"已存在另一个“{NAME}”。"
        page = engines["django"].from_string("{{ said }}").render({"said": message})
        assert page.startswith("已存在另一个“{0.__class__}") and "&lt;b&gt;" in page
    assert message.told() == message


def test_it_is_kept_as_code_and_parameters(message: codes.Message) -> None:
    data = json.loads(json.dumps(codes.data(message)))
    assert data == {"code": "core.NAME_TAKEN", "params": {"obj": NAME}}
    for again in (codes.kept(str(message), data), pickle.loads(pickle.dumps(message))):
        assert again == message
        with translation.override("zh-hans"):
            assert codes.told(again) == f"已存在另一个“{NAME}”。"
    assert message.next == "Choose another name."
    assert codes.kept("x", codes.data(message.next)) == message.next


@pytest.mark.parametrize(
    "data",
    [
        {"code": "core.OF_ANOTHER_VERSION", "params": {}},
        {"code": "core.NAME_TAKEN", "params": {"other": 1}},
        {"code": "core.NAME_TAKEN"},
        {"params": {}},
        ["?"],
        "?",
    ],
)
def test_what_this_version_does_not_know_shows_the_text_beside_it(data: object) -> None:
    assert codes.kept("As it was.", data) == "As it was."


def test_rows_without_a_code_go_on_showing_their_text() -> None:
    assert codes.kept("As it was.", None) == "As it was."
    assert codes.data("As it was.") is None
    with translation.override("zh-hans"):
        assert codes.kept("Choose another name.", None) == "请选择其他名称。"
        assert codes.kept("", None) == ""


def test_labels_and_messages_among_the_parameters_are_told_too(message: codes.Message) -> None:
    both = codes.joined([message, message.next])
    made = messages.WRONG_PHASE(
        label=gettext_lazy("Training job"),
        obj="j",
        phase=codes.label(gettext_lazy("Completed"), text="Done"),
        verb=both,
    )
    assert made.startswith("Training job “j” is Done; “Another “")
    again = codes.kept("", json.loads(json.dumps(made.data())))
    assert again == made
    with translation.override("zh-hans"):
        assert made.told() == codes.told(again)
        assert made.told().startswith("训练作业“j”的状态为已完成")
        assert "请选择其他名称。" in made.told()


def test_parameters_are_bounded_and_forge_no_line() -> None:
    made = messages.NAME_TAKEN(obj="x" * 10**6)
    assert len(made) == codes.MAX_TEXT and len(json.dumps(made.data())) < 1100
    kept = messages.NAME_TAKEN(obj="a\0b\nc").data()
    assert kept["params"]["obj"] == "a b c"


def test_an_error_takes_code_and_hint_of_its_message() -> None:
    found = Conflict(messages.IN_USE(label="Job", name="j", says="reads", what="x"))
    assert (found.code, found.hint) == ("IN_USE", messages.IN_USE.next)
    plain = Conflict(messages.NAME_TAKEN(obj="x"))
    assert (plain.code, plain.hint) == ("CONFLICT", "Choose another name.")
    assert str(plain) == "Another “x” exists already.", "logs are English"
    with translation.override("zh-hans"):
        assert plain.told() == "已存在另一个“x”。 请选择其他名称。"
        assert str(plain) == "Another “x” exists already."


def test_problems_have_codes_of_their_own() -> None:
    wrong = Problem("name", messages.DISK_FULL())
    assert (wrong.code, wrong.next) == ("DISK_FULL", messages.DISK_FULL.next)
    assert Problem("name", "said by a library").code == "INVALID"
    found = ValidationFailed.of("name", messages.DISK_FULL())
    assert (found.code, found.hint) == ("VALIDATION_FAILED", "")
    assert AppError("said by a library", code="X").told() == "said by a library"


def test_what_a_runner_said_is_told_too() -> None:
    """It has no Django, so it keeps the code beside its text."""
    said = say("MAX_DURATION", limit=60)
    assert said == "The job reached its time limit of 60 s. Outputs written so far are kept."
    told = codes.kept(str(said), json.loads(json.dumps(data_of(said))))
    assert told == said and data_of("Killed.") is None
    assert set(of_compute.ENDS) == set(SENTENCES)
    with translation.override("zh-hans"):
        assert codes.told(told) == "作业达到了 60 秒的时间上限。此前写入的输出已保留。"


def test_a_sentence_within_a_sentence_of_the_runner_is_told_too() -> None:
    hint = say("NO_PYTHON_FILE")
    said = say("BOOT_FILE_MISSING", boot_file="train.py", code_name="code", hint=hint)
    message = codes.kept(str(said), json.loads(json.dumps(data_of(said))))
    assert message == said and said.endswith("code. The code directory holds no Python file.")
    with translation.override("zh-hans"):
        assert str(codes.told(message)).endswith("代码目录中没有 Python 文件。")
