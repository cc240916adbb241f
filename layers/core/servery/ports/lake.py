"""The objects of the lake, as whoever tidies them needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class LakeFiles(Protocol):
    """Objects by key; the same rules for the faults of S3 as everywhere."""

    def folders(self, prefix: str) -> Sequence[str]:
        """The prefixes one level below, each with a slash at the end."""
        ...

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Bytes of the objects under a prefix, by key, in the order of the keys."""
        ...

    def read(self, key: str) -> bytes | None:
        """All bytes of an object; None where there is none."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        ...

    def put_new(self, key: str, content: bytes) -> bool:
        """Write an object whole if there is none under the key; whether that was so."""
        ...

    def join(self, key: str, sources: Sequence[str], *, lacking: bool) -> bool:
        """Write the lines of objects into one, compressed; it is there whole or not at all.

        Args:
            key: Of what is written.
            sources: Whose lines, in this order.
            lacking: Whether to go on without sources that are not there; else nothing is written.

        Returns:
            Whether it was written.
        """
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; nothing happens for those that are not there."""
        ...
