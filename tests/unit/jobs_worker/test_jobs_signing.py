"""Signatures of callbacks, as those who are called check them."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from servery.domain import signing
from servery.domain.signing import sign, signed_headers, verify

SECRET, BODY, NOW = "ab" * 32, b'{"id":"1"}', 1_772_366_400


def genuine(**changes):
    values = {
        "timestamp": str(NOW),
        "signature": sign(SECRET, BODY, timestamp=NOW),
        "now": float(NOW),
    }
    secret, body = changes.pop("secret", SECRET), changes.pop("body", BODY)
    return verify(secret, body, **(values | changes))


def test_signature_is_hmac_over_time_and_body():
    wanted = hmac.new(SECRET.encode(), b"%d." % NOW + BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, BODY, timestamp=NOW) == f"v1={wanted}"


def test_signature_holds_for_five_minutes():
    assert genuine()
    assert genuine(now=NOW + 300.0)
    assert not genuine(now=NOW + 300.5)
    assert not genuine(now=NOW - 301.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": BODY + b" "},
        {"secret": "cd" * 32},
        {"timestamp": str(NOW + 1)},
        {"timestamp": "soon"},
        {"timestamp": ""},
        {"timestamp": "١٢"},
        {"signature": ""},
        {"signature": "v1=" + "0" * 64},
        {"signature": "v1=ü"},
    ],
)
def test_signature_does_not_hold_when_anything_is_changed(changes):
    assert not genuine(**changes)


def test_sample_in_the_docstring_agrees(monkeypatch):
    code = signing.__doc__.split("In Python that is\n")[1].split("\nwith `body`")[0]
    space = {}
    exec("\n".join(line[4:] for line in code.splitlines()), space)  # noqa: S102
    headers = signed_headers(SECRET, BODY, job_id="1", timestamp=NOW)
    space["time"].time  # noqa: B018
    monkeypatch.setattr("time.time", lambda: NOW + 10.0)
    assert space["is_genuine"](SECRET, headers, BODY)
    assert not space["is_genuine"](SECRET, headers, BODY + b" ")
    monkeypatch.setattr("time.time", lambda: NOW + 400.0)
    assert not space["is_genuine"](SECRET, headers, BODY)
