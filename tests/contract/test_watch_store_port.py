"""What the port of the watch promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.clock import SetClock
from fakes.dynamodb_server import TABLES
from fakes.moto_aws import moto_table
from fakes.watches import MemoryWatches, a_look, an_open_alarm
from msgspec.structs import replace
from servery.adapters.dynamodb_watches import LOOKS_KEPT_SECONDS, DynamoDbWatches
from servery.domain.watch_records import (
    MOST_OPEN,
    MOST_WAITING,
    Telling,
    look_record,
    new_watch,
    telling,
)
from servery.domain.watching import Alarm, AlarmState, Kind, Severity
from servery.errors import ConflictError
from servery.ports.watching import WatchStore

LOOK = look_record(a_look(), identity="20260301T120000-a", report="reports/a", seconds=1.5)


@pytest.fixture(params=["memory", *TABLES])
def store(request, monkeypatch):
    if request.param == "memory":
        yield MemoryWatches()
        return
    with TABLES[request.param](monkeypatch, "RegistryTable", "registry") as client:
        yield DynamoDbWatches(client, "registry", SetClock())


def test_it_comes_back_as_it_was_when_it_is_kept(store):
    port: WatchStore = store
    record = replace(new_watch("iris"), revision=1, tried="now", last=LOOK)
    port.put(record, LOOK)

    assert port.watch("iris") == record
    assert port.looks("iris") == [LOOK]
    assert port.watch("wine") is None
    assert port.looks("wine") == []


@pytest.mark.parametrize("revision", [0, 1, 3])
def test_stale_writer_loses_when_somebody_was_faster(store, revision):
    store.put(replace(new_watch("iris"), revision=1))

    with pytest.raises(ConflictError):
        store.put(replace(new_watch("iris"), revision=revision, tried="late"), LOOK)

    assert store.watch("iris").tried == ""
    assert store.looks("iris") == []


def test_newest_looks_come_first_when_they_are_listed(store):
    for number in range(1, 5):
        record = replace(new_watch("iris"), revision=number)
        store.put(record, replace(LOOK, id=f"look-{number}"))

    assert [look.id for look in store.looks("iris", 2)] == ["look-4", "look-3"]
    assert [look.id for look in store.looks("iris", 2, "look-3")] == ["look-2", "look-1"]


def test_record_still_fits_when_everything_is_wrong_with_a_very_large_model(store):
    """The table takes 400 KB an item."""
    said = "a sentence of the length that sentences have, with figures in it; " * 4
    alarms = {
        f"input_drift:{'f' * 60}{n}": an_open_alarm(f"{'f' * 60}{n}", said=said)
        for n in range(3000)
    }
    critical = an_open_alarm("5xx", kind=Kind.ERRORS, severity=Severity.CRITICAL)
    news = [
        Alarm(state=AlarmState.OPENED, finding=alarm.finding, since="s")
        for alarm in alarms.values()
    ]
    outbox = [
        telling(a_look(alarms=news), identity=f"look-{n}", playbooks="infra/playbooks")
        for n in range(10)
    ]
    assert all(isinstance(each, Telling) for each in outbox)
    record = new_watch("iris")
    times = dict.fromkeys(alarms, "2026-03-01T12:00:00Z")
    state = replace(
        record.state, open={**alarms, "errors:5xx": critical}, told=times, cleared=times
    )
    last = look_record(
        a_look(findings=[a.finding for a in alarms.values()]),
        identity="l",
        report="",
        seconds=0,
    )
    store.put(replace(record, revision=1, state=state, outbox=outbox, last=last), last)

    kept = store.watch("iris")
    assert len(kept.state.open) == MOST_OPEN
    assert "errors:5xx" in kept.state.open
    assert sum(len(each.notices) for each in kept.outbox) <= MOST_WAITING
    assert kept.outbox[-1].look == "look-9"
    assert kept.given_up == 800
    assert kept.last.found == 3000


def test_looks_expire_and_the_memory_stays_when_time_goes_by(monkeypatch):
    with moto_table(monkeypatch, "RegistryTable", "registry") as client:
        clock = SetClock()
        DynamoDbWatches(client, "registry", clock).put(replace(new_watch("iris"), revision=1), LOOK)
        items = client.scan(TableName="registry")["Items"]

    expiry = {item["sk"]["S"]: item.get("expires_at", {}).get("N") for item in items}
    until = str(int(clock.now().timestamp()) + LOOKS_KEPT_SECONDS)
    assert expiry == {"record": None, f"look#{LOOK.id}": until}
