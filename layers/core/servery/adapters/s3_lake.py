"""Objects of the lake over plain HTTP, for model servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.errors import FaultError

if TYPE_CHECKING:
    from servery.adapters.s3_http import S3Http

_ABSENT = "NoSuchKey"


class S3Lake:
    """Reads objects of the lake.

    Args:
        s3: What reads objects.
        bucket: Name of the lake's bucket.
    """

    def __init__(self, s3: S3Http, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, key: str) -> bytes | None:
        """All bytes of an object; None where there is none.

        Raises:
            RetryableError: S3 did not give it, twice.
            FaultError: it may not be read.
        """
        answer = self._s3.get(self._bucket, key)
        if answer.code == _ABSENT:
            return None
        if not answer.ok:
            raise FaultError(f"reading the lake was refused: {answer.code or answer.status}")
        return answer.content
