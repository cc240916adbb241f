"""`servery evaluations`, `retire` and `retrainings` against an API in memory."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from devkit.api import Api
from devkit.cli import app
from devkit.commands import options
from devkit.errors import DevkitError
from devkit.keeping import evaluate_now
from servery.domain.evaluations import Against, Compared, Evaluation
from servery.domain.keeping_rules import Retirement
from servery.domain.retirements import RetiredVersion, Stage, Why
from servery.domain.retrainings import Decision, Retrained
from servery.usecases.registry.retire_plan import Prospect, RetirePlan
from typer.testing import CliRunner

AT = "2026-03-01T12:00:00+00:00"
RETIRED = RetiredVersion(
    model="iris", version="2", stage=Stage.OUT, why=Why.UNUSED, because="nobody asks it",
    by="policy", grace_hours=24, marked=AT,
)  # fmt: skip
WORTH = Evaluation(
    model="iris", version="2", at=AT, metric="accuracy", days=14, requests=90, rows=80, score=0.7,
    low=0.6, high=0.8,
    against=Against(
        version="1", how=Compared.PAIRED, rows=80, champion_rows=80, difference=-0.2, low=-0.3,
        high=-0.1, confidence=0.998, worse=True,
    ),
)  # fmt: skip
BARE = Evaluation(model="iris", version="1", at=AT, metric="accuracy", days=14)
PLAN = RetirePlan(
    model="iris",
    rules=Retirement(unused_days=3),
    versions=[
        Prospect(version="1", served="champion", because="asked", holds=["it is the champion"]),
        Prospect(version="2", why=Why.UNUSED, because="nobody asks it", retired=RETIRED),
        Prospect(version="3", goes=True, why=Why.EXPIRED, because="it is old"),
    ],
)
ALARM = Retrained(
    model="iris", alarm="a", at=AT, kind="input_drift", subject="x", said="x has moved",
    decision=Decision.LIMITED, because="another one was started",
)  # fmt: skip
ANSWERS = {
    "/prod/models/iris/evaluations": {"evaluations": [WORTH, BARE]},
    "/prod/models/iris/retirements": PLAN,
    "/prod/models/iris/retrainings": {"retrainings": [ALARM]},
    "/prod/models/iris/versions/2": RETIRED,
    "/prod/models/tulip/evaluations": {"evaluations": []},
}


@pytest.fixture
def sent(monkeypatch):
    asked: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        content = msgspec.to_builtins(ANSWERS[request.url.path])
        return httpx.Response(202 if request.method == "DELETE" else 200, json=content)

    @contextmanager
    def api_of(_instance):
        client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://api/prod")
        yield Api(client)

    monkeypatch.setattr(options, "api_of", api_of)
    return asked


def run(*arguments):
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "220"})


def test_score_and_verdict_are_shown_when_versions_were_evaluated(sent):
    shown = run("evaluations", "iris").output
    assert "accuracy 0.7 (0.6 to 0.8)" in shown
    assert "worse: -0.2, paired, 80 rows" in shown
    assert "accuracy: no labels" in shown
    assert json.loads(run("evaluations", "iris", "--json").stdout)[0]["rows"] == 80


def test_next_step_is_told_when_nothing_was_evaluated(sent):
    assert "servery evaluations tulip --now" in run("evaluations", "tulip").output


def test_fate_of_each_version_is_shown_when_nothing_is_to_be_done_yet(sent):
    shown = run("retire", "iris", "--dry-run").output
    assert "it is the champion" in shown
    assert "stays" in shown
    assert "out" in shown
    assert "goes (expired)" in shown
    assert sent == [("GET", "/prod/models/iris/retirements")]


def test_version_is_retired_for_good_when_its_artifact_is_to_go(sent):
    assert run("retire", "iris", "2", "--artifact").exit_code == 0
    assert sent == [("DELETE", "/prod/models/iris/versions/2")]


def test_usage_when_no_version_is_named(sent):
    result = run("retire", "iris")
    assert result.exit_code == 2
    assert "--dry-run" in result.output
    assert sent == []


def test_decision_is_shown_when_an_alarm_came(sent):
    shown = run("retrainings", "iris").output
    assert "x has moved" in shown
    assert "limited" in shown


class Invoked:
    def __init__(self, content, **more):
        self.answer = {"Payload": io.BytesIO(json.dumps(content).encode()), **more}

    def invoke(self, **_):
        return self.answer


def test_sentence_of_the_function_is_told_when_it_fails():
    def deployed(client):
        target = SimpleNamespace(client=lambda _: client)
        return SimpleNamespace(
            target=target, outputs={"MonitoringEvaluateFunctionName": "evaluate"}
        )

    found = evaluate_now(deployed(Invoked({"evaluations": [{"rows": 1}]})), "iris")
    assert found == [{"rows": 1}]
    failed = Invoked({"errorMessage": "no such model"}, FunctionError="Unhandled")
    with pytest.raises(DevkitError, match="no such model"):
        evaluate_now(deployed(failed), "iris")
