"""Carries out one part of a job: asks its member, and keeps the answer once.

A message may come late, twice, or to two workers at once, and a worker may die at any line. What
a part came to is written once; whoever wrote it tells of it. Where that worker died before it
told, the message comes back and whoever has it then tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from servery.domain.graph_jobs import (
    PART_PAUSE_BASE,
    GraphJob,
    PartMessage,
    PartResult,
    parts_of,
)
from servery.errors import NotFoundError
from servery.usecases.graph.asking import GraphAsker
from servery.usecases.graph.fan_out.documents import use_types_once
from servery.usecases.graph.fan_out.settling import GraphSettlePorts, Settled, settle
from servery.usecases.graph.fan_out.trying import Try

if TYPE_CHECKING:
    from servery.ports.crew import Crew

LEAST_SECONDS = 1.0
"""With less than this left, a part is not begun."""
RESERVE_SECONDS = 2.0  # for writing down what was answered
SOON_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
TOLD_SECONDS = 15.0
"""Whoever has written what a part came to has told of it by then, or has died."""


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
        error: Why it comes back, where something went wrong.
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
    use_types_once()
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
        result = self._try(job)
        if isinstance(result, Exception):
            return Answered(back=_pause(self._receives), error=result)
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

    def _try(self, job: GraphJob) -> PartResult | Exception:
        ports = self._settling
        return Try(
            job=job,
            part=self._message.part,
            number=self._receives,
            seconds=self._seconds - RESERVE_SECONDS,
            writer=self._ports.entropy(),
            asker=self._ports.asker,
            documents=ports.documents,
            clock=ports.clock,
        ).run()


def _pause(receives: int) -> float:
    return min(LONGEST_PAUSE_SECONDS, PART_PAUSE_BASE**receives)
