"""Reads an object of S3 in exactly the version that is meant, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, IncompleteReadError

from servery.adapters.aws_errors import aws_errors, code_of
from servery.domain.batches import Source
from servery.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SKIPPED_AT_ONCE = 1024 * 1024
# No such key or version; the version is a delete marker; another ETag; fewer bytes than before.
_CHANGED = frozenset(
    {
        "404",
        "405",
        "412",
        "416",
        "InvalidRange",
        "MethodNotAllowed",
        "NoSuchKey",
        "NoSuchVersion",
        "NotFound",
        "PreconditionFailed",
    }
)


def read_metadata(client: S3Client, source: Source) -> dict[str, str]:
    """The user metadata of an object, names in lower case.

    Raises:
        ConflictError: it is no longer there as it was.
    """
    with _as_it_was(source):
        head = client.head_object(**_exactly(source))
    return {name.lower(): text for name, text in head["Metadata"].items()}


def read_range(client: S3Client, source: Source, start: int, end: int) -> bytes:
    """Bytes of an object, as many as there are of those asked for.

    Raises:
        ConflictError: it is no longer there as it was.
        UnavailableError: S3 broke off.
        FaultError: it may not be read.
    """
    end = min(end, source.size)
    if start >= end:
        return b""
    with _as_it_was(source):
        answer = client.get_object(**_exactly(source), Range=f"bytes={start}-{end - 1}")
        body = answer["Body"]
        content = body.read() if "ContentRange" in answer else _window(body, start, end)
    # Not every S3 heeds the condition on a read.
    if answer["ETag"].strip('"') != source.etag:
        raise _changed(source)
    if len(content) != end - start:
        raise UnavailableError(f"S3 gave less of {source.uri} than was asked for")
    return content


@contextmanager
def _as_it_was(source: Source) -> Iterator[None]:
    with aws_errors("reading a file"):
        try:
            yield
        except ClientError as error:
            if code_of(error) in _CHANGED:
                raise _changed(source) from error
            raise
        except IncompleteReadError as error:
            raise UnavailableError(f"S3 broke off while reading {source.uri}") from error


def _window(body: Any, start: int, end: int) -> bytes:  # noqa: ANN401 - botocore's stream
    """A range out of the whole object: some S3 gives all of it where a version is named."""
    left = start
    while left > 0 and (skipped := len(body.read(min(left, _SKIPPED_AT_ONCE)))):
        left -= skipped
    content: bytes = body.read(end - start)
    body.close()
    return content


def _exactly(source: Source) -> Any:  # noqa: ANN401 - of a call that is typed elsewhere
    asked = {"Bucket": source.bucket, "Key": source.key, "IfMatch": f'"{source.etag}"'}
    return {**asked, "VersionId": source.version_id} if source.version_id else asked


def _changed(source: Source) -> ConflictError:
    return ConflictError(f"{source.uri} is no longer what it was when the batch began")
