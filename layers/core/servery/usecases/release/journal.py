"""What a release is given, and the record that it writes while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.release_records import ReleaseState
from servery.domain.releases import LEASE_SECONDS, did, ended, release_lease
from servery.errors import ConflictError

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.ports import (
        Clock,
        ModelServers,
        ObjectStore,
        Registry,
        ReleaseSignals,
        ServerPublisher,
    )

FIRST_STEP = "begin"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPorts:
    """What every state of a release works with.

    Attributes:
        registry: Versions, deployments, leases and the record of the release.
        objects: The artifacts bucket.
        signals: What is said to the release from outside.
        clock: The time.
        pause: Waits so many seconds.
    """

    registry: Registry
    objects: ObjectStore
    signals: ReleaseSignals
    clock: Clock
    pause: Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePorts(RecordPorts):
    """What a state works with that makes or removes model servers.

    Attributes:
        publisher: Makes and removes model servers.
        servers: Calls them.
    """

    publisher: ServerPublisher
    servers: ModelServers


class Journal:
    """The record of a running release; every step written is a sign of life.

    Args:
        ports: What the release works with.
        record: As it stands in the registry.
    """

    def __init__(self, ports: RecordPorts, record: ReleaseRecord) -> None:
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

    def check_wanted(self) -> None:
        """Go on only as long as nobody has asked the release to stop.

        Raises:
            ConflictError: somebody has; the sentence says why.
        """
        reason = self._ports.signals.abort_reason(self.record.model, self.record.id)
        if reason:
            raise ConflictError(f"it was stopped: {reason}")

    def did(self, name: str, detail: str = "", **known: Any) -> None:  # noqa: ANN401 - fields of the record
        """Write one more step, and fields of the record that are known now.

        Raises:
            ConflictError: the release lost its lease, or has been ended by somebody else.
        """
        self.take_lease()
        record = did(self.record, name, now=self._ports.clock.now(), detail=detail)
        self._write(msgspec.structs.replace(record, **known))

    def lives(self, **known: Any) -> None:  # noqa: ANN401 - fields of the record
        """Give a sign of life without a step."""
        self.take_lease()
        now = self._ports.clock.now().isoformat()
        self._write(msgspec.structs.replace(self.record, alive=now, **known))

    def wait(self, **known: Any) -> None:  # noqa: ANN401 - fields of the record
        """Write that the release waits for a person, who may take days: others may go first."""
        # In this order: who sees that it waits may approve it, and takes the lease for it anew.
        self._give_back()
        self._write(msgspec.structs.replace(self.record, state=ReleaseState.WAITING, **known))

    def end(self, reason: str = "", state: ReleaseState | None = None) -> None:
        """Write how the release ended and give the lease back.

        Args:
            reason: Why it did not come to its end; it failed then, unless a state says more.
            state: How it ended, where that is not failed.
        """
        record = ended(self.record, now=self._ports.clock.now(), reason=reason)
        if state is not None:
            record = msgspec.structs.replace(record, state=state)
        self._write(record)
        self._give_back()

    def close(self, reason: str, state: ReleaseState) -> None:
        """Write how the release ended, where another has its lease; nothing where it has ended."""
        with suppress(ConflictError):
            self.end(reason, state)

    def _give_back(self) -> None:
        self._ports.registry.end_lease(release_lease(self.record.model), self.record.id)

    def _write(self, record: ReleaseRecord) -> None:
        try:
            self._ports.registry.put_release(record)
        except ConflictError:
            # It has been ended meanwhile: the lease that was renewed just now is nobody's.
            self._give_back()
            raise
        self.record = record
