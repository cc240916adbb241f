"""The files of a chunk in memory, and rows as simple as they can be."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from servery.domain.chunks import Chunk, Layout
from servery.domain.inference import Prediction
from servery.domain.rows import Rows
from servery.domain.signature import Signature
from servery.domain.table import Reason, Rejection
from servery.errors import ArtifactError

LAYOUT_KEY = "batches/b1/layout.json"


def a_layout(batch: str = "b1", *, exact: bool = False) -> Layout:
    return Layout(
        batch=batch,
        format="csv",
        header=["id", "width", "kind", "height"],
        ids=["id"],
        output="csv",
        bucket="exchange",
        parts=f"outbox/shapes/{batch}/part-",
        rejects=f"batches/{batch}/rejects/",
        exact=exact,
    )


def a_chunk(end: int = 0, name: str = "00000") -> Chunk:
    return Chunk(name=name, bucket="exchange", key="inbox/shapes/rows.csv", end=end)


@dataclass
class MemoryChunkFiles:
    """`ChunkFiles` in memory.

    Attributes:
        source: The object that chunks are cut from.
        loads: Keys that were loaded, in order.
        written: What was written, in order.
        fails: Raised by whatever is asked for next.
    """

    source: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    written: list[tuple[str, bytes]] = field(default_factory=list)
    fails: Exception | None = None

    def lay(self, layout: Layout, key: str = LAYOUT_KEY) -> None:
        """Plan a batch."""
        self.files[key] = msgspec.json.encode(layout)

    def load(self, key: str) -> bytes:
        self.loads.append(key)
        if key not in self.files:
            raise ArtifactError(f"{key} is not there")
        return self.files[key]

    def read(self, chunk: Chunk) -> bytes:
        if self.fails is not None:
            raise self.fails
        return self.source[chunk.start : chunk.end or None]

    def write(self, bucket: str, key: str, content: bytes) -> None:
        self.written.append((f"{bucket}/{key}", content))


class LineReader:
    """Lines of `id,width,kind,height`; whatever else a line holds is rejected."""

    def __init__(self, signature: Signature, layout: Layout) -> None:
        self._exact = layout.exact

    def read(self, content: bytes) -> Rows:
        lines = content.decode().splitlines()
        aligned = self._exact or content.count(b'"') % 2 == 0
        good = [(at, line.split(",")) for at, line in enumerate(lines, 1) if line.count(",") == 3]
        bad = [at for at, line in enumerate(lines, 1) if line.count(",") != 3]
        return Rows(
            rows_in=len(lines),
            numeric=np.array([[c[1], c[3]] for _, c in good], np.float32).reshape(-1, 2),
            text=np.array([[c[2]] for _, c in good], object).reshape(-1, 1),
            ids=([cells[0] for _, cells in good],),
            starts=np.array([at for at, _ in good], np.int64),
            rejected=[Rejection(at, "", Reason.TOO_FEW_FIELDS) for at in bad],
            lines=len(lines),
            aligned=aligned,
        )


class LineWriter:
    """Lines of `id,prediction`."""

    def __init__(self, signature: Signature, layout: Layout) -> None:
        pass

    def write(self, rows: Rows, prediction: Prediction) -> bytes:
        pairs = zip(rows.ids[0], prediction.answers.tolist(), strict=True)
        return "".join(["id,prediction\n", *(f"{i},{answer}\n" for i, answer in pairs)]).encode()
