"""Objects of any size out of S3: large ones in pieces, over several connections at once.

One connection gives 85-90 MB/s; so much of a wished throughput AWS's guide reckons with for each
request, of 8-16 MB (https://docs.aws.amazon.com/whitepapers/latest/
s3-optimizing-performance-best-practices/). An execution environment of Lambda has been seen to take
some 340 MB/s in its first seconds, which are those of a cold start, and 75 MB/s later
(https://github.com/sjakthol/aws-network-benchmark).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.errors import ArtifactError, UnavailableError

if TYPE_CHECKING:
    from servery.adapters.s3_answer import S3Answer
    from servery.adapters.s3_http import S3Http

PIECE = 8 * 1024 * 1024
AT_ONCE = 4


def read_object(s3: S3Http, bucket: str, key: str, *, piece: int = PIECE) -> S3Answer:
    """Read an object whole; it may not change meanwhile.

    The first piece tells how large the object is: one that fits into it takes one request.

    Args:
        s3: What reads; its bound holds for the whole object.
        bucket: Where it is.
        key: Its key.
        piece: Bytes of a piece.

    Raises:
        ArtifactError: it is larger than the bound.
        RetryableError: S3 did not give it, or gave pieces of two objects.
    """
    first = s3.get(bucket, key, start=0, end=min(piece, s3.most_bytes + 1))
    if not first.ok:
        return first
    if first.size > s3.most_bytes:
        raise ArtifactError(f"an object is larger than {s3.most_bytes} bytes")
    if first.size <= len(first.content):
        return first
    return _with_the_rest(s3, bucket, key, first)


def _with_the_rest(s3: S3Http, bucket: str, key: str, first: S3Answer) -> S3Answer:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for large objects alone

    from msgspec.structs import replace  # noqa: PLC0415

    size, piece = first.size, len(first.content)

    def get(start: int) -> S3Answer:
        return s3.get(bucket, key, etag=first.etag, start=start, end=min(start + piece, size))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        rest = list(pool.map(get, range(piece, size, piece)))
    refused = next((answer for answer in rest if not answer.ok), None)
    if refused is not None:
        raise UnavailableError(
            f"S3 gave a part of {key} and refused another (status {refused.status})", retry_after=2
        )
    return replace(first, content=b"".join([first.content, *(part.content for part in rest)]))
