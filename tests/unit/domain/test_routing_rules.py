"""Hours, matches and keys: what decides who answers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from fakes.signatures import FLOWERS, GUESTS
from servery.domain.asked import Asked
from servery.domain.policies import (
    Branch,
    Day,
    Experiment,
    Hours,
    Match,
    RoutingPolicy,
    Segment,
    Variant,
)
from servery.domain.routing import (
    Circumstances,
    branch_of,
    digest_of,
    is_copied,
    key_of,
    matches,
    point_of,
    variant_of,
    within,
)


def at(text: str) -> datetime:
    """2026-03-02 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def given(columns=None, now="2026-03-02T12:00", **headers) -> Circumstances:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Circumstances(named, (columns or {}).get, at(now))


class TestHours:
    @pytest.mark.parametrize(
        ("moment", "inside"),
        [("07:59", False), ("08:00", True), ("17:59", True), ("18:00", False)],
    )
    def test_start_is_in_and_end_is_not(self, moment, inside):
        hours = Hours(start="08:00", end="18:00")
        assert within(hours, at(f"2026-03-02T{moment}")) is inside

    @pytest.mark.parametrize(
        ("moment", "inside"),
        [
            ("2026-03-06T21:59", False),
            ("2026-03-06T22:00", True),  # Friday night
            ("2026-03-07T05:59", True),  # still Friday's night
            ("2026-03-07T06:00", False),
            ("2026-03-07T22:00", False),  # Saturday is not listed
            ("2026-03-06T05:00", False),  # nor is Thursday's night
        ],
    )
    def test_night_belongs_to_the_day_it_starts_on_when_it_ends_before_it_starts(
        self, moment, inside
    ):
        hours = Hours(days=[Day.FRI], start="22:00", end="06:00")
        assert within(hours, at(moment)) is inside

    def test_sundays_night_reaches_into_monday(self):
        hours = Hours(days=[Day.SUN], start="22:00", end="06:00")
        assert within(hours, at("2026-03-02T01:00"))

    @pytest.mark.parametrize("moment", ["00:00", "23:59"])
    def test_whole_day_is_in_when_nothing_is_said(self, moment):
        assert within(Hours(), at(f"2026-03-02T{moment}"))

    @pytest.mark.parametrize(
        ("moment", "fits"),
        [
            ("2026-03-27T07:30", True),  # Paris is an hour ahead: 08:30
            ("2026-03-27T06:30", False),
            ("2026-03-30T06:30", True),  # two, once summer time has begun
        ],
    )
    def test_hours_are_those_of_the_zone_when_clocks_change(self, moment, fits):
        branch = Branch(name="day", version="v", hours=Hours(start="08:00", end="18:00"))
        routing = RoutingPolicy(zone="Europe/Paris", branches=[branch])
        assert (branch_of(routing, given(now=moment)) is branch) is fits


class TestMatch:
    @pytest.mark.parametrize(
        ("match", "fits"),
        [
            (Match(header="x-country", among=["de", "fr"]), True),
            (Match(header="x-country", among=["DE"]), False),
            (Match(header="x-nobody", among=["de"]), False),
            (Match(header="x-age", above=17), True),
            (Match(header="x-age", above=18), False),
            (Match(header="x-age", at_most=18), True),
            (Match(header="x-country", above=1), False),
        ],
    )
    def test_header_decides(self, match, fits):
        assert matches(match, given(x_country=" de ", x_age="18")) is fits

    @pytest.mark.parametrize(
        ("match", "fits"),
        [
            (Match(column="country", among=["de"]), True),
            (Match(column="stars", among=[1, 2]), True),
            (Match(column="stars", among=["2"]), False),
            (Match(column="vip", among=[True]), True),
            (Match(column="vip", among=[1]), False),
            (Match(column="stars", above=1, at_most=2), True),
            (Match(column="stars", above=2), False),
            (Match(column="vip", above=0), False),
            (Match(column="absent", among=["de"]), False),
        ],
    )
    def test_column_decides_by_value_and_type(self, match, fits):
        columns = {"country": "de", "stars": 2.0, "vip": True}
        assert matches(match, given(columns)) is fits

    def test_first_branch_whose_conditions_all_hold_is_taken(self):
        routing = RoutingPolicy(
            branches=[
                Branch(
                    name="both",
                    version="v1",
                    match=[
                        Match(header="x-persona", among=["pro"]),
                        Match(column="country", among=["fr"]),
                    ],
                ),
                Branch(name="one", version="v2", match=[Match(header="x-persona", among=["pro"])]),
            ]
        )
        assert branch_of(routing, given({"country": "de"}, x_persona="pro")).name == "one"
        assert branch_of(routing, given({"country": "fr"}, x_persona="pro")).name == "both"
        assert branch_of(routing, given({"country": "fr"})) is None


class TestColumns:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            ('{"records":[{"stars":2},{"stars":2}]}', 2),
            ('{"records":[{"stars":2},{"stars":3}]}', None),
            ('{"records":[{"stars":1},{"stars":true}]}', None),
            ('{"records":[{"stars":2},{}]}', None),
            ('{"records":[{"stars":[2]}]}', None),
            ('{"records":[]}', None),
            ('{"records":"all"}', None),
            ('{"inputs":[{"name":"stars","shape":[2],"datatype":"INT64","data":[2,2]}]}', 2),
            ('{"inputs":[{"name":"stars","shape":[2,1],"datatype":"INT64","data":[[2],[2]]}]}', 2),
            ('{"inputs":[{"name":"stars","shape":[2],"data":[2,3]}]}', None),
            ('{"inputs":[{"name":"stars","shape":"all","data":[2]}]}', None),
            ('{"inputs":[{"name":"stars","shape":[2],"data":[2,[2]]}]}', None),
            ("no json", None),
            ("[1]", None),
            ("\ud800", None),
        ],
    )
    def test_value_is_found_when_all_rows_agree(self, body, value):
        assert Asked(body, base64=False).column("stars", lambda: GUESTS.inputs) == value

    def test_column_is_found_when_the_tensor_is_packed(self):
        body = (
            '{"inputs":[{"name":"input","shape":[2,4],"datatype":"FP32",'
            '"data":[5.1,3.5,1.4,0.2,6.0,3.5,1.0,0.3]}]}'
        )
        asked = Asked(body, base64=False)
        assert asked.column("sepal_width", lambda: FLOWERS.inputs) == 3.5
        assert asked.column("petal_width", lambda: FLOWERS.inputs) is None
        assert asked.rows == 2

    def test_body_is_read_when_it_is_in_base64(self):
        assert Asked("eyJyZWNvcmRzIjpbeyJhIjoxfV19", base64=True).rows == 1
        assert Asked("not base64!", base64=True).rows == 0


def an_experiment(*segments: tuple[float, str], **changes) -> Experiment:
    names = dict.fromkeys(name for _, name in segments)
    values = {
        "name": "greener",
        "header": "x-user",
        "variants": [Variant(name=name, version=f"v-{name}", weight=0.5) for name in names],
        "segments": [Segment(start=start, variant=name) for start, name in segments],
    }
    return Experiment(**(values | changes))


class TestExperiment:
    def test_key_is_sticky_and_shares_are_those_of_the_segments(self):
        experiment = an_experiment((0.0, "old"), (0.8, "new"))
        keys = [f"user-{number}" for number in range(20_000)]
        told = Counter(variant_of(experiment, key).name for key in keys)
        assert told["new"] / len(keys) == pytest.approx(0.2, abs=0.01)
        assert [variant_of(experiment, key) for key in keys[:50]] == [
            variant_of(experiment, key) for key in keys[:50]
        ]

    def test_keys_are_shuffled_anew_when_the_experiment_has_another_name(self):
        keys = [f"user-{number}" for number in range(2000)]
        both = sum((point_of("a", key) < 0.5) == (point_of("b", key) < 0.5) for key in keys)
        assert both / len(keys) == pytest.approx(0.5, abs=0.05)

    def test_nobody_takes_part_when_nothing_is_assigned(self):
        assert variant_of(an_experiment((0.0, "old"), (0.5, "new"), segments=[]), "u") is None

    @pytest.mark.parametrize(
        ("value", "key"), [("u-1", "u-1"), (7, "7"), (7.0, "7"), (None, ""), ("", "")]
    )
    def test_key_comes_out_of_the_column(self, value, key):
        experiment = an_experiment((0.0, "old"), (0.5, "new"), header=None, column="user")
        assert key_of(experiment, given({"user": value})) == key

    def test_key_comes_out_of_the_header(self):
        experiment = an_experiment((0.0, "old"), (0.5, "new"))
        assert key_of(experiment, given(x_user=" u-1 ")) == "u-1"
        assert key_of(experiment, given()) == ""

    def test_digest_tells_keys_apart_and_not_what_they_are(self):
        assert len(digest_of("u-1")) == 16
        assert digest_of("u-1") != digest_of("u-2")
        assert "u-1" not in digest_of("u-1")


def test_share_of_requests_is_copied_and_always_the_same_ones():
    ids = [f"request-{number}" for number in range(5000)]
    copied = [request for request in ids if is_copied(request, 0.3)]
    assert len(copied) / len(ids) == pytest.approx(0.3, abs=0.03)
    assert all(is_copied(request, 0.6) for request in copied)
    assert not any(is_copied(request, 0.0) for request in ids)
    assert all(is_copied(request, 1.0) for request in ids)
