"""One chunk from CSV to CSV: the chunk verb, a hand-written pyarrow loop, and the plain way.

All predict the same bytes on one thread and pass the id through. The loop is what somebody would
write for speed alone: it checks nothing. The verb checks each value and would tell each bad row.

    python -m benchmarks.chunk_speed [--mb 8] [--rounds 9] [--trained-on 20000 500] [--json]
"""

from __future__ import annotations

import argparse
import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv
from servery.adapters.chunk_rows import RowReader, RowWriter
from servery.usecases.predictor.chunk import ChunkPredictor

from benchmarks.forest import (
    CHUNK,
    CLASSES,
    HEADER,
    NAMES,
    ChunkMemory,
    Forest,
    chunks_of,
    grow,
    lines,
)
from benchmarks.report import Report, show
from benchmarks.rounds import Timing, alternate, ratio, timing

OUTPUT = ["id", "prediction", *(f"probability_{name}" for name in CLASSES)]


class Verb:
    """The chunk verb's use case, with its objects in memory."""

    name = "chunk verb"

    def __init__(self, forest: Forest, content: bytes) -> None:
        self._model = forest.model
        self._files = ChunkMemory(content)
        self._predictor = ChunkPredictor(self._files, RowReader, RowWriter)

    def __call__(self) -> bytes:
        self._predictor.predict(self._model, "layout.json", CHUNK)
        return self._files.written["part-00000.csv"]


class Arrow:
    """The loop by hand: pyarrow, the same onnxruntime session, pyarrow."""

    name = "pyarrow by hand"

    def __init__(self, forest: Forest, content: bytes) -> None:
        self._run = forest.model.runtime._run  # type: ignore[attr-defined]
        self._content = content
        self._reading: dict[str, Any] = {
            "read_options": csv.ReadOptions(use_threads=False, column_names=HEADER),
            "convert_options": csv.ConvertOptions(
                column_types={"id": pa.string(), **dict.fromkeys(NAMES, pa.float32())}
            ),
        }

    def __call__(self) -> bytes:
        table = csv.read_csv(pa.BufferReader(self._content), **self._reading)
        matrix = np.empty((len(table), len(NAMES)), np.float32)
        for index, name in enumerate(NAMES):
            matrix[:, index] = table[name].to_numpy()
        labels, scores = self._run(None, {"numeric": matrix})
        columns = [
            table["id"],
            pa.array(labels),
            *(pa.array(s) for s in np.ascontiguousarray(scores.T)),
        ]
        out = io.BytesIO()
        options = csv.WriteOptions(quoting_style="needed")
        csv.write_csv(pa.table(columns, names=OUTPUT), out, options)
        return out.getvalue()


class Plain:
    """What most would write: pandas, scikit-learn, pandas."""

    name = "pandas and scikit-learn"

    def __init__(self, forest: Forest, content: bytes) -> None:
        self._fitted = forest.fitted
        self._content = content

    def __call__(self) -> bytes:
        frame = pd.read_csv(io.BytesIO(self._content), names=HEADER, dtype={"id": str})
        scores = self._fitted.predict_proba(frame[NAMES].to_numpy(np.float32))
        answers = self._fitted.classes_[scores.argmax(axis=1)]
        out = pd.DataFrame({"id": frame["id"], "prediction": answers})
        for index, name in enumerate(CLASSES):
            out[f"probability_{name}"] = scores[:, index]
        return str(out.to_csv(index=False)).encode()


def measure(forest: Forest, megabytes: float, rounds: int) -> Report:
    """Run the contestants in turns and compare them."""
    content = next(chunks_of(lines(forest.rows), int(megabytes * 2**20)))
    rows = content.count(b"\n")
    verb, arrow, plain = (kind(forest, content) for kind in (Verb, Arrow, Plain))
    from_arrow, from_plain = (apart(verb(), other()) for other in (arrow, plain))
    taken = alternate({each.name: each for each in (verb, arrow, plain)}, rounds)
    share = ratio(taken[arrow.name], taken[verb.name])
    times = ratio(taken[plain.name], taken[verb.name])
    return Report(
        title="One chunk, CSV to CSV, one thread; processor time",
        notes=[
            forest.say(),
            f"{rows:,} rows with an id, {len(content) // rows} bytes each.",
            f"{rounds} rounds in turns, after one that does not count; each is the whole chunk.",
        ],
        columns=["", "rows/s (median)", "slowest", "fastest", "us per row"],
        rows=[[name, *_speeds(rows, seconds)] for name, seconds in taken.items()],
        verdicts=[
            f"Rows/s of the verb, of those of the loop by hand: {_spread(share)} (target: 0.8).",
            f"Rows/s of the verb, of those of the plain way: {_spread(times)}.",
            "Outputs have the same rows, ids and classes; probabilities are apart by at most:",
            f"{from_arrow:.1g} from the loop by hand, {from_plain:.1g} from the plain way.",
        ],
        figures={
            "rows": rows,
            "bytes": len(content),
            "seconds": taken,
            "share_of_pyarrow": share.median,
            "times_plain": times.median,
            "apart": {arrow.name: from_arrow, plain.name: from_plain},
        },
    )


def _spread(found: Timing) -> str:
    return f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f} by round)"


def _speeds(rows: int, seconds: list[float]) -> list[str]:
    spread = timing(seconds)
    speeds = [f"{rows / each:,.0f}" for each in (spread.median, spread.high, spread.low)]
    return [*speeds, f"{spread.median / rows * 1e6:.2f}"]


def apart(ours: bytes, theirs: bytes) -> float:
    """How far two outputs are apart: the largest difference of a probability.

    Raises:
        AssertionError: rows, ids or classes are not the same.
    """
    one, other = (pd.read_csv(io.BytesIO(each), dtype={"id": str}) for each in (ours, theirs))
    assert list(one.columns) == list(other.columns)
    assert one["id"].equals(other["id"])
    scores = OUTPUT[2:]
    difference = np.abs(one[scores].to_numpy() - other[scores].to_numpy()).max(axis=1)
    tied = np.abs(one[scores[0]] - one[scores[1]]).to_numpy() <= difference * 2
    assert ((one["prediction"] == other["prediction"]).to_numpy() | tied).all()
    return float(difference.max())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=float, default=8, help="MB (2**20 bytes) of the chunk")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--trained-on", type=int, nargs="+", default=[20_000, 500], help="rows, a forest each"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    reports = [measure(grow(count), given.mb, given.rounds) for count in given.trained_on]
    show(reports, as_json=given.json)


if __name__ == "__main__":
    main()
