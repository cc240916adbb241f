"""What a reader copies out of the README works with what is sent."""

import re
import time

import pytest
from devkit.instances import ROOT
from servery.domain.signing import signed_headers

SECRET, BODY = "5e" * 32, b'{"id":"j1","state":"done"}'


@pytest.fixture(scope="module")
def is_genuine():
    text = (ROOT / "README.md").read_text()
    code = re.search(r"<!-- verify -->\n```python\n(.*?)```", text, re.DOTALL)[1]
    names: dict = {}
    exec(code, names)  # noqa: S102 - our own
    return names["is_genuine"]


def headers(*, age=0, secret=SECRET, body=BODY):
    return signed_headers(secret, body, job_id="j1", timestamp=int(time.time()) - age)


def test_callback_is_taken_when_it_is_ours(is_genuine):
    assert is_genuine(SECRET, headers(), BODY)


@pytest.mark.parametrize(
    "wrong",
    [
        headers(secret="00" * 32),
        headers(body=b"{}"),
        headers(age=400),
        headers() | {"x-servery-timestamp": "1"},
        headers() | {"x-servery-timestamp": "²"},
        headers() | {"x-servery-signature": "é"},
        {},
    ],
)
def test_callback_is_refused_when_it_is_not_ours_or_old(is_genuine, wrong):
    assert is_genuine(SECRET, wrong, BODY) is False
