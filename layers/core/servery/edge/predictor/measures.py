"""One line of metrics for each event of a model server."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from servery.edge.telemetry import emit

if TYPE_CHECKING:
    from servery.domain.chunks import ChunkResult
    from servery.edge.predictor.events import Answer, Event
    from servery.usecases.predictor import Chosen

Metrics = dict[str, tuple[float, str]]


class Measures:
    """Writes the lines, and knows which is the first of an environment.

    Args:
        init_ms: Milliseconds that the environment took to come up.
        service: The room that the server is of.
    """

    def __init__(self, init_ms: float, service: str = "predictor") -> None:
        self._init_ms = init_ms
        self._service = service
        self._cold = True
        self._restored = False

    def begin_anew(self) -> None:
        """This is a copy of the environment that came up, and answers its first request next."""
        self._cold = self._restored = True

    def request(
        self, event: Event, chosen: Chosen | None, answer: Answer, *, rejected: int
    ) -> None:
        """The line of one call to predict requests, of which so many were rejected."""
        metrics: Metrics = {
            "Rows": (answer["rows"], "Count"),
            "Rejected": (rejected, "Count"),
            "Degraded": (int(answer["degraded"]), "Count"),
        }
        if answer["status"] == HTTPStatus.OK:
            metrics["ModelMilliseconds"] = (answer["model_ms"], "Milliseconds")
        properties = {
            "correlation_id": event.request_id,
            "route": event.route,
            "status": answer["status"],
        }
        if "items" in answer:
            properties["items"] = len(answer["items"])
        dimensions = {"model": event.ref.model, "model_version": answer["model_version"]}
        self._write(metrics, chosen, dimensions, properties)

    def chunk(self, name: str, chosen: Chosen, result: ChunkResult, milliseconds: float) -> None:
        """The line of one chunk of a batch; it is found by `name`."""
        metrics: Metrics = {
            "Rows": (result.rows_in, "Count"),
            "RowsRejected": (result.rows_rejected, "Count"),
            "ChunkBytes": (result.bytes, "Bytes"),
            "ChunkMilliseconds": (round(milliseconds, 3), "Milliseconds"),
            "ModelMilliseconds": (result.model_ms, "Milliseconds"),
            "Retries": (result.retries, "Count"),
        }
        ref = chosen.model.ref
        properties = {
            "correlation_id": name,
            "route": "batch",
            "state": result.state.value,
        }
        self._write(metrics, chosen, {"model": ref.model, "model_version": ref.version}, properties)

    def _write(
        self,
        metrics: Metrics,
        chosen: Chosen | None,
        dimensions: dict[str, str],
        properties: dict[str, Any],
    ) -> None:
        metrics["ColdStart"] = (int(self._cold), "Count")
        if self._cold and self._restored:
            metrics["Restored"] = (1, "Count")  # how long that took stands in Lambda's own line
        elif self._cold:
            metrics["InitMilliseconds"] = (self._init_ms, "Milliseconds")
        if chosen is not None and (chosen.loaded or "InitMilliseconds" in metrics):
            metrics["LoadMilliseconds"] = (chosen.model.load_ms, "Milliseconds")
        self._cold = False
        emit(self._service, metrics, dimensions, properties)
