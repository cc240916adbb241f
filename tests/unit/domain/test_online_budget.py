"""A2: what is too slow or too big for a caller who waits, by its measured figures."""

from __future__ import annotations

import pytest
from fakes.records import a_deployment, a_ref, a_server
from hypothesis import given
from hypothesis import strategies as st
from servery.domain.deployment import Served
from servery.domain.manifest import Latency, Part, RuntimeFigures
from servery.domain.online_budget import check_online, excesses, over_budget
from servery.domain.policies import OnlineBudget, Policies
from servery.edge.problem import problem
from servery.errors import OnlineBudgetError

VERSION = "1.1.0-dabc1234.sdef5678"


def figures(p99_ms: float = 12.34, size_mb: float = 2.5) -> RuntimeFigures:
    latency = Latency(p50_ms=p99_ms / 2, p99_ms=p99_ms)
    return RuntimeFigures(
        one_row=latency, thousand_rows=latency, load_ms=1, size_bytes=round(size_mb * 1e6)
    )


def deployment(budget: OnlineBudget, measured: RuntimeFigures | None = None, **ref):
    served = Served(ref=a_ref(VERSION, **ref), server=a_server(), figures=measured or figures())
    return a_deployment(champion=served, policies=Policies(online=budget))


@pytest.mark.parametrize(
    ("budget", "settings"),
    [
        (OnlineBudget(p99_ms=12.34, size_mb=2.5), []),
        (OnlineBudget(p99_ms=12.33, size_mb=2.5), ["p99_ms"]),
        (OnlineBudget(p99_ms=12.34, size_mb=2.4), ["size_mb"]),
        (OnlineBudget(p99_ms=1, size_mb=1), ["p99_ms", "size_mb"]),
    ],
)
def test_each_part_is_named_when_it_is_exceeded(budget, settings):
    assert [excess.setting for excess in excesses(figures(), budget)] == settings


def test_nothing_is_exceeded_when_nobody_measured():
    assert excesses(None, OnlineBudget(p99_ms=0.001, size_mb=0.001)) == []


def test_caller_passes_when_the_version_is_within_the_budget():
    record = deployment(OnlineBudget())

    check_online(record, record.champion)


def test_refusal_has_figures_and_ways_out_when_a_champion_is_too_slow():
    record = deployment(OnlineBudget(p99_ms=5))

    with pytest.raises(OnlineBudgetError) as caught:
        check_online(record, record.champion)

    assert str(caught.value) == (
        f"iris {VERSION} is too much for a caller who waits: one row takes 12.34 ms (p99), allowed "
        "are 5 ms; send a job (POST /v2/models/iris/jobs) or a file (inbox/iris/), or allow it "
        "with `servery deployment edit iris --set online.p99_ms=13`"
    )
    document = problem(caught.value, request_id="r")
    del document["title"]  # of one status it is not the same in every Python
    assert document == {
        "type": "urn:servery:problem:online-budget",
        "status": 422,
        "detail": str(caught.value),
        "instance": "urn:servery:request:r",
        "errors": [
            {
                "field": "policies.online.p99_ms",
                "message": "one row takes 12.34 ms (p99), allowed are 5 ms",
            }
        ],
        "routes": {"jobs": "/v2/models/iris/jobs", "batches": "inbox/iris/"},
    }


def test_both_settings_are_offered_when_both_are_exceeded():
    record = deployment(OnlineBudget(p99_ms=5, size_mb=1))

    error = over_budget(record, record.champion)

    assert "it has 2.5 MB, allowed are 1 MB" in str(error)
    assert "--set online.p99_ms=13 --set online.size_mb=2.5`" in str(error)


def test_no_route_is_offered_that_another_version_would_answer_when_a_candidate_is_asked():
    record = deployment(OnlineBudget(p99_ms=5))
    slow = Served(ref=a_ref("1.2.0-dabc1234.sdef5678"), server=a_server(2), figures=figures())

    error = over_budget(record, slow)

    assert error is not None
    assert error.routes == {}
    assert "release it" in str(error)


def test_the_graph_is_offered_when_half_of_a_pair_is_asked():
    record = deployment(OnlineBudget(p99_ms=5), pair="p", part=Part.PREDICTOR)

    error = over_budget(record, record.champion)

    assert error is not None
    assert error.routes == {"graph_jobs": "/v2/graphs/{graph}/jobs"}
    assert "POST /v2/graphs/{graph}/jobs" in str(error)


@given(st.floats(min_value=1e-4, max_value=1e6))
def test_what_is_offered_is_enough_when_it_is_set(measured):
    record = deployment(OnlineBudget(p99_ms=measured / 2), figures(p99_ms=measured))

    said = str(over_budget(record, record.champion))

    enough = float(said.rpartition("online.p99_ms=")[2].rstrip("`"))
    assert measured * (1 - 1e-8) <= enough <= measured * 1.11
