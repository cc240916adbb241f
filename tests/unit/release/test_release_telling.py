"""What is logged and counted of a release."""

from __future__ import annotations

import json

import pytest
from fakes.clock import EPOCH
from fakes.records import a_release
from servery.domain.releases import ended
from servery.edge.release import carry_out
from servery.errors import FaultError, UnavailableError
from servery.usecases.release.messages import StateEvent

EVENT = StateEvent(model="iris", release="release-1")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(("reason", "failed"), [("", 0), ("not ready", 1)])
def test_it_is_counted_by_model_when_it_has_ended(capsys, reason, failed):
    record = ended(a_release(), now=EPOCH, reason=reason)
    assert carry_out(EVENT, lambda model, release: record) == record
    metrics = lines(capsys)[0]
    assert (metrics["Succeeded"], metrics["Failed"], metrics["model"]) == (
        1 - failed,
        failed,
        "iris",
    )
    assert metrics["correlation_id"] == "release-1"


@pytest.mark.parametrize(
    ("error", "name"),
    [(UnavailableError("busy"), "Interrupted"), (FaultError("broken"), "Failed")],
)
def test_it_is_counted_and_raised_when_it_breaks_off(capsys, error, name):
    def breaks(model, release):
        raise error

    with pytest.raises(type(error)):
        carry_out(EVENT, breaks)
    metrics = lines(capsys)[0]
    assert metrics[name] == 1
