"""`servery cache` against an API in memory."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest
from devkit import caches
from devkit.api import Api
from devkit.cli import app
from devkit.commands import options
from fakes.records import a_deployment
from servery.domain.policies import CachePolicy, Policies
from servery.domain.warm_ups import Coverage, WarmUp, WarmUpState
from typer.testing import CliRunner

RUNNING = WarmUp(
    id="w1",
    model="iris",
    origin="lake",
    days=7,
    version="1.0.0-a.s1",
    created="2026-03-01T12:00:00",
    updated="2026-03-01T12:00:05",
    until=0,
    read=1200,
)
DONE = msgspec.structs.replace(
    RUNNING,
    state=WarmUpState.DONE,
    distinct=1000,
    displaced=20,
    known=100,
    predicted=880,
    coverage=Coverage(rows=0.98, asked=0.995),
    before=Coverage(rows=0.1, asked=0.25),
)
VIEW = {
    "model": "iris",
    "model_version": "1.0.0-a.s1",
    "revision": 4,
    "cache": msgspec.to_builtins(CachePolicy(seconds=600)),
    "warm_up": msgspec.to_builtins(DONE),
    "log": {"requests": 1200, "hits": 900, "partial": 100, "misses": 200, "past": 3, "ratio": 0.75},
}


class Stack:
    """An API that answers each path from a list, and the last answer again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[Any]) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self._answers = answers
        monkeypatch.setattr(options, "api_of", self._api)
        monkeypatch.setattr(caches, "_POLL", 0)

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["cache", *arguments])

    @contextmanager
    def _api(self, _: str) -> Any:
        transport = httpx.MockTransport(self._respond)
        yield Api(httpx.Client(transport=transport, base_url="http://api/prod"))

    def _respond(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/prod/models/iris/")
        self.sent.append(
            (request.method, path, json.loads(request.content) if request.content else None)
        )
        given = self._answers[f"{request.method}_{path.split('/')[-1]}"]
        status, body = given.pop(0) if len(given) > 1 else given[0]
        return httpx.Response(status, content=msgspec.json.encode(body))


def test_ratio_and_coverage_are_told_when_a_cache_is_shown(monkeypatch):
    stack = Stack(monkeypatch, GET_cache=[(200, VIEW)])

    said = stack.run("show", "iris").output

    for part in ("75.0%", "99.5%", "98.0%", "before: 10.0%, 25.0%", "cache.max_entries", "600"):
        assert part in " ".join(said.split())
    assert json.loads(stack.run("show", "iris", "--json").stdout) == VIEW


def test_it_says_off_when_there_is_no_cache(monkeypatch):
    log = {"requests": 0, "hits": 0, "partial": 0, "misses": 0, "past": 9, "ratio": None}
    view = {**VIEW, "cache": None, "warm_up": None, "log": log}
    said = Stack(monkeypatch, GET_cache=[(200, view)]).run("show", "iris").output
    assert "off" in said
    assert "ratio" not in said


def test_it_waits_until_the_end_when_a_cache_is_warmed(monkeypatch):
    further = msgspec.structs.replace(RUNNING, distinct=1000, known=100)
    stack = Stack(
        monkeypatch,
        POST_warm=[(202, RUNNING)],
        GET_w1=[(200, RUNNING), (200, further), (200, DONE)],
    )

    done = stack.run("warm", "iris", "--days", "3", "--json")

    assert json.loads(done.stdout)["coverage"] == {"rows": 0.98, "asked": 0.995}
    asked = {"from": "lake", "batch": "", "version": "", "days": 3}
    assert stack.sent[0] == ("POST", "cache/warm", asked)
    assert [method for method, _, _ in stack.sent] == ["POST", "GET", "GET", "GET"]


def test_batch_and_version_are_named_when_they_are_said(monkeypatch):
    stack = Stack(monkeypatch, POST_warm=[(202, DONE)])
    run = stack.run("warm", "iris", "b1", "--from", "batch", "--version", "2")
    assert run.exit_code == 0, run.output
    assert stack.sent[0][2] == {"from": "batch", "batch": "b1", "version": "2", "days": 7}


@pytest.mark.parametrize("said", [["b1"], ["--from", "batch"], ["--from", "nowhere"]])
def test_call_is_wrong_when_it_does_not_go_together(monkeypatch, said):
    stack = Stack(monkeypatch)
    assert stack.run("warm", "iris", *said).exit_code == 2
    assert not stack.sent


def test_reason_is_told_when_it_failed(monkeypatch):
    failed = msgspec.structs.replace(RUNNING, state=WarmUpState.FAILED, reason="the lake is dry")
    stack = Stack(monkeypatch, POST_warm=[(202, RUNNING)], GET_w1=[(200, failed)])
    run = stack.run("warm", "iris")
    assert run.exit_code == 1
    assert "the lake is dry" in run.output


def test_generation_is_the_only_change_when_a_cache_is_purged(monkeypatch):
    policies = Policies(cache=CachePolicy(seconds=60, generation=2), deadline_ms=900)
    current = msgspec.structs.replace(a_deployment(), policies=policies, revision=7)
    stack = Stack(
        monkeypatch,
        GET_deployment=[(200, {"current": current, "history": []})],
        POST_deployment=[(200, msgspec.structs.replace(current, revision=8))],
    )

    run = stack.run("purge", "iris")

    assert run.exit_code == 0, run.output
    assert "revision 8" in run.output
    sent = stack.sent[-1][2]
    assert sent["revision"] == 7
    wanted = msgspec.structs.replace(policies, cache=CachePolicy(seconds=60, generation=3))
    assert msgspec.convert(sent["policies"], Policies) == wanted


def test_way_out_is_told_when_there_is_nothing_to_purge(monkeypatch):
    stack = Stack(monkeypatch, GET_deployment=[(200, {"current": a_deployment(), "history": []})])
    run = stack.run("purge", "iris")
    assert run.exit_code == 1
    assert "cache.seconds=3600" in " ".join(run.output.split())
