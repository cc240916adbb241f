"""Two branches that could fit the same request are refused, and no others are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fakes.policy_grounds import LAST_GOOD, Models
from hypothesis import given, settings
from hypothesis import strategies as st
from servery.domain.policies import Day, Hours, Match, Policies
from servery.domain.policy_rules import broken_rules
from servery.domain.policy_rules.overlaps import apart, common_minute, intervals, moment
from servery.domain.routing import Circumstances, matches, within

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def overlaps(*branches):
    given = {
        "routing": {
            "branches": [
                {"name": f"b{place}", "version": LAST_GOOD, **branch}
                for place, branch in enumerate(branches)
            ]
        }
    }
    return broken_rules(msgspec.convert(given, Policies), Models().grounds())


PAIRS = [
    ({"hours": {"end": "12:00"}}, {"hours": {"start": "12:00"}}, ""),
    ({"hours": {"end": "12:01"}}, {"hours": {"start": "12:00"}}, "mon 12:00"),
    (
        {"hours": {"start": "22:00", "end": "06:00"}},
        {"hours": {"start": "06:00", "end": "22:00"}},
        "",
    ),
    (
        {"hours": {"days": ["sun"], "start": "22:00", "end": "06:00"}},
        {"hours": {"days": ["mon"], "start": "05:00"}},
        "mon 05:00",
    ),
    ({"hours": {"days": ["sat", "sun"]}}, {"hours": {"days": ["mon", "fri"]}}, ""),
    (
        {"match": [{"column": "country", "among": ["de", "fr"]}]},
        {"match": [{"column": "country", "among": ["fr", "it"]}]},
        "mon 00:00",
    ),
    (
        {"match": [{"column": "country", "among": ["de"]}]},
        {"match": [{"column": "country", "among": ["it"]}]},
        "",
    ),
    (
        {"match": [{"column": "amount", "at_most": 5}]},
        {"match": [{"column": "amount", "above": 5}]},
        "",
    ),
    (
        {"match": [{"column": "amount", "at_most": 5.5}]},
        {"match": [{"column": "amount", "above": 5}]},
        "mon 00:00",
    ),
    (
        {"match": [{"column": "amount", "among": [5, 6]}]},
        {"match": [{"column": "amount", "above": 6}]},
        "",
    ),
    (
        {"match": [{"header": "x-age", "among": ["7"]}]},
        {"match": [{"header": "x-age", "above": 6}]},
        "mon 00:00",
    ),
    (
        {"match": [{"header": "x-a", "among": ["7"]}]},
        {"match": [{"header": "x-b", "among": ["8"]}]},
        "mon 00:00",
    ),
    (
        {"match": [{"header": "x-a", "among": ["7"]}], "hours": {"end": "12:00"}},
        {"match": [{"header": "x-a", "among": ["7"]}], "hours": {"start": "12:00"}},
        "",
    ),
]


@pytest.mark.parametrize(("one", "other", "when"), PAIRS)
def test_overlap_is_told_with_a_moment_when_there_is_one(one, other, when):
    found = overlaps(one, other)
    assert bool(found) is bool(when)
    if when:
        assert found[0].field == "routing.branches[1]"
        assert f"b1 and b0 could fit the same request, such as on {when}" in found[0].message


def test_each_pair_is_told_when_three_overlap():
    found = overlaps(*({"hours": {"days": [day, "sun"]}} for day in ("mon", "tue", "wed")))
    assert [v.field for v in found] == ["routing.branches[1]", *["routing.branches[2]"] * 2]


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
hours = st.builds(
    Hours,
    days=st.lists(st.sampled_from(list(Day)), unique=True),
    start=clocks,
    end=st.one_of(clocks, st.just("24:00")),
).filter(lambda h: h.start != h.end)


@settings(deadline=None)
@given(hours)
def test_the_minutes_of_the_week_are_those_that_routing_goes_by_whatever_the_hours(given_hours):
    covered = {m for start, end in intervals(given_hours) for m in range(start, end)}
    for minute in [*range(0, 7 * 1440, 30), *(m for pair in intervals(given_hours) for m in pair)]:
        local = MONDAY + timedelta(minutes=minute % (7 * 1440))
        assert (minute % (7 * 1440) in covered) is within(given_hours, local)


@settings(deadline=None)
@given(hours, hours)
def test_a_common_minute_is_in_both_whatever_the_hours(one, other):
    covered = [{m for a, b in intervals(each) for m in range(a, b)} for each in (one, other)]
    assert common_minute(one, other) == min(covered[0] & covered[1], default=None)


def test_a_moment_is_a_day_and_a_time_when_it_is_told():
    assert moment(0) == "mon 00:00"
    assert moment(7 * 1440 - 1) == "sun 23:59"


numbers = st.sampled_from([-1.0, 0.0, 1.0, 1.5, 2.0])
ranged = st.builds(
    Match,
    column=st.just("amount"),
    above=st.one_of(st.none(), numbers),
    at_most=st.one_of(st.none(), numbers),
)
listed = st.builds(
    Match,
    column=st.just("amount"),
    among=st.lists(st.sampled_from([-1, 0, 1.0, 1.5, 2, True, "1"]), min_size=1),
)
conditions = st.lists(st.one_of(ranged, listed), min_size=1, max_size=2)


@given(conditions, conditions, st.sampled_from([-2, -1, 0, 0.5, 1, 1.5, 2, 3, True, "1"]))
def test_no_value_fits_both_when_they_are_told_apart(one, other, value):
    def fits(wanted):
        circumstances = Circumstances({}, lambda _: value, MONDAY)
        return all(matches(match, circumstances) for match in wanted)

    if apart(one, other):
        assert not (fits(one) and fits(other))
