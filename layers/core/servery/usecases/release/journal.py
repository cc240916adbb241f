"""What a release is given, and the record that it writes while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.releases import LEASE_SECONDS, did, ended, release_lease

if TYPE_CHECKING:
    from servery.domain.records import ReleaseRecord
    from servery.ports import Clock, ModelServers, ObjectStore, Registry, ServerPublisher

FIRST_STEP = "begin"


@dataclass(frozen=True, slots=True)
class ReleasePorts:
    """What a release works with.

    Attributes:
        registry: Versions, deployments, leases and the record of the release.
        objects: The artifacts bucket.
        publisher: Makes and removes model servers.
        servers: Calls them.
        clock: The time.
        pause: Waits so many seconds.
    """

    registry: Registry
    objects: ObjectStore
    publisher: ServerPublisher
    servers: ModelServers
    clock: Clock
    pause: Callable[[float], None]


class Journal:
    """The record of a running release; every step written is a sign of life.

    Args:
        ports: What the release works with.
        record: As it stands in the registry.
    """

    def __init__(self, ports: ReleasePorts, record: ReleaseRecord) -> None:
        self._ports = ports
        self.record = record

    @property
    def attempts(self) -> int:
        """How many times the release has been begun."""
        return sum(step.name == FIRST_STEP for step in self.record.steps)

    @property
    def reason(self) -> str:
        """What the deployment says of a change that this release made."""
        return f"{self.record.kind} {self.record.id}"

    def take_lease(self) -> None:
        """Take or renew the lease on the deployment; `ConflictError` where another has it."""
        self._ports.registry.take_lease(
            release_lease(self.record.model), self.record.id, seconds=LEASE_SECONDS
        )

    def did(self, name: str, detail: str = "", **known: str) -> None:
        """Write one more step, and fields of the record that are known now.

        Raises:
            ConflictError: the release lost its lease, or has been ended by somebody else.
        """
        self.take_lease()
        record = did(self.record, name, now=self._ports.clock.now(), detail=detail)
        self._write(msgspec.structs.replace(record, **known))

    def end(self, reason: str = "") -> None:
        """Write how the release ended (a reason means that it failed) and give the lease back."""
        self._write(ended(self.record, now=self._ports.clock.now(), reason=reason))
        self._ports.registry.end_lease(release_lease(self.record.model), self.record.id)

    def _write(self, record: ReleaseRecord) -> None:
        self._ports.registry.put_release(record)
        self.record = record
