"""What is kept of versions over HTTP: evaluations, retirements, retrainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from servery.domain.retirements import Why
from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query
from servery.usecases.registry.keeping_views import evaluations, retrainings
from servery.usecases.registry.retire_plan import plan, retire_rules
from servery.usecases.registry.retire_steps import mark

if TYPE_CHECKING:
    from servery.ports import Retrainings
    from servery.usecases.registry.retire_ports import RetirePorts

ACCEPTED = 202


class KeepingApi:
    """Answers the routes about what is kept of versions.

    Args:
        ports: What retiring works with; made when a route needs it.
        retrained: What became of alarms.
    """

    def __init__(
        self, ports: Callable[[], RetirePorts], retrained: Callable[[], Retrainings]
    ) -> None:
        self._ports = ports
        self._retrained = retrained

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "list_evaluations": self._evaluations,
            "list_retirements": self._retirements,
            "list_retrainings": self._retrainings,
            "retire_version": self._retire,
        }

    def _evaluations(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        ports, model = self._ports(), parameters["model"]
        return _about(model, evaluations(model, ports.registry, ports.kept))

    def _retirements(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _about(parameters["model"], plan(parameters["model"], self._ports()))

    def _retrainings(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        model = parameters["model"]
        return _about(model, retrainings(model, self._ports().registry, self._retrained()))

    def _retire(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        ports, model = self._ports(), parameters["model"]
        record = mark(
            model,
            parameters["version"],
            ports,
            why=Why.ASKED,
            because="somebody asked for it",
            by="command",
            grace=retire_rules(model, ports).grace_hours,
        )
        return Answer(status=ACCEPTED, body=record, dimensions={"model": model})


def _about(model: str, body: object) -> Answer:
    return Answer(body=body, dimensions={"model": model})
