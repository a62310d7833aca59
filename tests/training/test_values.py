"""Values of variables and hyperparameters: for the program and for who wrote them."""

from __future__ import annotations

import datetime as dt
import json
import random
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from compute.runner.masking import LEAST, Masker
from core import access, sealed
from core.errors import Conflict, ValidationFailed
from core.models import AuditRecord
from tests.accounts import make
from tests.storage import people
from tests.storage.people import Person
from training.job import services, values
from training.job.models import TrainingJob

pytestmark = pytest.mark.postgresql

ENV, WANDB, HP = "plain-of-env", "SEKRIT-wandb-4711", "SEKRIT-hp-4712"
GIVEN = "SEKRIT-given-4713"
SECRETS = (WANDB, HP, GIVEN)
ANY = {"Effect": "Allow", "Action": ["modelarts:*:*", "obs:*:*"]}


@pytest.fixture
def owner(db: None) -> Person:
    found = people.root("valueowner")
    people.bucket(found, "data")
    people.put(found, "data", "code/train.py", b"print('hello')\n")
    make.agency(found.user.account, make.statement("Allow", "obs:*:*"))
    return found


def spec(name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "code_bucket": "data",
        "code_prefix": "code/",
        "boot_file": "train.py",
        "engine": "python_3.11-sklearn-cpu",
        "outputs": [{"name": "train_url", "bucket": "data", "prefix": f"out/{name}/"}],
        **more,
    }


@pytest.fixture
def job(owner: Person) -> TrainingJob:
    return services.create(
        owner.actor,
        spec(
            environment={"MODE": ENV, "WANDB_API_KEY": WANDB},
            hyperparameters={"epochs": "5", "api_token": HP},
            secret_environment={"GIVEN": GIVEN},
        ),
    )


def client(person: Person) -> Client:
    token = people.token(person, dt.timedelta(hours=1))
    return Client(headers={"authorization": f"Bearer {token}"})


def over_api(person: Person, path: str) -> Any:
    return client(person).get(f"/api/v1/training-jobs{path}").json()


class TestSecrets:
    def test_the_program_gets_them(self, job: TrainingJob) -> None:
        job.refresh_from_db()
        found = values.secrets_of(job)
        assert found == {
            "environment": {"WANDB_API_KEY": WANDB, "GIVEN": GIVEN},
            "hyperparameters": {"api_token": HP},
        }
        assert job.environment == {"MODE": ENV}
        assert job.hyperparameters == {"epochs": "5"}

    def test_no_table_holds_one(self, job: TrainingJob) -> None:
        for table in connection.introspection.table_names():
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{table}"')
                rows = repr(cursor.fetchall())
            assert not [secret for secret in SECRETS if secret in rows], table

    def test_who_wrote_them_sees_that_they_are_set(self, owner: Person, job: TrainingJob) -> None:
        body = over_api(owner, f"/{job.pk}")
        assert [s["name"] for s in body["secret_environment"]] == ["GIVEN", "WANDB_API_KEY"]
        assert [s["name"] for s in body["secret_hyperparameters"]] == ["api_token"]
        assert body["secret_environment"][0]["set_at"] == body["created_at"]
        assert not [secret for secret in SECRETS if secret in json.dumps(body)]

    def test_a_page_shows_names_only(self, owner: Person, job: TrainingJob) -> None:
        browser = Client()
        people.sign_in(browser, owner)
        text = browser.get(f"/training-jobs/{job.pk}").content.decode()
        assert "WANDB_API_KEY" in text and "--api_token" in text and ENV in text
        assert not [secret for secret in SECRETS if secret in text]

    def test_the_answer_to_its_creation_has_none(self, owner: Person) -> None:
        answer = client(owner).post(
            "/api/v1/training-jobs",
            spec("two", secret_environment={"GIVEN": GIVEN}),
            content_type="application/json",
        )
        assert answer.status_code == 201
        assert GIVEN not in answer.content.decode()

    def test_keys_of_another_installation_do_not_open_them(
        self, job: TrainingJob, settings: Any
    ) -> None:
        settings.SECRET_KEY, before = "another", settings.SECRET_KEY
        with pytest.raises(sealed.Unsealable):
            values.secrets_of(job)
        settings.SECRET_KEY_FALLBACKS = [before]
        assert values.secrets_of(job)["environment"]["GIVEN"] == GIVEN

    def test_they_open_in_their_own_row_only(self, owner: Person, job: TrainingJob) -> None:
        other = services.create(owner.actor, spec("two"))
        other.sealed, other.sealed_names = job.sealed, job.sealed_names
        with pytest.raises(sealed.Unsealable):
            values.secrets_of(other)

    @pytest.mark.parametrize("damaged", ["", "2:xx", "1:!!", "1:", "1:AAAA"])
    def test_damaged_ones_do_not_open(self, damaged: str) -> None:
        with pytest.raises(sealed.Unsealable):
            sealed.unseal(damaged, "x")

    @pytest.mark.parametrize(
        ("kind", "name", "secret"),
        [
            ("environment", "WANDB_API_KEY", True),
            ("environment", "DB_PASSWORD", True),
            ("environment", "HF_TOKEN", True),
            ("environment", "GITHUB_TOKEN", True),
            ("environment", "awsSecretAccessKey", True),
            ("environment", "MODE", False),
            ("environment", "TOKENIZERS_PARALLELISM", False),
            ("environment", "KEYS", False),
            ("hyperparameters", "api_token", True),
            ("hyperparameters", "password", True),
            ("hyperparameters", "token", True),
            ("hyperparameters", "pad_token", False),
            ("hyperparameters", "max_tokens", False),
            ("hyperparameters", "sort_key", False),
            ("hyperparameters", "access-key", True),
            ("hyperparameters", "_", False),
        ],
    )
    def test_what_looks_like_a_secret(self, kind: str, name: str, secret: bool) -> None:
        assert values.looks_secret(kind, name) is secret


class TestReaders:
    def test_the_trail_has_names_only(self, job: TrainingJob) -> None:
        rows = AuditRecord.objects.filter(resource_id=str(job.pk))
        after = next(row.after for row in rows if row.after and "environment" in row.after)
        assert after["environment"] == {"MODE": "***"}
        assert after["hyperparameters"] == {"epochs": "***"}
        assert "sealed" not in after
        assert ENV not in repr(list(rows.values()))

    def test_who_submitted_it_sees_the_plain_values(self, owner: Person, job: TrainingJob) -> None:
        body = over_api(owner, f"/{job.pk}")
        assert body["environment"] == {"MODE": ENV}
        assert body["hyperparameters"] == {"epochs": "5"}

    def test_lists_have_none(self, owner: Person, job: TrainingJob) -> None:
        (row,) = over_api(owner, "")["items"]
        assert row["environment"] == {"MODE": None}
        assert row["hyperparameters"] == {"epochs": None}

    def test_it_is_a_step_of_the_one_decision(self, owner: Person, job: TrainingJob) -> None:
        reader = people.user(owner, "reader", [people.statement("Allow", "modelarts:*:*")])
        asked = access.about(reader.actor, job, verb=values.VALUES)
        found = access.decide(reader.actor, values.READ, asked)
        assert (found.allowed, found.step) == (False, "submitter")
        assert found.trace[-1].name == "submitter"
        assert access.decide(reader.actor, values.READ, job).allowed
        assert access.decide(owner.actor, values.READ, asked).allowed

    def test_other_users_see_names(self, owner: Person, job: TrainingJob) -> None:
        other = people.user(owner, "colleague", [ANY])
        body = over_api(other, f"/{job.pk}")
        assert body["environment"] == {"MODE": None}
        assert body["hyperparameters"] == {"epochs": None}
        browser = Client()
        people.sign_in(browser, other)
        text = browser.get(f"/training-jobs/{job.pk}").content.decode()
        assert "MODE" in text and ENV not in text
        assert "only the user who submitted the job sees the value" in text


class TestRerun:
    def test_by_who_wrote_them_it_has_them(self, owner: Person, job: TrainingJob) -> None:
        free = [{"name": "train_url", "bucket": "data", "prefix": "out/again/"}]
        TrainingJob.objects.unscoped("test").update(outputs=free)
        job.refresh_from_db()
        again = services.rerun(owner.actor, job, {"secret_environment": {"GIVEN": "another-one"}})
        found = values.secrets_of(again)
        assert found["environment"] == {"WANDB_API_KEY": WANDB, "GIVEN": "another-one"}
        assert found["hyperparameters"] == {"api_token": HP}

    def test_by_another_user_it_needs_values_of_their_own(
        self, owner: Person, job: TrainingJob
    ) -> None:
        other = people.user(owner, "colleague", [ANY])
        with pytest.raises(ValidationFailed) as refused:
            services.rerun(other.actor, job, {"secret_environment": {"GIVEN": "mine-12345"}})
        assert {(p.field, p.code) for p in refused.value.problems} == {
            ("secret_environment", "SECRET_NOT_YOURS"),
            ("secret_hyperparameters", "SECRET_NOT_YOURS"),
            ("environment", "VALUE_NOT_YOURS"),
            ("hyperparameters", "VALUE_NOT_YOURS"),
        }
        assert ENV not in str(refused.value.problems)

    def test_another_user_runs_it_with_their_own_and_reads_nothing_else(
        self, owner: Person, job: TrainingJob
    ) -> None:
        """Who submits a job reads its values, so a rerun must not bring those of the first one."""
        other = people.user(owner, "colleague", [ANY])
        free = [{"name": "train_url", "bucket": "data", "prefix": "out/again/"}]
        TrainingJob.objects.unscoped("test").update(outputs=free, phase="Completed")
        over = client(other)
        own = {"MODE": "mine"}, {"epochs": "6"}

        def ask(**body: Any) -> Any:
            path = f"/api/v1/training-jobs/{job.pk}/rerun"
            return over.post(path, body, content_type="application/json")

        secret = {
            "secret_environment": {"GIVEN": "mine-12345", "WANDB_API_KEY": "mine-12346"},
            "secret_hyperparameters": {"api_token": "mine-12347"},
        }
        refused = ask(**secret)
        assert refused.status_code == 400
        assert ENV not in refused.content.decode()
        made = ask(environment=own[0], hyperparameters=own[1], **secret)
        assert made.status_code == 200, made.content
        found = over_api(other, f"/{made.json()['id']}")
        assert (found["environment"], found["hyperparameters"]) == own

    def test_other_values_take_the_place_of_ones_own(self, owner: Person, job: TrainingJob) -> None:
        free = [{"name": "train_url", "bucket": "data", "prefix": "out/again/"}]
        TrainingJob.objects.unscoped("test").update(outputs=free)
        job.refresh_from_db()
        again = services.rerun(owner.actor, job, {"hyperparameters": {"epochs": "7"}})
        assert (again.environment, again.hyperparameters) == ({"MODE": ENV}, {"epochs": "7"})

    def test_the_page_asks_another_user_for_their_own(
        self, owner: Person, job: TrainingJob
    ) -> None:
        free = [{"name": "train_url", "bucket": "data", "prefix": "out/again/"}]
        TrainingJob.objects.unscoped("test").update(outputs=free, phase="Completed")
        other = people.user(owner, "colleague", [ANY])
        browser, page = Client(), f"/training-jobs/{job.pk}/do/rerun"
        people.sign_in(browser, other)
        asked = browser.get(page).content.decode()
        assert "GIVEN=\nWANDB_API_KEY=" in asked and "api_token=" in asked
        assert "\nMODE=<" in asked and "\nepochs=<" in asked
        assert not [value for value in (*SECRETS, ENV) if value in asked]
        given = {
            "environment": "MODE=my-own-mode",
            "hyperparameters": "epochs=7",
            "secret_environment": "GIVEN=my-own-given\nWANDB_API_KEY=",
            "secret_hyperparameters": "api_token=my-own-token",
        }
        refused = browser.post(page, given)
        text = refused.content.decode()
        assert refused.status_code == 400
        assert "WANDB_API_KEY” of job" in text and "my-own-given" in text
        given["secret_environment"] = "GIVEN=my-own-given\nWANDB_API_KEY=my-own-key"
        assert browser.post(page, given).status_code == 302
        again = TrainingJob.objects.unscoped("test").get(parent_id=job.pk)
        assert values.secrets_of(again) == {
            "environment": {"GIVEN": "my-own-given", "WANDB_API_KEY": "my-own-key"},
            "hyperparameters": {"api_token": "my-own-token"},
        }
        assert (again.environment, again.hyperparameters) == (
            {"MODE": "my-own-mode"},
            {"epochs": "7"},
        )
        assert "my-own" not in repr(list(AuditRecord.objects.values()))

    def test_the_page_asks_who_wrote_them_for_nothing(
        self, owner: Person, job: TrainingJob
    ) -> None:
        free = [{"name": "train_url", "bucket": "data", "prefix": "out/again/"}]
        TrainingJob.objects.unscoped("test").update(outputs=free, phase="Completed")
        browser, page = Client(), f"/training-jobs/{job.pk}/do/rerun"
        people.sign_in(browser, owner)
        asked = browser.get(page).content.decode()
        assert "GIVEN, WANDB_API_KEY" in asked
        assert not [secret for secret in SECRETS if secret in asked]
        assert browser.post(page, {"secret_environment": "GIVEN=a-new-one"}).status_code == 302
        again = TrainingJob.objects.unscoped("test").get(parent_id=job.pk)
        found = values.secrets_of(again)["environment"]
        assert found == {"WANDB_API_KEY": WANDB, "GIVEN": "a-new-one"}

    def test_what_cannot_be_opened_is_said(
        self, owner: Person, job: TrainingJob, settings: Any
    ) -> None:
        settings.SECRET_KEY = "another"
        with pytest.raises(Conflict) as refused:
            services.rerun(owner.actor, job, {})
        assert "cannot be opened" in str(refused.value)


class TestMasker:
    @pytest.mark.parametrize("seed", range(30))
    def test_it_equals_a_replacement_of_the_whole(self, seed: int) -> None:
        """However the output is cut into pieces."""
        dice = random.Random(seed)
        secrets = ["abababac", "xyzxyzxyz", "a" * LEAST, "xyzxyzxyzabababaca", "babacaaxy"]
        text = "".join(dice.choice([*secrets, "ab", "xyz", "aaa", "q\n"]) for _ in range(200))
        cut, pieces, masker = 0, [], Masker(secrets)
        while cut < len(text):
            step = dice.randint(1, 9)
            pieces.append(masker.pass_on(text[cut : cut + step].encode()))
            cut += step
        shown = b"".join([*pieces, masker.rest()]).decode()
        assert shown.encode() == Masker(secrets).pass_on(f"{text}\0".encode())[:-1]
        assert not [secret for secret in secrets if secret in shown]
        assert shown.replace("*", "").strip("abqxyzc\n") == ""

    def test_a_value_that_begins_with_another_is_hidden_to_its_end(self) -> None:
        masker = Masker(["password", "password-of-the-store"])
        assert masker.pass_on(b"a password") == b"a "
        assert masker.pass_on(b"-of-the-store, password") == b"***, "
        assert masker.pass_on(b"-of-the-stool\n") == b"***-of-the-stool\n"
        assert masker.pass_on(b"password") + masker.rest() == b"***"

    def test_values_that_overlap_are_one(self) -> None:
        masker = Masker(["abcdefgh", "ghijklmn"])
        assert masker.pass_on(b"abcdefgh") == b"***"
        assert masker.pass_on(b"ijklmnabcdefghgh") == b"***"
        assert masker.pass_on(b"ijk\n") == b"ghijk\n"

    def test_short_values_stay(self) -> None:
        masker = Masker(["abc123"])
        assert masker.pass_on(b"abc123") + masker.rest() == b"abc123"

    def test_nothing_is_held_back_that_cannot_begin_a_value(self) -> None:
        masker = Masker(["secret-value"])
        assert masker.pass_on(b"line\n") == b"line\n"
        assert masker.pass_on(b"sec") == b""
        assert masker.pass_on(b"ond\n") == b"second\n"
        assert masker.pass_on(b"a secret-val") == b"a "
        assert masker.pass_on(b"ue b") == b"*** b"
