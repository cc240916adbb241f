"""Metrics in the embedded metric format, taken out of a function's log.

Source: the specification under
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeGuard

LOG = logging.getLogger(__name__)

Datum = dict[str, object]
"""One entry of PutMetricData's MetricData."""

MOST_VALUES, MOST_METRICS, MOST_DIMENSIONS = 100, 100, 30
MOST_DATA_PER_CALL = 500
QUEUE_LENGTH = 10_000


class EmfError(Exception):
    """A line claims to be in the embedded metric format and is not; the sentence says why."""


@dataclass(frozen=True)
class MetricBatch:
    """Metrics of one namespace."""

    namespace: str
    data: list[Datum]


@dataclass(frozen=True)
class Origin:
    """Where a log comes from; metrics go to the same account and region."""

    function: str
    account: str
    region: str


def metric_batches(line: str) -> list[MetricBatch]:
    """The metrics in one line of a log; none if it is not in the format.

    Raises:
        EmfError: the line has an `_aws` member with metrics that break the specification.
    """
    if not line.lstrip().startswith("{") or '"_aws"' not in line:
        return []
    try:
        document = json.loads(line)
    except ValueError:
        return []
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return []
    moment = _moment(metadata.get("Timestamp"))
    directives = metadata["CloudWatchMetrics"]
    if not isinstance(directives, list):
        raise EmfError("CloudWatchMetrics is not a list")
    return [_batch(directive, document, moment) for directive in directives]


def _batch(directive: object, document: dict[str, object], moment: datetime) -> MetricBatch:
    if not isinstance(directive, dict):
        raise EmfError("an entry of CloudWatchMetrics is not an object")
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics")
    if not isinstance(namespace, str) or not namespace:
        raise EmfError("Namespace is missing")
    if not isinstance(metrics, list) or len(metrics) > MOST_METRICS:
        raise EmfError(f"Metrics is not a list of at most {MOST_METRICS}")
    sets = directive.get("Dimensions") or [[]]
    if not isinstance(sets, list) or not all(isinstance(one, list) for one in sets):
        raise EmfError("Dimensions is not a list of lists")
    dimensions = [[_dimension(name, document) for name in one] for one in sets]
    if any(len(one) > MOST_DIMENSIONS for one in dimensions):
        raise EmfError(f"a set of Dimensions has more than {MOST_DIMENSIONS}")
    described = [_datum(metric, document, moment) for metric in metrics]
    return MetricBatch(
        namespace, [{**datum, "Dimensions": one} for datum in described for one in dimensions]
    )


def _dimension(name: object, document: dict[str, object]) -> dict[str, str]:
    value = document.get(name) if isinstance(name, str) else None
    if not isinstance(value, str) or not value:
        raise EmfError(f"dimension {name!r} has no value that is a string")
    return {"Name": str(name), "Value": value}


def _datum(metric: object, document: dict[str, object], moment: datetime) -> Datum:
    name = metric.get("Name") if isinstance(metric, dict) else None
    if not isinstance(metric, dict) or not isinstance(name, str) or not name:
        raise EmfError("a metric has no Name")
    given = document.get(name)
    listed = given if isinstance(given, list) else [given]
    values = [float(value) for value in listed if _is_number(value)]
    if not 0 < len(listed) == len(values) <= MOST_VALUES:
        raise EmfError(f"metric {name!r} is not a number, nor up to {MOST_VALUES} of them")
    return {
        "MetricName": name,
        "Unit": metric.get("Unit") or "None",
        "StorageResolution": metric.get("StorageResolution") or 60,
        "Timestamp": moment,
        "Values": values,
        "Counts": [1.0] * len(values),
    }


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment(timestamp: object) -> datetime:
    if not _is_number(timestamp):
        raise EmfError("Timestamp is missing")
    try:
        return datetime.fromtimestamp(timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise EmfError(f"Timestamp {timestamp!r} is not in milliseconds") from error


class EmfForwarder:
    """Sends the metrics in logs to CloudWatch, off the invocations' path.

    What cannot be read or stored is reported in LocalStack's log, with the function's name,
    and keeps nothing else from being sent. Logs wait in a queue of bounded length; one that
    does not fit is left out, and that is reported too.
    """

    def __init__(self, put: Callable[[Origin, str, list[Datum]], None]) -> None:
        """Take the function that stores metrics: of an origin, in a namespace."""
        self._put = put
        self._queue: queue.Queue[tuple[Origin, str]] = queue.Queue(QUEUE_LENGTH)
        threading.Thread(target=self._run, name="emf-forwarder", daemon=True).start()

    def submit(self, origin: Origin, log: str) -> None:
        """Forward the metrics of a log, later."""
        if '"_aws"' not in log:
            return
        try:
            self._queue.put_nowait((origin, log))
        except queue.Full:
            LOG.warning("Metrics of %s were left out: too many wait.", origin.function)

    def wait(self) -> None:
        """Return when all that was submitted has been dealt with."""
        self._queue.join()

    def _run(self) -> None:
        while True:
            origin, log = self._queue.get()
            try:
                for line in log.splitlines():
                    self._forward(origin, line)
            finally:
                self._queue.task_done()

    def _forward(self, origin: Origin, line: str) -> None:
        try:
            for batch in metric_batches(line):
                for first in range(0, len(batch.data), MOST_DATA_PER_CALL):
                    part = batch.data[first : first + MOST_DATA_PER_CALL]
                    self._put(origin, batch.namespace, part)
        except EmfError as error:
            LOG.warning("Metrics of %s were refused: %s.", origin.function, error)
        except Exception:  # whatever CloudWatch raises must not end the thread
            LOG.exception("Metrics of %s could not be stored.", origin.function)
