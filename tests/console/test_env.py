"""Environment variables and DATABASE_URL: what is taken, what is refused and with which words."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.sqlite3.base import DatabaseWrapper

from console.settings.database import database_config
from console.settings.env import BadVariable, Env

VAR = Path("/srv/modelyard")


def env(**variables: str) -> Env:
    return Env(variables)


def test_unset_and_empty_mean_the_default():
    assert env().text("A", "x") == "x"
    assert env(A="  ").text("A", "x") == "x"
    assert env(A="").boolean("A", True) is True
    assert env(A="").integer("A", 7) == 7
    assert env(A="").listing("A", ("x",)) == ["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("TRUE", True), ("yes", True), ("On", True), ("0", False), ("off", False)],
)
def test_boolean(value, expected):
    assert env(A=value).boolean("A") is expected


def test_boolean_refuses_a_typing_error():
    with pytest.raises(BadVariable, match=r"MODELYARD_DEBUG='ture'.*1, true, yes.*unset"):
        env(MODELYARD_DEBUG="ture").boolean("MODELYARD_DEBUG")


def test_integer_bounds_are_included():
    assert env(A="1").integer("A", 5, minimum=1, maximum=3) == 1
    assert env(A="3").integer("A", 5, minimum=1, maximum=3) == 3
    with pytest.raises(BadVariable, match="at most 3"):
        env(A="4").integer("A", 5, minimum=1, maximum=3)
    with pytest.raises(BadVariable, match="at least 1"):
        env(A="0").integer("A", 5, minimum=1, maximum=3)
    with pytest.raises(BadVariable, match="whole number"):
        env(A="1.5").integer("A", 5)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90", 90), ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("7D", 604800)],
)
def test_duration(value, seconds):
    assert env(A=value).duration("A", timedelta(0)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["-1s", "5 weeks", "s", "1h30m"])
def test_duration_refused(value):
    with pytest.raises(BadVariable, match="30s, 5m, 2h or 7d"):
        env(A=value).duration("A", timedelta(0))


@pytest.mark.parametrize(
    ("value", "count"),
    [("42", 42), ("1KiB", 1024), ("512 MiB", 536870912), ("10GB", 10**10), ("1.5kb", 1500)],
)
def test_size(value, count):
    assert env(A=value).size("A", 0) == count


def test_size_refused():
    with pytest.raises(BadVariable, match="512MiB"):
        env(A="12 parsecs").size("A", 0)


def test_listing_drops_blanks():
    assert env(A=" a, b ,,c,").listing("A") == ["a", "b", "c"]


def test_choices():
    assert env(A="b").text("A", "a", ("a", "b")) == "b"
    with pytest.raises(BadVariable, match="one of a, b"):
        env(A="c").text("A", "a", ("a", "b"))


def test_path_must_be_absolute():
    assert env(A="/srv/x").path("A", VAR) == Path("/srv/x")
    with pytest.raises(BadVariable, match="absolute path"):
        env(A="var").path("A", VAR)


def test_a_secret_value_is_not_repeated():
    with pytest.raises(BadVariable) as caught:
        env(REDIS_URL="ftp://:hunter2@x").path("REDIS_URL", VAR)
    assert "hunter2" not in str(caught.value)


def test_default_database_is_sqlite_ready_for_several_processes(tmp_path, django_db_blocker):
    """The pragmas are asked back from a real connection opened by Django's own backend."""
    config = database_config(None, tmp_path)
    assert config["NAME"] == str(tmp_path / "modelyard.sqlite3")
    connection = DatabaseWrapper(
        {
            **config,
            "ATOMIC_REQUESTS": False,
            "AUTOCOMMIT": True,
            "CONN_HEALTH_CHECKS": False,
            "TIME_ZONE": None,
        }
    )
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            answers = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
        # What atomic() calls. The turn to write is taken here, before any statement.
        connection._start_transaction_under_autocommit()
        other = sqlite3.connect(config["NAME"], timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
        connection.connection.rollback()
        connection.close()
    assert answers == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 20000,
    }


@pytest.mark.parametrize("url", ["sqlite:////srv/x.db", "sqlite:///srv/x.db"])
def test_sqlite_file(url):
    assert database_config(url, VAR)["NAME"] == "/srv/x.db"


def test_postgres_over_tcp():
    config = database_config("postgres://ann:p%40ss%2Fw@db.example:6432/yard?sslmode=require", VAR)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["USER"], config["PASSWORD"]) == ("ann", "p@ss/w")
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db.example", "6432", "yard")
    assert config["OPTIONS"]["sslmode"] == "require"
    assert config["CONN_HEALTH_CHECKS"] is True


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///yard?host=/run/PostgreSQL&user=ann&port=5433",
        "postgres://ann@%2Frun%2FPostgreSQL:5433/yard",
    ],
)
def test_postgres_over_a_unix_socket(url):
    config = database_config(url, VAR)
    assert config["HOST"] == "/run/PostgreSQL"
    assert (config["USER"], config["PORT"], config["NAME"]) == ("ann", "5433", "yard")


def test_connection_age_from_the_address():
    config = database_config("postgres:///yard?conn_max_age=0", VAR)
    assert config["CONN_MAX_AGE"] == 0
    assert "conn_max_age" not in config["OPTIONS"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:hunter2@h/d", "not supported"),
        ("postgres://u:hunter2@h", "names no database"),
        ("postgres://u:hunter2@h:port/d", "cannot be read"),
        ("postgres://u:hunter2@h/d?conn_max_age=soon", "whole number"),
        ("sqlite://", "names no absolute"),
        ("yard", "not supported"),
    ],
)
def test_bad_addresses_are_explained_without_the_password(url, words):
    with pytest.raises(ImproperlyConfigured, match=words) as caught:
        database_config(url, VAR)
    assert "hunter2" not in str(caught.value)
