"""One try of a part: its member is asked, and what comes of it is what is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from servery.domain.graph_jobs import (
    MAX_PART_TRIES,
    GraphJob,
    PartResult,
    PartState,
    fan_group,
)
from servery.errors import (
    DeadlineExceededError,
    RejectedError,
    ServeryError,
    UnusableAnswerError,
)
from servery.usecases.graph.asking import MARGIN_SECONDS, GraphAsk, GraphAsker
from servery.usecases.graph.fan_out.asking import plan_of_part
from servery.usecases.graph.fan_out.documents import keep, records_of
from servery.usecases.graph.fan_out.failures import failure_of

if TYPE_CHECKING:
    from servery.ports import Clock, Documents

MOST_RECEIVES = 2 * MAX_PART_TRIES
"""After so many deliveries without a result, whoever asks seems to die of it."""
LOST = "whoever asked it did not come back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try.

    Attributes:
        job: The job.
        part: Which of its parts.
        number: Which try it is, the first being 1.
        seconds: How long it may take.
        writer: What its writing is known by.
        asker: Asks graphs.
        documents: Where large texts are kept.
        clock: The time.
    """

    job: GraphJob
    part: str
    number: int
    seconds: float
    writer: str
    asker: GraphAsker
    documents: Documents
    clock: Clock

    def run(self) -> PartResult | Exception:
        """What the part came to; the error where it is to be tried again."""
        started = time.perf_counter()
        if self.number > MOST_RECEIVES:
            return self._failed(ServeryError(f"{self.part}: {LOST}"), started)
        try:
            found = self._asked()
        except (RejectedError, UnusableAnswerError) as final:
            return self._failed(final, started)
        except Exception as failure:
            last = self.number >= MAX_PART_TRIES
            return self._failed(failure, started) if last else failure
        return msgspec.structs.replace(found, ms=_since(started))

    def _asked(self) -> PartResult:
        job, part = self.job, self.part
        asked = GraphAsk(
            records=records_of(job, self.documents),
            id=None,
            steps=False,
            request_id=job.request_id or job.id,
            seconds=self.seconds + MARGIN_SECONDS,
        )
        outcome = self.asker.ask(plan_of_part(job.record, part), asked)
        if outcome.answer is None:
            raise outcome.error or DeadlineExceededError(part, self.seconds)
        rows = msgspec.json.encode(outcome.answer.predictions)
        text, key = keep(job.id, f"part-{part}", rows, self.documents)
        alone = fan_group(job.spec) is not None
        version = outcome.reports[0].model_version if alone else f"r{job.graph_revision}"
        return msgspec.structs.replace(
            self._result(PartState.DONE),
            model_version=version,
            rows=text,
            rows_key=key,
            partial=not alone and outcome.answer.partial,
            degraded=outcome.answer.degraded,
        )

    def _failed(self, error: Exception, started: float) -> PartResult:
        result = self._result(PartState.FAILED)
        return msgspec.structs.replace(result, ms=_since(started), **failure_of(error, self.part))

    def _result(self, state: PartState) -> PartResult:
        group = fan_group(self.job.spec)
        models = {} if group is None else {m.name: m.model for m in group.members}
        now = self.clock.now().astimezone(UTC)
        return PartResult(
            job=self.job.id,
            part=self.part,
            state=state,
            model=models.get(self.part, self.job.graph),
            arrived=now.isoformat(timespec="microseconds"),
            tries=self.number,
            writer=self.writer,
        )


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
