"""On which cloud an instance is: said with the first `up`, and remembered until `down`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devkit import kinds
from devkit.errors import DevkitError, UsageError
from devkit.instances import AWS, read_record, write_record
from devkit.kinds import LOCALSTACK, MINISTACK
from devkit.target import LOCAL_STACK

if TYPE_CHECKING:
    from devkit.instances import Instance

DEFAULT = "demo"


@dataclass(frozen=True)
class Choice:
    """Where an instance is.

    Attributes:
        cloud: ministack, localstack or aws.
        endpoint: Of a LocalStack that somebody else runs; None where the cloud is our own or AWS.
        stack: Name of the stack.
    """

    cloud: str = MINISTACK.name
    endpoint: str | None = None
    stack: str = LOCAL_STACK

    @property
    def started_here(self) -> bool:
        """Whether the cloud is a process of the instance's own."""
        return self.cloud != AWS and self.endpoint is None


@dataclass(frozen=True)
class Wish:
    """What the command line said; None where it said nothing."""

    cloud: str | None = None
    endpoint: str | None = None
    stack: str | None = None

    def default_instance(self) -> str:
        """The name of an instance that was not named: `demo`, or the cloud where it is no other."""
        cloud = self.cloud or (LOCALSTACK.name if self.endpoint else MINISTACK.name)
        return DEFAULT if cloud == MINISTACK.name else cloud


def decide(instance: Instance, wish: Wish) -> Choice:
    """Where the instance is or will be.

    Raises:
        UsageError: the wish contradicts itself.
        DevkitError: the instance is on another cloud.
    """
    known = remembered(instance)
    wanted = _filled(wish, known or _first(instance, wish))
    if wanted.cloud != AWS:
        kinds.kind(wanted.cloud)
    if wanted.endpoint is not None:
        _check_endpoint(wanted)
    elif wanted.cloud != AWS and wish.stack not in (None, LOCAL_STACK):
        raise UsageError(
            "--stack is for AWS and for --endpoint: a local cloud has one stack.",
            "Use --instance NAME for another local cloud.",
        )
    if known is not None and wanted != known:
        raise DevkitError(
            f"The instance {instance.name} is on {_words(known)}.",
            f"Stop it first: servery down --instance {instance.name}; or choose another --instance",
        )
    return wanted


def remembered(instance: Instance) -> Choice | None:
    """Where the instance is; None where there is nothing of it."""
    record = read_record(instance.choice_record)
    try:
        return None if record is None else Choice(**record)
    except TypeError:
        return None


def remember(instance: Instance, choice: Choice) -> None:
    """Write down where the instance is."""
    write_record(instance.choice_record, asdict(choice))


def _first(instance: Instance, wish: Wish) -> Choice:
    if wish.endpoint is not None:
        return Choice(LOCALSTACK.name)
    return Choice(AWS if instance.name == AWS else MINISTACK.name)


def _filled(wish: Wish, known: Choice) -> Choice:
    endpoint = wish.endpoint.rstrip("/") if wish.endpoint else known.endpoint
    return Choice(wish.cloud or known.cloud, endpoint, wish.stack or known.stack)


def _check_endpoint(wanted: Choice) -> None:
    parts = urlsplit(wanted.endpoint or "")
    if wanted.cloud != LOCALSTACK.name:
        raise UsageError(
            "--endpoint is the address of a LocalStack.", "Leave --cloud out, or say localstack."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise UsageError(
            f"{wanted.endpoint!r} is no address of a LocalStack.",
            "For example: --endpoint http://localhost:4566",
        )


def _words(choice: Choice) -> str:
    where = f" at {choice.endpoint}" if choice.endpoint else ""
    return f"{choice.cloud}{where}, stack {choice.stack}"
