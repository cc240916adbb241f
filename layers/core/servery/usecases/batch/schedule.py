"""The schedule of a model: the files that are due to be predicted without being dropped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.batches import Source
    from servery.domain.spec import BatchSchedule
    from servery.ports import Files

DAY = "{day}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DATA = ("_", ".")


def period_of(schedule: BatchSchedule, now: datetime) -> str:
    """When the present period began; periods are counted from 1970, as those of trainings."""
    return (now - (now - _EPOCH) % timedelta(hours=schedule.every_hours)).isoformat()


def files_of(schedule: BatchSchedule, now: datetime, files: Files) -> Iterator[Source]:
    """The files in the range of a schedule, the oldest day first.

    Names that begin with `_` or `.` are marks (`_SUCCESS`), not data, and left out.
    """
    bucket, _, place = schedule.source.removeprefix("s3://").partition("/")
    for prefix in _prefixes(place, schedule.days, now):
        for source in files.list(bucket, prefix):
            name = source.key.rsplit("/", 1)[-1]
            if name and not name.startswith(_NO_DATA):
                yield source


def _prefixes(place: str, days: int, now: datetime) -> list[str]:
    """One prefix for each day of the range, up to yesterday; one alone where no day is named."""
    if DAY not in place:
        return [place]
    back = range(days, 0, -1)
    return [place.replace(DAY, f"{now - timedelta(days=n):%Y-%m-%d}") for n in back]
