"""`servery drift`: what is shown, what is waited for, and the page."""

from __future__ import annotations

import io
from typing import Any

import httpx
import msgspec
import pytest
from devkit import charts, drift
from devkit.api import Api, ApiError
from devkit.errors import DevkitError
from devkit.screen import Screen
from fakes.watches import a_finding, a_look
from rich.console import Console
from servery.domain.watch_records import LookFailure, look_record
from servery.domain.watching import Bar, HourCounts, Kind, Measure, Severity
from servery.usecases.monitoring.watch_desk import OpenView, WatchView

BARS = [
    Bar(label="<= 2", baseline=0.5, window=0.0625),
    Bar(label="> 2", baseline=0.5, window=0.9375),
]
MEASURES = [
    Measure(
        kind=Kind.INPUT_DRIFT,
        subject="petal_length",
        name=name,
        value=0.4,
        bound=0.1,
        p=1e-9,
        samples=500,
        hours=24,
        found=True,
        bars=BARS if name == "psi" else [],
    )
    for name in ("psi", "ks")
]
MEASURES.append(
    Measure(kind=Kind.LATENCY, subject="", name="p95_ms", value=12.0, bound=500.0, hours=24)
)
LOOK = a_look(measures=MEASURES, findings=[a_finding()], notes=["3 labels are too few"])
LAST = look_record(LOOK, identity="look-1", report="reports/model=iris/x", seconds=1.0)


def a_view(**changes: Any) -> WatchView:
    values = {
        "model": "iris",
        "tried": LOOK.at,
        "last": LAST,
        "figures": LOOK,
        "open": [
            OpenView(
                finding=a_finding(severity=Severity.CRITICAL),
                version="1.2.0",
                since=LOOK.at,
                told=LOOK.at,
                playbook="infra/playbooks/input-drift.md",
            )
        ],
        "hours": HourCounts(first="2026-03-01T10", counts=[3, 4]),
        "looks": [LAST],
    }
    return WatchView(**(values | changes))


def api(*views: WatchView) -> Api:
    """An API that hands looks over as `look-1`, and tells these views one after the other."""
    told = list(views)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/models/nobody/watch":
            return httpx.Response(404, json={"detail": "there is no such model"})
        if request.method == "POST":
            return httpx.Response(202, json={"model": "iris", "look": "look-1"})
        view = told.pop(0) if len(told) > 1 else told[0]
        return httpx.Response(200, content=msgspec.json.encode(view))

    return Api(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api"))


def shown(view: WatchView) -> str:
    console = Console(file=io.StringIO(), width=120)
    drift.show(Screen(console=console), view)
    return console.file.getvalue()


def test_verdict_alarms_and_figures_are_shown_when_something_has_drifted():
    text = shown(a_view())
    for part in (
        "1 alarm is open: 1 critical.",
        "critical: input drift petal_length",
        "petal_length has drifted",
        "infra/playbooks/input-drift.md",
        "! petal_length",
        "PSI",
        "< 0.0001",
        "12.0 ms",
        "500 ms",
        "3 labels are too few",
        "reports/model=iris/x.html",
    ):
        assert part in text, part
    assert "▄▄" in text  # the training
    assert "▁█" in text  # now


def test_it_says_so_when_nobody_has_looked():
    text = shown(a_view(last=None, figures=None, open=[], looks=[]))
    assert "Nobody has looked at iris yet." in text
    assert "servery drift iris --now" in text


def test_failure_is_shown_when_looks_come_to_nothing():
    failure = LookFailure(look="x", at=LOOK.at, said="baseline.json is missing", times=4)
    assert "4 times in a row: baseline.json is missing" in shown(a_view(failure=failure))


def test_page_is_that_of_the_last_look_when_it_is_asked_for():
    text = drift.page(a_view())
    assert text.startswith("<!doctype html>")
    assert "petal_length" in text


def test_page_is_refused_when_there_are_no_figures():
    with pytest.raises(DevkitError, match="no figures"):
        drift.page(a_view(figures=None))


def test_look_is_waited_for_when_it_is_asked_for_now():
    pauses = []
    found = drift.look_now(
        api(a_view(looks=[]), a_view(looks=[]), a_view()), "iris", sleep=pauses.append
    )
    assert found.last.id == "look-1"
    assert len(pauses) == 2


def test_reason_is_told_when_the_look_comes_to_nothing():
    failure = LookFailure(look="look-1", at=LOOK.at, said="baseline.json is missing")
    with pytest.raises(DevkitError, match=r"baseline\.json is missing"):
        drift.look_now(api(a_view(looks=[], failure=failure)), "iris", sleep=lambda _: None)


def test_it_is_given_up_when_the_look_never_comes():
    times = iter(range(0, 10_000, 100))
    with pytest.raises(DevkitError, match="not there after"):
        drift.look_now(
            api(a_view(looks=[])), "iris", sleep=lambda _: None, clock=lambda: next(times)
        )


def test_it_is_an_error_with_advice_when_there_is_no_such_model():
    with pytest.raises(ApiError) as error:
        drift.read(api(a_view()), "nobody")
    assert "servery models" in error.value.hint


class TestSpark:
    def test_bars_are_as_high_as_their_values(self):
        assert charts.spark([0, 0.125, 0.5, 1], 1.0) == " ▁▄█"

    def test_what_is_there_at_all_is_seen(self):
        assert charts.spark([0.0001, 0], 1.0) == "▁ "

    def test_neighbours_are_taken_together_when_there_are_too_many(self):
        assert len(charts.spark([1.0] * 100, 1.0)) <= 16

    def test_nothing_is_drawn_when_there_is_nothing(self):
        assert charts.spark([], 0.0) == ""
