"""Jobs of one model that go to its model server in one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from servery.domain.jobs import Job

MOST_BYTES = 3_500_000
"""Of bodies in one call; an event of Lambda may have 6 MB."""
MOST_JOBS = 64


@dataclass(frozen=True, slots=True)
class Loaded:
    """A job that this worker has, with its body at hand."""

    job: Job
    body: str

    @property
    def size(self) -> int:
        """Bytes of the body as the caller sent it."""
        return len(self.body) if self.body.isascii() else len(self.body.encode())

    @property
    def weight(self) -> int:
        """Bytes of the body inside an event, where it is a string and every quote takes two."""
        return self.size + sum(self.body.count(character) for character in '"\\\n\r\t')


def grouped(
    jobs: Iterable[Loaded], *, most_bytes: int = MOST_BYTES, most_jobs: int = MOST_JOBS
) -> Iterator[list[Loaded]]:
    """Put jobs of one model together, in their order, up to so many bytes and jobs.

    Jobs are taken from `jobs` as they are needed and not before, so a job is claimed right
    before its call and no more bodies are held than one call has. A body that is larger than
    `most_bytes` goes alone.
    """
    group: list[Loaded] = []
    weight = 0
    for loaded in jobs:
        if group and (weight + loaded.weight > most_bytes or len(group) >= most_jobs):
            yield group
            group, weight = [], 0
        group.append(loaded)
        weight += loaded.weight
        if len(group) >= most_jobs or weight >= most_bytes:
            yield group
            group, weight = [], 0
    if group:
        yield group
