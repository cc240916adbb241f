"""Versions are retired by evidence, a step at a time, and never while anybody wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from fakes.artifacts import register
from fakes.batches import MemoryBatchStore
from fakes.clock import SetClock
from fakes.graph_jobs import MemoryGraphJobs, a_graph_job
from fakes.graphs import MemoryGraphs
from fakes.jobs import MemoryJobStore, a_job
from fakes.keeping import MemoryKeeping, ToldRetirements
from fakes.object_store import MemoryObjectStore
from fakes.publisher import MemoryPublisher, Published
from fakes.records import a_deployment, a_model, a_release, a_server, a_version
from fakes.registry import MemoryRegistry
from servery.domain.batches import Batch, BatchState, Source
from servery.domain.candidates import add_candidate
from servery.domain.deployment import Served
from servery.domain.evaluations import Against, Compared, Evaluation
from servery.domain.gone import check_there
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec, Step
from servery.domain.jobs import JobState
from servery.domain.policies import Policies, RoutingPolicy, Shadow
from servery.domain.retirements import Why
from servery.domain.rollout import Rollout, RolloutStage
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.registry.auditing import audit
from servery.usecases.registry.retire_due import RetireEvent, retire_due
from servery.usecases.registry.retire_plan import plan
from servery.usecases.registry.retire_ports import Removal, RetirePorts
from servery.usecases.registry.retire_steps import go_on, mark

DEV = [f"0.{n}.0-dabc1234.sdef5678" for n in range(1, 5)]
CHAMPION, LAST_GOOD, OTHER = (f"{n}.1.0-dabc1234.sdef5678" for n in (1, 2, 3))
UNRELEASED = DEV[3]
HOUR, DAY = 3600.0, 86_400.0


@dataclass
class Room:
    """A champion, a last good one, a candidate, and a version that nobody released."""

    clock: SetClock = field(default_factory=SetClock)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    kept: MemoryKeeping = field(default_factory=MemoryKeeping)
    graphs: MemoryGraphs = field(default_factory=MemoryGraphs)
    graph_jobs: MemoryGraphJobs = field(default_factory=MemoryGraphJobs)
    jobs: MemoryJobStore = field(default_factory=MemoryJobStore)
    batches: MemoryBatchStore = field(default_factory=MemoryBatchStore)
    events: ToldRetirements = field(default_factory=ToldRetirements)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(self.clock)
        self.publisher = MemoryPublisher(self.registry)
        refs = [register(self.registry, self.objects, version) for version in DEV]
        served = []
        names = zip(DEV, (CHAMPION, LAST_GOOD, OTHER), refs, strict=False)
        for number, (source, version, made) in enumerate(names, 1):
            self.registry.add_version(a_version(version, promoted_from=source, training="tr0"))
            ref = msgspec.structs.replace(made, version=version)
            server = a_server(number)
            self.publisher.published[server.function] = Published(server, ref, str(number), "")
            served.append(Served(ref=ref, server=server))
        self.champion, self.last_good, self.candidate = served
        self.registry.put_deployment(
            a_deployment(champion=served[0], last_good=served[1], candidates=[served[2]])
        )
        self.rules()

    def rules(self, **rules: Any) -> None:
        self.registry.put_model(
            a_model(spec={"name": "iris", "retire": rules}, updated=f"2027{len(rules)}")
        )

    @property
    def ports(self) -> RetirePorts:
        return RetirePorts(
            registry=self.registry,
            kept=self.kept,
            graphs=self.graphs,
            graph_jobs=self.graph_jobs,
            jobs=self.jobs,
            batches=self.batches,
            clock=self.clock,
            entropy=lambda: "aaaa",
        )

    @property
    def removal(self) -> Removal:
        return Removal(self.publisher, self.objects, self.events)

    def change(self, **changes: Any) -> None:
        before = self.registry.deployment("iris")
        after = msgspec.structs.replace(before, revision=before.revision + 1, **changes)
        self.registry.put_deployment(after)

    def worth(self, version: str = OTHER, **changes: Any) -> None:
        values = {
            "model": "iris", "version": version, "at": self.now, "metric": "accuracy", "days": 14,
            "watched": self.now,
        }  # fmt: skip
        self.kept.put_evaluation(Evaluation(**(values | changes)))

    @property
    def now(self) -> str:
        return self.clock.now().isoformat()

    def plan(self) -> dict[str, Any]:
        return {p.version: p for p in plan("iris", self.ports).versions}

    def look(self) -> list[str]:
        return retire_due(RetireEvent(model="iris"), self.ports, self.removal).done

    def mark(self, version: str = OTHER, grace: float = 0.0):
        return mark(
            "iris", version, self.ports, why=Why.ASKED, because="no more", by="command", grace=grace
        )

    def stage(self, version: str = OTHER) -> str:
        record = self.kept.retirement("iris", version)
        return "" if record is None else record.stage.value

    def files(self, version: str) -> set[str]:
        prefix = f"models/iris/{version}/tr0/"
        return {key.removeprefix(prefix) for key in self.objects.keys(prefix)}


@pytest.fixture
def room() -> Room:
    return Room()


class TestEvidence:
    def test_everything_stays_when_the_spec_says_nothing(self, room):
        room.clock.advance(1000 * DAY)
        assert room.look() == []
        assert not any(p.goes for p in room.plan().values())

    def test_unused_version_goes_when_nobody_asked_it_for_so_long(self, room):
        room.rules(unused_days=3)
        room.worth(asked=room.now)
        room.clock.advance(3 * DAY - 1)
        assert not room.plan()[OTHER].goes
        room.clock.advance(1)
        assert room.plan()[OTHER].goes
        assert room.plan()[OTHER].why is Why.UNUSED

    def test_served_version_stays_when_nobody_looked_at_the_log(self, room):
        room.rules(unused_days=3)
        room.clock.advance(30 * DAY)
        assert not room.plan()[OTHER].goes
        room.worth(sampled=True, watched="2026-01-01T00:00:00+00:00")
        assert "sample" in room.plan()[OTHER].because
        assert room.plan()[UNRELEASED].goes

    def test_beaten_version_goes_when_labels_prove_it_worse_than_the_champion(self, room):
        room.rules(beaten=True)
        against = Against(
            version=CHAMPION, how=Compared.PAIRED, rows=80, champion_rows=80, difference=-0.2,
            low=-0.3, high=-0.1, confidence=0.998, worse=True,
        )  # fmt: skip
        room.worth(against=msgspec.structs.replace(against, worse=False))
        assert not room.plan()[OTHER].goes
        room.worth(against=msgspec.structs.replace(against, version=LAST_GOOD))
        assert not room.plan()[OTHER].goes
        room.worth(against=against)
        assert room.plan()[OTHER].why is Why.BEATEN
        room.clock.advance(3 * DAY)
        assert not room.plan()[OTHER].goes

    def test_champion_and_last_good_one_stay_whatever_speaks_against_them(self, room):
        room.rules(expired_days=1, unused_days=1, beaten=True)
        room.clock.advance(400 * DAY)
        for version in (CHAMPION, LAST_GOOD):
            room.worth(version, watched="2026-03-01T12:00:00+00:00")
        found = room.plan()
        assert found[CHAMPION].holds == ["it is the champion"]
        assert found[LAST_GOOD].holds == ["it is the last good one"]
        assert [v for v, p in found.items() if p.goes] == [OTHER, UNRELEASED]


class TestHolds:
    def test_refused_when_it_is_the_champion_or_the_last_good_one(self, room):
        for version, role in ((CHAMPION, "champion"), (LAST_GOOD, "last good")):
            with pytest.raises(ConflictError, match=role):
                room.mark(version)

    def test_refused_when_a_policy_names_it(self, room):
        routing = RoutingPolicy(shadow=Shadow(version=OTHER))
        room.change(policies=Policies(routing=routing))
        with pytest.raises(ConflictError, match=r"routing\.shadow\.version names it"):
            room.mark()

    def test_refused_when_a_release_brings_it_to_its_traffic(self, room):
        rollout = Rollout(
            release="r1", version=OTHER, stage=RolloutStage.CANARY, share=0.1, since=room.now
        )
        room.change(rollout=rollout)
        with pytest.raises(ConflictError, match="release r1"):
            room.mark()

    def test_refused_when_a_release_that_is_not_over_is_about_it(self, room):
        room.registry.put_release(a_release("r2", version=UNRELEASED))
        with pytest.raises(ConflictError, match="release r2 is about it"):
            room.mark(UNRELEASED)

    def test_refused_when_a_graph_names_it(self, room):
        spec = GraphSpec(
            name="g", owner="tests", steps=[Step(name="flower", model="iris", version=OTHER)]
        )
        room.graphs.put(GraphRecord(spec=spec, revision=1, registered=room.now))
        with pytest.raises(ConflictError, match="the graph g names it"):
            room.mark()

    def test_refused_when_a_job_of_a_graph_was_begun_while_that_named_it(self, room):
        old = GraphSpec(
            name="g", owner="tests", steps=[Step(name="flower", model="iris", version=OTHER)]
        )
        new = GraphSpec(name="g", owner="tests", steps=[Step(name="flower", model="iris")])
        room.graphs.put(GraphRecord(spec=new, revision=1, registered=room.now))
        record = GraphRecord(spec=old, revision=1, registered=room.now)
        room.graph_jobs.add(a_graph_job(graph="g", record=record))
        with pytest.raises(ConflictError, match="of the graph g asks it"):
            room.mark()

    def test_refused_when_a_batch_is_predicted_by_it(self, room):
        room.batches.add(
            Batch(
                id="b1", model="iris", state=BatchState.RUNNING, created=room.now, expires=9e9,
                source=Source(bucket="x", key="k", etag="e", size=1), ref=room.candidate.ref,
                server=room.candidate.server,
            )
        )  # fmt: skip
        with pytest.raises(ConflictError, match="the batch b1"):
            room.mark()

    def test_not_found_when_there_is_no_such_version(self, room):
        with pytest.raises(NotFoundError):
            room.mark("9.9.9-dabc1234.sdef5678")
        with pytest.raises(NotFoundError, match="retire those"):
            room.mark(DEV[0])


class TestSteps:
    def test_server_goes_before_the_artifact_when_each_grace_is_over(self, room):
        record = room.mark(grace=2)
        assert room.stage() == "marked"
        record = go_on(record, room.ports, room.removal)
        deployment = room.registry.deployment("iris")
        assert record.stage == "out"
        assert deployment.candidates == []
        assert "retire" in deployment.reason
        assert room.candidate.server.function in room.publisher.published
        room.clock.advance(2 * HOUR - 1)
        assert go_on(record, room.ports, room.removal).stage == "out"
        room.clock.advance(1)
        record = go_on(record, room.ports, room.removal)
        assert record.stage == "unserved"
        assert record.removed == [room.candidate.server.function]
        assert room.candidate.server.function not in room.publisher.published
        assert "model.onnx" in room.files(DEV[2])
        room.clock.advance(2 * HOUR)
        record = go_on(record, room.ports, room.removal)
        assert record.stage == "gone"
        assert room.files(DEV[2]) == {"manifest.json", "retired.json"}
        assert [stage for _, stage in room.events.told] == ["out", "unserved", "gone"]
        assert len(room.publisher.published) == 2

    def test_server_stays_for_its_grace_when_another_change_forgets_others(self, room):
        go_on(room.mark(grace=2), room.ports, room.removal)
        (retired,) = room.registry.deployment("iris").retired
        assert (retired.server, retired.grace) == (room.candidate.server, 2 * HOUR)

    def test_all_of_it_goes_in_one_look_when_there_is_no_grace(self, room):
        room.rules(expired_days=1, grace_hours=0)
        room.clock.advance(2 * DAY)
        assert sorted(room.look()) == [f"iris {UNRELEASED}: gone", f"iris {OTHER}: gone"]
        for version in (DEV[0], DEV[1]):
            assert "model.onnx" in room.files(version)
        assert room.look() == []
        with pytest.raises(ConflictError, match=r"was retired \(expired"):
            room.mark()

    def test_release_is_refused_and_the_audit_content_when_the_artifact_is_gone(self, room):
        go_on(room.mark(), room.ports, room.removal)
        with pytest.raises(ConflictError, match="train it again"):
            check_there(room.candidate.ref.prefix, room.objects)
        check_there(room.champion.ref.prefix, room.objects)
        assert audit("iris", registry=room.registry, objects=room.objects).findings == []

    def test_version_stays_when_it_is_released_again_in_its_grace(self, room):
        record = go_on(room.mark(grace=1), room.ports, room.removal)
        deployment = room.registry.deployment("iris")
        room.registry.put_deployment(add_candidate(deployment, room.candidate, now=0.0, reason="r"))
        room.clock.advance(HOUR)
        record = go_on(record, room.ports, room.removal)
        assert (record.stage, record.kept) == ("kept", "it was released again")
        assert room.candidate.server.function in room.publisher.published

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_version_stays_when_it_becomes_champion_between_two_steps(self, room, steps):
        record = room.mark(grace=1)
        for _ in range(steps):
            record = go_on(record, room.ports, room.removal)
            room.clock.advance(HOUR)
        room.change(champion=room.candidate, last_good=room.champion, candidates=[])
        record = go_on(record, room.ports, room.removal)
        assert record.stage == "kept"
        assert "champion" in record.kept
        assert "model.onnx" in room.files(DEV[2])

    def test_nothing_is_deleted_when_a_release_of_the_model_is_under_way(self, room):
        record = room.mark()
        room.registry.take_lease("release/iris", "r1", seconds=900)
        with pytest.raises(ConflictError, match="under way"):
            go_on(record, room.ports, room.removal)
        room.rules(expired_days=1)
        room.clock.advance(10)
        assert room.look() == []
        assert room.stage() == "marked"

    def test_server_waits_when_a_job_that_began_before_may_be_with_it(self, room):
        record = go_on(room.mark(grace=1), room.ports, room.removal)
        room.jobs.add(
            a_job(model="iris", state=JobState.RUNNING, started=record.out, expires=9e9, lease=9e9)
        )
        room.clock.advance(HOUR)
        assert go_on(record, room.ports, room.removal).stage == "out"
        assert room.candidate.server.function in room.publisher.published

    @pytest.mark.parametrize("fails", range(1, 12))
    def test_retirement_ends_when_it_was_cut_off_at_any_write(self, room, monkeypatch, fails):
        record, calls = room.mark(), [0]

        def cut(target: Any, name: str) -> None:
            real = getattr(target, name)

            def call(*args: Any, **more: Any) -> Any:
                calls[0] += 1
                if calls[0] == fails:
                    raise UnavailableError("killed")
                return real(*args, **more)

            monkeypatch.setattr(target, name, call)

        cut(room.registry, "put_deployment")
        cut(room.kept, "put_retirement")
        cut(room.publisher, "sweep")
        cut(room.objects, "put")
        cut(room.objects, "delete")
        cut(room.events, "retired")
        try:
            go_on(record, room.ports, room.removal)
        except UnavailableError:
            go_on(room.kept.retirement("iris", OTHER), room.ports, room.removal)
        assert room.stage() == "gone"
        assert room.files(DEV[2]) == {"manifest.json", "retired.json"}
        assert set(room.publisher.published) == {
            room.champion.server.function,
            room.last_good.server.function,
        }
        assert room.registry.deployment("iris").champion == room.champion
