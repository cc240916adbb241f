"""Where the text of a job is: in its record, or in the exchange bucket where it is large.

A key has the digest of its content in it. So whoever comes too late, another request under a
used idempotency key or a worker whose lease has passed, cannot write over what the record means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.digest import digest_bytes

if TYPE_CHECKING:
    from servery.domain.jobs import Job
    from servery.ports import Documents

MOST_BODY_BYTES = 100_000
MOST_RESULT_BYTES = 300_000
"""Together with the rest of the record less than the 400 KB that an item may have."""

Place = tuple[str, str]
"""The text and an empty key, or an empty text and the key where it is."""


def keep_body(job_id: str, body: bytes, documents: Documents) -> Place:
    """Put a request's body where it belongs, before there is a record that names it."""
    return _keep(f"jobs/{job_id}/request", body, MOST_BODY_BYTES, documents)


def keep_result(job_id: str, result: bytes, documents: Documents) -> Place:
    """Put an answer where it belongs, before there is a record that names it."""
    return _keep(f"jobs/{job_id}/result", result, MOST_RESULT_BYTES, documents)


def body_of(job: Job, documents: Documents) -> str:
    """A job's body; `ArtifactError` where it is gone."""
    return documents.get(job.body_key).decode() if job.body_key else job.body


def result_of(job: Job, documents: Documents) -> str:
    """A job's result, empty where there is none; `ArtifactError` where it is gone."""
    return documents.get(job.result_key).decode() if job.result_key else job.result


def _keep(stem: str, content: bytes, most: int, documents: Documents) -> Place:
    if len(content) <= most:
        return content.decode(), ""
    key = f"{stem}-{digest_bytes(content)[:16]}.json"
    documents.put(key, content)
    return "", key
