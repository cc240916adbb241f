"""Start due: files that a schedule names, and batches that nobody carries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import Batch, BatchOptions, BatchState, batch_id
from servery.domain.spec import Rerun
from servery.errors import ConflictError, NotFoundError, ServeryError, UnavailableError
from servery.usecases.batch.admitting import Admission, admit
from servery.usecases.batch.launching import give_up, launch
from servery.usecases.batch.options import options_of, rules_of
from servery.usecases.batch.schedule import files_of, period_of

if TYPE_CHECKING:
    from servery.domain.batches import Source
    from servery.domain.records import ModelRecord
    from servery.usecases.batch.start import StartPorts

LOST = "its execution ended without a word, as one that somebody stopped or that took too long"
_AT_ONCE = 100


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """The event of the schedule; nothing of it is read."""


class StartedDue(msgspec.Struct, frozen=True, kw_only=True):
    """What was done now: ids of batches.

    Attributes:
        scheduled: Made because a schedule names their files.
        started: Were queued and are handed to the state machine.
        lost: Have failed, since their executions are over and nobody recorded an end.
    """

    scheduled: list[str]
    started: list[str]
    lost: list[str]


def start_due(ports: StartPorts, *, failed: Callable[[str, ServeryError], None]) -> StartedDue:
    """Look after the schedule of each model, and after its batches that do not get on.

    A schedule is looked after once in each of its periods. A file that was predicted before is
    not predicted again, so a look that breaks off is made again without harm.

    Args:
        ports: What starting works with.
        failed: Is told, for each model that something failed for, why.

    Raises:
        UnavailableError: something failed for these models; the others were looked after.
    """
    done = StartedDue(scheduled=[], started=[], lost=[])
    troubled: list[str] = []
    for model in ports.registry.models():
        try:
            done.scheduled.extend(_look(model, ports))
            _carry_on(model.name, ports, done)
        except ServeryError as error:
            failed(model.name, error)
            troubled.append(model.name)
    if troubled:
        raise UnavailableError(f"not all batches are started of {', '.join(troubled)}")
    return done


def _look(model: ModelRecord, ports: StartPorts) -> Iterator[str]:
    rules, now = rules_of(model), ports.clock.now()
    if rules.schedule is None:
        return
    period = period_of(rules.schedule, now)
    if ports.store.last_look(model.name) == period:
        return
    options = msgspec.structs.replace(options_of({}, rules), rerun=Rerun.NONE)
    for source in files_of(rules.schedule, now, ports.files):
        batch = _scheduled(model.name, source, options, ports)
        if batch is not None:
            yield batch.id
    ports.store.keep_look(model.name, period)


def _scheduled(
    model: str, source: Source, options: BatchOptions, ports: StartPorts
) -> Batch | None:
    """The new batch over a file; None where there is one already."""
    try:
        ports.store.get(batch_id(model, source))
    except NotFoundError:
        pass
    else:
        return None
    wanted = Admission(model=model, source=source, options=options, origin="schedule")
    batch = admit(wanted, store=ports.store, clock=ports.clock)
    if batch.state.final:
        ports.events.publish(batch)
        return None
    return launch(batch, store=ports.store, queue=ports.queue)


def _carry_on(model: str, ports: StartPorts, done: StartedDue) -> None:
    """Start what is queued; end what has no execution any more."""
    for state in (BatchState.QUEUED, BatchState.RUNNING):
        for listed in ports.store.page(model, state, limit=_AT_ONCE, before=""):
            over = bool(listed.execution) and ports.queue.ended(listed)
            batch = ports.store.get(listed.id)  # lists may be behind
            if batch.state.final or batch.run != listed.run:
                continue
            try:
                if over:
                    give_up(batch, LOST, store=ports.store, events=ports.events, clock=ports.clock)
                    done.lost.append(batch.id)
                elif batch.state is BatchState.QUEUED and batch.id not in done.scheduled:
                    launch(batch, store=ports.store, queue=ports.queue)
                    done.started.append(batch.id)
            except ConflictError:
                continue  # somebody looks after it at this moment
