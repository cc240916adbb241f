"""The files of the page and what goes with them."""

from __future__ import annotations

import importlib
import re

import pytest
from fakes.template import ROOT
from servery.errors import NotFoundError

STATIC = ROOT / "functions/web_single/chalicelib/static"
HOST = "abc.execute-api.eu-central-1.amazonaws.com"
API = "https://def.execute-api.eu-central-1.amazonaws.com/prod"


@pytest.fixture
def page():
    return importlib.import_module("chalicelib.page")


def _directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split("; "))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("page.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_file_has_its_type_and_validator_when_it_is_asked_for(page, name, content_type):
    answer = page.static(name, known="")

    assert (answer.status, answer.content_type) == (200, content_type)
    assert answer.body == (STATIC / name).read_text()
    assert re.fullmatch(r'"[0-9a-f]{24}"', answer.headers["etag"])
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_body_is_spared_when_the_browser_has_it(page, form):
    etag = page.static("page.js", known="").headers["etag"]

    answer = page.static("page.js", known=form.format(etag))

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, None, etag)


@pytest.mark.parametrize("name", ["nothing.js", "../app.py", "index.html/..", ""])
def test_file_is_not_found_when_the_page_has_none_of_that_name(page, name):
    with pytest.raises(NotFoundError):
        page.static(name, known="")


def test_policy_allows_own_origin_and_the_gateway_when_that_is_known(page):
    policy = _directives(page.policy(api_url=API, host=HOST))

    assert policy["default-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'", API.removesuffix("/prod")]
    assert policy["base-uri"] == policy["form-action"] == policy["object-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]


def test_policy_allows_own_origin_alone_when_the_gateway_is_unknown(page):
    assert _directives(page.policy(api_url="", host=HOST))["connect-src"] == ["'self'"]


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:4566", "localhost"])
def test_policy_allows_this_machine_when_the_page_is_on_it(page, host):
    allowed = _directives(page.policy(api_url="", host=host))["connect-src"]

    assert allowed == ["'self'", "http://localhost:*", "http://127.0.0.1:*"]


@pytest.mark.parametrize("host", ["localhost.example.org", "127.0.0.1.example.org:80", ""])
def test_policy_allows_no_other_origin_when_a_host_only_looks_local(page, host):
    assert _directives(page.policy(api_url="", host=host))["connect-src"] == ["'self'"]


def test_scripts_are_own_files_or_known_when_the_policy_is_made(page):
    scripts = _directives(page.policy(api_url="", host=HOST))["script-src"]
    inline = re.findall(r"<script>", (STATIC / "index.html").read_text())

    assert scripts[0] == "'self'"
    assert len(scripts) == 1 + len(inline) == 2
    assert all(source.startswith("'sha256-") for source in scripts[1:])


@pytest.mark.parametrize(
    ("setting", "variable", "host", "expected"),
    [
        ("", API, HOST, API),
        (API + "/", "", HOST, API),
        ("http://localhost:3000", API, HOST, "http://localhost:3000"),
        ("", API, "localhost:4566", ""),
        ("", "", HOST, ""),
    ],
    ids=["stage", "setting", "both", "stage of a local cloud", "none"],
)
def test_gateway_is_known_when_setting_or_stage_tell_it(page, setting, variable, host, expected):
    assert page.api_url(setting, variable, host=host) == expected


def test_references_are_relative_and_exist_when_the_page_is_read(page):
    html = (STATIC / "index.html").read_text()
    references = re.findall(r'(?:src|href)="([^"#]+)"', html)

    assert references
    for reference in references:
        folder, name = reference.split("/")
        assert (folder, name in page.files()) == ("static", True), reference


def test_imports_exist_when_the_scripts_are_read(page):
    for name, file in page.files().items():
        for imported in re.findall(r'from "\./([^"]+)"', file.content):
            assert imported in page.files(), f"{name} imports {imported}"


def test_nothing_is_inline_or_foreign_when_the_page_is_read():
    for path in STATIC.iterdir():
        text = path.read_text()
        assert not re.search(r"<[^>]+\son[a-z]+=|<[^>]+\sstyle=|<style", text), path.name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", text), (
            path.name
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)[\w.]", text), path.name
