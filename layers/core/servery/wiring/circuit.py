"""What refuses requests before they reach a model server: limits that processes share, breakers.

Nothing of it is made, or imported, before a policy asks for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import lean_dynamodb
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, setting, table_patience

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.ports import Breaker
    from servery.usecases.gateway.admitting import Admissions

_OWNER_BYTES = 4
_SECONDS = 0.2  # for the state of a breaker


@cache
def admissions() -> Admissions:
    """Rate and concurrency, over all processes."""
    import secrets
    import time

    from servery.adapters.dynamodb_limits import SECONDS, DynamoDbPlaces, DynamoDbTokens
    from servery.adapters.lease_keeper import LeaseKeeper
    from servery.usecases.gateway.admitting import Admissions

    table, seconds = setting("LIMITS_TABLE"), SECONDS * table_patience()
    return Admissions(
        DynamoDbTokens(lean_dynamodb(), table, seconds=seconds),
        DynamoDbPlaces(lean_dynamodb(), table, seconds=seconds),
        LeaseKeeper(),
        SystemClock(),
        owner=secrets.token_hex(_OWNER_BYTES),
        tell=_tell,
        sleep=time.sleep,
    )


@cache
def breaker() -> Breaker:
    """What stops asking a server that keeps failing."""
    from servery.adapters.powertools_breaker import PowertoolsBreaker

    return PowertoolsBreaker(_client(), setting("LIMITS_TABLE"), _tell)


def settle_limits(seconds: float) -> None:
    """Give back what others need more; for `after_response`."""
    del seconds  # a call or two, each of a tenth of a second at the most
    if admissions.cache_info().currsize:
        admissions().settle()


def _tell(what: str) -> None:
    from servery.edge.telemetry import emit

    emit(setting("POWERTOOLS_SERVICE_NAME"), {what: (1, "Count")})


@cache
def _client() -> DynamoDBClient:
    seconds = _SECONDS * table_patience()
    patience = Patience(connect_s=seconds, read_s=seconds, attempts=1)
    client: DynamoDBClient = clients.sdk("dynamodb", patience)  # Powertools asks more of it
    return client
