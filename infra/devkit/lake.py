"""The lake as reports read it: lines by table, model and day, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devkit.deployments import Deployed

T = TypeVar("T")


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
        from servery.adapters.lake_objects import LakeObjects  # noqa: PLC0415 - only where needed

        lines = LakeObjects(self.client, self.bucket).days(table, model, days)
        return map(msgspec.json.Decoder(kind).decode, lines)


def of(deployed: Deployed) -> Lake:
    """The lake of a stack."""
    return Lake(deployed.target.client("s3"), deployed.outputs["LakeBucketName"])


def last_days(count: int, now: datetime | None = None) -> list[str]:
    """The last days, today included, the oldest first; UTC, as the lake has them."""
    today = (now or datetime.now(UTC)).date()
    return [(today - timedelta(days=back)).isoformat() for back in reversed(range(count))]
