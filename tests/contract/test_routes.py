"""The table of routes against the template, the functions and the OpenAPI document."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

import msgspec
import pytest
from fakes.template import ROOT, template
from jsonschema import Draft202012Validator
from servery import __version__
from servery.edge.gateway import GatewayApi
from servery.edge.http import Request
from servery.edge.openapi import document
from servery.edge.operations import OPERATIONS
from servery.edge.problem import problem
from servery.edge.routes import ROUTES, Router
from servery.edge.wire import Problem
from servery.errors import DeadlineExceededError, InvalidInputError, Violation

FUNCTION_OF_ROOM = {
    "gateway": "GatewayFunction",
    "registry": "RegistryFunction",
    "jobs": "JobsServeFunction",
    "batch": "BatchServeFunction",
    "graph": "GraphServeFunction",
    "monitoring": "MonitoringLabelFunction",
    "data_cache": "DataCacheServeFunction",
    "multi_stage": "MultiStageFunction",
    "search": "SearchServeFunction",
    "web_single": "WebSingleFunction",
}


def events(room: str) -> list[dict]:
    properties = template()["Resources"][FUNCTION_OF_ROOM[room]]["Properties"]
    return [e["Properties"] for e in properties["Events"].values() if e["Type"] == "Api"]


def needs_key(event: dict) -> bool:
    return event.get("Auth", {}).get("ApiKeyRequired", True)


@pytest.mark.parametrize("room", FUNCTION_OF_ROOM)
class TestTemplate:
    def test_every_route_reaches_its_function_when_it_is_called(self, room):
        offered = {(e["Method"].upper(), e["Path"]) for e in events(room)}
        for route in (r for r in ROUTES if r.room == room):
            assert {(route.method, route.path), ("ANY", route.path)} & offered, route

    def test_every_event_has_a_route_when_it_is_no_preflight(self, room):
        routes = {(r.method, r.path) for r in ROUTES if r.room == room}
        paths = {path for _, path in routes}
        for event in events(room):
            if event["Method"] in {"any", "options"}:
                assert event["Path"] in paths, event
            else:
                assert (event["Method"].upper(), event["Path"]) in routes, event

    def test_key_is_asked_for_when_the_route_says_so(self, room):
        for route in (r for r in ROUTES if r.room == room):
            asked = [
                needs_key(e)
                for e in events(room)
                if e["Path"] == route.path and e["Method"].upper() in {route.method, "ANY"}
            ]
            assert asked == [route.key], route

    def test_preflight_needs_no_key_when_the_route_needs_one(self, room):
        for path in {r.path for r in ROUTES if r.room == room and r.key}:
            preflights = [e for e in events(room) if (e["Method"], e["Path"]) == ("options", path)]
            assert [needs_key(e) for e in preflights] == [False], path

    def test_every_room_has_its_function_when_it_has_routes(self, room):
        properties = template()["Resources"][FUNCTION_OF_ROOM[room]]["Properties"]
        assert PurePosixPath(properties["CodeUri"]).name == room


def test_all_rooms_are_compared_when_the_table_grows():
    assert {route.room for route in ROUTES} == set(FUNCTION_OF_ROOM)


def test_names_and_places_are_unique_when_the_table_grows():
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_every_route_is_described_when_the_table_grows():
    assert set(OPERATIONS) == {route.name for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_route_is_found_as_itself_when_another_path_would_match_too(route):
    """As API Gateway chooses: `/jobs/redrive` is no job of that name."""
    path = re.sub(r"{\w+}", "0", route.path)
    asked = Request(route.method, "", path, {}, {}, {}, "", base64=False, request_id="r", until=0.0)

    found, parameters = Router(route.room).find(asked)

    assert found is route
    assert parameters == dict.fromkeys(re.findall(r"{(\w+)}", route.path), "0")


class TestOpenApi:
    def test_committed_document_is_current_when_nothing_was_forgotten(self):
        committed = (ROOT / "infra/openapi.json").read_bytes()
        assert committed == document(), "python -m servery.edge.openapi > infra/openapi.json"

    def test_every_route_is_in_it_and_nothing_else(self):
        paths = json.loads(document())["paths"]
        methods = {"get", "post", "put", "patch", "delete"}
        described = {(m.upper(), p) for p, item in paths.items() for m in methods & set(item)}
        assert described == {(route.method, route.path) for route in ROUTES}

    def test_every_reference_leads_somewhere(self):
        text = document().decode()
        components = json.loads(text)["components"]
        for kind, name in re.findall(r'"#/components/(\w+)/([^"]+)"', text):
            assert name in components[kind]

    def test_schemas_are_valid_when_read_as_json_schema(self):
        for schema in json.loads(document())["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_examples_fit_their_schema(self):
        spec = json.loads(document())
        checked = 0
        for item in spec["paths"].values():
            content = item.get("post", {}).get("requestBody", {}).get("content", {})
            for body in content.values():
                schema = {**body["schema"], "components": spec["components"]}
                for example in body["examples"].values():
                    Draft202012Validator(schema).validate(example["value"])
                    checked += 1
        assert checked >= 4

    def test_key_is_named_when_a_route_needs_it(self):
        spec = json.loads(document())
        for route in ROUTES:
            security = spec["paths"][route.path][route.method.lower()]["security"]
            assert security == ([{"key": []}] if route.key else [])

    def test_version_is_the_packages_when_it_is_released(self):
        assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
        assert json.loads(document())["info"]["version"] == __version__


def test_gateway_answers_every_route_that_it_has():
    calls = GatewayApi(None, None).calls()
    assert set(calls) == {route.name for route in ROUTES if route.room == "gateway"}


def test_problem_documents_fit_their_type():

    for error in (
        DeadlineExceededError("model server", 1),
        InvalidInputError("no", (Violation("records[0]", "is missing"),)),
        ValueError(),
    ):
        msgspec.convert(problem(error, request_id="r"), Problem, strict=True)
