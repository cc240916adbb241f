"""The lake in memory, which calls somebody before everything that is done to it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Sequence

import msgspec
from servery.domain.lake import CompactionPlan, doubled, has_lines, open_plans


class MemoryLakeFiles:
    """Objects by key.

    Attributes:
        objects: What there is.
        before: Called before every operation; what it raises is as if the process had died.
    """

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.before: Callable[[], None] = lambda: None

    def folders(self, prefix: str) -> Sequence[str]:
        self.before()
        rests = {k[len(prefix) :].partition("/")[0] for k in self.objects if k.startswith(prefix)}
        return sorted(f"{prefix}{rest}/" for rest in rests)

    def sizes(self, prefix: str) -> dict[str, int]:
        self.before()
        return {k: len(v) for k, v in sorted(self.objects.items()) if k.startswith(prefix)}

    def read(self, key: str) -> bytes | None:
        self.before()
        return self.objects.get(key)

    def put(self, key: str, content: bytes) -> None:
        self.before()
        self.objects[key] = content

    def put_new(self, key: str, content: bytes) -> bool:
        self.before()
        return self.objects.setdefault(key, content) is content

    def join(self, key: str, sources: Sequence[str], *, lacking: bool) -> bool:
        parts = []
        for source in sources:
            self.before()
            if source in self.objects:
                parts.append(self.objects[source])
            elif not lacking:
                return False
        self.before()
        self.objects[key] = gzip.compress(b"".join(parts))
        return True

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.before()
            self.objects.pop(key, None)

    def seen(self) -> list[bytes]:
        """All lines, as readers see them that know of plans."""
        read = msgspec.json.Decoder(CompactionPlan).decode
        plans = {key: read(self.objects[key]) for key in open_plans(self.objects)}
        twice = doubled(self.objects, plans)
        return self.lines(key for key in self.objects if key not in twice)

    def lines(self, keys: Iterable[str] | None = None) -> list[bytes]:
        """The lines of objects as they are, of all of them without keys."""
        found = []
        for key in filter(has_lines, self.objects if keys is None else keys):
            content = self.objects[key]
            found += (gzip.decompress(content) if key.endswith(".gz") else content).splitlines()
        return sorted(found)
