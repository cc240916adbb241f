"""The object store in memory, with the promises of the port and of the real one."""

from __future__ import annotations

from collections.abc import Iterator

from servery.domain.digest import digest_bytes
from servery.domain.manifest import ModelRef
from servery.errors import ArtifactError, InvalidInputError


class MemoryObjectStore:
    """The artifacts bucket in memory, and other buckets that can only be read.

    Args:
        bucket: Name of the artifacts bucket.

    Attributes:
        objects: Key to content of the artifacts bucket.
        elsewhere: `s3://bucket/key` to content of other buckets.
        writes: Keys in the order in which they were written or copied to.
    """

    def __init__(self, bucket: str = "artifacts") -> None:
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.elsewhere: dict[str, bytes] = {}
        self.writes: list[str] = []

    def uri(self, key: str) -> str:
        """The address of an object in the artifacts bucket."""
        return f"s3://{self.bucket}/{key}"

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise ArtifactError(f"{key} is missing, or may not be read")
        return self.objects[key]

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """One file of an artifact, as model servers and gateways ask for it."""
        return self.get(f"{ref.prefix}/{filename}")

    def fetch(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket or not key:
            raise InvalidInputError("data is read from s3://bucket/key")
        content = self.objects.get(key) if bucket == self.bucket else self.elsewhere.get(uri)
        if content is None:
            raise InvalidInputError(f"{uri} is missing, or may not be read")
        return content

    def stamp(self, uri: str) -> str:
        return digest_bytes(self.fetch(uri))

    def put(self, key: str, content: bytes) -> None:
        self.objects[key] = bytes(content)
        self.writes.append(key)

    def exists(self, key: str) -> bool:
        return key in self.objects

    def copy(self, source: str, target: str) -> None:
        self.put(target, self.get(source))

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
