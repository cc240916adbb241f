"""Queues of releases and of trainings that only remember."""

from __future__ import annotations

from servery.domain.release_records import ReleaseRecord
from servery.errors import ConflictError


class MemoryReleaseQueue:
    """Remembers what was started, each release once; raises `failure` instead when there is one."""

    def __init__(self) -> None:
        self.started: list[ReleaseRecord] = []
        self.failure: Exception | None = None

    def start(self, record: ReleaseRecord) -> None:
        if self.failure is not None:
            raise self.failure
        if any(known.id == record.id for known in self.started):
            raise ConflictError(f"there is a release {record.id} already")
        self.started.append(record)


class MemoryTrainingQueue:
    """Remembers what was started, each name once."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, object]] = {}

    def start(self, training_id: str, event: dict[str, object]) -> None:
        if training_id in self.started:
            raise ConflictError(f"there is a training {training_id} already")
        self.started[training_id] = event
