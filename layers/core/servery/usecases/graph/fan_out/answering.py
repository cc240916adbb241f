"""Carries out one part of a job: asks its member, and keeps the answer once.

A message may come late, twice, or to two workers at once, and a worker may die at any line. What
a part came to is written once; whoever wrote it tells of it. Where that worker died before it
told, the message comes back and whoever has it then tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.graph_jobs import (
    MAX_PART_TRIES,
    PART_PAUSE_BASE,
    GraphJob,
    PartMessage,
    PartResult,
    PartState,
    fan_group,
    parts_of,
)
from servery.errors import DeadlineExceededError, NotFoundError, RejectedError, ServeryError
from servery.usecases.graph.asking import MARGIN_SECONDS, GraphAsk, GraphAsker
from servery.usecases.graph.fan_out.asking import plan_of_part
from servery.usecases.graph.fan_out.documents import keep, records_of
from servery.usecases.graph.fan_out.failures import failure_of
from servery.usecases.graph.fan_out.settling import GraphSettlePorts, Settled, settle

if TYPE_CHECKING:
    from servery.ports.crew import Crew

LEAST_SECONDS = 1.0
"""With less than this left, a part is not begun."""
RESERVE_SECONDS = 2.0  # for writing down what was answered
SOON_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
TOLD_SECONDS = 15.0
"""Whoever has written what a part came to has told of it by then, or has died."""
MOST_RECEIVES = 2 * MAX_PART_TRIES
"""After so many deliveries without a result, whoever asks seems to die of it."""

LOST = "whoever asked it did not come back"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphAnswerPorts:
    """What carrying out a part works with.

    Attributes:
        settling: What ending a job works with.
        asker: Asks graphs.
        entropy: Random hexadecimal digits, to know one's own writing by.
    """

    settling: GraphSettlePorts
    asker: GraphAsker
    entropy: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a message.

    Attributes:
        back: Seconds after which it has to come back; None where it is done with.
        result: What its part came to, if that was written here.
        settled: What became of its job, if that was looked at.
        error: What went wrong on our side.
    """

    back: float | None = None
    result: PartResult | None = None
    settled: Settled | None = None
    error: Exception | None = None


def answer(
    message: PartMessage, ports: GraphAnswerPorts, *, receives: int, seconds: float
) -> Answered:
    """Carry out the part that a message names, and end its job if that was the last one.

    Args:
        message: Which part.
        ports: What is worked with.
        receives: How often the message was delivered, this time included.
        seconds: How long there is.
    """
    try:
        return _Part(message, ports, receives, seconds).carry_out()
    except NotFoundError:  # its time is over, or it never was
        return Answered()
    except Exception as error:
        return Answered(back=_pause(receives), error=error)


def answer_all(
    messages: Mapping[PartMessage, int],
    ports: GraphAnswerPorts,
    crew: Crew,
    *,
    seconds: float,
) -> dict[PartMessage, Answered]:
    """Carry out several parts at the same time; what is not over in time comes back.

    Args:
        messages: Which parts, and how often each message was delivered.
        ports: What is worked with.
        crew: Who does it.
        seconds: How long there is.
    """
    until = crew.now() + seconds
    found: dict[PartMessage, Answered] = {}
    by_ticket = {f"{m.job}/{m.part}/{m.slot}": m for m in messages}
    for ticket, message in by_ticket.items():
        crew.start(ticket, _job(message, ports, messages[message], until, crew))
    while len(found) < len(by_ticket):
        done = crew.next(until)
        if done is None:
            break
        found[by_ticket[done.ticket]] = done.result or Answered(back=SOON_SECONDS, error=done.error)
    return {message: found.get(message, Answered(back=SOON_SECONDS)) for message in messages}


def _job(
    message: PartMessage, ports: GraphAnswerPorts, receives: int, until: float, crew: Crew
) -> Callable[[], Any]:
    return lambda: answer(message, ports, receives=receives, seconds=until - crew.now())


class _Part:
    """One delivery of one part."""

    def __init__(
        self, message: PartMessage, ports: GraphAnswerPorts, receives: int, seconds: float
    ) -> None:
        self._message = message
        self._ports = ports
        self._settling = ports.settling
        self._receives = receives
        self._seconds = seconds

    def carry_out(self) -> Answered:
        """Ask, unless it is known what the part came to; then tell, and look at the job."""
        store, part = self._settling.store, self._message.part
        job = store.get(self._message.job)
        if part not in parts_of(job.spec):
            raise NotFoundError(f"the job has no part {part}")
        known = store.result(job.id, part)
        if known is not None:
            return self._again(job, known)
        if self._seconds < LEAST_SECONDS + RESERVE_SECONDS:
            return Answered(back=SOON_SECONDS)
        result = self._ask(job)
        if result is None:
            return Answered(back=_pause(self._receives))
        kept = store.add_result(result, expires=job.expires)
        if kept != result:  # somebody was quicker, and tells of it
            return Answered(settled=settle(job.id, self._settling))
        self._tell(store.get(job.id), result)  # as it is now, it says whether this is late
        return Answered(result=result, settled=settle(job.id, self._settling))

    def _again(self, job: GraphJob, known: PartResult) -> Answered:
        """It is known already; where nobody tells of it, whoever wrote it has died."""
        settled = settle(job.id, self._settling)
        if not known.told:
            now = self._settling.clock.now()
            age = (now - datetime.fromisoformat(known.arrived)).total_seconds()
            if age < TOLD_SECONDS:
                return Answered(back=TOLD_SECONDS - age, settled=settled)
            self._tell(settled.job, known)
        return Answered(settled=settled)

    def _tell(self, job: GraphJob, result: PartResult) -> None:
        self._settling.events.answered(job, result)
        self._settling.store.mark_told(result)

    def _ask(self, job: GraphJob) -> PartResult | None:
        """What the part came to; None where it is to be tried again."""
        started = time.perf_counter()
        if self._receives > MOST_RECEIVES:
            error: Exception = ServeryError(f"{self._message.part}: {LOST}")
            return self._failed(job, error, 0.0)
        try:
            found = self._asked(job)
        except RejectedError as refusal:
            return self._failed(job, refusal, _since(started))
        except Exception as failure:
            if self._receives < MAX_PART_TRIES:
                return None
            return self._failed(job, failure, _since(started))
        return msgspec.structs.replace(found, ms=_since(started))

    def _asked(self, job: GraphJob) -> PartResult:
        part, documents = self._message.part, self._settling.documents
        plan = plan_of_part(job.record, part)
        asked = GraphAsk(
            records=records_of(job, documents),
            id=None,
            steps=False,
            request_id=job.request_id or job.id,
            seconds=self._seconds - RESERVE_SECONDS + MARGIN_SECONDS,
        )
        outcome = self._ports.asker.ask(plan, asked)
        if outcome.answer is None:
            raise outcome.error or DeadlineExceededError(part, self._seconds)
        rows = msgspec.json.encode(outcome.answer.predictions)
        text, key = keep(job.id, f"part-{part}", rows, documents)
        alone = fan_group(job.spec) is not None
        version = outcome.reports[0].model_version if alone else f"r{job.graph_revision}"
        return msgspec.structs.replace(
            self._result(job, PartState.DONE),
            model_version=version,
            rows=text,
            rows_key=key,
            partial=not alone and outcome.answer.partial,
            degraded=outcome.answer.degraded,
        )

    def _failed(self, job: GraphJob, error: Exception, ms: float) -> PartResult:
        result = self._result(job, PartState.FAILED)
        return msgspec.structs.replace(result, ms=ms, **failure_of(error, result.part))

    def _result(self, job: GraphJob, state: PartState) -> PartResult:
        group = fan_group(job.spec)
        models = {} if group is None else {m.name: m.model for m in group.members}
        now = self._settling.clock.now().astimezone(UTC)
        return PartResult(
            job=job.id,
            part=self._message.part,
            state=state,
            model=models.get(self._message.part, job.graph),
            arrived=now.isoformat(timespec="microseconds"),
            tries=self._receives,
            writer=self._ports.entropy(),
        )


def _pause(receives: int) -> float:
    return min(LONGEST_PAUSE_SECONDS, PART_PAUSE_BASE**receives)


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
