"""What is deployed, as far as it is known on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import choice, kinds
from devkit.errors import DevkitError
from devkit.instances import AWS, read_record
from devkit.kinds import MINISTACK
from devkit.target import Target

if TYPE_CHECKING:
    from devkit.instances import Instance


@dataclass(frozen=True)
class Deployed:
    """A deployed stack, as a client needs to know it.

    Attributes:
        region: Of the stack.
        endpoint_url: Of the local cloud; None on AWS.
        stack: Name of the stack.
        api_url: Of the API, without a slash at the end.
        web_url: Of the page, with one.
        api_key: What goes into the header x-api-key.
        outputs: Of the stack, as they are.
        buckets: Logical id to name; the other three alike (state machines: ARN).
        tables: See buckets.
        state_machines: See buckets.
        functions: See buckets.
        digest: Of the sources that are deployed.
        cloud: Identity of the local cloud's process, or of the stack at an endpoint; empty on AWS.
        kind: What cloud that is: ministack, localstack or aws.
        roll_pending: Whether serving model servers may still run older code.
        profile: Named credentials it was deployed with (AWS only).
    """

    region: str
    endpoint_url: str | None
    stack: str
    api_url: str
    web_url: str
    api_key: str
    outputs: dict[str, str]
    buckets: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    state_machines: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    cloud: str = ""
    roll_pending: bool = False
    profile: str | None = None
    kind: str = MINISTACK.name

    @property
    def target(self) -> Target:
        """Where it is."""
        return Target(self.region, self.endpoint_url, self.stack, self.profile)

    @property
    def page(self) -> str:
        """Address of the page with what it needs in the fragment, which no server ever sees.

        On AWS the page knows the address of the API by itself.
        """
        where = f"&api={quote(self.api_url, safe=':/')}" if self.endpoint_url else ""
        return f"{self.web_url}#key={quote(self.api_key)}{where}"

    def as_record(self) -> dict[str, Any]:
        """Plain values, for the instance's record and for machines."""
        return asdict(self)


def recorded(instance: Instance) -> Deployed | None:
    """What was last deployed from here; None where nothing was, or the record is of another age."""
    record = read_record(instance.stack_record)
    try:
        return Deployed(**record) if record is not None else None
    except TypeError:
        return None


def current(instance: Instance) -> Deployed:
    """What is deployed and, where it is on this machine, still running.

    Raises:
        DevkitError: nothing is.
    """
    from devkit import cloud  # noqa: PLC0415 - httpx is not needed to read a record

    known = recorded(instance)
    where = choice.remembered(instance) or choice.Choice(
        AWS if instance.name == AWS else MINISTACK.name
    )
    named = "" if instance.name == choice.DEFAULT else f" --instance {instance.name}"
    if where.cloud == AWS:
        if known is None:
            raise DevkitError("Nothing was deployed to AWS from here.", "Run: servery deploy")
        return known
    if where.endpoint is not None:
        if not cloud.healthy(where.endpoint, kinds.kind(where.cloud)):
            raise DevkitError(f"No LocalStack answers at {where.endpoint}.", "Start it again.")
        if known is None:
            raise DevkitError("Nothing is deployed there.", f"Run: servery up{named}")
        return known
    running = cloud.running(instance)
    if running is None:
        raise DevkitError("The local cloud does not run.", f"Start it: servery up{named}")
    if known is None or known.cloud != running.identity:
        raise DevkitError(
            "The local cloud runs, but nothing is deployed on it.", f"Run: servery up{named}"
        )
    return known
