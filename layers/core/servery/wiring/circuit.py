"""What refuses requests before they reach a model server: limits that processes share, breakers.

Nothing of it is made, or imported, before a policy asks for it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import patience
from servery.wiring.settings import SystemClock, setting

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_dynamodb import DynamoDBClient

    from servery.adapters.lean_dynamodb import LeanDynamoDb
    from servery.ports import Breaker
    from servery.usecases.gateway.admitting import Admissions

_OWNER_BYTES = 4


@cache
def admissions() -> Admissions:
    """Rate and concurrency, over all processes."""
    import secrets
    import time

    from servery.adapters.dynamodb_limits import DynamoDbPlaces, DynamoDbTokens
    from servery.adapters.lease_keeper import LeaseKeeper
    from servery.usecases.gateway.admitting import Admissions

    table = setting("LIMITS_TABLE")
    return Admissions(
        DynamoDbTokens(_api(), table),
        DynamoDbPlaces(_api(), table),
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
def _session() -> boto3.Session:
    import boto3

    return boto3.Session()


@cache
def _client() -> DynamoDBClient:
    return _session().client("dynamodb", config=patience(connect_s=0.2, read_s=0.2, attempts=1))


@cache
def _api() -> LeanDynamoDb:
    import urllib3
    from botocore.httpsession import get_cert_path

    from servery.adapters.lean_dynamodb import LeanDynamoDb
    from servery.adapters.sigv4 import Credentials
    from servery.errors import FaultError

    known = _client().meta  # where it is, by all the rules of botocore
    source = _session().get_credentials()

    def credentials() -> Credentials:
        if source is None:
            raise FaultError("this function has no credentials")
        who = source.get_frozen_credentials()
        return Credentials(who.access_key or "", who.secret_key or "", who.token or "")

    return LeanDynamoDb(
        region=known.region_name,
        credentials=credentials,
        clock=SystemClock(),
        pool=urllib3.PoolManager(ca_certs=get_cert_path(verify=True)),
        endpoint=known.endpoint_url.rstrip("/"),
    )
