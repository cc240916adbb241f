"""Model load: the files of a model straight from S3 over HTTP, without an SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.errors import ArtifactError

if TYPE_CHECKING:
    from servery.adapters.s3_http import S3Http
    from servery.domain.manifest import ModelRef


class S3ArtifactSource:
    """Reads artifacts from one bucket.

    Args:
        s3: What reads objects.
        bucket: Name of the bucket.
    """

    def __init__(self, s3: S3Http, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """One file of an artifact.

        Raises:
            ArtifactError: it is not there, may not be read, or is larger than the bound.
            RetryableError: S3 did not give it, twice.
        """
        answer = self._s3.get(self._bucket, f"{ref.prefix}/{filename}")
        if not answer.ok:
            raise ArtifactError(
                f"{ref.prefix}/{filename} is not there, or this server may not read it "
                f"(S3 answered {answer.status})"
            )
        return answer.content
