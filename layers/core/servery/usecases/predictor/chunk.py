"""One chunk of a batch: its bytes in, its part and its rejected rows out, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from servery.domain.chunks import ChunkResult, ChunkState, Layout
from servery.domain.digest import digest_bytes
from servery.domain.inference import Form, Prediction, Question
from servery.domain.rows import Rows, predict_rows
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from servery.domain.chunks import Chunk
    from servery.domain.manifest import ModelRef
    from servery.ports import (
        ChunkFiles,
        LoadedModel,
        RowReader,
        RowReaders,
        RowWriter,
        RowWriters,
    )

_layout_of = msgspec.json.Decoder(Layout).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the chunks of a batch have in common, for one model."""

    key: str
    ref: ModelRef
    layout: Layout
    reader: RowReader
    writer: RowWriter


class ChunkPredictor:
    """Predicts chunks; what the chunks of the last batch had in common is kept.

    Args:
        files: Where chunks are read from and parts written to.
        readers: Makes what cuts a chunk into rows.
        writers: Makes what writes a part.
    """

    def __init__(self, files: ChunkFiles, readers: RowReaders, writers: RowWriters) -> None:
        self._files = files
        self._readers = readers
        self._writers = writers
        self._kept: _Compiled | None = None

    def predict(
        self, model: LoadedModel, layout_key: str, chunk: Chunk, *, retries: int = 0
    ) -> ChunkResult:
        """Predict a chunk and write its part, then its rejected rows, if there are some.

        Doing it again writes the same bytes. A chunk that turns out to have been cut within a
        quoted field is `misaligned`, and nothing is written.

        Args:
            model: Who predicts.
            layout_key: Key of the batch's layout in the exchange bucket.
            chunk: Which bytes.
            retries: How often it was tried before, for the result.

        Raises:
            RejectedError: the source is no longer what it was when the batch began.
            RetryableError: it cannot be read or written now.
            FaultError: the layout cannot be read, or something may not be read or written.
        """
        batch, rows = self._read(model, layout_key, chunk)
        if not rows.aligned:
            return ChunkResult(name=chunk.name, state=ChunkState.MISALIGNED, retries=retries)
        rows, prediction, model_ms = _predicted(model, rows)
        part = batch.writer.write(rows, prediction)
        layout = batch.layout
        if layout.by_row:
            rows = rows.numbered()
        self._files.write(layout.bucket, f"{layout.parts}{chunk.name}.{layout.output}", part)
        if rows.rejected:
            piece = b"".join(_encode(one) + b"\n" for one in rows.rejected)
            self._files.write(layout.bucket, f"{layout.rejects}{chunk.name}.jsonl", piece)
        return ChunkResult(
            name=chunk.name,
            state=ChunkState.DONE,
            rows_in=rows.rows_in,
            rows_out=rows.good,
            rows_rejected=len(rows.rejected),
            lines=rows.lines,
            bytes=len(part),
            digest=digest_bytes(part),
            model_ms=model_ms,
            retries=retries,
        )

    def _read(self, model: LoadedModel, key: str, chunk: Chunk) -> tuple[_Compiled, Rows]:
        batch = self._compiled(model, key)
        content = self._files.read(chunk)
        rows = batch.reader.read(content)
        if rows.aligned:
            return batch, rows
        again = self._compiled(model, key, new=True)
        return again, rows if again is batch else again.reader.read(content)

    def _compiled(self, model: LoadedModel, key: str, *, new: bool = False) -> _Compiled:
        """The layout with its reader and writer; `new` where the kept one may be outdated.

        A batch is planned a second time where its boundaries were wrong, and that the new ones
        are exact is all that its new layout says.
        """
        kept = self._kept
        if kept is not None and not new and (kept.key, kept.ref) == (key, model.ref):
            return kept
        try:
            layout = _layout_of(self._files.load(key))
        except msgspec.MsgspecError as error:
            raise ArtifactError(f"{key} cannot be read: {error}") from error
        if kept is not None and (kept.key, kept.ref, kept.layout) == (key, model.ref, layout):
            return kept
        signature = model.manifest.signature
        self._kept = _Compiled(
            key,
            model.ref,
            layout,
            self._readers(signature, layout),
            self._writers(signature, layout),
        )
        return self._kept


def _predicted(model: LoadedModel, rows: Rows) -> tuple[Rows, Prediction, float]:
    """The rows that the model has an answer for, the answers, and the milliseconds it took."""
    seconds = 0.0

    def ask(some: Rows) -> Prediction:
        nonlocal seconds
        question = Question(form=Form.RECORDS, rows=some.good, numeric=some.numeric, text=some.text)
        started = time.perf_counter()
        try:
            return model.predict(question)
        finally:
            seconds += time.perf_counter() - started

    rows, prediction = predict_rows(rows, ask)
    return rows, prediction, round(seconds * 1000, 3)
