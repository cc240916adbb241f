"""What the port of the registry promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.dynamodb_server import TABLES
from fakes.records import (
    VERSION,
    a_deployment,
    a_model,
    a_ref,
    a_release,
    a_run,
    a_server,
    a_training,
    a_version,
)
from fakes.registry import MemoryRegistry
from servery.adapters.dynamodb_registry import DynamoDbRegistry
from servery.domain.changes import Bump, Change, Subject
from servery.domain.deployment import Retired, Served
from servery.domain.release_records import ReleaseState, ReleaseStep
from servery.errors import ConflictError, NotFoundError
from servery.ports import Registry

SECOND = "0.1.1-dabc1234.sdef5678"
TENTH = "0.1.10-dabc1234.sdef5678"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["memory", *TABLES])
def registry(request, clock, monkeypatch):
    if request.param == "memory":
        yield MemoryRegistry(clock)
        return
    with TABLES[request.param](monkeypatch, "RegistryTable", "registry") as client:
        yield DynamoDbRegistry(client, "registry", clock)


def test_it_fits_the_port(registry):
    port: Registry = registry
    assert port.models() == []


class TestModels:
    def test_all_are_listed_by_name_when_several_are_put(self, registry):
        registry.put_model(a_model("wine"))
        registry.put_model(a_model("iris"))
        assert [m.name for m in registry.models()] == ["iris", "wine"]
        assert registry.model("wine") == a_model("wine")

    def test_not_found_when_there_is_no_such_model(self, registry):
        with pytest.raises(NotFoundError, match="no model"):
            registry.model("tulip")

    @pytest.mark.parametrize("name", ["", "x" * 5000, "a#b", "ü" * 600])
    def test_not_found_when_the_name_is_nothing_a_model_can_have(self, registry, name):
        with pytest.raises(NotFoundError):
            registry.model(name)
        with pytest.raises(NotFoundError):
            registry.deployment(name)
        with pytest.raises(NotFoundError):
            registry.version(name, VERSION)
        assert registry.versions(name) == []
        assert registry.runs(name) == []

    def test_the_newer_spec_stays_when_an_older_one_comes_late(self, registry):
        newer = a_model(updated="2026-03-02T00:00:00+00:00", description="newer")
        registry.put_model(newer)
        registry.put_model(a_model(updated="2026-03-01T00:00:00+00:00", description="older"))
        assert registry.model("iris") == newer

    def test_the_newer_spec_is_taken_over_when_there_is_an_older_one(self, registry):
        registry.put_model(a_model(updated="2026-03-01T00:00:00+00:00"))
        newer = a_model(updated="2026-03-01T00:00:00.500000+00:00", description="newer")
        registry.put_model(newer)
        assert registry.model("iris") == newer


class TestVersions:
    def test_they_come_in_the_order_of_versions_when_text_would_sort_otherwise(self, registry):
        production = "1.0.0-dabc1234.sdef5678"
        for version in (TENTH, production, SECOND, VERSION):
            registry.add_version(a_version(version))
        registry.add_version(a_version("0.9.9-d1.s1", model="wine"))
        assert [v.version for v in registry.versions("iris")] == [
            VERSION,
            SECOND,
            TENTH,
            production,
        ]

    def test_experiments_come_behind_the_versions_when_both_are_there(self, registry):
        changes = [Change(subject=Subject.CODE, said="another", bumps=Bump.LOGIC)]
        for version in ("with-gauss", TENTH, "Idea", VERSION):
            registry.add_version(a_version(version, follows=VERSION, changes=changes))
        registry.add_training(a_training("with-gauss", "tr0"))

        listed = registry.versions("iris")

        assert [v.version for v in listed] == [VERSION, TENTH, "Idea", "with-gauss"]
        assert listed[-1].stage == "experiment"
        assert registry.version("iris", "with-gauss").changes == changes
        assert [t.ref.training for t in registry.trainings("iris", "with-gauss")] == ["tr0"]
        assert registry.trainings("iris", "with") == []

    def test_conflict_when_the_name_is_taken(self, registry):
        registry.add_version(a_version())
        with pytest.raises(ConflictError, match="registered already"):
            registry.add_version(a_version(metrics={"accuracy": 0.1}))
        assert registry.version("iris", VERSION) == a_version()

    @pytest.mark.parametrize("version", [SECOND, "nonsense", "", "0.01.0-d.s"])
    def test_not_found_when_there_is_no_such_version(self, registry, version):
        registry.add_version(a_version())
        with pytest.raises(NotFoundError):
            registry.version("iris", version)


class TestTrainings:
    def test_tr0_comes_first_and_tr10_after_tr9(self, registry):
        for number in (10, 9, 0):
            registry.add_training(a_training(training=f"tr{number}"))
        registry.add_training(a_training(SECOND))
        names = [t.ref.training for t in registry.trainings("iris", VERSION)]
        assert names == ["tr0", "tr9", "tr10"]
        assert registry.trainings("iris", SECOND) == [a_training(SECOND)]

    def test_conflict_when_the_name_is_taken(self, registry):
        registry.add_training(a_training())
        with pytest.raises(ConflictError, match="tr0 already"):
            registry.add_training(a_training(digest="f" * 64))
        assert registry.trainings("iris", VERSION) == [a_training()]

    @pytest.mark.parametrize("version", [SECOND, "nonsense", ""])
    def test_none_when_there_is_no_such_version(self, registry, version):
        assert registry.trainings("iris", version) == []


class TestRuns:
    def test_newest_come_first_and_no_more_than_asked(self, registry):
        for minute in (5, 3, 9):
            registry.put_run(a_run(f"iris-{minute}", started=f"2026-03-01T12:0{minute}:00+00:00"))
        assert [r.training_id for r in registry.runs("iris")] == ["iris-9", "iris-5", "iris-3"]
        assert [r.training_id for r in registry.runs("iris", 1)] == ["iris-9"]
        assert registry.runs("wine") == []

    def test_only_older_ones_come_when_asked_before_a_run(self, registry):
        for minute in (5, 3, 9):
            registry.put_run(a_run(f"iris-{minute}", started=f"2026-03-01T12:0{minute}:00+00:00"))
        assert [r.training_id for r in registry.runs("iris", 1, "iris-9")] == ["iris-5"]
        assert [r.training_id for r in registry.runs("iris", 9, "iris-5")] == ["iris-3"]
        assert registry.runs("iris", 9, "iris-3") == []
        with pytest.raises(NotFoundError):
            registry.runs("iris", 9, "iris-unknown")

    def test_it_is_replaced_when_the_same_run_is_put_again(self, registry):
        registry.put_run(a_run())
        again = a_run(started="2026-03-01T11:59:59+00:00", reasons=["accuracy 0.5 < 0.9"])
        registry.put_run(again)
        registry.put_run(again)
        assert registry.runs("iris") == [again]
        assert registry.run("iris", "iris-1") == again

    def test_not_found_when_there_is_no_such_run(self, registry):
        with pytest.raises(NotFoundError):
            registry.run("iris", "iris-1")


class TestDeployments:
    def test_each_revision_is_kept_when_it_follows_the_one_before(self, registry):
        for revision in (1, 2, 3):
            registry.put_deployment(a_deployment(revision, reason=f"change {revision}"))
        registry.put_deployment(a_deployment(model="wine"))
        assert registry.deployment("iris") == a_deployment(3, reason="change 3")
        assert [d.revision for d in registry.deployment_history("iris")] == [3, 2, 1]
        assert [d.revision for d in registry.deployment_history("iris", 1)] == [3]
        assert [d.revision for d in registry.deployment_history("iris", 9, 3)] == [2, 1]
        assert [d.model for d in registry.deployments()] == ["iris", "wine"]

    @pytest.mark.parametrize("revision", [1, 2, 4])
    def test_conflict_and_no_change_when_the_revision_does_not_follow(self, registry, revision):
        for number in (1, 2):
            registry.put_deployment(a_deployment(number))
        with pytest.raises(ConflictError, match="changed meanwhile"):
            registry.put_deployment(a_deployment(revision, reason="stale"))
        assert registry.deployment("iris") == a_deployment(2)
        assert len(registry.deployment_history("iris")) == 2

    def test_conflict_when_the_first_revision_is_not_one(self, registry):
        with pytest.raises(ConflictError):
            registry.put_deployment(a_deployment(2))
        with pytest.raises(NotFoundError, match="nothing"):
            registry.deployment("iris")

    def test_everything_comes_back_when_it_is_read(self, registry):
        full = a_deployment(
            last_good=Served(ref=a_ref(SECOND), server=a_server(2)),
            retired=[Retired(server=a_server(3), since=1.5)],
            log_sample=0.25,
        )
        registry.put_deployment(full)
        assert registry.deployment("iris") == full


class TestReleases:
    def test_newest_come_first_and_only_older_when_asked(self, registry):
        for number in (2, 1, 3):
            registry.put_release(a_release(f"2026030{number}"))
        registry.put_release(a_release("20260309", model="wine"))
        ids = [r.id for r in registry.releases("iris")]
        assert ids == ["20260303", "20260302", "20260301"]
        assert [r.id for r in registry.releases("iris", 1)] == ["20260303"]
        assert [r.id for r in registry.releases("iris", 5, "20260303")] == ["20260302", "20260301"]
        assert [r.id for r in registry.releases("iris", 1, "20260303")] == ["20260302"]

    def test_it_is_replaced_while_it_runs(self, registry):
        registry.put_release(a_release())
        later = a_release(steps=[ReleaseStep(name="resolve", at="2026-03-01T12:00:01+00:00")])
        registry.put_release(later)
        assert registry.release("iris", later.id) == later

    def test_conflict_when_it_has_ended(self, registry):
        ended = msgspec.structs.replace(a_release(), state=ReleaseState.FAILED, reason="slow")
        registry.put_release(a_release())
        registry.put_release(ended)
        with pytest.raises(ConflictError, match="has ended"):
            registry.put_release(a_release())
        assert registry.release("iris", ended.id) == ended

    def test_not_found_when_there_is_no_such_release(self, registry):
        with pytest.raises(NotFoundError):
            registry.release("iris", "x" * 3000)


class TestLeases:
    def test_conflict_that_names_the_holder_when_it_is_held(self, registry, clock):
        registry.take_lease("predictor", "one", seconds=30)
        clock.advance(10)
        with pytest.raises(ConflictError, match="predictor is held by one for another 20 s"):
            registry.take_lease("predictor", "two", seconds=30)
        registry.take_lease("another", "two", seconds=30)

    def test_it_is_renewed_when_it_is_ours(self, registry, clock):
        registry.take_lease("predictor", "one", seconds=30)
        clock.advance(20)
        registry.take_lease("predictor", "one", seconds=30)
        clock.advance(20)
        with pytest.raises(ConflictError):
            registry.take_lease("predictor", "two", seconds=30)

    def test_it_is_free_when_it_has_expired(self, registry, clock):
        registry.take_lease("predictor", "one", seconds=30)
        clock.advance(30)
        registry.take_lease("predictor", "two", seconds=30)
        with pytest.raises(ConflictError, match="held by two"):
            registry.take_lease("predictor", "one", seconds=30)

    def test_it_is_free_when_its_owner_gave_it_back(self, registry):
        registry.take_lease("predictor", "one", seconds=30)
        registry.end_lease("predictor", "one")
        registry.take_lease("predictor", "two", seconds=30)

    def test_nothing_happens_when_somebody_else_gives_it_back(self, registry):
        registry.end_lease("predictor", "two")
        registry.take_lease("predictor", "one", seconds=30)
        registry.end_lease("predictor", "two")
        with pytest.raises(ConflictError):
            registry.take_lease("predictor", "two", seconds=30)
