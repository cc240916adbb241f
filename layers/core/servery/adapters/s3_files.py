"""Objects in S3 as files that are never held whole, each of exactly the version that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError, ParamValidationError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.adapters.ranged_file import open_ranged
from servery.adapters.s3_object_store import S3ObjectStore
from servery.adapters.s3_parts import put_pieces
from servery.adapters.s3_versions import read_metadata, read_range
from servery.domain.batches import Source
from servery.errors import FaultError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STREAM_BLOCK = 8 * 1024 * 1024
_DELETED_AT_ONCE = 1000
_FORBIDDEN = frozenset({"403", "AccessDenied", "Forbidden"})
# Without the permission to list a bucket, S3 answers 403 for what is not there.
_ABSENT = _FORBIDDEN | {"404", "NoSuchKey", "NotFound"}
_ELSEWHERE = frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "301", "400"})


class S3Files:
    """Files in any bucket that may be read, and the exchange bucket for what is written.

    Args:
        client: Client of S3.
        bucket: Name of the exchange bucket.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._exchange = S3ObjectStore(client, bucket, what="a file of a batch")

    def stat(self, bucket: str, key: str) -> Source:
        """The object as it is now.

        Raises:
            NotFoundError: there is none, or it may not be read.
        """
        with aws_errors("looking at a file"):
            try:
                head = self._client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _ABSENT | _ELSEWHERE:
                    raise NotFoundError(
                        f"s3://{bucket}/{key} is missing, or may not be read"
                    ) from error
                raise
            except ParamValidationError as error:
                raise NotFoundError(f"s3://{bucket}/{key} is no address of an object") from error
        return Source(
            bucket=bucket,
            key=key,
            version_id=_version(head.get("VersionId")),
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
        )

    def metadata(self, source: Source) -> dict[str, str]:
        """The user metadata of an object, names in lower case.

        Raises:
            ConflictError: it is no longer there as it was.
        """
        return read_metadata(self._client, source)

    def read(self, source: Source, start: int, end: int) -> bytes:
        """Bytes of exactly this version, as many as there are of those asked for.

        Raises:
            ConflictError: it is no longer there as it was.
            FaultError: it may not be read.
        """
        return read_range(self._client, source, start, end)

    def stream(self, source: Source) -> BinaryIO:
        """All of its bytes, one after the other, read a block at a time; to be closed."""
        return open_ranged(self, source, block=STREAM_BLOCK)

    def list(self, bucket: str, prefix: str) -> Iterator[Source]:
        """The objects under a prefix, by key; their versions are not known.

        Raises:
            InvalidInputError: there is no such bucket, or it may not be listed.
        """
        pages = self._client.get_paginator("list_objects_v2")
        with aws_errors("listing files"):
            try:
                for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                    for entry in page.get("Contents", []):
                        etag = entry["ETag"].strip('"')
                        yield Source(bucket=bucket, key=entry["Key"], etag=etag, size=entry["Size"])
            except ClientError as error:
                if code_of(error) in _FORBIDDEN | _ELSEWHERE:
                    raise InvalidInputError(
                        f"s3://{bucket}/ is missing, or may not be listed"
                    ) from error
                raise

    def load(self, key: str) -> bytes:
        """A small object of the exchange bucket; `ArtifactError` where there is none."""
        return self._exchange.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Write an object of the exchange bucket whole."""
        self._exchange.put(key, content)

    def put_all(self, key: str, pieces: Iterable[bytes]) -> int:
        """Write an object of the exchange bucket piece by piece; how many bytes it has.

        It is there whole or not at all.
        """
        return put_pieces(self._client, self._bucket, key, pieces)

    def exists(self, key: str) -> bool:
        """Whether the exchange bucket has an object."""
        return self._exchange.exists(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects of the exchange bucket; what is not there is no matter.

        Raises:
            FaultError: some could not be removed.
        """
        wanted = [*keys]
        for start in range(0, len(wanted), _DELETED_AT_ONCE):
            some = wanted[start : start + _DELETED_AT_ONCE]
            with aws_errors("removing files of a batch"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
                )
            for failed in answer.get("Errors", []):
                raise FaultError(f"{failed.get('Key')} is not removed: {failed.get('Code')}")


def _version(version_id: str | None) -> str:
    """An object that was there before its bucket kept versions has the version `null`."""
    return "" if version_id in (None, "null") else str(version_id)
