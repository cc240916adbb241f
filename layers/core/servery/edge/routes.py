"""The table of routes: who answers what. Functions dispatch by it, OpenAPI is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from servery.edge.http import Request
from servery.errors import MethodNotAllowedError, NotFoundError


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        name: Unique; what a room's table of calls and the OpenAPI document name it by.
        method: In capitals.
        path: Template, `/v2/models/{model}`.
        room: Whose function answers.
        key: Whether an API key is needed.
    """

    name: str
    method: str
    path: str
    room: str
    key: bool = True


def _routes(room: str, *rows: tuple[str, str, str], key: bool = True) -> tuple[Route, ...]:
    return tuple(Route(name, method, path, room, key) for name, method, path in rows)


ROUTES: tuple[Route, ...] = (
    *_routes(
        "gateway",
        ("live", "GET", "/v2/health/live"),
        ("ready", "GET", "/v2/health/ready"),
        key=False,
    ),
    *_routes(
        "gateway",
        ("server", "GET", "/v2"),
        ("model_metadata", "GET", "/v2/models/{model}"),
        ("model_ready", "GET", "/v2/models/{model}/ready"),
        ("model_infer", "POST", "/v2/models/{model}/infer"),
        ("version_metadata", "GET", "/v2/models/{model}/versions/{version}"),
        ("version_ready", "GET", "/v2/models/{model}/versions/{version}/ready"),
        ("version_infer", "POST", "/v2/models/{model}/versions/{version}/infer"),
    ),
    *_routes(
        "registry",
        ("list_models", "GET", "/models"),
        ("get_model", "GET", "/models/{model}"),
        ("get_version", "GET", "/models/{model}/versions/{version}"),
        ("get_lineage", "GET", "/models/{model}/versions/{version}/lineage"),
        ("diff_versions", "GET", "/models/{model}/versions/{version}/diff"),
        ("get_fit", "GET", "/models/{model}/fit"),
        ("audit_artifacts", "GET", "/models/{model}/audit"),
        ("list_trainings", "GET", "/models/{model}/trainings"),
        ("get_deployment", "GET", "/models/{model}/deployment"),
        ("edit_deployment", "POST", "/models/{model}/deployment"),
        ("retire_candidate", "DELETE", "/models/{model}/candidates/{version}"),
        ("list_releases", "GET", "/models/{model}/releases"),
        ("start_release", "POST", "/models/{model}/releases"),
        ("get_release", "GET", "/models/{model}/releases/{release}"),
        ("answer_approval", "POST", "/models/{model}/releases/{release}/approval"),
        ("abort_release", "POST", "/models/{model}/releases/{release}/abort"),
        ("roll_back", "POST", "/models/{model}/rollback"),
    ),
    *_routes(
        "graph",
        ("list_graphs", "GET", "/graphs"),
        ("register_graph", "POST", "/graphs"),
        ("get_graph", "GET", "/graphs/{graph}"),
        ("remove_graph", "DELETE", "/graphs/{graph}"),
        ("graph_infer", "POST", "/v2/graphs/{graph}/infer"),
        ("submit_graph_job", "POST", "/v2/graphs/{graph}/jobs"),
        ("list_graph_jobs", "GET", "/v2/graphs/{graph}/jobs"),
        ("get_graph_job", "GET", "/v2/graphs/{graph}/jobs/{job}"),
        ("get_entity", "GET", "/entities/{entity}/{key}"),
        ("put_entity", "PUT", "/entities/{entity}/{key}"),
        ("remove_entity", "DELETE", "/entities/{entity}/{key}"),
        ("put_entities", "POST", "/entities/{entity}"),
    ),
    *_routes(
        "data_cache",
        ("get_cache", "GET", "/models/{model}/cache"),
        ("warm_cache", "POST", "/models/{model}/cache/warm"),
        ("get_warm_up", "GET", "/models/{model}/cache/warm/{warm_up}"),
    ),
    *_routes(
        "search",
        ("start_search", "POST", "/models/{model}/searches"),
        ("list_searches", "GET", "/models/{model}/searches"),
        ("get_search", "GET", "/models/{model}/searches/{search}"),
        ("stop_search", "POST", "/models/{model}/searches/{search}/stop"),
        ("resume_search", "POST", "/models/{model}/searches/{search}/resume"),
    ),
    *_routes("registry", ("openapi", "GET", "/openapi.json"), key=False),
    *_routes(
        "jobs",
        ("submit_job", "POST", "/v2/models/{model}/jobs"),
        ("list_jobs", "GET", "/jobs"),
        ("redrive_jobs", "POST", "/jobs/redrive"),
        ("get_job", "GET", "/jobs/{job}"),
        ("cancel_job", "DELETE", "/jobs/{job}"),
    ),
    *_routes("monitoring", ("add_labels", "POST", "/labels")),
    *_routes("multi_stage", ("staged", "POST", "/v2/models/{model}/staged")),
    *_routes(
        "batch",
        ("list_batches", "GET", "/batches"),
        ("get_batch", "GET", "/batches/{batch}"),
        ("rerun_batch", "POST", "/batches/{batch}/rerun"),
    ),
    *_routes(
        "web_single",
        ("page", "GET", "/"),
        ("static_file", "GET", "/static/{file}"),
        ("web_model", "GET", "/web/model"),
        key=False,
    ),
    *_routes("web_single", ("web_predict", "POST", "/web/predict")),
)


class Router:
    """The routes of one room, found by path and method."""

    def __init__(self, room: str) -> None:
        self._methods: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            if route.room == room:
                self._methods.setdefault(route.path, {})[route.method] = route
        self._templates = [(path, path.split("/")) for path in self._methods]

    def methods(self, request: Request) -> tuple[str, ...]:
        """The methods that the path of a request has.

        Raises:
            NotFoundError: there is no such path.
        """
        return tuple(self._methods[self._locate(request)[0]])

    def find(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The route of a request and its path parameters, percent-decoded.

        API Gateway's own match is taken where there is one: behind a custom domain the path has
        a prefix that is not ours, and the resource has not.

        Raises:
            NotFoundError: there is no such path.
            MethodNotAllowedError: the path has other methods.
        """
        path, parameters = self._locate(request)
        methods = self._methods[path]
        route = methods.get(request.method)
        if route is None:
            allowed = (*methods, "OPTIONS")
            raise MethodNotAllowedError(f"this path takes {', '.join(allowed)}", allowed)
        return route, parameters

    def _locate(self, request: Request) -> tuple[str, dict[str, str]]:
        if request.resource in self._methods:
            return request.resource, request.parameters
        given = (request.path.rstrip("/") or "/").split("/")
        for path, template in self._templates:
            parameters = _match(template, given)
            if parameters is not None:
                return path, parameters
        raise NotFoundError("there is no such route")


def _match(template: list[str], given: list[str]) -> dict[str, str] | None:
    if len(template) != len(given):
        return None
    parameters: dict[str, str] = {}
    for want, have in zip(template, given, strict=True):
        if want.startswith("{"):
            if not have:
                return None
            parameters[want[1:-1]] = unquote(have)
        elif want != have:
            return None
    return parameters
