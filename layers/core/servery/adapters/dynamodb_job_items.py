"""What is in the item of a job, which three indexes find it by, and how many jobs they bear.

| attribute | what |
| --- | --- |
| pk, sk | `job#{id}`, `job` |
| summary | what lists show of it, as JSON |
| doc | the rest of it, as JSON |
| body, result | their texts, where they are not in the exchange bucket |
| revision | what the next writer has to have seen |
| listing, order | `job#{model}#{shard}`, `{created} {id}`: lists of a model; these never change |
| listing_state, order_state | `job#{model}#{state}#{shard}`, `{expires} {id}`: those in one state |
| sweep | which eighth of the jobs it is in; never changes |
| due | when a sweep has to look; absent where none has to |
| expires_at | when DynamoDB may remove the item: a day after the job's own time |

One partition of an index takes 1,000 writes a second of entries up to 1 KB, and a change of a key
counts as two. A job that runs at once (kept, sent, claimed, over, told) costs, computed:

| index | writes | partitions | jobs/s |
| --- | --- | --- | --- |
| `by_model` | 3: sending and telling change nothing in it | 16 a model | 5,300, one model |
| `by_state` | 2 in `queued`, 2 in `running`, 1 after | 16 a model and state | 8,000, one model |
| `by_due` | 8: each change but the first and last moves it | 8 in all | 1,000, all models |

So a busy model is bound by what the sweep needs, together with all others: 1,000 jobs a second. An
address to call back adds a write to `by_model`, and one of more than about 300 characters makes the
entries of `by_due` larger than 1 KB, which halves that.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

from servery.domain.jobs import Job, JobState, Listed, listed, order_in_state, order_of

SHARDS = 16
"""Partitions of each list."""
SWEEPS = 8
"""Partitions of the index by time."""
KEPT_SECONDS = 86_400

_TEXTS = ("body", "result")
_REST = [n for n in Job.__struct_fields__ if n not in (*Listed.__struct_fields__, *_TEXTS)]

Item = dict[str, Any]


def fixed_attributes_of(job: Job) -> Item:
    """What stays as it was when the job was added, by attribute."""
    return {
        "listing": {"S": listing_of(job.model, _digest(job) % SHARDS)},
        "order": {"S": order_of(job)},
        "sweep": {"S": sweep_of(_digest(job) % SWEEPS)},
    }


def attributes_of(job: Job) -> dict[str, Item | None]:
    """What changes with a job, by attribute; None for one that is to be absent.

    An index is written only where a value that it shows is another one.
    """
    return {
        "summary": {"S": msgspec.json.encode(listed(job)).decode()},
        "doc": {"S": msgspec.json.encode({name: getattr(job, name) for name in _REST}).decode()},
        "revision": {"N": str(job.revision)},
        "listing_state": {"S": listing_state_of(job.model, job.state, _digest(job) % SHARDS)},
        "order_state": {"S": order_in_state(job)},
        "due": None if job.due is None else {"N": repr(job.due)},
        "expires_at": {"N": str(int(job.expires) + KEPT_SECONDS)},
    }


def job_in(item: Item) -> Job:
    """The job of an item, as whole as the item is."""
    parts = [msgspec.json.decode(item[name]["S"]) for name in ("summary", "doc")]
    texts = {name: item[name]["S"] for name in _TEXTS if name in item}
    return msgspec.convert({**parts[0], **parts[1], **texts}, Job)


def listed_in(item: Item) -> Listed:
    """What a list shows of the job of an item."""
    return msgspec.json.decode(item["summary"]["S"], type=Listed)


def key_of(job_id: str) -> Item:
    """The key of a job's item."""
    return {"pk": {"S": f"job#{job_id}"}, "sk": {"S": "job"}}


def sweep_of(number: int) -> str:
    """The partition of the index by time with this number, from 0."""
    return f"sweep#{number}"


def listing_of(model: str, shard: int) -> str:
    """A partition of a model's jobs."""
    return f"job#{model}#{shard}"


def listing_state_of(model: str, state: JobState, shard: int) -> str:
    """A partition of a model's jobs in one state."""
    return f"job#{model}#{state}#{shard}"


def _digest(job: Job) -> int:
    return crc32(job.id.encode())
