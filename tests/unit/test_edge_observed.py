"""What a step of a state machine writes when it ends."""

import json
from dataclasses import dataclass

import pytest
from servery.edge.observed import observed
from servery.errors import InvalidInputError


@dataclass(frozen=True)
class Event:
    order: str
    shop: str


def make(run):
    return observed("weigh", service="shop", identity="order", dimensions=("shop",))(run)


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_with_identity_and_dimensions_when_a_step_is_done(capsys):
    assert make(lambda event: event.order.upper())(Event("o7", "north")) == "O7"
    (line,) = lines(capsys)
    told = {"service": "shop", "step": "weigh", "shop": "north", "correlation_id": "o7"}
    assert told.items() <= line.items()
    assert (line["ending"], line["StepFailures"], line["ColdStart"]) == ("done", 0, 1)
    (sort,) = line["_aws"]["CloudWatchMetrics"]
    assert sort["Dimensions"] == [["service"], ["service", "step", "shop"]]


def test_only_the_first_is_cold_when_a_step_runs_again(capsys):
    step = make(lambda event: event)
    step(Event("o7", "north"))
    step(Event("o8", "north"))
    assert [line["ColdStart"] for line in lines(capsys)] == [1, 0]


@pytest.mark.parametrize(
    ("error", "ending", "logged"),
    [(InvalidInputError("no"), "refused", []), (OSError("gone"), "failed", [("o7", "weigh")])],
)
def test_error_goes_on_and_only_ours_is_logged_when_a_step_fails(
    error, ending, logged, capsys, caplog
):
    def run(event):
        raise error

    with pytest.raises(type(error)):
        make(run)(Event("o7", "north"))
    written = [line for line in lines(capsys) if "_aws" in line]
    assert [(line["ending"], line["StepFailures"]) for line in written] == [
        (ending, int(ending == "failed"))
    ]
    told = [vars(record) for record in caplog.records]
    assert [(record["correlation_id"], record["route"]) for record in told] == logged
