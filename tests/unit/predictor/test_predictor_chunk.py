"""One chunk of a batch: what is written, what is rejected, and the errors by branch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fakes.chunk_files import (
    LAYOUT_KEY,
    LineReader,
    LineWriter,
    MemoryChunkFiles,
    a_chunk,
    a_layout,
)
from fakes.touchy_models import BOMB, HOLLOW, POISON, TouchyShelf
from msgspec.structs import replace
from servery.domain.chunks import Chunk, ChunkResult, ChunkState
from servery.edge.predictor import ModelServer
from servery.errors import (
    ArtifactError,
    ConflictError,
    FaultError,
    RejectedError,
    RetryableError,
    ThrottledError,
)
from servery.usecases.predictor.chunk import ChunkPredictor

PART, REJECTS = (
    "exchange/outbox/shapes/b1/part-00000.csv",
    "exchange/batches/b1/rejects/00000.jsonl",
)
CLEAN = b"r1,0.5,a,-1\nr2,-2,b,0.25\nr3,1,c,3\n"


class Setup:
    def __init__(self, source: bytes = CLEAN, **manifest: Any) -> None:
        self.touchy = TouchyShelf(**manifest)
        self.ref = self.touchy.ref
        self.files = MemoryChunkFiles(source)
        self.files.lay(a_layout())
        chunks = ChunkPredictor(self.files, LineReader, LineWriter)
        self.server = ModelServer(lambda: self.touchy.shelf, chunks=lambda: chunks, init_ms=1.5)

    def chunk(
        self, chunk: Chunk | None = None, layout: str = LAYOUT_KEY, retries: int = 0
    ) -> ChunkResult:
        """Ask through JSON both ways, as a state machine does."""
        event = {
            "verb": "chunk",
            "ref": self.ref,
            "layout": layout,
            "chunk": chunk or a_chunk(),
            "retries": retries,
        }
        answer = self.server.handle(json.loads(msgspec.json.encode(event)))
        return msgspec.json.decode(json.dumps(answer), type=ChunkResult, strict=True)

    def classes(self) -> list[str]:
        """What the model says of the clean rows when each is asked by itself."""
        rows = [line.split(",") for line in CLEAN.decode().splitlines()]
        told = []
        for _, width, kind, height in rows:
            record = {"width": float(width), "kind": kind, "height": float(height)}
            body = json.dumps({"records": [record]})
            event = {"verb": "infer", "ref": msgspec.to_builtins(self.ref), "body": body}
            told.append(json.loads(self.server.handle(event)["body"])["predictions"][0]["class"])
        return told


def test_part_has_a_line_for_each_row_when_all_are_good() -> None:
    setup = Setup()
    result = setup.chunk()
    lines = [f"r{i},{answer}\n" for i, answer in enumerate(setup.classes(), 1)]
    part = "".join(["id,prediction\n", *lines]).encode()
    assert setup.files.written == [(PART, part)]
    assert result.model_ms > 0
    assert replace(result, model_ms=0.0) == ChunkResult(
        name="00000",
        state=ChunkState.DONE,
        rows_in=3,
        rows_out=3,
        lines=3,
        bytes=len(part),
        digest=hashlib.sha256(part).hexdigest(),
    )


def test_the_rest_goes_on_when_rows_are_bad_or_have_no_answer() -> None:
    rows = [b"r%d,0.5,a,-1" % i for i in range(1, 21)]
    rows[2] = b"r3,%d,a,1" % POISON
    rows[6] = b"nonsense"
    rows[10] = b"r11,%d,a,1" % HOLLOW
    rows[19] = b"r20,%d,a,1" % POISON
    setup = Setup(b"\n".join(rows))
    result = setup.chunk()
    assert (result.rows_in, result.rows_out, result.rows_rejected) == (20, 16, 4)
    (first, part), (second, piece) = setup.files.written
    assert (first, second) == (PART, REJECTS)
    ids = [line.split(b",")[0] for line in part.splitlines()[1:]]
    assert ids == [b"r%d" % i for i in range(1, 21) if i not in {3, 7, 11, 20}]
    assert [json.loads(line) for line in piece.splitlines()] == [
        {"line": 3, "column": "", "reason": "no_answer"},
        {"line": 7, "column": "", "reason": "too_few_fields"},
        {"line": 11, "column": "", "reason": "no_answer"},
        {"line": 20, "column": "", "reason": "no_answer"},
    ]


def test_the_same_bytes_are_written_when_a_chunk_comes_again() -> None:
    setup = Setup(CLEAN + b"nonsense\n")
    first = setup.chunk()
    again = setup.chunk(retries=2)
    assert setup.files.written[:2] == setup.files.written[2:]
    assert replace(first, retries=2, model_ms=0.0) == replace(again, model_ms=0.0)


@pytest.mark.parametrize("source", [b"", b"nonsense\n", b"r1,%d,a,1\n" % POISON])
def test_part_has_its_header_alone_when_no_row_is_good(source: bytes) -> None:
    setup = Setup(source)
    result = setup.chunk()
    assert setup.files.written[0] == (PART, b"id,prediction\n")
    assert (result.state, result.rows_out) == (ChunkState.DONE, 0)
    assert result.rows_in == result.rows_rejected == len(setup.files.written) - 1


def test_memory_is_bounded_when_a_chunk_has_many_rows() -> None:
    setup = Setup(b"r,0.5,a,-1\n" * 10_000)
    assert setup.chunk().rows_out == 10_000
    asked = setup.touchy.runtimes[0].rows[1:]
    assert sum(asked) == 10_000
    assert max(asked) <= 5000


def test_nothing_is_written_when_a_boundary_lies_within_quotes() -> None:
    setup = Setup(b'"r1,0.5,a,-1\n')
    assert setup.chunk(retries=1) == ChunkResult(
        name="00000", state=ChunkState.MISALIGNED, retries=1
    )
    assert setup.files.written == []


def test_boundaries_are_believed_when_the_batch_was_planned_again() -> None:
    setup = Setup(b'"r1,0.5,a,-1\n')
    assert setup.chunk().state is ChunkState.MISALIGNED
    setup.files.lay(a_layout(exact=True))
    assert setup.chunk().state is ChunkState.DONE


def test_layout_is_loaded_once_when_chunks_are_of_the_same_batch() -> None:
    setup = Setup()
    other = "batches/b2/layout.json"
    setup.files.lay(a_layout("b2"), other)
    for index in range(3):
        setup.chunk(a_chunk(name=f"{index:05}"))
    assert setup.files.loads == [LAYOUT_KEY]
    setup.chunk(layout=other)
    assert setup.files.loads == [LAYOUT_KEY, other]
    assert setup.files.written[-1][0] == "exchange/outbox/shapes/b2/part-00000.csv"


def error_of(ask: Callable[[], object]) -> BaseException:
    """What a state machine is told: an error by the name of its class."""
    with pytest.raises((RejectedError, RetryableError, FaultError)) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize(
    ("fails", "branch"),
    [
        (ConflictError("s3://a/b is no longer there as it was"), RejectedError),
        (ThrottledError("S3 takes no more"), RetryableError),
        (ArtifactError("s3://a/b may not be read"), FaultError),
    ],
)
def test_error_is_raised_as_its_branch_when_files_cannot_be_had(
    fails: Exception, branch: type[Exception]
) -> None:
    setup = Setup()
    setup.files.fails = fails
    error = error_of(setup.chunk)
    assert type(error) is branch
    assert str(error) == str(fails)


def test_somebody_has_to_look_when_the_layout_is_not_there_or_is_none() -> None:
    setup = Setup()
    assert type(error_of(lambda: setup.chunk(layout="batches/b9/layout.json"))) is FaultError
    setup.files.files[LAYOUT_KEY] = b"[]"
    assert type(error_of(setup.chunk)) is FaultError


def test_nobody_stands_in_when_the_model_of_a_chunk_cannot_be_loaded() -> None:
    setup = Setup()
    setup.chunk()
    setup.ref = replace(setup.ref, version="2.0.0-1.1", prefix="models/shapes/lost")
    assert type(error_of(setup.chunk)) is RetryableError
    assert len(setup.files.written) == 1


def test_a_chunk_is_refused_when_the_server_is_for_another_model() -> None:
    setup = Setup()
    setup.ref = replace(setup.ref, model="other")
    assert type(error_of(setup.chunk)) is RejectedError


def test_an_event_is_a_fault_when_the_state_machine_built_it_wrong() -> None:
    setup = Setup()
    for event in ({"verb": "chunk"}, {"verb": "chunk", "ref": None, "layout": 1}):
        with pytest.raises(FaultError):
            setup.server.handle(event)
    with pytest.raises(FaultError):
        ModelServer(lambda: setup.touchy.shelf).handle({"verb": "chunk"})


def test_a_crash_is_passed_on_when_the_model_breaks() -> None:
    with pytest.raises(ZeroDivisionError):
        Setup(b"r1,%d,a,1\n" % BOMB).chunk()


def test_one_line_of_metrics_is_written_when_a_chunk_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup = Setup(CLEAN + b"s3cret\n")
    result = setup.chunk(retries=2)
    out = capsys.readouterr().out
    (line,) = (json.loads(line) for line in out.splitlines())
    assert (line["model"], line["model_version"]) == ("shapes", "1.0.0-1.1")
    assert (line["Rows"], line["RowsRejected"], line["Retries"]) == (4, 1, 2)
    assert line["ChunkBytes"] == result.bytes
    assert line["ChunkMilliseconds"] >= line["ModelMilliseconds"] > 0
    assert line["correlation_id"] == "batches/b1/00000"
    assert "s3cret" not in out
