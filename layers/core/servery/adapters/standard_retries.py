"""Which calls of AWS are tried again, and when: botocore's "standard" mode, without botocore.

The codes, the waiting times and the quota are those of `botocore.retries.standard`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from botocore.exceptions import ConnectionError as NotReachedError
from botocore.exceptions import ConnectTimeoutError, HTTPClientError, ReadTimeoutError

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError

NO_ANSWER = (NotReachedError, HTTPClientError)
"""What is raised where there is no answer, and the next try may get one."""
RETRIED_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
RETRIED_STATUSES = frozenset({500, 502, 503, 504})
_QUOTA, _COST, _TIMEOUT_COST, _GAIN = 500, 5, 10, 1
_LONGEST_WAIT = 20.0
_REFUSED = 300


class Answer(Protocol):
    """What came back of a try, whatever else is in it."""

    status: int


A = TypeVar("A", bound=Answer)


@dataclass(slots=True)
class RetryQuota:
    """What the retries of one client may cost, so that they do not make a bad hour worse."""

    left: int = _QUOTA
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, cost: int) -> bool:
        """Pay for a retry; False where too much is spent already."""
        with self._lock:
            if cost > self.left:
                return False
            self.left -= cost
            return True

    def give_back(self, amount: int) -> None:
        """A call succeeded: some of the quota comes back."""
        with self._lock:
            self.left = min(_QUOTA, self.left + amount)


@dataclass(frozen=True, slots=True)
class StandardRetries:
    """How often the calls of one client are tried, and what comes between two tries.

    Attributes:
        attempts: Tries in all.
        quota: What retries may cost.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1, by which a wait is shortened.
    """

    attempts: int
    quota: RetryQuota = field(default_factory=RetryQuota)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def answer(self, send: Callable[[], A], code: Callable[[A], str]) -> tuple[A, int]:
        """Try until there is an answer that is not worth another try.

        Args:
            send: One try; raises what botocore raises where there is no answer.
            code: What the service calls the reason of a refusal.

        Returns:
            The answer, which may be a refusal, and how many tries there were before it.
        """
        call = self.call()
        while True:
            try:
                answer = send()
            except NO_ANSWER as error:
                if not call.after(error):
                    raise
                continue
            if answer.status < _REFUSED:
                call.succeeded()
                return answer, call.tried
            if not call.refused(answer.status, code(answer)):
                return answer, call.tried

    def call(self) -> RetriedCall:
        """What one call goes by."""
        return RetriedCall(self)


@dataclass(slots=True)
class RetriedCall:
    """The tries of one call.

    Attributes:
        retries: What it goes by.
        tried: How many tries failed and were followed by another.
        paid: What the last of those cost.
    """

    retries: StandardRetries
    tried: int = 0
    paid: int = _GAIN

    def after(self, error: BotoCoreError) -> bool:
        """Whether it is tried again after this; if so, it is time to."""
        slow = isinstance(error, (ConnectTimeoutError, ReadTimeoutError))
        return isinstance(error, NO_ANSWER) and self._again(_TIMEOUT_COST if slow else _COST)

    def refused(self, status: int, code: str) -> bool:
        """Whether it is tried again after this answer; if so, it is time to."""
        return (status in RETRIED_STATUSES or code in RETRIED_CODES) and self._again(_COST)

    def succeeded(self) -> None:
        """There is an answer."""
        self.retries.quota.give_back(self.paid)

    def _again(self, cost: int) -> bool:
        if self.tried + 1 >= self.retries.attempts or not self.retries.quota.take(cost):
            return False
        self.retries.sleep(self.retries.jitter() * min(2.0**self.tried, _LONGEST_WAIT))
        self.tried += 1
        self.paid = cost
        return True
