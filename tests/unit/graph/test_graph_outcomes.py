"""What comes of a group whose members are in, late, or have failed; and what a named one makes."""

from __future__ import annotations

import math

import msgspec
import pytest
from servery.domain import named_aggregators as shipped
from servery.domain.graphs import Group
from servery.errors import BadAnswerError, DeadlineExceededError, HopUnavailableError
from servery.usecases.graph.outcomes import least, together

NAMED = {"trimmed_mean": shipped.trimmed_mean, "odd": lambda _: math.nan, "wrong": lambda _: 1 / 0}


def group(aggregate="named", **more):
    members = [
        {"name": n, "model": f"model-{n}", "score": "value", "weight": w}
        for n, w in zip("abcd", (1, 1, 2, 1), strict=True)
    ]
    return msgspec.convert({"members": members, "aggregate": aggregate, **more}, Group)


def outcome(of, failed=(), named=NAMED, **answered):
    rows = {name: [{"value": value} for value in values] for name, values in answered.items()}
    return together("votes", of, rows, list(failed), rows=2, named=named)


def test_the_named_function_makes_the_answer_when_members_are_in():
    found = outcome(group(named="trimmed_mean"), a=[1, 4], b=[9, 4], c=[2, 4], d=[5, 4])
    assert found.error is None
    assert found.rows[0] == {"value": 3.0, "scores": {"a": 1, "b": 9, "c": 2, "d": 5}}
    assert found.rows[1]["value"] == 4


@pytest.mark.parametrize(("name", "said"), [("odd", "finite"), ("wrong", "ZeroDivisionError")])
def test_the_group_has_failed_when_the_named_function_gives_nothing_usable(name, said):
    found = outcome(group(named=name), a=[1, 4], b=[9, 4], c=[2, 4], d=[5, 4])
    assert found.rows == [None, None]
    assert isinstance(found.error, BadAnswerError)
    assert found.error.hop == "votes"
    assert said in found.error.message


def test_the_group_has_failed_when_the_deploy_has_no_such_aggregator_any_more():
    found = outcome(group(named="gone"), a=[1, 4], b=[9, 4], c=[2, 4], d=[5, 4])
    assert "no aggregator gone" in str(found.error)


def test_it_goes_on_without_a_member_when_enough_are_in():
    found = outcome(group("mean", quorum=2), a=[1, 2], c=[3, 4])
    assert found.rows[0] == {
        "value": 2,
        "scores": {"a": 1, "c": 3},
        "missing": ["b", "d"],
    }


def test_it_says_who_was_not_in_time_when_too_few_are_in():
    found = outcome(group("mean", quorum=2), a=[1, 2])
    assert found.rows == [None, None]
    assert str(found.error) == "votes: fewer than 2 of 4 members answered in time"


@pytest.mark.parametrize(
    ("failed", "kind"),
    [
        (DeadlineExceededError("votes.b", 2), DeadlineExceededError),
        (HopUnavailableError("votes.b", "votes.b is down"), HopUnavailableError),
        (BadAnswerError("votes.b", "votes.b is broken"), BadAnswerError),
    ],
)
def test_it_fails_as_its_first_member_did_when_too_few_are_in(failed, kind):
    found = outcome(group("mean"), [failed], a=[1, 2], c=[1, 2], d=[1, 2])
    assert type(found.error) is kind
    assert found.error.hop == "votes"


def test_one_is_enough_when_any_will_do():
    assert least(group("any", quorum=3)) == 1
    assert least(group("vote")) == 4
    assert least(group("vote", quorum=3)) == 3
    assert outcome(group("any"), b=[1, 2]).rows[1] == {"value": 2, "missing": ["a"]}


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (shipped.trimmed_mean, 4.0),
        (shipped.geometric_mean, 4.0),
        (shipped.maximum, 16.0),
        (shipped.minimum, 1.0),
    ],
)
def test_each_shipped_aggregator_is_what_its_name_says_when_asked(function, value):
    assert function([("a", 1.0, 1.0), ("b", 16.0, 1.0), ("c", 4.0, 2.0)]) == pytest.approx(value)


def test_geometric_mean_is_refused_when_a_score_that_counts_is_below_zero():
    assert shipped.geometric_mean([("a", -1.0, 0.0), ("b", 3.0, 1.0)]) == pytest.approx(3.0)
    assert shipped.geometric_mean([("a", 0.0, 1.0), ("b", 3.0, 1.0)]) == 0
    with pytest.raises(ValueError, match="below 0"):
        shipped.geometric_mean([("a", -1.0, 1.0), ("b", 3.0, 1.0)])


def test_all_are_counted_when_there_are_too_few_to_trim():
    assert shipped.trimmed_mean([("a", 1.0, 3.0), ("b", 5.0, 1.0)]) == 2
