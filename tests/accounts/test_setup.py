"""First set-up of an installation: through the page and the API."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.account.models import Account
from accounts.signin import setup
from tests.accounts import make
from tests.accounts.make import PASSWORD
from tests.accounts.test_signin import sign_in, signed_in

pytestmark = pytest.mark.django_db


class TestSetUp:
    @pytest.fixture(autouse=True)
    def var_dir(self, settings, tmp_path):
        settings.VAR_DIR = tmp_path

    def body(self, **more):
        return {
            "setup_token": setup.token(),
            "account_name": "first",
            "password": PASSWORD,
            **more,
        }

    def test_the_token_file_is_private(self):
        setup.token()
        assert setup.token_path().stat().st_mode & 0o777 == 0o600

    def test_single_use(self, client):
        body = self.body()
        answer = client.post("/api/v1/setup", body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        account = Account.objects.get()
        assert account.is_operator
        assert account.pk == answer.json()["account_id"]
        assert not setup.token_path().exists()
        again = client.post("/api/v1/setup", body, content_type="application/json")
        assert again.status_code == 404
        assert client.get("/setup").status_code == 404
        assert sign_in(Client(), "first").status_code == 302

    def test_the_page_makes_the_account_and_signs_in(self, client):
        assert client.get("/setup").status_code == 200
        answer = client.post("/setup", {**self.body(), "again": PASSWORD})
        assert answer.status_code == 302, answer.content[:2000]
        assert signed_in(client)

    @pytest.mark.parametrize(
        "where",
        [
            {"REMOTE_ADDR": "192.0.2.7"},
            {"REMOTE_ADDR": "127.0.0.1", "headers": {"X-Forwarded-For": "192.0.2.7"}},
        ],
    )
    def test_404_from_anywhere_else(self, where):
        client = Client(**where)
        assert client.get("/setup").status_code == 404
        answer = client.post("/api/v1/setup", self.body(), content_type="application/json")
        assert answer.status_code == 404
        assert not Account.objects.exists()

    @pytest.mark.parametrize(
        "wrong",
        [{"setup_token": "guess"}, {"account_name": "x"}, {"password": "short"}],
    )
    def test_wrong_input_leaves_it_open(self, client, wrong):
        answer = client.post("/api/v1/setup", self.body(**wrong), content_type="application/json")
        assert answer.status_code == 400
        assert setup.is_open()
        assert setup.token_path().exists()

    def test_the_link_is_printed_until_there_is_an_account(self, capsys):
        from django.core.management import CommandError, call_command

        call_command("setup_link")
        printed = capsys.readouterr().out.strip()
        assert printed.endswith(f"/setup#{setup.token()}")
        make.account()
        with pytest.raises(CommandError):
            call_command("setup_link")
        call_command("setup_link", "--if-needed")  # a start says nothing about it
        assert "sign in" not in "".join(capsys.readouterr())
