"""The lake as reports read it: lines by table, model and day, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devkit.deployments import Deployed

LITERAL = "model=!{"
"""How the prefix begins where the cloud's Firehose takes it as it is written."""


class Line(Protocol):
    """What every line of the lake says of itself."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def day(self) -> str:
        """Day of it, `2026-03-01`, UTC."""


T = TypeVar("T", bound=Line)


@dataclass(frozen=True)
class Lake:
    """The bucket.

    Attributes:
        client: Client of S3.
        bucket: Name of it.
    """

    client: Any
    bucket: str

    def read(self, table: str, model: str, days: Sequence[str], kind: type[T]) -> Iterator[T]:
        """The lines of a model and of some days; nothing is kept of what has been read.

        Args:
            table: predictions, labels or comparisons.
            model: Name of the model.
            days: Which days.
            kind: What a line is read as; members that it has not got are passed over.
        """
        decode = msgspec.json.Decoder(kind).decode
        wanted = set(days)
        for prefix in (f"{table}/model={model}/day={day}/" for day in days):
            for line in self._lines(prefix):
                yield decode(line)
        for line in self._lines(f"{table}/{LITERAL}"):
            read = decode(line)
            if read.model == model and read.day in wanted:
                yield read

    def _lines(self, prefix: str) -> Iterator[bytes]:
        from servery.adapters.lake_objects import LakeObjects  # noqa: PLC0415 - only where needed

        objects = LakeObjects(self.client, self.bucket)
        for key in reversed(objects.newest(prefix)):
            for line in objects.lines(key):
                if line.strip():
                    yield line


def of(deployed: Deployed) -> Lake:
    """The lake of a stack."""
    return Lake(deployed.target.client("s3"), deployed.outputs["LakeBucketName"])


def last_days(count: int, now: datetime | None = None) -> list[str]:
    """The last days, today included, the oldest first; UTC, as the lake has them."""
    today = (now or datetime.now(UTC)).date()
    return [(today - timedelta(days=back)).isoformat() for back in reversed(range(count))]
