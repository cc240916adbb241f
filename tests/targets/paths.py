"""Paths of keys in a mapping, positions in lists left out."""

from __future__ import annotations

from dataclasses import dataclass, field

Keys = tuple[str, ...]


@dataclass
class Reads:
    """Paths that are read, and paths that are handed on with all that lies below them."""

    read: set[Keys] = field(default_factory=set)
    whole: set[Keys] = field(default_factory=set)

    def covers(self, path: Keys) -> bool:
        """Whether a path is read; the first letter of a key may be of either case."""
        wanted = folded(path)
        if wanted in map(folded, self.read):
            return True
        whole = set(map(folded, self.whole))
        return any(wanted[:n] in whole for n in range(len(wanted) + 1))

    def begins(self, path: Keys) -> bool:
        """Whether the path, or something below it, is read."""
        wanted = folded(path)
        return self.covers(path) or any(
            folded(found)[: len(path)] == wanted for found in self.read | self.whole
        )


def folded(path: Keys) -> Keys:
    """The path with the first letter of each key in lower case."""
    return tuple(key[:1].lower() + key[1:] for key in path)
