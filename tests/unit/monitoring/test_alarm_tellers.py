"""What people, the bus and the metrics are told of alarms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes.watches import a_look, an_alarm
from servery.adapters.eventbridge_alarm_events import EventBridgeAlarmEvents
from servery.adapters.sns_alarm_topic import SHOWN, SnsAlarmTopic, message, subject
from servery.domain.watch_records import MOST_TOLD, Telling, playbook_of, telling
from servery.domain.watching import Kind, Severity
from servery.edge.watch import AlarmMetrics
from servery.errors import UnavailableError


class Calls:
    """A client that remembers what it was asked, and answers the same each time."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def _call(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.answer

    put_events = publish = _call


def told(*alarms: Any) -> Telling:
    found = telling(
        a_look(alarms=list(alarms)), identity="look-1", playbooks="https://docs.example.org/p"
    )
    assert found is not None
    return found


class TestTelling:
    def test_nothing_is_told_when_nothing_is_new(self):
        assert telling(a_look(), identity="x", playbooks="p") is None

    def test_worst_comes_first_and_what_is_closed_last_when_there_are_several(self):
        found = told(
            an_alarm("a", "closed", severity=Severity.CRITICAL),
            an_alarm("b"),
            an_alarm("5xx", kind=Kind.ERRORS, severity=Severity.CRITICAL),
        )
        assert [notice.subject for notice in found.notices] == ["5xx", "b", "a"]
        assert found.severity is Severity.CRITICAL

    def test_it_is_information_when_everything_has_got_better(self):
        assert told(an_alarm("a", "closed")).severity is Severity.INFO

    def test_mildest_are_left_out_and_counted_when_there_are_too_many(self):
        found = told(*(an_alarm(f"f{n}") for n in range(MOST_TOLD + 7)))
        assert (len(found.notices), found.more) == (MOST_TOLD, 7)
        assert len({notice.id for notice in found.notices}) == MOST_TOLD

    def test_playbook_is_named_by_the_kind(self):
        assert playbook_of(Kind.NO_DATA, "p") == "p/no-data.md"


class TestTopic:
    def test_message_has_all_that_is_needed_when_one_alarm_opens(self):
        client = Calls()
        SnsAlarmTopic(client, "arn:topic").tell(told(an_alarm()))
        (sent,) = client.asked
        assert sent["Subject"] == "[warning] iris: input_drift petal_length new"
        for part in (
            "petal_length has drifted",
            "value 0.4, bound 0.1",
            "https://docs.example.org/p/input-drift.md",
            "look-1-0",
            "servery drift iris",
        ):
            assert part in sent["Message"]
        attributes = {n: a["StringValue"] for n, a in sent["MessageAttributes"].items()}
        assert attributes == {"model": "iris", "severity": "warning", "look": "look-1"}

    def test_one_message_says_it_all_when_many_features_drift(self):
        found = told(*(an_alarm(f"f{n}") for n in range(SHOWN + 5)), an_alarm("z", "closed"))
        assert subject(found) == "[warning] iris: 30 new, 1 closed"
        assert "... and 6 more." in message(found)

    def test_subject_is_what_sns_takes_when_names_are_long_and_foreign(self):
        found = subject(told(an_alarm("größe" * 40)))
        assert len(found) <= 100
        assert found.isascii()


class TestBus:
    def test_event_keeps_its_contract_when_an_alarm_opens(self):
        client = Calls(FailedEntryCount=0)
        EventBridgeAlarmEvents(client).tell(told(an_alarm()))
        ((entry,),) = [call["Entries"] for call in client.asked]
        assert (entry["Source"], entry["DetailType"]) == ("servery.monitoring", "Model alarm")
        detail = json.loads(entry["Detail"])
        assert detail == {
            "id": "look-1-0",
            "state": "opened",
            "model": "iris",
            "version": "0.1.0-dabc1234.sdef5678",
            "kind": "input_drift",
            "subject": "petal_length",
            "severity": "warning",
            "said": "petal_length has drifted",
            "at": "2026-03-01T12:00:00+00:00",
            "since": "2026-03-01T12:00:00+00:00",
            "value": 0.4,
            "bound": 0.1,
            "playbook": "https://docs.example.org/p/input-drift.md",
        }

    def test_nothing_that_acts_on_alarms_acts_when_one_is_closed(self):
        client = Calls(FailedEntryCount=0)
        EventBridgeAlarmEvents(client).tell(told(an_alarm("a", "closed")))
        assert client.asked[0]["Entries"][0]["DetailType"] == "Model alarm closed"

    def test_ten_go_at_once_when_there_are_more(self):
        client = Calls(FailedEntryCount=0)
        EventBridgeAlarmEvents(client).tell(told(*(an_alarm(f"f{n}") for n in range(25))))
        assert [len(call["Entries"]) for call in client.asked] == [10, 10, 5]

    def test_it_is_an_error_when_the_bus_does_not_take_them(self):
        with pytest.raises(UnavailableError):
            EventBridgeAlarmEvents(Calls(FailedEntryCount=1)).tell(told(an_alarm()))


class TestMetrics:
    def test_alarms_are_counted_by_model_and_kind_when_they_open_and_close(self, capsys):
        AlarmMetrics().tell(told(an_alarm(), an_alarm("b", "closed"), an_alarm("c", "reminded")))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [("AlarmsOpened" in line, "AlarmsClosed" in line) for line in lines] == [
            (True, False),
            (False, True),
        ]
        assert all(line["model"] == "iris" and line["kind"] == "input_drift" for line in lines)
        assert lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [
            ["service"],
            ["service", "model", "kind"],
        ]
