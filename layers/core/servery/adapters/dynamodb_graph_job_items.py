"""What is in the items of a job of a graph, in one DynamoDB table that is shared with jobs.

| pk | sk | what |
| --- | --- | --- |
| `graph-job#{id}` | `job` | the job |
| `graph-job#{id}` | `part#{name}` | what one part of it came to; written once |

Of the job: `summary` is what lists show of it, `graph`, `body` and `result` are its large texts,
`doc` is the rest; so the indexes carry none of the large ones.

| index | by | which |
| --- | --- | --- |
| `by_model` | `listing`, `order` | `graph#{graph}`, `{created} {id}` |
| `by_state` | `listing_state`, `order_state` | `graph#{graph}#{state}`, the same order |
| `by_due` | `sweep`, `due` | `graph-sweep#{0..7}`; absent where no sweep has to look |

`expires_at` is a day after the job's own time, for the job and its parts alike. A part is written
again only to note that it is `told`, which is an attribute of its own.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

from servery.domain.graph_jobs import (
    GraphJob,
    GraphJobState,
    ListedGraphJob,
    PartResult,
    listed,
    order_of,
)

SWEEPS = 8
"""Partitions of the index by time."""
KEPT_SECONDS = 86_400
JOB = "job"
PART = "part#"

_TEXTS = ("body", "result")
_APART = (*ListedGraphJob.__struct_fields__, *_TEXTS, "record")
_REST = [name for name in GraphJob.__struct_fields__ if name not in _APART]
_ROWS = "rows"

Item = dict[str, Any]


def item_of(job: GraphJob) -> Item:
    """The item of a job."""
    order = {"S": order_of(job)}
    item = {
        **key_of(job.id, JOB),
        "summary": {"S": msgspec.json.encode(listed(job)).decode()},
        "doc": {"S": msgspec.json.encode({name: getattr(job, name) for name in _REST}).decode()},
        "graph": {"S": msgspec.json.encode(job.record).decode()},
        "revision": {"N": str(job.revision)},
        "listing": {"S": listing_of(job.graph, None)},
        "listing_state": {"S": listing_of(job.graph, job.state)},
        "order": order,
        "order_state": order,
        "expires_at": _gone_at(job.expires),
    }
    texts = {name: {"S": text} for name in _TEXTS if (text := getattr(job, name))}
    if job.due is not None:
        item["sweep"] = {"S": sweep_of(crc32(job.id.encode()) % SWEEPS)}
        item["due"] = {"N": repr(job.due)}
    return item | texts


def job_in(item: Item) -> GraphJob:
    """The job of an item."""
    parts = [msgspec.json.decode(item[name]["S"]) for name in ("summary", "doc")]
    texts = {name: item[name]["S"] for name in _TEXTS if name in item}
    record = msgspec.json.decode(item["graph"]["S"])
    return msgspec.convert({**parts[0], **parts[1], **texts, "record": record}, GraphJob)


def listed_in(item: Item) -> ListedGraphJob:
    """What a list shows of the job of an item."""
    return msgspec.json.decode(item["summary"]["S"], type=ListedGraphJob)


def part_item_of(result: PartResult, *, expires: float) -> Item:
    """The item of what a part came to."""
    doc = msgspec.structs.replace(result, rows="", told=False)
    item = {
        **key_of(result.job, f"{PART}{result.part}"),
        "doc": {"S": msgspec.json.encode(doc).decode()},
        "told": {"BOOL": result.told},
        "expires_at": _gone_at(expires),
    }
    return item | ({_ROWS: {"S": result.rows}} if result.rows else {})


def part_in(item: Item) -> PartResult:
    """What a part came to, out of its item."""
    doc = msgspec.json.decode(item["doc"]["S"], type=PartResult)
    rows = item[_ROWS]["S"] if _ROWS in item else ""
    return msgspec.structs.replace(doc, rows=rows, told=item["told"]["BOOL"])


def key_of(job_id: str, sk: str) -> Item:
    """The key of an item of a job."""
    return {"pk": {"S": f"graph-job#{job_id}"}, "sk": {"S": sk}}


def id_in(item: Item) -> str:
    """The id of the job that an item belongs to."""
    return str(item["pk"]["S"]).removeprefix("graph-job#")


def sweep_of(number: int) -> str:
    """The partition of the index by time with this number, from 0."""
    return f"graph-sweep#{number}"


def listing_of(graph: str, state: GraphJobState | None) -> str:
    """The partition of a graph's jobs; of those in one state, or of all."""
    return f"graph#{graph}" if state is None else f"graph#{graph}#{state}"


def _gone_at(expires: float) -> Item:
    return {"N": str(int(expires) + KEPT_SECONDS)}
