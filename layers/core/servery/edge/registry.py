"""The registry over HTTP: what there is, releases and roll back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query, read_body, read_page
from servery.errors import InvalidInputError, Violation
from servery.usecases.registry.asking import ReleaseRequest, ask_release
from servery.usecases.registry.editing import PoliciesRequest, edit_policies
from servery.usecases.registry.reading import RegistryReader
from servery.usecases.registry.retiring import retire
from servery.usecases.registry.returning import RollBackRequest, return_to_last_good

if TYPE_CHECKING:
    from servery.ports import Clock, ModelServers, ObjectStore, Registry, ReleaseQueue

ACCEPTED = 202
_POLL_SECONDS = "1"


class RegistryApi:
    """Answers the routes of the registry.

    Args:
        reader: Answers questions.
        registry: Where changes are recorded.
        objects: The manifests.
        queue: Who carries releases out.
        servers: Asked before a roll back.
        clock: The time.
        entropy: A few random characters, for ids.
    """

    def __init__(
        self,
        reader: RegistryReader,
        *,
        registry: Registry,
        objects: ObjectStore,
        queue: ReleaseQueue,
        servers: ModelServers,
        clock: Clock,
        entropy: Callable[[], str],
    ) -> None:
        self._reader = reader
        self._registry = registry
        self._objects = objects
        self._queue = queue
        self._servers = servers
        self._clock = clock
        self._entropy = entropy

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        reader = self._reader
        return {
            "list_models": lambda request, _: Answer(body=reader.models(*read_page(request))),
            "get_model": _paged(reader.model),
            "get_version": self._version,
            "list_trainings": _paged(reader.runs),
            "get_deployment": self._deployment,
            "edit_deployment": self._edit,
            "retire_candidate": self._retire,
            "list_releases": _paged(reader.releases),
            "get_release": self._release,
            "start_release": self._start_release,
            "roll_back": self._roll_back,
            "openapi": _openapi,
        }

    def _version(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _about(parameters, self._reader.version(parameters["model"], parameters["version"]))

    def _release(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _about(parameters, self._reader.release(parameters["model"], parameters["release"]))

    def _deployment(self, request: Request, parameters: dict[str, str]) -> Answer:
        limit, before = read_page(request)
        if not (before.isascii() and before.isdigit()) and before:
            raise InvalidInputError(
                "the query is not acceptable", (Violation("before", "is a revision"),)
            )
        view = self._reader.deployment(parameters["model"], limit, min(int(before or 0), 10**9 - 1))
        return _about(parameters, view)

    def _start_release(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        record = ask_release(
            parameters["model"],
            read_body(request, ReleaseRequest),
            registry=self._registry,
            objects=self._objects,
            queue=self._queue,
            clock=self._clock,
            entropy=self._entropy,
        )
        # Relative, since the path has the stage before it on the API's own address.
        where = f"../../models/{record.model}/releases/{record.id}"
        return Answer(
            status=ACCEPTED,
            body=record,
            headers={"location": where, "retry-after": _POLL_SECONDS},
            dimensions={"model": record.model},
        )

    def _roll_back(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        deployment = return_to_last_good(
            parameters["model"],
            read_body(request, RollBackRequest),
            registry=self._registry,
            servers=self._servers,
            clock=self._clock,
            entropy=self._entropy,
        )
        answer = _about(parameters, deployment)
        answer.headers["x-model-version"] = deployment.champion.ref.version
        return answer

    def _edit(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        deployment = edit_policies(
            parameters["model"],
            read_body(request, PoliciesRequest),
            registry=self._registry,
            objects=self._objects,
            clock=self._clock,
        )
        return _about(parameters, deployment)

    def _retire(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        deployment = retire(
            parameters["model"],
            parameters["version"],
            registry=self._registry,
            clock=self._clock,
            entropy=self._entropy,
        )
        return _about(parameters, deployment)


def _paged(read: Callable[[str, int, str], Any]) -> Call:
    def call(request: Request, parameters: dict[str, str]) -> Answer:
        return _about(parameters, read(parameters["model"], *read_page(request)))

    return call


def _about(parameters: dict[str, str], body: object) -> Answer:
    return Answer(body=body, dimensions={"model": parameters["model"]})


def _openapi(_request: Request, _parameters: dict[str, str]) -> Answer:
    # The types of every room: not loaded by whoever only asks for a model.
    from servery.edge.openapi import document  # noqa: PLC0415

    return Answer(body=document().decode())
