"""Alarms from look to look: they open once, remind, close when they are clear, and stay within
the budget of chance."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from fakes.watched import NOW, VERSION, looked, rules, traffic
from servery.domain.watching import AlarmState, Kind, Severity, WatchState, identity

HOUR = timedelta(hours=1)
MASS = "input_drift:mass"


def told(look):
    return [(alarm.state, identity(alarm.finding)) for alarm in look.alarms]


def hourly(shifts, *, per_hour=300, per_look=None, **given):
    """A look after each hour, in which the mass has moved so far."""
    lines, state, looks = [], WatchState(model="rocks"), []
    since = NOW - timedelta(hours=4)
    for at, shift in enumerate(shifts):
        until = NOW + at * HOUR
        lines += traffic(
            per_hour, seed=at, shift=shift, hours=(1, 0), first=at * 10_000, until=until
        )
        more = (per_look or {}).get(at, {})
        look, state = looked(
            lines, state=state, until=until, **({"since": since, "rules": rules(**given)} | more)
        )
        looks.append(look)
    return looks, state


def test_alarm_opens_once_and_closes_when_the_drift_is_over():
    looks, state = hourly([0, 1, 1, 1, 0, 0, 0])
    assert [told(look) for look in looks[:4]] == [[], [(AlarmState.OPENED, MASS)], [], []]
    closed = [at for at, look in enumerate(looks) if (AlarmState.CLOSED, MASS) in told(look)]
    assert closed == [4]
    assert looks[4].alarms[0].since == "2026-03-02T13:00:00.000Z"
    assert [look.findings for look in looks[4:]] == [[], [], []]
    assert state.open == {}


def test_old_drift_opens_nothing_when_it_was_clear_in_between():
    """The windows of four hours still hold what was wrong before."""
    looks, state = hourly([1, 0, 0, 0], cool_down_hours=0)
    assert told(looks[0]) == [(AlarmState.OPENED, MASS)]
    assert told(looks[1]) == [(AlarmState.CLOSED, MASS)]
    assert told(looks[2]) == told(looks[3]) == []
    assert list(state.cleared) == [MASS]


def test_nobody_is_told_again_when_it_comes_back_within_the_cool_down():
    looks, state = hourly([1, 0, 1, 1, 1], cool_down_hours=3.5)
    assert [told(look) for look in looks] == [
        [(AlarmState.OPENED, MASS)],
        [(AlarmState.CLOSED, MASS)],
        [],
        [],
        [(AlarmState.REMINDED, MASS)],
    ]
    assert state.open[MASS].since == "2026-03-02T14:00:00.000Z"


def test_close_is_silent_when_nobody_was_told_that_it_was_open():
    looks, _ = hourly([1, 0, 1, 0], cool_down_hours=9)
    assert [len(look.alarms) for look in looks] == [1, 1, 0, 0]
    assert [len(look.findings) for look in looks] == [1, 0, 1, 0]


def test_people_are_reminded_when_the_cool_down_is_over():
    looks, _ = hourly([1, 1, 1, 1, 1], cool_down_hours=2)
    assert [[state for state, _ in told(look)] for look in looks] == [
        [AlarmState.OPENED],
        [],
        [AlarmState.REMINDED],
        [],
        [AlarmState.REMINDED],
    ]


def test_people_are_told_at_once_when_it_becomes_worse():
    worse = {2: {"rules": rules(severity={Kind.INPUT_DRIFT: Severity.CRITICAL})}}
    looks, _ = hourly([1, 1, 1, 1], per_look=worse)
    assert [[state for state, _ in told(look)] for look in looks] == [
        [AlarmState.OPENED],
        [],
        [AlarmState.REMINDED],
        [],
    ]
    assert looks[2].findings[0].severity is Severity.CRITICAL


def test_alarm_stays_when_there_is_too_little_to_see_it_by():
    lines = traffic(300, shift=1, hours=(1, 0))
    _, state = looked(lines)
    later = NOW + 5 * HOUR
    look, state = looked(
        traffic(20, hours=(1, 0), until=later, first=900), until=later, state=state
    )
    assert [identity(finding) for finding in look.findings] == [MASS]
    assert look.alarms == []
    assert MASS in state.open


def test_people_are_reminded_when_it_lasts_and_no_new_chance_is_allowed():
    """A look at the same time as the one before may spend nothing, and finds nothing anew."""
    lines = traffic(300, shift=1, hours=(1, 0))
    given = {"rules": rules(cool_down_hours=0)}
    first, state = looked(lines, **given)
    again, state = looked(lines, state=state, **given)
    assert (again.chance, told(again)) == (0, [(AlarmState.REMINDED, MASS)])
    assert again.findings == first.findings
    assert state.open[MASS].since == "2026-03-02T12:00:00.000Z"


def test_alarm_closes_when_nobody_wants_it_any_more():
    off = {1: {"rules": rules(off=[Kind.INPUT_DRIFT])}}
    looks, state = hourly([1, 1], per_look=off)
    assert told(looks[1]) == [(AlarmState.CLOSED, MASS)]
    assert state.open == {}


def test_alarm_of_a_version_closes_when_another_is_champion():
    new = {1: {"version": "2.0.0-1.1", "since": NOW + 0.5 * HOUR}}
    looks, state = hourly([1, 1], per_look=new)
    assert told(looks[1]) == [(AlarmState.CLOSED, MASS)]
    assert (looks[1].version, state.version, state.open) == ("2.0.0-1.1", "2.0.0-1.1", {})


def test_alarm_of_the_model_stays_when_another_is_champion():
    _, state = looked([], rules=rules(min_per_hour=50))
    later = NOW + HOUR
    look, state = looked(
        [], rules=rules(min_per_hour=50), state=state, until=later, version="2.0.0-1.1"
    )
    assert [finding.kind for finding in look.findings] == [Kind.TOO_FEW]
    assert look.alarms == []
    assert state.open["too_few:"].since == "2026-03-02T12:00:00.000Z"
    assert state.open["too_few:"].version == "2.0.0-1.1"


def test_worst_is_first_when_several_things_are_wrong():
    lines = traffic(600, shift=1) + traffic(100, first=5000, status=500)
    look, _ = looked(lines)
    assert [f.severity for f in look.findings] == [Severity.CRITICAL, Severity.WARNING]
    stated = {Kind.ERRORS: Severity.INFO}
    look, _ = looked(lines, rules=rules(severity=stated))
    assert [f.severity for f in look.findings] == [Severity.WARNING, Severity.INFO]


class TestBudget:
    @pytest.mark.parametrize(("days", "chance"), [(0.5, 0.05 / 14), (3.5, 0.025), (30, 0.05)])
    def test_first_look_may_spend_what_the_champions_time_comes_to(self, days, chance):
        look, _ = looked(traffic(300), since=NOW - timedelta(days=days))
        assert look.chance == pytest.approx(chance)

    def test_looks_spend_the_same_together_when_there_are_more_of_them(self):
        looks, state = hourly([0, 0, 0, 0])
        assert [look.chance for look in looks[1:]] == pytest.approx([0.05 / 168] * 3)
        assert state.tested == "2026-03-02T15:00:00.000Z"

    def test_nothing_is_spent_when_nothing_could_be_tested(self):
        _, state = looked([])
        assert state.tested == ""
        look, state = looked(
            traffic(300, until=NOW + HOUR), state=state, until=NOW + HOUR, since=NOW - 6 * HOUR
        )
        assert look.chance == pytest.approx(0.05 * 7 / 168)
        assert state.tested == "2026-03-02T13:00:00.000Z"

    def test_same_figures_are_no_finding_when_less_chance_is_allowed(self):
        lines = traffic(400, shift=0.4)
        assert looked(lines, rules=rules(chance=0.5))[0].findings
        assert not looked(lines, rules=rules(chance=1e-9))[0].findings


def test_state_is_the_same_when_it_has_been_kept_as_json():
    _, state = looked(traffic(300, shift=1))
    assert msgspec.json.decode(msgspec.json.encode(state), type=WatchState) == state
    assert (state.version, list(state.open)) == (VERSION, [MASS])
