"""The watch: the event of its function, and what a run tells the metrics and the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.watching import AlarmState, Kind, Severity
from servery.edge.telemetry import emit, log_error
from servery.errors import FaultError
from servery.usecases.monitoring.keeping_watch import LookEvent, WatchRun

if TYPE_CHECKING:
    from servery.domain.watch_records import Telling, WatchRecord

SERVICE = "monitoring"
_COUNT = "Count"


class AlarmMetrics:
    """Counts alarms as they are told; a teller like any other."""

    name = "metrics"

    def tell(self, telling: Telling) -> None:
        """One line for each alarm, with its model and kind."""
        for notice in telling.notices:
            name = "AlarmsClosed" if notice.state is AlarmState.CLOSED else "AlarmsOpened"
            if notice.state is AlarmState.REMINDED:
                continue
            dimensions = {"model": notice.model, "kind": notice.kind.value}
            properties = {
                "alarm": notice.id,
                "version": notice.version,
                "subject": notice.subject,
                "severity": notice.severity.value,
            }
            emit(SERVICE, {name: (1, _COUNT)}, dimensions, properties)


def read_event(event: dict[str, Any]) -> LookEvent:
    """What the function was called with; what the clock sends is a call for all models.

    Raises:
        FaultError: it is neither.
    """
    if "source" in event and "model" not in event:
        return LookEvent()
    try:
        return msgspec.convert(event, LookEvent)
    except msgspec.ValidationError as error:
        raise FaultError(f"the event does not fit LookEvent: {error}") from error


def report(run: WatchRun, *, scheduled: bool, request_id: str) -> dict[str, Any]:
    """Write the metrics and errors of a run; the summary is what its function returns.

    `WatchRuns` is written only where a run came to its end, and is what the watch itself is
    watched by.
    """
    for record in run.looked:
        _gauges(record)
    for model, error in [*run.failed.items(), *run.errors]:
        log_error(error, request_id=request_id, route=f"watch {model}")
    for model in run.failed:
        emit(SERVICE, {"LooksFailed": (1, _COUNT)}, {"model": model})
    metrics: dict[str, tuple[float, str]] = {
        "Looks": (len(run.looked), _COUNT),
        "LooksLeft": (len(run.left), _COUNT),
        "AlarmsUntold": (sum(len(record.outbox) for record in run.looked), _COUNT),
    }
    if scheduled:
        metrics["WatchRuns"] = (1, _COUNT)
    emit(SERVICE, metrics)
    return {
        "looked": {r.model: r.last.severity if r.last else "" for r in run.looked},
        "failed": {model: type(error).__name__ for model, error in run.failed.items()},
        "busy": run.busy,
        "left": run.left,
    }


def seconds_left(context: object) -> Callable[[], float]:
    """How long the invocation may still take."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return lambda: float("inf")
    return lambda: remaining() / 1000


def _gauges(record: WatchRecord) -> None:
    """Alarms that are open, by severity, and by kind of this model; zeros too, so that it ends."""
    found = [alarm.finding for alarm in record.state.open.values()]
    severities = Counter(finding.severity for finding in found)
    for severity in Severity:
        emit(
            SERVICE,
            {"OpenAlarms": (severities[severity], _COUNT)},
            {"severity": severity.value},
            {"model": record.model},
        )
    kinds = Counter(finding.kind for finding in found)
    for kind in Kind:
        if kinds[kind] or (record.last is not None and record.last.closed):
            dimensions = {"model": record.model, "kind": kind.value}
            emit(SERVICE, {"ModelAlarms": (kinds[kind], _COUNT)}, dimensions)
