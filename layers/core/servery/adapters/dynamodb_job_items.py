"""What is in the item of a job, which three indexes find it by.

| attribute | what |
| --- | --- |
| pk, sk | `job#{id}`, `job` |
| doc | the job as JSON, without its body and result |
| body, result | their texts, where they are not in the exchange bucket |
| revision | what the next writer has to have seen |
| listing, listing_state, order | `job#{model}`, `job#{model}#{state}`, `{created} {id}` |
| sweep, due | which eighth, and when a sweep has to look; absent where none has to |
| expires_at | when DynamoDB may remove the item: a day after the job's own time |
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

from servery.domain.jobs import Job, JobState, order_of

SWEEPS = 8
"""Partitions of the index by time; one alone takes 1,000 writes a second."""
KEPT_SECONDS = 86_400

Item = dict[str, Any]


def attributes_of(job: Job) -> dict[str, Item | None]:
    """What changes with a job, by attribute; None for one that is to be absent."""
    bare = msgspec.structs.replace(job, body="", result="")
    due = None if job.due is None else {"N": repr(job.due)}
    return {
        "doc": {"S": msgspec.json.encode(bare).decode()},
        "revision": {"N": str(job.revision)},
        "listing": {"S": listing_of(job.model)},
        "listing_state": {"S": listing_state_of(job.model, job.state)},
        "order": {"S": order_of(job)},
        "sweep": {"S": sweep_of(crc32(job.id.encode()) % SWEEPS)} if due else None,
        "due": due,
        "expires_at": {"N": str(int(job.expires) + KEPT_SECONDS)},
    }


def job_in(item: Item) -> Job:
    """The job of an item, as whole as the item is."""
    job = msgspec.json.decode(item["doc"]["S"], type=Job)
    texts = {name: item[name]["S"] for name in ("body", "result") if name in item}
    return msgspec.structs.replace(job, **texts)


def key_of(job_id: str) -> Item:
    """The key of a job's item."""
    return {"pk": {"S": f"job#{job_id}"}, "sk": {"S": "job"}}


def sweep_of(number: int) -> str:
    """The partition of the index by time with this number, from 0."""
    return f"sweep#{number}"


def listing_of(model: str) -> str:
    """The partition of a model's jobs."""
    return f"job#{model}"


def listing_state_of(model: str, state: JobState) -> str:
    """The partition of a model's jobs in one state."""
    return f"{listing_of(model)}#{state}"
