"""Which client of AWS a room gets, and how long it waits.

In Lambda, where each cold start counts, what is often asked of the services that speak JSON, of
Lambda and of S3 is asked without boto3; the rest is asked of boto3's clients, made when they are
first used. Everywhere else all are boto3's, which find credentials and addresses wherever an SDK
looks for them. Those without boto3 know of no proxies and of no authorities but the machine's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from servery.wiring.settings import SystemClock, in_lambda, optional_setting, setting
from servery.wiring.snapshots import let_go

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from servery.adapters.container_credentials import ContainerCredentials
    from servery.adapters.kept_addresses import KeptAddresses
    from servery.adapters.kept_connections import KeptConnections
    from servery.adapters.lean_json import LeanJson, Service
    from servery.adapters.lean_lambda import LeanLambda
    from servery.adapters.sigv4 import Credentials

_CREDENTIALS_ADDRESS = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
MOST_CONNECTIONS = 32  # of threads that ask at the same time
_making = threading.RLock()  # boto3's own session is not made for threads


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits, in seconds, and how often it tries in all.

    Attributes:
        connect_s: For a connection; without boto3, Lambda is given two seconds at the most.
        read_s: For an answer.
        attempts: One for no further try.
        connections: That boto3 keeps open; the others keep `MOST_CONNECTIONS` to each address.
    """

    connect_s: float
    read_s: float
    attempts: int
    connections: int = 10

    def config(self) -> Config:
        """The same for boto3."""
        from botocore.config import Config

        return Config(
            connect_timeout=self.connect_s,
            read_timeout=self.read_s,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            max_pool_connections=self.connections,
        )


PATIENT = Patience(connect_s=2, read_s=5, attempts=4)
"""What does not answer is given up after seconds, not a minute."""


def dynamodb(patience: Patience = PATIENT) -> DynamoDBClient:
    """DynamoDB."""
    from servery.adapters.lean_json import DYNAMODB

    return cast("DynamoDBClient", _client(DYNAMODB, "dynamodb", "DYNAMODB", patience))


def sqs(patience: Patience = PATIENT) -> SQSClient:
    """SQS."""
    from servery.adapters.lean_json import SQS

    return cast("SQSClient", _client(SQS, "sqs", "SQS", patience))


def stepfunctions(patience: Patience = PATIENT) -> SFNClient:
    """Step Functions."""
    from servery.adapters.lean_json import STEP_FUNCTIONS

    return cast("SFNClient", _client(STEP_FUNCTIONS, "stepfunctions", "SFN", patience))


def events(patience: Patience = PATIENT) -> EventBridgeClient:
    """EventBridge."""
    from servery.adapters.lean_json import EVENTS

    return cast("EventBridgeClient", _client(EVENTS, "events", "EVENTBRIDGE", patience))


def firehose(patience: Patience = PATIENT) -> FirehoseClient:
    """Firehose."""
    from servery.adapters.lean_json import FIREHOSE

    return cast("FirehoseClient", _client(FIREHOSE, "firehose", "FIREHOSE", patience))


def functions(patience: Patience = PATIENT) -> LambdaClient:
    """Lambda, as far as invoking and telling the state of a function go."""
    if not in_lambda():
        return cast("LambdaClient", sdk("lambda", patience))
    from servery.adapters.standard_retries import StandardRetries

    retries = StandardRetries(patience.attempts)
    return cast("LambdaClient", lean_lambda().within(patience.read_s, retries))


def s3(patience: Patience | None = None) -> S3Client:
    """S3; None for boto3's own patience."""
    return cast("S3Client", _Later(lambda: sdk("s3", patience)))


def objects(patience: Patience) -> S3Client:
    """S3, for objects that are read and written whole; what else is asked, boto3 is asked."""
    if not in_lambda():
        return s3(patience)
    from servery.adapters.lean_s3 import LeanS3
    from servery.adapters.standard_retries import StandardRetries

    rest = s3(patience)
    client = LeanS3(
        endpoint=endpoint("S3"),
        region=region(),
        credentials=credentials,
        connections=connections,
        clock=SystemClock(),
        connect_s=patience.connect_s,
        read_s=patience.read_s,
        retries=StandardRetries(patience.attempts),
        rest=lambda: rest,
        trace=trace,
    )
    return cast("S3Client", client)


def sns(patience: Patience = PATIENT) -> SNSClient:
    """SNS."""
    return cast("SNSClient", _Later(lambda: sdk("sns", patience)))


class _Later:
    """A client of boto3 that is made when it is first asked for something."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever boto3 has
        if self._made is None:
            with _making:
                self._made = self._made or self._make()
        return getattr(self._made, name)


def _client(service: Service, name: str, variable: str, patience: Patience) -> object:
    return _lean(service, variable, patience) if in_lambda() else sdk(name, patience)


def sdk(service: str, patience: Patience | None = None) -> Any:  # noqa: ANN401 - any of them
    """A client of boto3, for what no other does; None for boto3's own patience."""
    import boto3

    make: Callable[..., Any] = boto3.client
    with _making:
        return make(service, config=patience.config() if patience else None)


def _lean(service: Service, variable: str, patience: Patience) -> LeanJson:
    from servery.adapters.lean_json import LeanJson
    from servery.adapters.standard_retries import StandardRetries

    return LeanJson(
        service=service,
        connections=connections(address(service.name, variable)),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        connect_s=patience.connect_s,
        read_s=patience.read_s,
        retries=StandardRetries(patience.attempts),
        trace=trace,
    )


def lean_lambda() -> LeanLambda:
    """Lambda without boto3, wherever it is asked."""
    from servery.adapters.lean_lambda import LeanLambda

    return LeanLambda(
        connections=connections(address("lambda", "LAMBDA")),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        trace=trace,
    )


def connections(address: str) -> KeptConnections:
    """The connections to an address, which all clients without boto3 share."""
    return addresses().to(address)


@cache
def addresses() -> KeptAddresses:
    """Whoever is asked without boto3."""
    from servery.adapters.kept_addresses import KeptAddresses

    made = KeptAddresses(connections=MOST_CONNECTIONS)
    let_go(made.clear)
    return made


def credentials() -> Credentials:
    """Who asks, without an SDK; read anew for each request.

    Raises:
        FaultError: nobody has told.
        UnavailableError: with SnapStart: those who tell do not answer now.
    """
    from servery.adapters.sigv4 import Credentials

    key = optional_setting("AWS_ACCESS_KEY_ID")
    if not key and optional_setting(_CREDENTIALS_ADDRESS):
        return container_credentials().get()
    return Credentials(
        key or setting("AWS_ACCESS_KEY_ID"),
        setting("AWS_SECRET_ACCESS_KEY"),
        optional_setting("AWS_SESSION_TOKEN"),
    )


@cache
def container_credentials() -> ContainerCredentials:
    """Who asks, where SnapStart leaves the keys out of the environment."""
    from servery.adapters.container_credentials import ContainerCredentials

    token = optional_setting("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    return ContainerCredentials(setting(_CREDENTIALS_ADDRESS), token, SystemClock())


let_go(container_credentials.cache_clear)


def trace() -> str:
    """The trace that the request at hand belongs to."""
    return optional_setting("_X_AMZN_TRACE_ID")


def region() -> str:
    """Where everything is."""
    return optional_setting("AWS_REGION") or setting("AWS_DEFAULT_REGION")


def endpoint(service: str) -> str:
    """Address of a service of another cloud than AWS's; empty for AWS's own."""
    of_service = optional_setting(f"AWS_ENDPOINT_URL_{service}")
    return of_service or optional_setting("AWS_ENDPOINT_URL")


def address(service: str, variable: str) -> str:
    """Where a service is, without an SDK to ask.

    Args:
        service: As in the addresses of AWS.
        variable: As in the variables that set another one.
    """
    place = region()
    ending = "amazonaws.com.cn" if place.startswith("cn-") else "amazonaws.com"
    return (endpoint(variable) or f"https://{service}.{place}.{ending}").rstrip("/")
