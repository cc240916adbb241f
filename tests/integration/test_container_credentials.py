"""Credentials from an address of this machine: asked for, kept, renewed and refused."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from fakes.clock import EPOCH, SetClock
from fakes.s3_server import Answer, gives, serving
from servery.adapters.container_credentials import RENEWED_AHEAD, ContainerCredentials
from servery.adapters.sigv4 import Credentials
from servery.errors import FaultError, UnavailableError
from servery.wiring import clients

TOKEN = "a-token"
LIFE = 3600.0


def told(name: str, *, after: float = 0.0) -> Answer:
    """Credentials of some name that last an hour from then on, for who shows the token."""
    ends = EPOCH + timedelta(seconds=after + LIFE)
    content = {
        "AccessKeyId": name,
        "SecretAccessKey": f"secret of {name}",
        "Token": f"token of {name}",
        "Expiration": ends.isoformat().replace("+00:00", "Z"),
        "AccountId": "123456789012",
    }

    def answer(handler) -> None:
        allowed = handler.headers["authorization"] == TOKEN
        gives(200 if allowed else 403, json.dumps(content).encode())(handler)

    return answer


def credentials_of(name: str) -> Credentials:
    return Credentials(name, f"secret of {name}", f"token of {name}")


def test_credentials_are_asked_for_once_when_they_last():
    clock = SetClock()
    with serving(told("one"), told("two")) as (address, asked):
        source = ContainerCredentials(f"{address}/2021-04-23/credentials?a=b", TOKEN, clock)
        first = source.get()
        clock.advance(LIFE - RENEWED_AHEAD)
        assert [first, source.get()] == [credentials_of("one")] * 2
    assert asked == ["/2021-04-23/credentials?a=b"]


def test_credentials_are_renewed_when_they_are_about_to_end():
    clock = SetClock()
    with serving(told("one"), told("two", after=LIFE)) as (address, asked):
        source = ContainerCredentials(address, TOKEN, clock)
        source.get()
        clock.advance(LIFE - RENEWED_AHEAD + 1)
        assert source.get() == credentials_of("two")
    assert len(asked) == 2


def test_old_credentials_are_used_when_new_ones_cannot_be_had_before_they_end():
    clock = SetClock()
    with serving(told("one"), gives(500)) as (address, _):
        source = ContainerCredentials(address, TOKEN, clock)
        source.get()
        clock.advance(LIFE - 1)
        assert source.get() == credentials_of("one")
        clock.advance(1)
        with pytest.raises(UnavailableError, match="status 500"):
            source.get()


@pytest.mark.parametrize("broken", [gives(503), gives(200, b"{"), gives(200, b"{}", length=100)])
def test_answer_is_asked_for_again_when_it_cannot_be_used(broken):
    with serving(broken, told("one")) as (address, asked):
        assert ContainerCredentials(address, TOKEN, SetClock()).get() == credentials_of("one")
    assert len(asked) == 2


def test_credentials_are_asked_for_once_when_many_threads_need_them():
    gotten = []
    with serving(told("one")) as (address, asked):
        source = ContainerCredentials(address, TOKEN, SetClock())
        threads = [threading.Thread(target=lambda: gotten.append(source.get())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert gotten == [credentials_of("one")] * 8
    assert len(asked) == 1


def test_nothing_secret_is_told_when_the_answer_cannot_be_read():
    wrong = json.dumps({"AccessKeyId": "AKIA", "SecretAccessKey": 5, "Token": "t"}).encode()
    with serving(gives(200, wrong)) as (address, _), pytest.raises(UnavailableError) as caught:
        ContainerCredentials(address, TOKEN, SetClock()).get()
    assert str(caught.value).endswith("(ValidationError)")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/credentials",
        "http://127.0.0.1.example.org/credentials",
        "http://169.254.169.254/latest",
        "https://127.0.0.1/credentials",
        "file:///etc/passwd",
        "",
    ],
)
def test_token_goes_nowhere_when_the_address_is_not_of_this_machine(address):
    with pytest.raises(FaultError, match="on this machine"):
        ContainerCredentials(address, TOKEN, SetClock())


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9001/c", "http://[::1]/c", "http://localhost/c", "http://169.254.170.2/c"],
)
def test_address_is_taken_when_it_is_one_that_the_sdk_takes(address):
    ContainerCredentials(address, "", SetClock())


def test_token_is_refused_when_it_would_be_more_than_a_header():
    with pytest.raises(FaultError, match="token"):
        ContainerCredentials("http://127.0.0.1/c", "a\r\nHost: b", SetClock())


@pytest.fixture
def environment(monkeypatch):
    """No credentials at all; sets some."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    clients.container_credentials.cache_clear()
    yield monkeypatch.setenv
    clients.container_credentials.cache_clear()


def test_address_is_asked_when_the_environment_has_no_keys(environment):
    lasting = told("one", after=100 * 365 * 86_400)
    with serving(lasting) as (address, asked):
        environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{address}/here")
        environment("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
        assert [clients.credentials(), clients.credentials()] == [credentials_of("one")] * 2
    assert asked == ["/here"]


def test_nobody_is_asked_when_the_environment_has_keys(environment):
    environment("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")
    environment("AWS_ACCESS_KEY_ID", "key")
    environment("AWS_SECRET_ACCESS_KEY", "secret")
    assert clients.credentials() == Credentials("key", "secret", "")


def test_fault_names_the_key_when_nobody_tells_credentials(environment):
    with pytest.raises(FaultError, match="AWS_ACCESS_KEY_ID"):
        clients.credentials()
