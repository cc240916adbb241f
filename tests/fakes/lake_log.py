"""The lake in memory: objects of lines, the last written first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from servery.domain.lake import LITERAL, day_prefix


@dataclass
class MemoryLake:
    """Keeps the promises of the port `LakeTables`; objects in the order in which they were written.

    Attributes:
        objects: By key, their lines.
        read: Keys of those that were read, in order.
        asked: The last window that was asked for, by table and model.
        failure: Raised instead of giving lines.
    """

    objects: dict[str, list[bytes]] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    asked: dict[tuple[str, str], tuple[datetime, datetime]] = field(default_factory=dict)
    failure: Exception | None = None

    def put(self, key: str, *lines: Any) -> None:
        """Write an object; what is not bytes is written as JSON."""
        self.objects[key] = [
            line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines
        ]

    def add(self, table: str, **line: Any) -> None:
        """Write a line beside those of its model and day, which is that of its time."""
        line = {"day": line["time"][:10], **line}
        key = f"{day_prefix(table, line['model'], line['day'])}lines"
        self.objects.setdefault(key, []).append(msgspec.json.encode(line))

    def days(self, table: str, model: str, days: Sequence[str]) -> Iterator[bytes]:
        for day in days:
            yield from self._under(day_prefix(table, model, day))
        for content in self._under(f"{table}/{LITERAL}"):
            line = msgspec.json.decode(content)
            if line["model"] == model and line["day"] in days:
                yield content

    def window(self, table: str, model: str, since: datetime, until: datetime) -> Iterator[bytes]:
        self.asked[table, model] = (since, until)
        count = (until.date() - since.date()).days + 1
        days = [str(until.date() - timedelta(days=back)) for back in range(count)]
        return self.days(table, model, days)

    def _under(self, prefix: str) -> Iterator[bytes]:
        if self.failure is not None:
            raise self.failure
        for key in [key for key in reversed(self.objects) if key.startswith(prefix)]:
            self.read.append(key)
            yield from self.objects[key]
