"""Judging a version by the lake: which lines count for whom, and how much is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes.clock import SetClock
from fakes.lake_log import MemoryLake
from fakes.records import a_deployment, a_ref, a_server
from servery.domain.comparisons import Comparison
from servery.domain.deployment import Deployment, Served
from servery.domain.judging import Aspect, Verdict
from servery.domain.release_rules import Judging
from servery.domain.rollout import Rollout, RolloutStage, in_canary
from servery.domain.sampling import in_sample
from servery.errors import UnavailableError
from servery.usecases.release.evidence import gather
from servery.usecases.release.judging import judge
from servery.usecases.release.lake_window import LEAST_LINES, Window

CHAMPION = "1.1.0-dabc1234.sdef5678"
NEW = "1.2.0-dabc1234.sdef5678"
SINCE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=10)
DAY = "predictions/model=iris/day=2026-03-02/"
COPIES = "comparisons/model=iris/day=2026-03-02/"
RULES = Judging(min_labels=20)


def stamp(seconds: float = 60.0) -> str:
    at = SINCE + timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(number: Any, route: str = "canary", **changes: Any) -> dict[str, Any]:
    values = {
        "request_id": f"{route}-{number}",
        "time": stamp(),
        "model": "iris",
        "model_version": NEW if route == "canary" else CHAMPION,
        "route": route,
        "status": 200,
        "latency_ms": 20.0,
        "model_ms": 5.0,
        "output": {"predictions": [{"class": "ab"[int(number) % 2]}]},
    }
    return values | changes


def copy(number: int, **changes: Any) -> Comparison:
    values = {
        "id": f"copy-{number}",
        "request_id": f"champion-{number}",
        "time": stamp(),
        "day": "2026-03-02",
        "model": "iris",
        "revision": 1,
        "version": CHAMPION,
        "shadow": NEW,
        "status": 200,
        "rows": 1,
        "agreed": 1,
        "classes": [("ab"[number % 2], "ab"[number % 2])],
        "latency_ms": 20.0,
        "shadow_latency_ms": 22.0,
        "shadow_model_ms": 5.0,
    }
    return Comparison(**(values | changes))


class Slow(SetClock):
    """A second has passed whenever somebody looks."""

    def now(self) -> datetime:
        self.advance(1.0)
        return super().now()


@pytest.fixture
def lake():
    return MemoryLake()


@pytest.fixture
def fill(lake):
    """Traffic of both sides: 100 requests of the version, 300 of the champion."""

    def fill(**changes: Any) -> None:
        lake.put(f"{DAY}new", *[line(n, **changes) for n in range(100)])
        lake.put(f"{DAY}old", *[line(n, "champion") for n in range(300)])

    return fill


def rolling_out(stage=RolloutStage.CANARY, share=0.25, **changes) -> Deployment:
    rollout = Rollout(release="r1", version=NEW, stage=stage, share=share, since=stamp(0))
    candidates = [Served(ref=a_ref(NEW), server=a_server(2))]
    return a_deployment(candidates=candidates, rollout=rollout, **changes)


@pytest.fixture
def deployment():
    return rolling_out()


@pytest.fixture
def look(lake):
    def look(stage=RolloutStage.CANARY, share=0.25, rules=RULES, log_sample=1.0, **changes):
        deployment = rolling_out(stage, share, log_sample=log_sample)
        values = {"since": SINCE, "until": UNTIL, "lake": lake, "clock": SetClock(UNTIL)}
        return judge(deployment, rules, **(values | changes))

    return look


def counts(judgement) -> tuple[int, int]:
    return judgement.requests, judgement.champion_requests


def measure(judgement, name: Aspect):
    return next(each for each in judgement.measures if each.name is name)


class TestCanary:
    def test_both_sides_are_counted_when_the_lake_has_them(self, fill, look):
        fill()
        judgement = look()
        assert (judgement.verdict, counts(judgement)) == (Verdict.PASS, (100, 300))

    def test_it_fails_when_its_lines_say_so(self, lake, fill, look):
        fill()
        lake.put(f"{DAY}bad", *[line(100 + n, status=500, output=None) for n in range(30)])
        judgement = look()
        assert judgement.verdict is Verdict.FAIL
        assert measure(judgement, Aspect.ERRORS).candidate == pytest.approx(30 / 130)

    def test_refusals_and_what_stood_in_are_failures_too(self, lake, look):
        lake.put(
            f"{DAY}1",
            *[line(n, "champion") for n in range(100)],
            *[line(n, status=422) for n in range(10)],
            *[line(10 + n, degraded=True, fallback="default") for n in range(10)],
        )
        judgement = look()
        assert (judgement.verdict, measure(judgement, Aspect.ERRORS).candidate) == (
            Verdict.FAIL,
            1.0,
        )

    def test_share_of_the_release_says_whose_a_refused_request_was(self, lake, look):
        names = [f"request-{n}" for n in range(200)]
        lake.put(
            f"{DAY}1",
            *[line(0, "fallback:default", request_id=n, fallback="default") for n in names],
        )
        ours = sum(in_canary(name, 0.25) for name in names)
        assert counts(look()) == (ours, 200 - ours)

    def test_nothing_is_known_when_the_lake_is_empty(self, look):
        judgement = look()
        assert (judgement.verdict, counts(judgement)) == (Verdict.UNKNOWN, (0, 0))

    def test_nothing_is_known_when_no_release_is_under_way(self, lake, look):
        judgement = judge(
            a_deployment(), RULES, since=SINCE, until=UNTIL, lake=lake, clock=SetClock()
        )
        assert (judgement.verdict, judgement.said) == (
            Verdict.UNKNOWN,
            "nothing is being released",
        )

    @pytest.mark.parametrize(
        "changes",
        [
            {"route": "version"},
            {"route": "branch:night", "branch": "night"},
            {"route": "variant:e/new", "experiment": "e", "variant": "new"},
            {"model_version": "1.0.9-dabc1234.sdef5678"},
            {"time": stamp(-1)},
            {"time": stamp(600)},
            {"time": "yesterday"},
            {"model": "other"},
            {"status": 429},
        ],
    )
    def test_other_traffic_does_not_count(self, lake, look, changes):
        lake.put(f"{DAY}1", line(1, **changes))
        assert counts(look()) == (0, 0)

    def test_a_line_counts_once_when_the_lake_has_it_twice(self, lake, look):
        lake.put(f"{DAY}1", line(1))
        lake.put(f"{DAY}2", line(1), line(2))
        assert counts(look()) == (2, 0)

    def test_lines_count_that_come_late_or_on_another_day(self, lake, look):
        since = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
        lake.put("predictions/model=iris/day=2026-03-01/1", line(1, time="2026-03-01T23:59:30Z"))
        lake.put(f"{DAY}1", line(2, time="2026-03-02T00:01:00Z"))
        assert counts(look(since=since)) == (2, 0)

    def test_what_is_no_line_is_passed_over(self, lake, look):
        lake.put(f"{DAY}1", b'{"half', b"[]", {"time": stamp()}, line(1))
        assert counts(look()) == (1, 0)

    def test_failures_outside_the_sample_do_not_count(self, lake, look):
        lake.put(f"{DAY}1", *[line(n, status=500) for n in range(200)])
        inside = sum(in_sample(f"canary-{n}", 0.1) for n in range(200))
        assert counts(look(log_sample=0.1)) == (inside, 0)

    def test_cached_answers_say_nothing_about_time(self, fill, look):
        fill(cache="hit", model_ms=0.0, latency_ms=900.0)
        assert Aspect.LATENCY not in [each.name for each in look().measures]

    def test_predictions_do_not_count_when_they_are_about_persons(self, fill, look):
        fill(output=None)
        judgement = look()
        assert judgement.verdict is Verdict.PASS
        assert Aspect.DRIFT not in [each.name for each in judgement.measures]

    @pytest.mark.parametrize("masked", [{"hashed": ["output"]}, {"omitted": ["output"]}])
    @pytest.mark.parametrize(
        ("output", "truth"),
        [
            ({"predictions": [{"class": "h:0a"}]}, "a"),
            ({"outputs": [{"name": "value", "shape": [1], "data": ["h:0a"]}]}, 1.0),
        ],
        ids=["class", "value"],
    )
    def test_masked_predictions_are_neither_drift_nor_wrong(
        self, lake, fill, look, masked, output, truth
    ):
        fill(output=output, **masked)
        told = {"row": 0, "label": truth, "model": "iris", "time": stamp(120)}
        sides = (("canary", 100), ("champion", 300))
        labels = [
            told | {"request_id": f"{side}-{n}"} for side, count in sides for n in range(count)
        ]
        lake.put("labels/model=iris/day=2026-03-02/1", *labels)
        judgement = look()
        assert judgement.verdict is Verdict.PASS
        assert counts(judgement) == (100, 300)
        assert {Aspect.DRIFT, Aspect.QUALITY}.isdisjoint(m.name for m in judgement.measures)

    def test_an_answer_that_says_nothing_is_no_prediction(self, fill, look):
        fill(output={"outputs": [{"name": "probabilities", "shape": [1, 2], "data": [0.1, 0.9]}]})
        assert Aspect.DRIFT not in [each.name for each in look().measures]

    def test_labels_are_joined_when_somebody_told(self, lake, fill, look):
        fill()
        told = [
            {
                "request_id": f"{side}-{n}",
                "row": 0,
                "label": "ab"[n % 2] if side == "champion" else "a",
                "model": model,
                "time": stamp(120),
            }
            for side, count, model in (("canary", 100, "unknown"), ("champion", 300, "iris"))
            for n in range(count)
        ]
        for model in ("iris", "unknown"):
            key = f"labels/model={model}/day=2026-03-02/1"
            lake.put(key, *[each for each in told if each["model"] == model])
        found = measure(look(), Aspect.QUALITY)
        assert (found.candidate, found.champion, found.verdict) == (0.5, 1.0, Verdict.FAIL)


class TestShadow:
    @pytest.fixture
    def shadowed(self, lake):
        def shadowed(**changes: Any) -> None:
            lake.put(f"{DAY}1", *[line(n, "champion") for n in range(100)])
            lake.put(f"{COPIES}1.jsonl", *[copy(n, **changes) for n in range(100)])

        return shadowed

    def test_comparisons_are_what_a_shadow_is_judged_by(self, shadowed, look):
        shadowed()
        judgement = look(RolloutStage.SHADOW, 1.0)
        assert (judgement.verdict, counts(judgement)) == (Verdict.PASS, (100, 100))
        assert measure(judgement, Aspect.DISAGREEMENT).candidate == 0.0

    def test_it_fails_when_it_failed(self, shadowed, look):
        shadowed(error="ShadowRefusedError", status=422, classes=None, rows=0, agreed=0)
        judgement = look(RolloutStage.SHADOW, 1.0)
        assert (judgement.verdict, measure(judgement, Aspect.ERRORS).candidate) == (
            Verdict.FAIL,
            1.0,
        )

    def test_it_fails_when_it_is_slow(self, shadowed, look):
        shadowed(shadow_model_ms=200.0, shadow_latency_ms=220.0)
        assert measure(look(RolloutStage.SHADOW), Aspect.LATENCY).verdict is Verdict.FAIL

    def test_it_fails_when_it_says_something_else(self, shadowed, look):
        shadowed(classes=[("a", "c")], agreed=0)
        judgement = look(RolloutStage.SHADOW)
        assert measure(judgement, Aspect.DRIFT).verdict is Verdict.FAIL
        assert measure(judgement, Aspect.DISAGREEMENT).candidate == 1.0

    @pytest.mark.parametrize(
        "changes",
        [
            {"shadow": "1.3.0-dabc1234.sdef5678"},
            {"version": "1.3.0-dabc1234.sdef5678"},
            {"error": "ThrottledError"},
            {"time": stamp(-1)},
        ],
    )
    def test_other_comparisons_do_not_count(self, lake, look, changes):
        lake.put(f"{COPIES}1.jsonl", copy(1, **changes))
        assert counts(look(RolloutStage.SHADOW)) == (0, 0)

    def test_a_copy_counts_once_when_it_was_compared_twice(self, lake, look):
        lake.put(f"{COPIES}1.jsonl", copy(1), copy(2))
        lake.put(f"{COPIES}2.jsonl", copy(1))
        assert counts(look(RolloutStage.SHADOW)) == (2, 0)

    @pytest.mark.parametrize(("off", "verdict"), [(0.0, Verdict.PASS), (50.0, Verdict.FAIL)])
    def test_numbers_are_those_of_the_answer_and_what_the_shadow_adds(
        self, lake, look, off, verdict
    ):
        values = [{"predictions": [{"value": float(n)}]} for n in range(100)]
        lake.put(f"{DAY}1", *[line(n, "champion", output=v) for n, v in enumerate(values)])
        copies = [copy(n, classes=None, differences=[off], agreed=0) for n in range(100)]
        lake.put(f"{COPIES}1.jsonl", *copies)
        assert measure(look(RolloutStage.SHADOW), Aspect.DRIFT).verdict is verdict


class TestCost:
    def test_requests_count_when_much_came_since(self, lake, look):
        lake.put(f"{DAY}000", line(1))
        for number in range(2 * LEAST_LINES):
            lake.put(f"{DAY}later-{number:03}", line(number, time=stamp(601)))
        assert counts(look()) == (1, 0)

    def test_copies_count_when_answers_take_more_than_the_time(self, lake, look):
        for number in range(LEAST_LINES + 100):
            lake.put(f"{DAY}{number:03}", line(number, "champion"))
            lake.put(f"{COPIES}{number:03}", copy(number))
        candidate, champion = counts(look(RolloutStage.SHADOW, clock=Slow(UNTIL), seconds=40.0))
        assert LEAST_LINES + 10 < candidate < LEAST_LINES + 30
        assert LEAST_LINES + 10 < champion < LEAST_LINES + 30

    def test_reading_ends_when_the_time_is_over(self, lake, look):
        for number in range(LEAST_LINES + 100):
            lake.put(f"{DAY}{number:03}", line(number))
        judgement = look(clock=Slow(UNTIL), seconds=30.0)
        assert LEAST_LINES + 20 < judgement.requests < LEAST_LINES + 40
        assert lake.read[0].endswith(str(LEAST_LINES + 99))

    def test_the_newest_count_when_there_are_too_many(self, lake, deployment):
        lake.put(f"{DAY}old", *[line(n, status=500) for n in range(100)])
        lake.put(f"{DAY}new", *[line(100 + n) for n in range(50)])
        window = Window(SINCE, UNTIL, lambda: True, most=50)
        found = gather(deployment, deployment.rollout, lake, window, window).candidate
        assert (found.requests, found.failed) == (50, 0)

    def test_the_failure_is_told_when_the_lake_does_not_answer(self, lake, look):
        lake.failure = UnavailableError("S3 is away")
        with pytest.raises(UnavailableError):
            look()
