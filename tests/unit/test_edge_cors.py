"""Which pages may call."""

from __future__ import annotations

import pytest
from servery.edge.cors import Cors

PAGE = "https://page.example"
ALLOW = "access-control-allow-origin"


@pytest.fixture
def cors() -> Cors:
    return Cors(f" {PAGE}/ , https://Other.example:8443,,")


@pytest.mark.parametrize("origin", [PAGE, "https://other.example:8443", "https://PAGE.example"])
def test_origin_is_echoed_when_it_is_listed(cors, origin):
    headers = cors.headers(origin)
    assert headers[ALLOW] == origin
    assert headers["vary"] == "Origin"
    assert "x-model-version" in headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "*",
        "http://page.example",
        "https://page.example:444",
        "https://page.example.evil.example",
        "https://evil.example/?https://page.example",
        "https://sub.page.example",
    ],
)
def test_nothing_is_allowed_when_the_origin_is_not_listed(cors, origin):
    assert cors.headers(origin) == {"vary": "Origin"}
    preflight = cors.preflight(origin, ("GET",))
    assert not [name for name in preflight if name.startswith("access-control")]


@pytest.mark.parametrize("listed", ["*", "null", "", "*,null"])
@pytest.mark.parametrize("origin", ["*", "null", PAGE])
def test_nobody_is_allowed_when_the_list_says_everybody(listed, origin):
    assert ALLOW not in Cors(listed).headers(origin)


def test_preflight_names_methods_and_headers_when_the_origin_is_listed(cors):
    headers = cors.preflight(PAGE, ("GET", "POST"))
    assert headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    for name in ("content-type", "x-api-key", "x-request-id", "idempotency-key"):
        assert name in headers["access-control-allow-headers"].split(", ")
    assert int(headers["access-control-max-age"]) > 0


def test_credentials_are_never_allowed(cors):
    assert "access-control-allow-credentials" not in cors.preflight(PAGE, ("GET",))
