"""Has claimed jobs answered, together where it goes and alone where it has to be."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from servery.domain.deployment import Deployment
from servery.errors import (
    InvalidInputError,
    NotFoundError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from servery.usecases.jobs.asking import ask
from servery.usecases.jobs.grouping import Loaded
from servery.usecases.jobs.outcomes import Grouped, Worked
from servery.usecases.jobs.settling import Settling, WorkPorts, sentence

RESERVE_SECONDS = 5.0  # kept of the worker's time, for writing down what it was answered
STEP_SECONDS = 5.0  # a client is made for each time-out that is asked for, so these are few
MOST_CALL_SECONDS = 25.0
SOON_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0


class Serving:
    """Serves the groups of one invocation.

    Args:
        ports: What is worked with.
        worked: What becomes of the jobs is noted there.
        receives: How often the message of each job has been received.
        until: When there is no time left, seconds since the epoch.
    """

    def __init__(
        self, ports: WorkPorts, worked: Worked, receives: Mapping[str, int], *, until: float
    ) -> None:
        self._ports = ports
        self._worked = worked
        self._receives = receives
        self._until = until
        self._settling = Settling(ports, worked)

    @property
    def seconds(self) -> float:
        """How long a call may take that begins now; 0 where there is no time for one."""
        left = self._until - self._ports.clock.now().timestamp() - RESERVE_SECONDS
        return max(0.0, min(MOST_CALL_SECONDS, left // STEP_SECONDS * STEP_SECONDS))

    def serve(self, group: Sequence[Loaded]) -> None:
        """Have the claimed jobs of one model answered, and write down what became of each."""
        seconds = self.seconds
        if not seconds:
            self.put_back(group, "its worker had no time left for it", seconds=SOON_SECONDS)
            return
        try:
            deployment = self._ports.deployments.get(group[0].job.model)
        except NotFoundError as error:
            self._refuse(group, error)
            return
        except Exception as error:
            self._worked.errors.append((group[0].job.id, error))
            self.put_back(group, sentence(error))
            return
        if not deployment.policies.routing.active:
            self.put_back(group, f"{deployment.model} is switched off at the moment")
            return
        fitting = self._fitting(group, deployment)
        if fitting:
            self._ask(fitting, seconds)

    def put_back(self, group: Sequence[Loaded], reason: str, *, seconds: float = 0.0) -> None:
        """Nobody was asked, so it is no try; the pause grows with how often that happens."""
        for loaded in group:
            received = self._receives.get(loaded.job.id, 1)
            pause = seconds or min(LONGEST_PAUSE_SECONDS, float(2**received))
            self._settling.again(loaded.job, reason, seconds=pause, tried=False)

    def _refuse(self, group: Sequence[Loaded], error: Exception) -> None:
        for loaded in group:
            self._settling.refuse(loaded, error)

    def _fitting(self, group: Sequence[Loaded], deployment: Deployment) -> list[Loaded]:
        """The jobs that the model takes; a limit may be lower than when they were accepted."""
        most = deployment.limits.max_body_kb * 1000
        for loaded in group:
            if loaded.size > most:
                told = f"the body has {loaded.size} bytes; this model takes {most}"
                self._settling.refuse(loaded, TooLargeError(told))
        return [loaded for loaded in group if loaded.size <= most]

    def _ask(self, group: Sequence[Loaded], seconds: float) -> None:
        began = time.perf_counter()
        self._worked.calls.append(Grouped(group[0].job.model, len(group)))
        try:
            asked = ask(self._ports.deployments, self._ports.servers, group, seconds=seconds)
        except Exception as error:
            self._missed(group, error)
            return
        latency_ms = (time.perf_counter() - began) * 1000
        later: list[Loaded] = []
        for loaded, reply in zip(group, asked.replies, strict=True):
            if reply.deferred and len(group) > 1:
                later.append(loaded)
            else:
                self._settling.reply(loaded, reply, asked, latency_ms)
        for loaded in later:
            self.serve([loaded])

    def _missed(self, group: Sequence[Loaded], error: Exception) -> None:
        """A call came to nothing. A group that may have a bad one in it is asked one by one."""
        if isinstance(error, ThrottledError):
            self.put_back(group, sentence(error))
        elif isinstance(error, (NotFoundError, InvalidInputError)):
            self._refuse(group, error)
        elif len(group) > 1 and not isinstance(error, UnavailableError):
            for loaded in group:
                self.serve([loaded])
        elif isinstance(error, TooLargeError):
            self._refuse(group, error)
        else:
            for loaded in group:
                self._settling.failure(loaded, error)
