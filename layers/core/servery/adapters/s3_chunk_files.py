"""The files of a chunk in S3 over plain HTTP: the source as it was, the layout, what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.errors import ArtifactError, ConflictError, FaultError

if TYPE_CHECKING:
    from servery.adapters.s3_answer import S3Answer
    from servery.adapters.s3_http import S3Http
    from servery.domain.chunks import Chunk

_FORBIDDEN = 403
# No such version or key; the version is a delete marker; another ETag; fewer bytes than before.
_CHANGED = {404, 405, 412, 416}


class S3ChunkFiles:
    """Reads what a chunk is made of and writes what it comes to.

    Args:
        s3: What reads and writes objects.
        exchange: Name of the exchange bucket.
    """

    def __init__(self, s3: S3Http, exchange: str) -> None:
        self._s3 = s3
        self._exchange = exchange

    def load(self, key: str) -> bytes:
        """A small object of the exchange bucket.

        Raises:
            ArtifactError: it is not there, or may not be read.
            RetryableError: S3 did not give it.
        """
        answer = self._s3.get(self._exchange, key)
        if not answer.ok:
            raise ArtifactError(
                f"{key} is not there, or this server may not read it (S3 answered {_told(answer)})"
            )
        return answer.content

    def read(self, chunk: Chunk) -> bytes:
        """The bytes of a chunk, of exactly the version that it names; all where `end` is 0.

        Raises:
            ConflictError: the object is no longer there as it was.
            FaultError: it may not be read.
            RetryableError: S3 did not give it.
        """
        answer = self._s3.get(
            chunk.bucket,
            chunk.key,
            version_id=chunk.version_id,
            etag=chunk.etag,
            start=chunk.start,
            end=chunk.end or None,
        )
        uri = f"s3://{chunk.bucket}/{chunk.key}"
        if answer.status == _FORBIDDEN:
            raise FaultError(f"{uri} may not be read by the model server, or is no longer there")
        if not answer.ok and answer.status not in _CHANGED:
            raise FaultError(f"S3 refused to give {uri} ({_told(answer)})")
        whole = not chunk.end or len(answer.content) == chunk.end - chunk.start
        same = not chunk.etag or answer.etag == chunk.etag
        if not (answer.ok and whole and same):
            raise ConflictError(f"{uri} is no longer there as it was when the batch began")
        return answer.content

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object whole.

        Raises:
            FaultError: it may not be written.
            RetryableError: S3 did not take it.
        """
        answer = self._s3.put(bucket, key, content)
        if not answer.ok:
            raise FaultError(
                f"this server may not write s3://{bucket}/{key} (S3 answered {_told(answer)})"
            )


def _told(answer: S3Answer) -> str:
    return f"{answer.status} {answer.code}".rstrip()
