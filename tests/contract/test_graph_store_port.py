"""What the port of the graphs promises, held by the fake and by the adapter alike."""

from __future__ import annotations

import pytest
from fakes.dynamodb_server import TABLES
from fakes.graphs import MemoryGraphs
from servery.adapters.dynamodb_graphs import DynamoDbGraphs
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec, Step
from servery.errors import ConflictError, NotFoundError
from servery.ports import GraphStore


@pytest.fixture(params=["memory", *TABLES])
def graphs(request, monkeypatch):
    if request.param == "memory":
        yield MemoryGraphs()
        return
    with TABLES[request.param](monkeypatch, "RegistryTable", "registry") as client:
        yield DynamoDbGraphs(client, "registry")


def a_record(name: str = "wine", revision: int = 1, model: str = "iris") -> GraphRecord:
    spec = GraphSpec(name=name, owner="cellar", steps=[Step(name="only", model=model)])
    return GraphRecord(spec=spec, revision=revision, registered="2026-03-01T12:00:00+00:00")


def test_it_fits_the_port(graphs):
    port: GraphStore = graphs
    assert port.all() == []


class TestWriting:
    def test_the_newest_is_read_when_it_has_changed(self, graphs):
        graphs.put(a_record())
        graphs.put(a_record(revision=2, model="oak"))
        assert graphs.get("wine") == a_record(revision=2, model="oak")
        assert graphs.all() == [a_record(revision=2, model="oak")]

    @pytest.mark.parametrize("revision", [1, 2, 4])
    def test_conflict_when_the_revision_does_not_follow(self, graphs, revision):
        graphs.put(a_record())
        graphs.put(a_record(revision=2))
        with pytest.raises(ConflictError, match="changed meanwhile"):
            graphs.put(a_record(revision=revision, model="stale"))
        assert graphs.get("wine") == a_record(revision=2)
        assert [r.revision for r in graphs.history("wine", limit=9, before=0)] == [2, 1]

    def test_conflict_when_the_first_revision_is_not_one(self, graphs):
        with pytest.raises(ConflictError):
            graphs.put(a_record(revision=2))
        assert graphs.all() == []


class TestReading:
    def test_all_are_listed_by_name_when_there_are_several(self, graphs):
        for name in ("wine", "iris", "wine-2"):
            graphs.put(a_record(name))
        assert [r.spec.name for r in graphs.all()] == ["iris", "wine", "wine-2"]

    @pytest.mark.parametrize("name", ["tulip", "", "x" * 5000, "wine#1", "ü" * 600])
    def test_not_found_when_there_is_no_such_graph(self, graphs, name):
        graphs.put(a_record())
        with pytest.raises(NotFoundError, match="no graph"):
            graphs.get(name)
        assert graphs.history(name, limit=5, before=0) == []

    def test_history_comes_in_pages_newest_first_when_there_is_much(self, graphs):
        for revision in range(1, 13):
            graphs.put(a_record(revision=revision))
        first = [r.revision for r in graphs.history("wine", limit=5, before=0)]
        then = [r.revision for r in graphs.history("wine", limit=20, before=first[-1])]
        assert (first, then) == ([12, 11, 10, 9, 8], [7, 6, 5, 4, 3, 2, 1])


class TestRemoving:
    def test_only_its_history_is_left_when_it_is_taken_out(self, graphs):
        graphs.put(a_record())
        graphs.put(a_record("iris"))
        graphs.remove("wine")
        with pytest.raises(NotFoundError):
            graphs.get("wine")
        assert [r.spec.name for r in graphs.all()] == ["iris"]
        assert graphs.history("wine", limit=5, before=0) == [a_record()]

    def test_not_found_when_it_is_taken_out_twice(self, graphs):
        graphs.put(a_record())
        graphs.remove("wine")
        for name in ("wine", "tulip"):
            with pytest.raises(NotFoundError):
                graphs.remove(name)

    def test_revisions_go_on_when_it_comes_back(self, graphs):
        graphs.put(a_record())
        graphs.remove("wine")
        with pytest.raises(ConflictError):
            graphs.put(a_record())
        graphs.put(a_record(revision=2))
        assert graphs.get("wine").revision == 2
        assert len(graphs.history("wine", limit=5, before=0)) == 2
