import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from devkit import outcomes, training
from devkit.errors import DevkitError
from unit.devkit.test_history import entered, failed, left

STARTED = training.Started("iris-1", "iris", "arn:execution")


class FakeExecutions:
    """Step Functions as `watch` sees it: each look shows the next picture."""

    def __init__(self, *pictures):
        self._pictures = list(pictures)

    def describe_execution(self, executionArn):  # noqa: N803 - as the client has it
        if len(self._pictures) > 1:
            self._now = self._pictures.pop(0)
        else:
            self._now = self._pictures[0]
        return self._now[0]

    def get_paginator(self, name):
        assert name == "get_execution_history"
        return self

    def paginate(self, **_):
        return [{"events": self._now[1]}]


def watched(*pictures):
    told = []
    output = training.watch(FakeExecutions(*pictures), STARTED, pause=0, passed=told.append)
    return output, [state.name for state in told]


def test_each_state_is_told_once_when_it_is_seen_often():
    first = [entered(1, "Collect", 0), left(2, "Collect", 1)]
    second = [*first, entered(3, "Train", 1), left(4, "Train", 2)]
    done = {"status": "SUCCEEDED", "output": json.dumps({"outcome": "registered"})}
    output, told = watched(
        ({"status": "RUNNING"}, first), ({"status": "RUNNING"}, first), (done, second)
    )
    assert told == ["Collect", "Train"]
    assert output == {"training_id": "iris-1", "model": "iris", "outcome": "registered"}


def test_reasons_when_a_gate_refused():
    refusal = {"outcome": "refused", "reasons": ["accuracy 0.5 is below 0.9"], "model": "iris"}
    output, _ = watched(({"status": "SUCCEEDED", "output": json.dumps(refusal)}, []))
    assert outcomes.sentence(output) == "refused: accuracy 0.5 is below 0.9"
    with pytest.raises(DevkitError, match=r"refused: accuracy 0\.5"):
        outcomes.raise_unless_registered(output)


def test_failed_step_when_the_execution_failed_in_it():
    events = [
        entered(1, "Collect", 0),
        left(2, "Collect", 1),
        entered(3, "Train", 1),
        failed(4, 2, "FaultError", json.dumps({"errorMessage": "no memory"})),
    ]
    output, _ = watched(({"status": "FAILED"}, events))
    assert output["outcome"] == "failed"
    assert outcomes.sentence(output) == "failed in Train: FaultError: no memory"


def test_recorded_failure_when_the_cause_is_the_record():
    record = {"outcome": "failed", "failed_step": "Export", "reasons": ["no export"]}
    status = {"status": "FAILED", "error": "FaultError", "cause": json.dumps(record)}
    output, _ = watched((status, [entered(1, "Fail", 0, kind="Fail")]))
    assert outcomes.sentence(output) == "failed in Export: no export"


def test_version_and_metrics_when_registered():
    output = {
        "outcome": "registered",
        "model": "iris",
        "version": "0.1.0-a.b",
        "training": "tr0",
        "metrics": {"accuracy": 0.97},
    }
    assert outcomes.sentence(output) == "registered as 0.1.0-a.b tr0 (accuracy 0.970)"
    outcomes.raise_unless_registered(output)


def test_both_halves_are_told_when_a_pair_is_registered():
    half = {"model": "features", "version": "0.1.0-a.b", "training": "tr3", "pair": "0123456789ab"}
    output = {
        "outcome": "registered",
        "version": "0.2.0-a.b",
        "training": "tr0",
        "metrics": {"accuracy": 0.97},
        "preprocessor": half,
    }
    told = outcomes.sentence(output)
    assert told == (
        "registered as 0.2.0-a.b tr0 (accuracy 0.970), "
        "its preprocessor features as 0.1.0-a.b tr3 (pair 01234567)"
    )


def test_bad_rows_are_told_when_there_were_some():
    output = {
        "outcome": "registered",
        "version": "0.1.0-a.b",
        "metrics": {"accuracy": 0.97},
        "rows": {"read": 2000, "rejected": 49},
    }
    told = outcomes.sentence(output)
    assert told.endswith("(accuracy 0.970); 49 of 2000 rows were bad and left out")


def test_names_sort_by_time_when_made_in_different_zones():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    later = (noon + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=-5)))
    names = [training.name_training("iris", later), training.name_training("iris", noon)]
    assert sorted(names) == names[::-1]
    assert all(len(name) <= 80 for name in names)
