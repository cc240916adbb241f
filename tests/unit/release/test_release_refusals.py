"""What may not be released, and what is released and warned of."""

from __future__ import annotations

import msgspec
import pytest
from fakes.artifacts import a_manifest
from fakes.records import VERSION, a_deployment, a_ref, a_release, a_server
from servery.domain.deployment import Served
from servery.domain.manifest import Latency, Lineage, RuntimeFigures
from servery.domain.online_budget import check_online
from servery.domain.policies import OnlineBudget, Policies
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.errors import InvalidInputError, OnlineBudgetError

SECOND = "0.1.1-dabc1234.sdef5678"
LATER = "2026-03-02T00:00:00+00:00"


def lineage(**spec) -> Lineage:
    made = a_manifest(SECOND, "tr0", {}).lineage
    return msgspec.structs.replace(made, spec={**made.spec, **spec})


def figures(p99_ms: float) -> RuntimeFigures:
    latency = Latency(p50_ms=1, p99_ms=p99_ms)
    return RuntimeFigures(one_row=latency, thousand_rows=latency, load_ms=1, size_bytes=2_000_000)


UNACCOUNTABLE = pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"lineage": lineage(monitor={})}, "monitor.production_metric"),
        ({"lineage": lineage(log={"sample": 0})}, "log.sample"),
        ({"owner": " "}, "owner"),
    ],
    ids=["offline only", "no log", "no owner"],
)


@UNACCOUNTABLE
@pytest.mark.parametrize("kind", [ReleaseKind.RELEASE, ReleaseKind.CANDIDATE])
def test_release_is_refused_at_once_when_production_could_not_judge_it(room, said, field, kind):
    room.release()
    room.register(SECOND, created=LATER, **said)

    with pytest.raises(InvalidInputError) as caught:
        room.ask(kind=kind, version=SECOND)

    assert [violation.field for violation in caught.value.violations] == [field]
    assert "train again" in str(caught.value)
    assert len(room.queue.started) == 1
    assert room.registry.leases == {}


@UNACCOUNTABLE
def test_nothing_is_published_when_such_a_release_is_begun_all_the_same(room, said, field):
    room.register(SECOND, created=LATER, **said)
    record = a_release(version=SECOND, training="tr0", started=room.clock.now().isoformat())
    room.registry.put_release(record)

    ended = room.run(record)

    assert ended.state is ReleaseState.REFUSED
    assert field in ended.reason
    assert room.publisher.published == {}
    assert [v.version for v in room.registry.versions("iris")] == [VERSION, SECOND]


def test_roll_goes_on_when_the_champion_was_released_by_older_rules(room):
    room.register(SECOND, created=LATER, lineage=lineage(monitor={}))
    champion = Served(ref=a_ref("1.1.0-dabc1234.sdef5678"), server=a_server(code="old"))
    room.registry.put_deployment(a_deployment(champion=champion))

    assert room.release(kind=ReleaseKind.ROLL).state is ReleaseState.SUCCEEDED


def test_release_fails_when_its_server_stands_in_the_record_of_another_model(room):
    taken = Served(ref=a_ref(model="wine"), server=a_server(1))
    room.registry.put_deployment(a_deployment(model="wine", champion=taken))

    record = room.release()

    assert record.state is ReleaseState.REFUSED
    assert "predictor:1 would serve 2 models, wine and iris" in record.reason
    assert [d.model for d in room.registry.deployments()] == ["wine"]


def test_candidate_fails_when_its_server_stands_in_the_record_of_another_model(room):
    room.release()
    room.register(SECOND, created=LATER)
    taken = Served(ref=a_ref(model="wine"), server=a_server(2))
    room.registry.put_deployment(a_deployment(model="wine", champion=taken))

    record = room.release(kind=ReleaseKind.CANDIDATE, version=SECOND, mode="image")

    assert record.state is ReleaseState.FAILED
    assert "one model server serves one model" in record.reason
    assert room.registry.deployment("iris").candidates == []


def test_what_training_measured_is_in_the_record_when_it_is_released(room):
    room.register(SECOND, created=LATER, figures={"onnx": figures(5), "joblib": figures(50)})
    room.release()

    assert room.registry.deployment("iris").champion.figures == figures(5)


@pytest.mark.parametrize("kind", [ReleaseKind.RELEASE, ReleaseKind.CANDIDATE])
def test_it_is_deployed_with_a_warning_when_it_is_too_much_for_synchronous_traffic(room, kind):
    room.release()
    deployment = room.registry.deployment("iris")
    tight = Policies(online=OnlineBudget(p99_ms=20, size_mb=1))
    changed = msgspec.structs.replace(deployment, revision=2, policies=tight)
    room.registry.put_deployment(changed)
    room.register(SECOND, created=LATER, figures={"onnx": figures(41)})

    record = room.release(kind=kind, version=SECOND)

    assert record.state is ReleaseState.SUCCEEDED
    (warning,) = [step.detail for step in record.steps if step.name == "budget"]
    assert "one row takes 41 ms (p99), allowed are 20 ms" in warning
    assert "it has 2 MB, allowed are 1 MB" in warning
    after = room.registry.deployment("iris")
    with pytest.raises(OnlineBudgetError):
        check_online(after, after.served(record.released_as))


def test_nothing_is_warned_of_when_the_budget_is_kept(room):
    room.register(SECOND, created=LATER, figures={"onnx": figures(5)})

    assert "budget" not in [step.name for step in room.release().steps]
