"""Guesses are counted for who is guessed at, however it is spelled, and wherever it is sent."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.signin import throttle
from accounts.signin.models import SignInThrottle
from core.errors import TooManyRequests
from tests.accounts import make

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db,
    pytest.mark.usefixtures("no_time_passes"),
]
FREE = throttle.FREE["user"]


def page(account: str, user: str, number: int) -> int:
    client = Client(REMOTE_ADDR=f"198.51.100.{number}")
    body = {"account": account, "user": user, "password": "wrong"}
    return client.post("/sign-in", body).status_code


def api(account: str, user: str, number: int, path: str = "tokens") -> int:
    client = Client(REMOTE_ADDR=f"203.0.113.{number}")
    secret = {"password": "wrong"} if path == "tokens" else {"old": "wrong", "new": "x"}
    body = {"account": account, "user": user, **secret}
    answer = client.post(f"/api/v1/auth/{path}", body, content_type="application/json")
    return answer.status_code


def kinds() -> list[str]:
    rows = SignInThrottle.objects.exclude(key__startswith="ip:").order_by("key")
    return [key.partition(":")[0] for key in rows.values_list("key", flat=True)]


def test_every_spelling_of_a_user_is_one_count():
    owner = make.account("Spelled")
    make.user(owner, "Lina")
    spellings = [
        (owner.name, "Lina"),
        (owner.pk, "Lina"),
        ("sPELLED", "lINA"),
        (f"  {owner.name} ", " Lina "),
        (f" {owner.pk}", "LINA"),
    ]
    codes = [page(a, u, n) for n, (a, u) in enumerate(spellings)]
    assert codes == [401] * FREE
    assert page(owner.pk, "lina", 90) == 429
    assert api(owner.name, "LINA", 91) == 429
    assert kinds() == ["user"]


def test_the_main_account_is_one_count_with_and_without_its_name():
    owner = make.account("Rooted")
    codes = [page(owner.pk if n % 2 else "rooted", "rooted" if n % 3 else "", n) for n in range(5)]
    assert codes == [401] * FREE
    assert page(owner.name, "", 90) == 429


def test_the_api_counts_with_the_pages():
    owner = make.account()
    make.user(owner, "lina")
    for number in range(FREE):
        act = (page, api)[number % 2]
        assert act(owner.name, "lina", number) == 401
    assert api(owner.pk, "lina", 90) == 429
    assert api(owner.pk, "lina", 91, "password") == 429
    assert page(owner.pk, "lina", 92) == 429


def test_a_name_that_none_has_is_slowed_like_one_that_somebody_has():
    owner = make.account()
    spellings = ["nobody", "NOBODY", " nobody ", "ｎｏｂｏｄｙ", "nobodY"]
    codes = [page((owner.name, owner.pk)[n % 2], text, n) for n, text in enumerate(spellings)]
    assert codes == [401] * FREE
    assert page(owner.pk, "nobody", 90) == 429
    assert kinds() == ["nobody"]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_address_counts_as_what_its_owner_has(one, two, same):
    assert (throttle.key_of_address(one) == throttle.key_of_address(two)) is same


def test_a_whole_ipv6_network_is_slowed_at_once():
    with pytest.raises(TooManyRequests):
        for number in range(throttle.FREE["ip"] + 2):
            throttle.begin(throttle.key_of_address(f"2001:db8::{number:x}"))


def test_strangers_cannot_fill_the_table_nor_push_out_a_user(monkeypatch):
    monkeypatch.setattr(throttle, "MOST", {"nobody": 20, "ip": 20})
    monkeypatch.setattr(throttle, "LOOK_EVERY", 1)
    user = throttle.key_of("user", "one who exists")
    for _ in range(FREE):
        throttle.begin(user)
    for number in range(60):
        throttle.begin(throttle.key_of_name("x", f"n{number}"), throttle.key_of("ip", str(number)))
    assert SignInThrottle.objects.filter(key__startswith="nobody:").count() <= 21
    assert SignInThrottle.objects.filter(key__startswith="ip:").count() <= 21
    assert SignInThrottle.objects.get(key=user).failures == FREE
