"""Clears what an earlier plan of a batch has led to, before it is cut anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from servery.domain.batches import CHUNKS, MANIFEST, REJECTS, SUCCESS, Batch, outbox, scratch
from servery.domain.chunks import Chunk

if TYPE_CHECKING:
    from servery.ports import BatchStore, Files

_FORMATS = ("csv", "jsonl", "parquet")


def clear(batch: Batch, *, store: BatchStore, files: Files) -> None:
    """Forget the results of all chunks, and remove every part of the earlier cut.

    A new cut may have fewer chunks, and a chunk without a rejected row leaves no piece of them:
    what the earlier one wrote under the same names would be taken for its own. The mark of
    success goes first, and the list of chunks last: where it is, nothing is half removed.
    """
    cut = f"{scratch(batch)}{CHUNKS}"
    names = [result.name for result in store.results(batch.id)]
    planned = files.exists(cut)
    if not names and not planned:
        return
    files.delete([f"{outbox(batch)}{name}" for name in (SUCCESS, MANIFEST, REJECTS)])
    store.forget_results(batch.id, names)
    if planned:
        names += [c.name for c in msgspec.json.decode(files.load(cut), type=list[Chunk])]
    files.delete(key for name in dict.fromkeys(names) for key in _left_by(batch, name))
    files.delete([cut])


def _left_by(batch: Batch, name: str) -> Iterator[str]:
    yield f"{scratch(batch)}rejects/{name}.jsonl"
    for suffix in _FORMATS:
        yield f"{outbox(batch)}part-{name}.{suffix}"
