"""Versions over HTTP: lineage, difference, what can serve them, and whether all is in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from servery.edge.api import Call
from servery.edge.http import Answer, Request
from servery.edge.strict import check_query
from servery.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from servery.usecases.registry.versions import VersionReader


class VersionsApi:
    """Answers the routes about versions.

    Args:
        reader: Answers questions.
    """

    def __init__(self, reader: VersionReader) -> None:
        self._reader = reader

    def calls(self) -> Mapping[str, Call]:
        """What answers each route, by the route's name."""
        return {
            "get_lineage": self._lineage,
            "diff_versions": self._diff,
            "get_fit": self._fit,
            "audit_artifacts": self._audit,
        }

    def _lineage(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request, {"training"})
        model, training = parameters["model"], request.query.get("training", "")
        return _about(model, self._reader.lineage(model, parameters["version"], training))

    def _diff(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request, {"with", "training", "with_training"})
        other = request.query.get("with", "")
        if not other:
            violation = Violation("with", "names the version to compare with")
            raise InvalidInputError("the query is not acceptable", (violation,))
        model = parameters["model"]
        before = parameters["version"], request.query.get("training", "")
        after = other, request.query.get("with_training", "")
        return _about(model, self._reader.diff(model, before, after))

    def _fit(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _about(parameters["model"], self._reader.fit(parameters["model"]))

    def _audit(self, request: Request, parameters: dict[str, str]) -> Answer:
        check_query(request)
        return _about(parameters["model"], self._reader.audit(parameters["model"]))


def _about(model: str, body: object) -> Answer:
    return Answer(body=body, dimensions={"model": model})
