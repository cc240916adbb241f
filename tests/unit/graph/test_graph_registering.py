"""Graphs over HTTP with every port in memory: registered, changed, read, taken out."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.api_calls import Reply, call
from fakes.clock import SetClock
from fakes.deployed import classifier, deploy, number
from fakes.graphs import MemoryGraphs
from fakes.object_store import MemoryObjectStore
from fakes.registry import MemoryRegistry
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.graph.registering import GraphsApi
from servery.edge.telemetry import Telemetry
from servery.errors import ConflictError
from servery.usecases.graph.registering import Registrar

NEWER = "0.1.1-dabc1234.sdef5678"


class Desk:
    def __init__(self) -> None:
        self.graphs, self.clock = MemoryGraphs(), SetClock()
        self.registry, self.objects = MemoryRegistry(), MemoryObjectStore()
        self.deploy(number("hue"))
        registrar = Registrar(self.graphs, self.registry, self.objects, self.clock)
        room = GraphsApi(self.graphs, registrar)
        self.api = Api("graph", room.calls(), cors=Cors(""), telemetry=Telemetry("graph"))

    def deploy(self, *inputs: Any, **more: Any) -> None:
        deploy(self.registry, self.objects, "yes-a", classifier(["yes", "no"], *inputs), **more)

    def send(
        self, method: str, path: str, body: Any = None, query: Any = None, **headers: str
    ) -> Reply:
        sent = {"content-type": "application/json"} | headers
        return call(self.api, method, path, body, sent, queryStringParameters=query)

    def post(self, body: Any, **headers: str):
        return self.send("POST", "/graphs", body, **headers)

    def fields(self, body: Any, **headers: str) -> list[str]:
        status, _, document = self.post(body, **headers)
        assert status == 422, document
        return [error["field"] for error in document["errors"]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def a_graph(**more: Any) -> dict[str, Any]:
    step = {"name": "only", "model": "yes-a"}
    return {"name": "wine", "owner": "cellar", "steps": [step], **more}


class TestRegistering:
    def test_created_when_it_is_new(self, desk):
        status, headers, record = desk.post(a_graph())
        assert (status, headers["location"], headers["etag"]) == (201, "graphs/wine", '"1"')
        assert record["revision"] == 1
        assert record["registered"] == "2026-03-01T12:00:00+00:00"
        assert record["request"] == [
            {"name": "hue", "dtype": "float", "unit": "1", "nullable": False}
        ]
        assert record["checked"]["only"]["inputs"] == {"hue": "request.hue"}
        assert desk.send("GET", "/graphs/wine")[2] == record

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ('"name": "a", "steps": [{"name": "a", "model": "yes-a"}]', "name"),
            ('"steps": [{"name": "a", "model": "yes-b", "model": "yes-a"}]', "steps[0].model"),
            ('"steps": [{"name": "a", "inputs": {"x": "a.b", "x": "a.c"}}]', "steps[0].inputs.x"),
        ],
    )
    def test_refused_when_something_is_said_twice(self, desk, said, field):
        assert desk.fields(f'{{"name": "wine", "owner": "o", {said}}}') == [field]
        assert desk.graphs.all() == []

    def test_the_next_revision_when_it_is_changed(self, desk):
        desk.post(a_graph())
        desk.clock.advance(60)
        status, headers, record = desk.post(a_graph(description="new"))
        assert (status, headers["etag"], record["revision"]) == (200, '"2"', 2)
        assert record["registered"] == "2026-03-01T12:01:00+00:00"

    def test_the_same_revision_when_nothing_has_changed(self, desk):
        first = desk.post(a_graph())[2]
        desk.clock.advance(60)
        desk.deploy(number("hue"), version=NEWER)
        assert desk.post(a_graph())[::2] == (200, first)

    def test_the_next_revision_when_a_model_takes_something_else(self, desk):
        desk.post(a_graph())
        desk.deploy(number("hue"), number("alcohol"), version=NEWER)
        status, _, record = desk.post(a_graph())
        assert (status, record["revision"]) == (200, 2)
        assert [column["name"] for column in record["request"]] == ["hue", "alcohol"]

    @pytest.mark.parametrize(("stored", "stale"), [(0, "1"), (2, "1"), (2, "3")])
    def test_conflict_when_the_author_has_seen_another_revision(self, desk, stored, stale):
        for revision in range(stored):
            desk.post(a_graph(description=f"{revision}"))
        status, _, document = desk.post(a_graph(), if_match=f'"{stale}"')
        assert (status, document["type"]) == (409, "urn:servery:problem:conflict")
        assert len(desk.graphs.history("wine", limit=9, before=0)) == stored

    def test_changed_when_the_author_has_seen_the_newest(self, desk):
        desk.post(a_graph())
        assert desk.post(a_graph(description="new"), if_match='"1"')[0] == 200
        assert desk.post(a_graph(description="newer"), if_match='"1"')[0] == 409

    def test_conflict_when_somebody_else_is_first(self, desk):
        desk.post(a_graph())

        def put(record):
            raise ConflictError("the graph wine has changed meanwhile")

        desk.graphs.put = put
        assert desk.post(a_graph(description="new"))[0] == 409

    @pytest.mark.parametrize("tag", ["1", '"x"', '"0"', "*", 'W/"1"', '"1", "2"', ""])
    def test_refused_when_if_match_is_no_revision(self, desk, tag):
        assert desk.fields(a_graph(), if_match=tag) == ["If-Match"]

    def test_created_with_the_next_revision_when_it_comes_back(self, desk):
        desk.post(a_graph())
        assert desk.send("DELETE", "/graphs/wine")[0] == 204
        status, _, record = desk.post(a_graph())
        assert (status, record["revision"]) == (201, 2)


class TestRefusing:
    def test_each_violation_has_its_field_when_checks_fail(self, desk):
        wrong = {"name": "other", "model": "tulip", "when": {"of": "only.class", "equals": "x"}}
        assert desk.fields(a_graph(steps=[*a_graph()["steps"], wrong])) == [
            "steps[1].model",
            "steps[1].when.equals",
        ]
        assert desk.graphs.all() == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (None, "body"),
            (" ", "body"),
            ("[]", "body"),
            (a_graph(name="No"), "name"),
            (a_graph(colour=1), "colour"),
            (a_graph(steps=[]), "steps"),
            (a_graph(steps=[{"name": "a", "model": "yes-a", "deadline_ms": "1"}]), "steps[0]."),
            (a_graph(steps=[{"name": "a", "group": {"members": [1, 2]}}]), "steps[0].group."),
            (a_graph(deadline_ms=29_000), "deadline_ms"),
        ],
    )
    def test_the_field_is_named_when_the_body_does_not_fit(self, desk, body, field):
        (named,) = desk.fields(body)
        assert named.startswith(field)

    def test_malformed_when_the_body_is_no_json(self, desk):
        assert desk.post("{")[0] == 400
        assert desk.post(a_graph(), content_type="text/yaml")[0] == 415
        assert desk.post(a_graph(description="x" * 70_000))[0] == 413

    def test_fault_without_details_when_a_manifest_is_broken(self, desk):
        key = next(iter(desk.objects.objects))
        desk.objects.put(key, b"{}")
        status, _, document = desk.post(a_graph())
        assert (status, document["type"]) == (500, "urn:servery:problem:fault")


class TestReading:
    def test_pages_follow_each_other_when_there_are_many(self, desk):
        for name in "edcba":
            desk.post(a_graph(name=name))
        pages, before = [], ""
        for _ in range(3):
            query = {"limit": "2", "before": before} if before else {"limit": "2"}
            page = desk.send("GET", "/graphs", query=query)[2]
            pages.append([record["spec"]["name"] for record in page["graphs"]])
            before = page["next"]
        assert (pages, before) == ([["a", "b"], ["c", "d"], ["e"]], "")

    def test_an_older_revision_is_read_when_it_is_asked_for(self, desk):
        for description in ("one", "two", "three"):
            desk.post(a_graph(description=description))
        status, headers, record = desk.send("GET", "/graphs/wine", query={"revision": "2"})
        assert (status, headers["etag"], record["spec"]["description"]) == (200, '"2"', "two")
        assert desk.send("GET", "/graphs/wine", query={"revision": "4"})[0] == 404

    @pytest.mark.parametrize("revision", ["x", "-1", "", "1" * 20])
    def test_refused_when_the_revision_is_none(self, desk, revision):
        assert desk.send("GET", "/graphs/wine", query={"revision": revision})[0] == 422

    def test_not_found_when_there_is_none_of_that_name(self, desk):
        assert desk.send("GET", "/graphs/tulip")[0] == 404
        assert desk.send("DELETE", "/graphs/tulip")[0] == 404

    def test_gone_with_its_history_kept_when_it_is_taken_out(self, desk):
        desk.post(a_graph())
        status, _, body = desk.send("DELETE", "/graphs/wine")
        assert (status, body) == (204, None)
        assert desk.send("GET", "/graphs/wine")[0] == 404
        assert desk.send("GET", "/graphs")[2] == {"graphs": [], "next": ""}
        assert desk.send("GET", "/graphs/wine", query={"revision": "1"})[0] == 200
