"""The watch: every model in service is looked at in turn, and what is found is kept and told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.watch_records import (
    LookFailure,
    LookRecord,
    WatchRecord,
    bounded,
    look_record,
    new_watch,
    telling,
)
from servery.errors import ConflictError, ServeryError
from servery.usecases.monitoring.telling import tell

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment
    from servery.domain.watching import Look, WatchState
    from servery.ports import Clock, Registry
    from servery.ports.watching import AlarmTeller, LookReports, WatchStore

LEASE_SECONDS = 330.0
"""Longer than the function may run, so that no two look at one model at once."""
RESERVE_SECONDS = 75.0
"""A run begins no further look when it has less time than this."""

Looker = Callable[["Deployment", "WatchState", datetime], "tuple[Look, WatchState]"]


class LookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the function is called with: nothing for all models, or one model.

    Attributes:
        model: Name of the model; empty for all.
        look: Id that the look gets; empty for one of its own.
    """

    model: str = ""
    look: str = ""


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """What the watch works with.

    Attributes:
        registry: Which models are in service, and the leases.
        store: What is kept of the watch.
        look: Looks at one model.
        reports: Where the pages of looks go.
        tellers: Who is told of alarms.
        clock: The time.
        entropy: A few random characters, for ids.
        playbooks: Where the playbooks are.
    """

    registry: Registry
    store: WatchStore
    look: Looker
    reports: LookReports
    tellers: Sequence[AlarmTeller]
    clock: Clock
    entropy: Callable[[], str]
    playbooks: str


@dataclass(frozen=True, slots=True)
class WatchRun:
    """What one run came to.

    Attributes:
        looked: Records of the models that were looked at.
        failed: Models whose look came to nothing, and why.
        busy: Models that somebody else is looking at, or has just looked at.
        left: Models that there was no time for; they are the first of the next run.
        errors: What else went wrong: alarms that nobody took, pages that could not be written.
    """

    looked: list[WatchRecord] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)


def watch_all(ports: WatchPorts, *, seconds: Callable[[], float]) -> WatchRun:
    """Look at the models in service, those first that were looked at least recently.

    Args:
        ports: What is worked with.
        seconds: How long there still is.
    """
    run, began = WatchRun(), ports.clock.now().isoformat()
    due = ports.registry.deployments()
    known = {deployment.model: ports.store.watch(deployment.model) for deployment in due}
    tried = {model: "" if record is None else record.tried for model, record in known.items()}
    due.sort(key=lambda deployment: (tried[deployment.model], deployment.model))
    for place, deployment in enumerate(due):
        if seconds() < RESERVE_SECONDS:
            run.left.extend(each.model for each in due[place:])
            break
        _one(deployment, ports, run, began=began)
    return run


def watch_one(
    model: str,
    ports: WatchPorts,
    *,
    identity: str,
    wait: Callable[[float], None],
    seconds: Callable[[], float],
) -> WatchRun:
    """Look at one model now; where somebody else is at it, after them.

    Raises:
        NotFoundError: the model is not in service.
        ConflictError: somebody else was at it for all of the time.
    """
    deployment, run = ports.registry.deployment(model), WatchRun()
    while True:
        _one(deployment, ports, run, identity=identity)
        if not run.busy:
            return run
        if seconds() < RESERVE_SECONDS:
            raise ConflictError(f"somebody else is looking at {model}")
        run.busy.clear()
        wait(1.0)


def new_identity(now: datetime, entropy: Callable[[], str]) -> str:
    """An id of a look; ids sort by time."""
    return f"{now:%Y%m%dT%H%M%S}-{entropy()}"


def _one(
    deployment: Deployment,
    ports: WatchPorts,
    run: WatchRun,
    *,
    identity: str = "",
    began: str = "",
) -> None:
    """One model, under its lease, whatever happens to it."""
    model = deployment.model
    identity = identity or new_identity(ports.clock.now(), ports.entropy)
    lease = f"watch/{model}"
    try:
        ports.registry.take_lease(lease, identity, seconds=LEASE_SECONDS)
    except ConflictError:
        run.busy.append(model)
        return
    except ServeryError as error:
        run.failed[model] = error
        return
    try:
        record = ports.store.watch(model) or new_watch(model)
        if began and record.tried > began:
            run.busy.append(model)
        elif record.last is None or record.last.id != identity:  # else it was delivered again
            run.looked.append(_look(deployment, record, ports, run, identity))
    except Exception as error:
        run.failed[model] = error
    finally:
        _give_back(lease, identity, ports, run, model)


def _look(
    deployment: Deployment, record: WatchRecord, ports: WatchPorts, run: WatchRun, identity: str
) -> WatchRecord:
    """Look, keep what was found and what is to be told, and tell it."""
    now, started = ports.clock.now(), time.perf_counter()

    def failed(model: str, error: Exception) -> None:
        run.errors.append((model, error))

    # Kept first: a model whose look kills the function is the last of the next run, not its first.
    record = _put(tell(record, ports.tellers, failed=failed), ports, tried=now.isoformat())
    try:
        look, state = ports.look(deployment, record.state, now)
    except Exception as error:
        _put(record, ports, failure=_failure(record, identity, now, error))
        raise
    report = ""
    said = telling(look, identity=identity, playbooks=ports.playbooks)
    try:
        report = ports.reports.write(identity, look, state, lasting=said is not None)
    except ServeryError as error:
        failed(look.model, error)
    last = look_record(
        look, identity=identity, report=report, seconds=time.perf_counter() - started
    )
    outbox = record.outbox if said is None else [*record.outbox, said]
    record = _put(record, ports, last, state=state, last=last, failure=None, outbox=outbox)
    if not record.outbox:
        return record
    return _put(tell(record, ports.tellers, failed=failed), ports)


def _put(
    record: WatchRecord, ports: WatchPorts, look: LookRecord | None = None, **changes: object
) -> WatchRecord:
    """Write the next revision."""
    changes["revision"] = record.revision + 1
    record = bounded(msgspec.structs.replace(record, **changes))
    ports.store.put(record, look)
    return record


def _failure(record: WatchRecord, look: str, now: datetime, error: Exception) -> LookFailure:
    # The sentence of an error is told only when it is one of ours, which hold no values.
    said = str(error) if isinstance(error, ServeryError) else type(error).__name__
    times = 1 if record.failure is None else record.failure.times + 1
    return LookFailure(look=look, at=now.isoformat(), said=said, times=times)


def _give_back(lease: str, owner: str, ports: WatchPorts, run: WatchRun, model: str) -> None:
    try:
        ports.registry.end_lease(lease, owner)
    except ServeryError as error:  # it ends by itself
        run.errors.append((model, error))
