"""What the ports of evaluations, retirements and retrainings promise, held by fake and adapter."""

from __future__ import annotations

from typing import Protocol

import msgspec
import pytest
from fakes.dynamodb_server import TABLES
from fakes.keeping import MemoryKeeping
from fakes.records import VERSION
from servery.adapters.dynamodb_keeping import DynamoDbKeeping
from servery.domain.evaluations import Evaluation
from servery.domain.retirements import RetiredVersion, Stage, Why, went
from servery.domain.retrainings import Decision, Retrained
from servery.errors import ConflictError
from servery.ports import Evaluations, Retirements, Retrainings

NOON = "2026-03-01T12:00:00+00:00"
ONE = "2026-03-01T13:00:00+00:00"


class Keeping(Evaluations, Retirements, Retrainings, Protocol):
    """All three."""


@pytest.fixture(params=["memory", *TABLES])
def kept(request, monkeypatch):
    if request.param == "memory":
        yield MemoryKeeping()
        return
    with TABLES[request.param](monkeypatch, "RegistryTable", "registry") as client:
        yield DynamoDbKeeping(client, "registry")


def an_evaluation(**changes):
    values = {"model": "iris", "version": VERSION, "at": NOON, "metric": "accuracy", "days": 14}
    return Evaluation(**(values | changes))


def a_retirement(**changes):
    values = {
        "model": "iris",
        "version": VERSION,
        "why": Why.UNUSED,
        "because": "nobody asks it",
        "by": "policy",
        "grace_hours": 24.0,
        "marked": NOON,
    }
    return RetiredVersion(**(values | changes))


def a_decision(alarm=NOON, **changes):
    values = {
        "model": "iris",
        "alarm": alarm,
        "at": alarm,
        "kind": "input_drift",
        "subject": "petal_length",
        "said": "petal_length has moved",
        "decision": Decision.BUSY,
        "because": "a training is under way",
    }
    return Retrained(**(values | changes))


def test_it_fits_the_ports(kept):
    ports: Keeping = kept
    assert ports.evaluations("iris") == ports.retirements("iris") == ports.retrainings("iris") == []
    assert ports.evaluation("iris", VERSION) is ports.retirement("iris", VERSION) is None


def test_newest_evaluation_stays_when_an_older_one_comes_late(kept):
    newer = an_evaluation(at=ONE, rows=7)
    kept.put_evaluation(an_evaluation())
    kept.put_evaluation(newer)
    kept.put_evaluation(an_evaluation())
    assert kept.evaluations("iris") == [newer]
    assert kept.evaluation("iris", VERSION) == newer


def test_stale_writer_loses_when_a_retirement_has_gone_on(kept):
    first = a_retirement()
    kept.put_retirement(first)
    second = went(first, Stage.OUT, out=ONE)
    kept.put_retirement(second)
    for stale in (first, second, msgspec.structs.replace(second, revision=4)):
        with pytest.raises(ConflictError, match="gone on meanwhile"):
            kept.put_retirement(stale)
    assert kept.retirement("iris", VERSION) == second
    assert kept.retirements("iris") == [second]


def test_decisions_come_newest_first_when_they_are_asked_for(kept):
    kept.put_retraining(a_decision(NOON))
    kept.put_retraining(a_decision(ONE))
    kept.put_retraining(a_decision(ONE, decision=Decision.STARTED))
    found = kept.retrainings("iris")
    assert [(r.alarm, r.decision) for r in found] == [(ONE, "started"), (NOON, "busy")]
    assert kept.retrainings("iris", 1) == found[:1]


def test_one_alarm_claims_when_two_come_in_the_same_time(kept):
    kept.claim_retraining("iris", "a", now=1000.0, hours=1)
    kept.claim_retraining("iris", "a", now=1001.0, hours=1)
    with pytest.raises(ConflictError):
        kept.claim_retraining("iris", "b", now=4599.0, hours=1)
    kept.claim_retraining("wine", "b", now=1001.0, hours=1)
    kept.claim_retraining("iris", "b", now=4600.0, hours=1)


def test_claim_is_free_when_its_holder_gives_it_back(kept):
    kept.claim_retraining("iris", "a", now=1000.0, hours=1)
    kept.return_retraining("iris", "b")
    with pytest.raises(ConflictError):
        kept.claim_retraining("iris", "b", now=1001.0, hours=1)
    kept.return_retraining("iris", "a")
    kept.claim_retraining("iris", "b", now=1001.0, hours=1)
