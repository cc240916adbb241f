"""Where the texts of a job are: in its items, or in the exchange bucket where they are large.

A key has the digest of its content in it, so whoever is too late writes over nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.digest import digest_bytes
from servery.domain.graph_jobs import GraphJob, PartResult
from servery.usecases.graph.values import Row

if TYPE_CHECKING:
    from servery.ports import Documents

MOST_BYTES = 100_000
"""Of one text in an item; a body, a graph and a result are less than the 400 KB it may have."""

Rows = list[Row | None]
Place = tuple[str, str]
"""The text and an empty key, or an empty text and the key where it is."""


class _Body(msgspec.Struct):
    records: list[dict[str, Any]]


def use_types_once() -> None:
    """Each type before any thread does: msgspec makes what it needs of a type on first use."""
    msgspec.json.decode(b'{"records": []}', type=_Body)
    msgspec.json.decode(b"[]", type=Rows)
    for kind in (GraphJob, PartResult):
        with suppress(msgspec.ValidationError):
            msgspec.json.decode(b"{}", type=kind)


def keep(job_id: str, name: str, content: bytes, documents: Documents) -> Place:
    """Put a text of a job where it belongs, before there is an item that names it."""
    if len(content) <= MOST_BYTES:
        return content.decode(), ""
    key = f"graph-jobs/{job_id}/{name}-{digest_bytes(content)[:16]}.json"
    documents.put(key, content)
    return "", key


def records_of(job: GraphJob, documents: Documents) -> list[Row]:
    """The rows of a job's request; `ArtifactError` where they are gone."""
    return msgspec.json.decode(body_of(job, documents), type=_Body).records


def body_of(job: GraphJob, documents: Documents) -> bytes:
    """A job's body; `ArtifactError` where it is gone."""
    return documents.get(job.body_key) if job.body_key else job.body.encode()


def result_of(job: GraphJob, documents: Documents) -> bytes:
    """A job's answer or problem document, empty where there is none."""
    return documents.get(job.result_key) if job.result_key else job.result.encode()


def answers_of(result: PartResult, documents: Documents) -> bytes:
    """What a part answered for each row, JSON; empty for one that failed."""
    return documents.get(result.rows_key) if result.rows_key else result.rows.encode()


def rows_of(result: PartResult, documents: Documents) -> Rows:
    """What a part answered for each row."""
    return msgspec.json.decode(answers_of(result, documents), type=Rows)
