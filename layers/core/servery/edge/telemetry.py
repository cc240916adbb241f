"""Logs and metrics: one line a request in CloudWatch's embedded metric format, and a logger.

The line is written by hand: measured on two cores, Powertools' Logger takes 60-90 us for a line
and its Metrics 65-75 us for a flush, where this takes 6-8 us, and importing it costs 80 ms of a
cold start. The logger is Powertools', imported when there is something to tell. Neither ever
holds a value that a caller sent.
"""

from __future__ import annotations

import sys
import time
from functools import cache, lru_cache
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import msgspec

from servery.errors import ServeryError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

NAMESPACE = "Servery"

_COUNT = "Count"
_CLIENT_ERRORS = range(400, 500)
_MILLISECONDS = "Milliseconds"
_encode = msgspec.json.Encoder().encode


class Telemetry:
    """Tells how the requests of one function went.

    Args:
        service: The room, the dimension that every metric has.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._cold = True

    def request(
        self,
        *,
        request_id: str,
        route: str,
        status: int,
        latency_ms: float,
        dimensions: dict[str, str],
    ) -> None:
        """Write the line of one request; a model and a version become dimensions of its metrics."""
        metrics = {
            "Requests": (1, _COUNT),
            "Latency": (round(latency_ms, 3), _MILLISECONDS),
            "ClientErrors": (int(status in _CLIENT_ERRORS), _COUNT),
            "ServerErrors": (int(status >= _CLIENT_ERRORS.stop), _COUNT),
            "ColdStart": (int(self._cold), _COUNT),
        }
        self._cold = False
        properties = {"correlation_id": request_id, "route": route, "status": status}
        emit(self._service, metrics, dimensions, properties)


def emit(
    service: str,
    metrics: dict[str, tuple[float, str]],
    dimensions: dict[str, str] | None = None,
    properties: dict[str, Any] | None = None,
) -> None:
    """Write metrics as one line to standard output, where CloudWatch picks them up.

    Args:
        service: The room; every metric is also there with this dimension alone.
        metrics: Name to value and unit.
        dimensions: Further dimensions of the same metrics.
        properties: What the line says beside the metrics; searchable, not counted.
    """
    dimensions = {name: value for name, value in (dimensions or {}).items() if value}
    units = tuple([(name, unit) for name, (_, unit) in metrics.items()])
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": _declared(tuple(dimensions), units),
        },
        "service": service,
        **dimensions,
        **{name: value for name, (value, _) in metrics.items()},
        **(properties or {}),
    }
    sys.stdout.write(_encode(line).decode() + "\n")
    sys.stdout.flush()


@lru_cache(64)
def _declared(dimensions: tuple[str, ...], units: tuple[tuple[str, str], ...]) -> msgspec.Raw:
    """What a line says of its metrics: the same in all lines of a kind."""
    sets = [["service"], *([["service", *dimensions]] if dimensions else [])]
    metrics = [{"Name": name, "Unit": unit} for name, unit in units]
    about = [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}]
    return msgspec.Raw(_encode(about))


@cache
def logger() -> Logger:
    """Powertools' logger; service and level come from the variables that it reads itself."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415

    return Logger()


def log_error(error: BaseException, *, request_id: str, route: str) -> None:
    """Log an error that is ours: what it is, where it was raised and from what, and no values.

    The sentence of an error is told only when it is one of ours, which are made without values;
    that of any other may quote the input.
    """
    logger().error(
        str(error) if isinstance(error, ServeryError) else "unexpected error",
        correlation_id=request_id,
        route=route,
        error=_chain(error),
        frames=[f"{f.filename}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)],
    )


def _chain(error: BaseException | None) -> list[str]:
    names: list[str] = []
    while error is not None:
        response = getattr(error, "response", None)  # botocore's: its code is AWS's own word
        code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
        names.append(f"{type(error).__name__}({code})" if code else type(error).__name__)
        error = error.__cause__
    return names
