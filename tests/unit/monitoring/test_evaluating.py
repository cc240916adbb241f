"""Versions are evaluated by the labels that came, and compared with the champion."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from fakes.clock import SetClock
from fakes.keeping import MemoryKeeping
from fakes.lake_log import MemoryLake
from fakes.records import a_deployment, a_model, a_ref, a_server
from fakes.registry import MemoryRegistry
from servery.domain.deployment import Served
from servery.domain.evaluations import Compared
from servery.errors import NotFoundError, UnavailableError
from servery.usecases.monitoring.evaluating import EvaluationPorts, evaluate
from servery.usecases.monitoring.evaluating_all import EvaluateEvent, evaluate_all

CHAMPION = "1.1.0-dabc1234.sdef5678"
OTHER = "1.2.0-dabc1234.sdef5678"


@dataclass
class Room:
    clock: SetClock = field(default_factory=SetClock)
    lake: MemoryLake = field(default_factory=MemoryLake)
    kept: MemoryKeeping = field(default_factory=MemoryKeeping)
    count: int = 0

    def __post_init__(self):
        self.registry = MemoryRegistry(self.clock)
        self.registry.put_model(a_model(spec={"name": "iris"}))
        self.registry.put_deployment(
            a_deployment(candidates=[Served(ref=a_ref(OTHER), server=a_server(2))])
        )

    @property
    def ports(self):
        return EvaluationPorts(self.registry, self.lake, self.kept, self.clock)

    def spec(self, **parts):
        spec = {"name": "iris", **parts}
        self.registry.put_model(a_model(spec=spec, updated="2026-03-02T00:00:00+00:00"))

    def time(self):
        self.count += 1
        self.clock.advance(1)
        return self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def ask(self, version, said, truth=None, **changes):
        """A request of some rows, with what was answered, and labels where there are some."""
        time = self.time()
        request = changes.pop("request_id", f"r{self.count}")
        key = "value" if isinstance(said[0], float) else "class"
        output = {"predictions": [{key: one} for one in said]}
        line = {"status": 200, "model_version": version, "output": output, **changes}
        self.lake.add("predictions", model="iris", request_id=request, time=time, **line)
        for row, label in enumerate(truth or []):
            self.lake.add(
                "labels", model="iris", request_id=request, row=row, label=label, time=time
            )
        return request

    def shadowed(self, request, pairs):
        self.lake.add(
            "comparisons", model="iris", id=request, request_id=request, time=self.time(),
            revision=1, version=CHAMPION, shadow=OTHER, classes=pairs, latency_ms=1.0,
        )  # fmt: skip

    def evaluations(self):
        return {e.version: e for e in evaluate("iris", self.ports)}


@pytest.fixture
def room():
    return Room()


def test_score_is_the_share_of_hits_when_labels_came(room):
    for place in range(20):
        room.ask(CHAMPION, ["a"], ["a" if place < 15 else "b"])
    room.ask(CHAMPION, ["a"])
    champion = room.evaluations()[CHAMPION]
    assert (champion.metric, champion.score, champion.rows) == ("accuracy", 0.75, 20)
    assert champion.low < 0.75 < champion.high
    assert champion.requests == 21
    assert champion.since < champion.until < champion.asked
    assert champion.against is None
    assert room.kept.evaluation("iris", CHAMPION) == champion


def test_nothing_is_scored_when_no_label_came(room):
    room.ask(OTHER, ["a"])
    other = room.evaluations()[OTHER]
    assert (other.rows, other.score, other.low, other.since) == (0, None, None, "")
    assert other.asked


def test_worse_version_is_called_worse_when_each_has_its_own_rows(room):
    for place in range(200):
        room.ask(CHAMPION, ["a"], ["a" if place % 10 else "b"])
        room.ask(OTHER, ["a"], ["a" if place % 2 else "b"])
    against = room.evaluations()[OTHER].against
    assert against.how is Compared.APART
    assert against.version == CHAMPION
    assert against.difference == pytest.approx(-0.4, abs=0.01)
    assert (against.worse, against.better) == (True, False)


def test_same_rows_decide_when_a_shadow_was_asked_too(room):
    room.spec(retire={"min_labels": 50, "chance": 0.01})
    for place in range(80):
        request = room.ask(CHAMPION, ["a"], ["a" if place % 10 else "b"])
        room.shadowed(request, [["a", "b" if place % 2 else "a"]])
    against = room.evaluations()[OTHER].against
    assert against.how is Compared.PAIRED
    assert (against.rows, against.champion_rows) == (80, 80)
    assert against.worse
    assert against.confidence == pytest.approx(0.98)


def test_nothing_is_said_when_there_are_too_few_labels(room):
    for _ in range(30):
        room.ask(CHAMPION, ["a"], ["a"])
        room.ask(OTHER, ["a"], ["b"])
    assert room.evaluations()[OTHER].against is None


@pytest.mark.parametrize("seed", range(5))
def test_equal_versions_are_not_told_apart_when_rows_come_in_requests(room, seed):
    draw = random.Random(seed)  # noqa: S311 - nobody is to guess it wrong
    for _ in range(60):
        for version in (CHAMPION, OTHER):
            right = draw.random() < 0.8  # all rows of a request are alike
            room.ask(version, ["a"] * 5, ["a" if right else "b"] * 5)
    against = room.evaluations()[OTHER].against
    assert not against.worse
    assert not against.better


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_errors_are_told_in_the_unit_of_the_metric_when_numbers_are_predicted(room, metric):
    room.spec(task="regression", metric=metric)
    draw = random.Random(1)  # noqa: S311 - nobody is to guess it wrong
    for _ in range(120):
        truth = draw.gauss(0, 10)
        room.ask(CHAMPION, [truth + draw.gauss(0, 1)], [truth])
        room.ask(OTHER, [truth + draw.gauss(0, 4)], [truth])
    found = room.evaluations()
    champion, against = found[CHAMPION], found[OTHER].against
    wanted = {"rmse": 1.0, "mae": 0.8, "r2": 0.99}[metric]
    assert champion.metric == metric
    assert champion.score == pytest.approx(wanted, rel=0.2)
    assert champion.low < champion.score < champion.high
    assert against.worse
    # Beside it, only the champion's rows of the same time count: all but the first.
    assert against.difference == pytest.approx(found[OTHER].score - champion.score, rel=0.02)


@pytest.mark.parametrize(
    "changes", [{"fallback": "default"}, {"degraded": True}, {"status": 500}, {"output": None}]
)
def test_row_counts_for_nobody_when_the_version_did_not_answer_itself(room, changes):
    room.ask(CHAMPION, ["a"], ["a"], **changes)
    champion = room.evaluations()[CHAMPION]
    assert (champion.rows, champion.requests) == (0, 1)


def test_line_counts_once_when_the_lake_has_it_twice(room):
    room.ask(CHAMPION, ["a"], ["a"])
    for lines in room.lake.written.values():
        lines.extend(list(lines))
    assert room.evaluations()[CHAMPION].rows == 1


def test_request_counts_for_nobody_when_its_id_is_used_again(room):
    room.ask(CHAMPION, ["a"], ["a"], request_id="same")
    room.ask(OTHER, ["a"], ["b"], request_id="same")
    assert [e.rows for e in room.evaluations().values()] == [0, 0]


def test_last_request_is_remembered_when_its_day_is_no_longer_read(room):
    room.ask(OTHER, ["a"])
    first = room.evaluations()[OTHER]
    for _ in range(5):
        room.clock.advance(10 * 86_400)
        last = room.evaluations()[OTHER]
    assert (last.asked, last.watched, last.requests) == (first.asked, first.watched, 0)


def test_watch_begins_anew_when_it_was_broken_off_for_longer_than_is_read(room):
    room.evaluations()
    room.clock.advance(40 * 86_400)
    after = room.evaluations()[OTHER]
    assert after.watched > "2026-03-20"


def test_model_is_skipped_when_another_one_cannot_be_read(room):
    broken = MemoryLake(failure=UnavailableError("S3 does not answer"))
    with pytest.raises(UnavailableError, match="iris"):
        evaluate_all(EvaluateEvent(), EvaluationPorts(room.registry, broken, room.kept, room.clock))
    assert evaluate_all(EvaluateEvent(), room.ports).count == 2
    with pytest.raises(NotFoundError):
        evaluate_all(EvaluateEvent(model="tulip"), room.ports)
