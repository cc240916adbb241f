"""The OpenAPI 3.1 document, made from the table of routes and the types of its bodies.

`python -m servery.edge.openapi > infra/openapi.json` writes the committed copy; a test compares.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from servery import __version__
from servery.edge.operations import OPERATIONS, Operation
from servery.edge.problem import CONTENT_TYPE
from servery.edge.routes import ROUTES, Route
from servery.edge.wire import Problem

KEY_HEADER = "x-api-key"
SCHEMAS = "#/components/schemas/{name}"
PAGE_ROOM = "web_single"

_DESCRIPTIONS = {
    "gateway": "Predict: the Open Inference Protocol v2, and the records form on the same routes.",
    "graph": "Predict with several models at once; graphs, and the data that they look up.",
    "jobs": "Predict later: accepted durably, answered once, told by event and callback.",
    "monitoring": "What was true of rows that were predicted.",
    "multi_stage": "Predict twice: a light model at once, a heavy one as a job.",
    "registry": "What there is, who answers, releases and roll back.",
    "search": "Search for an estimator and its parameters, and look at the trials.",
    "web_single": "The page and the model in its own process; on an origin of its own.",
}
_ALWAYS = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.INTERNAL_SERVER_ERROR}
_KEYED = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@cache
def document() -> bytes:
    """The document, as JSON with sorted keys: the same for the same code."""
    compact = msgspec.json.encode(_document(), order="sorted")
    return msgspec.json.format(compact, indent=2) + b"\n"


def _document() -> dict[str, Any]:
    types = [kind for o in OPERATIONS.values() for kind in (*o.answers, *o.bodies)]
    unique = list(dict.fromkeys([*types, Problem]))
    refs, schemas = msgspec.json.schema_components(unique, ref_template=SCHEMAS)
    schema_of = dict(zip(unique, refs, strict=True))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        item = paths.setdefault(route.path, _path(route))
        item[route.method.lower()] = _operation(route, OPERATIONS[route.name], schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Servery",
            "version": __version__,
            "description": "Predictions from released models, and the registry behind them.",
        },
        "servers": [{"url": ".", "description": "The stage that serves this document."}],
        "tags": [{"name": n, "description": d} for n, d in _DESCRIPTIONS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _responses(schema_of[Problem]),
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": KEY_HEADER}},
        },
    }


def _operation(
    route: Route, operation: Operation, schema_of: dict[type, dict[str, Any]]
) -> dict[str, Any]:
    names = (*_headers(route), *operation.sends)
    answer: dict[str, Any] = {"headers": {n: {"schema": {"type": "string"}} for n in names}}
    if operation.status != HTTPStatus.NO_CONTENT:
        answer["content"] = {operation.media: {"schema": _one_of(operation.answers, schema_of)}}
    statuses = [status for status in (operation.status, operation.also) if status]
    errors = {*operation.errors, *_ALWAYS, *(_KEYED if route.key else ())}
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": operation.summary,
        "tags": [route.room],
        "security": [{"key": []}] if route.key else [],
        "responses": {
            **{str(s): {**answer, "description": HTTPStatus(s).phrase} for s in statuses},
            **{str(int(s)): {"$ref": f"#/components/responses/{int(s)}"} for s in sorted(errors)},
        },
    }
    parameters = [_query(n, text) for n, text in operation.query.items()]
    parameters += [_header(n, text) for n, text in operation.headers.items()]
    if parameters:
        described["parameters"] = parameters
    if operation.bodies:
        content: dict[str, Any] = {"schema": _one_of(operation.bodies, schema_of)}
        content["examples"] = {n: {"value": value} for n, value in operation.examples.items()}
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": content},
        }
    return described


def _one_of(types: tuple[type, ...], schema_of: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if len(types) == 1:
        return schema_of[types[0]]
    return {"oneOf": [schema_of[kind] for kind in types]} if types else {}


def _query(name: str, description: str) -> dict[str, Any]:
    kind = {"type": "integer", "minimum": 1} if name == "limit" else {"type": "string"}
    return {"name": name, "in": "query", "description": description, "schema": kind}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _path(route: Route) -> dict[str, Any]:
    """What all methods of a path share."""
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.room != PAGE_ROOM:
        return {"parameters": parameters}
    page = {"default": "http://localhost:8000", "description": "The output WebUrl of the stack."}
    return {"parameters": parameters, "servers": [{"url": "{page}", "variables": {"page": page}}]}


def _headers(route: Route) -> tuple[str, ...]:
    of_model = route.room == "gateway" and "{model}" in route.path
    return ("x-request-id", "x-model-version") if of_model else ("x-request-id",)


def _responses(schema: dict[str, Any]) -> dict[str, Any]:
    """A problem document for every status that any route answers."""
    statuses = {int(s) for o in OPERATIONS.values() for s in o.errors}
    statuses |= {int(s) for s in _ALWAYS | _KEYED}
    responses = {}
    for status in sorted(statuses):
        response: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": schema}},
        }
        allow = "Allow" if status == HTTPStatus.METHOD_NOT_ALLOWED else ""
        header = "Retry-After" if status in _RETRY else allow
        if header:
            response["headers"] = {header: {"schema": {"type": "string"}}}
        responses[str(status)] = response
    return responses


if __name__ == "__main__":
    sys.stdout.buffer.write(document())
