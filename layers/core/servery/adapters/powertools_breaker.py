"""The breaker around model servers: Powertools' circuit breaker, its state in DynamoDB.

Failures are counted in each process, and what they lead to is shared: a process that has seen
so many in a row opens the breaker for all of them, which know it within two seconds. After the
time that it stays open one process tries the server, until that has gone well so often in a row.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.utilities.circuit_breaker import (
    CircuitBreakerConfig,
    CircuitBreakerOpenError,
    CircuitState,
    CircuitTransition,
    circuit_breaker,
)
from aws_lambda_powertools.utilities.circuit_breaker.persistence import (
    CircuitBreakerDynamoDBPersistence,
    CircuitStateRecord,
)

from servery.errors import FaultError, RefusedError, RejectedError, ThrottledError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.domain.deployment import Deployment, Served
    from servery.domain.policies import BreakerPolicy

T = TypeVar("T")
Tell = Callable[[str], None]

KNOWN_SECONDS = 2
"""How long a process goes by what it knows of a breaker."""
AWAY_SECONDS = 5.0
"""How long a table that failed is not asked again; breakers are closed meanwhile."""

BREAKER_ERRORS = "BreakerErrors"
TOLD = {
    CircuitState.OPEN: "BreakerOpened",
    CircuitState.HALF_OPEN: "BreakerTried",
    CircuitState.CLOSED: "BreakerClosed",
}
_NO_FAILURES = (RejectedError, RefusedError, ThrottledError)


class _Records(CircuitBreakerDynamoDBPersistence):
    """Powertools' records in DynamoDB; a table that failed is left alone for a while."""

    def __init__(self, client: DynamoDBClient, table: str, tell: Tell) -> None:
        super().__init__(table, key_attr="pk", expiry_attr="expires_at", boto3_client=client)
        self._tell = tell
        self._away_until = 0.0

    def _get_record(self, name: str) -> CircuitStateRecord | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            return super()._get_record(name)
        except Exception:
            self._away_until = time.monotonic() + AWAY_SECONDS
            self._tell(BREAKER_ERRORS)
            return None


class PowertoolsBreaker:
    """Stops asking a server that keeps failing.

    Args:
        client: Client of DynamoDB, which should not wait long.
        table: Name of the table.
        tell: Told the name of each thing that is counted.
    """

    def __init__(self, client: DynamoDBClient, table: str, tell: Tell) -> None:
        self._records = _Records(client, table, tell)
        self._tell = tell

    def check(self, deployment: Deployment, served: Served) -> None:
        """Refuse before anything is taken for the request; `RefusedError` (`breaker`)."""
        policy = _policy(deployment)
        name = _name(deployment, served)
        self._records.configure(_config(policy), name)
        record = self._records.get_state(name)
        now = int(time.time())
        if record.state == CircuitState.OPEN:
            left = (record.opened_at or 0) + policy.open_s - now
        elif record.state == CircuitState.HALF_OPEN and not _ours(record):
            left = (record.probe_lease_expiry or 0) - now
        else:
            return
        if left > 0:
            raise _refused(policy, left)

    def call(self, deployment: Deployment, served: Served, ask: Callable[[], T]) -> T:
        """Ask, and count how it went.

        What `ask` raises passes. A `RejectedError`, a `RefusedError`, and that the platform takes
        no more, are no failures; every other error is one.

        Raises:
            RefusedError: it is open (`breaker`).
        """
        policy = _policy(deployment)
        guarded = circuit_breaker(
            _name(deployment, served),
            self._records,
            on_transition=self._changed,
            config=_config(policy),
        )(_named(ask))
        try:
            answer: T = guarded()
        except CircuitBreakerOpenError as error:
            raise _refused(policy, 1) from error
        return answer

    def _changed(self, transition: CircuitTransition) -> None:
        self._tell(TOLD[transition.to_state])


def _named(ask: Callable[[], T]) -> Callable[[], T]:
    def asking() -> T:
        return ask()

    return asking


@cache
def _config(policy: BreakerPolicy) -> CircuitBreakerConfig:
    return CircuitBreakerConfig(
        failure_threshold=policy.failures,
        recovery_timeout=policy.open_s,
        success_threshold=policy.successes,
        ignored_exceptions=_NO_FAILURES,
        local_cache_max_age=KNOWN_SECONDS,
    )


def _policy(deployment: Deployment) -> BreakerPolicy:
    circuit = deployment.policies.circuit
    if circuit is None or circuit.breaker is None:
        raise FaultError("the deployment has no breaker")
    return circuit.breaker


def _name(deployment: Deployment, served: Served) -> str:
    return f"breaker#{deployment.model}@{served.server.function}"


def _ours(record: CircuitStateRecord) -> bool:
    """Whether it is this process that tries the server."""
    return (record.half_open_owner or "").startswith(f"{os.getpid()}#")


def _refused(policy: BreakerPolicy, seconds: int) -> RefusedError:
    return RefusedError(
        f"the model server failed {policy.failures} times in a row, and is left alone for "
        f"{policy.open_s} s",
        reason="breaker",
        retry_after=max(1, seconds),
    )
