"""P7: whole CSV files from disk to disk: rows/s per core and peak memory, against the file's size.

The batch as it is planned, cut and predicted, chunk by chunk; the loop that somebody would write by
hand for speed alone, pyarrow's streaming reader and onnxruntime; and the plain way, pandas and
scikit-learn. Each run has a process of its own, one thread, and takes turns with the others; a
row counts by the processor's time, user and system, after the libraries and the model were loaded.
The plain way holds a file whole; it takes about three times a file's size in memory.

    python -m benchmarks.file_speed [--mb 100 500] [--rounds 3] [--json]
    python -m benchmarks.file_speed --mb 1000 2000 --rounds 1      # the large ones, some minutes
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks.rounds import ratio, said, take_turns, timing

if TYPE_CHECKING:
    from servery.ports import Files

    from benchmarks.report import Report

OURS, ARROW, PLAIN = "plan and chunks", "pyarrow by hand", "pandas and scikit-learn"
TRAINED_ON = 2_000
BLOCK = 8 * 1024 * 1024  # the quickest for it of 256 kB, 1 MB and 8 MB
SHARE = 0.8


def ours(path: Path) -> Callable[[Path], int]:
    """The batch's own plan, and its chunks one after the other; the libraries and the model."""
    from servery.adapters.chunk_rows import RowReader, RowWriter  # noqa: PLC0415
    from servery.usecases.batch.cutting import Sizes, byte_chunks, cut_by_windows  # noqa: PLC0415
    from servery.usecases.predictor.chunk import ChunkPredictor  # noqa: PLC0415

    from benchmarks.disk import DiskFiles  # noqa: PLC0415
    from benchmarks.forest import HEADER, loaded  # noqa: PLC0415

    model = loaded(path.with_suffix(".onnx").read_bytes())

    def run(_output: Path) -> int:
        files = DiskFiles(path)
        start = len(",".join(HEADER)) + 1
        ends = cut_by_windows(cast("Files", files), files.source, start, Sizes(), width=len(HEADER))
        predictor = ChunkPredictor(files, RowReader, RowWriter)
        chunks = byte_chunks(files.source, start, ends)
        return sum(predictor.predict(model, "layout.json", chunk).rows_out for chunk in chunks)

    return run


def arrow(path: Path) -> Callable[[Path], int]:
    """The loop by hand: what is read, predicted and written is a block at a time."""
    import numpy as np  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    from benchmarks.forest import CLASSES, NAMES  # noqa: PLC0415

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.with_suffix(".onnx").read_bytes(), options)
    types = {"id": pa.string(), **dict.fromkeys(NAMES, pa.float32())}
    written = {"id": pa.string(), "prediction": pa.string()}
    written |= {f"probability_{name}": pa.float32() for name in CLASSES}

    def run(output: Path) -> int:
        schema, rows = pa.schema(written), 0
        blocks = csv.open_csv(
            path,
            csv.ReadOptions(use_threads=False, block_size=BLOCK),
            convert_options=csv.ConvertOptions(column_types=types),
        )
        with csv.CSVWriter(output, schema) as writer:
            for block in blocks:
                matrix = np.empty((len(block), len(NAMES)), np.float32)
                for index, name in enumerate(NAMES):
                    matrix[:, index] = block[name].to_numpy()
                labels, scores = session.run(None, {"numeric": matrix})
                columns = [block["id"], pa.array(labels, pa.string())]
                columns += [pa.array(each) for each in np.ascontiguousarray(scores.T)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                rows += len(block)
        return rows

    return run


def plain(path: Path) -> Callable[[Path], int]:
    """What most would write: the file as one table."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from benchmarks.forest import CLASSES, NAMES  # noqa: PLC0415

    fitted = pickle.loads(path.with_suffix(".pickle").read_bytes())  # noqa: S301 - written by us

    def run(output: Path) -> int:
        frame = pd.read_csv(path, dtype={"id": str})
        scores = fitted.predict_proba(frame[NAMES].to_numpy(np.float32))
        out = pd.DataFrame({"id": frame["id"], "prediction": fitted.classes_[scores.argmax(1)]})
        for index, name in enumerate(CLASSES):
            out[f"probability_{name}"] = scores[:, index]
        out.to_csv(output, index=False)
        return len(out)

    return run


WAYS = {OURS: ours, ARROW: arrow, PLAIN: plain}


def write(path: Path, megabytes: int) -> None:
    """Write a CSV file of so many MB (10**6 bytes), and beside it the model in both forms."""
    from benchmarks.forest import HEADER, chunks_of, grow, lines  # noqa: PLC0415

    forest = grow(TRAINED_ON)
    path.with_suffix(".onnx").write_bytes(forest.graph)
    path.with_suffix(".pickle").write_bytes(pickle.dumps(forest.fitted))
    with path.open("wb") as file:
        file.write(",".join(HEADER).encode() + b"\n")
        for chunk in chunks_of(lines(forest.rows), 1_000_000):
            file.write(chunk)
            if file.tell() >= megabytes * 1_000_000:
                return


def predict(path: Path, way: str) -> dict[str, Any]:
    """Predict the file in one way; what that took."""
    from benchmarks.chunk_memory import peak  # noqa: PLC0415

    run = WAYS[way](path)
    before, clock, processor = peak(), time.perf_counter(), time.process_time()
    rows = run(path.with_suffix(".out"))
    return {
        "rows": rows,
        "processor": time.process_time() - processor,
        "clock": time.perf_counter() - clock,
        "before": before,
        "peak": peak(),
    }


def in_a_process(*arguments: str) -> str:
    """Run this module with some arguments; one thread for every library."""
    from benchmarks.one_function import ONE_THREAD  # noqa: PLC0415

    environment = {**os.environ, **ONE_THREAD}
    command = [sys.executable, "-m", "benchmarks.file_speed", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return done.stdout


def measured(path: Path, way: str) -> dict[str, Any]:
    """One run; what it wrote is removed."""
    told: dict[str, Any] = json.loads(in_a_process("--predict", str(path), "--way", way))
    for each in path.parent.iterdir():
        if each.suffix not in {".csv", ".onnx", ".pickle"} or each.name.startswith("part-"):
            each.unlink()
    return told


def measure(megabytes: int, rounds: int, folder: Path) -> dict[str, Any]:
    """The figures of a file of one size; it is removed again."""
    path = folder / f"{megabytes}.csv"
    in_a_process("--write", str(path), "--mb", str(megabytes))
    size = path.stat().st_size
    asked = {way: partial(measured, path, way) for way in WAYS}
    taken = take_turns(asked, rounds, warm=False)
    for each in folder.iterdir():
        each.unlink()
    assert len({run["rows"] for runs in taken.values() for run in runs}) == 1, "rows were lost"
    return {"mb": megabytes, "bytes": size, "runs": taken}


def seconds(found: dict[str, Any], way: str) -> list[float]:
    """The processor's seconds of each run."""
    return [run["processor"] for run in found["runs"][way]]


def report(files: list[dict[str, Any]], rounds: int) -> Report:
    """The table and what follows from it."""
    from benchmarks.report import Report  # noqa: PLC0415

    rows, verdicts, shares = [], [], {}
    for found in files:
        name = f"{found['bytes'] / 1e9:.1f} GB"
        for way, runs in found["runs"].items():
            spread = timing(seconds(found, way))
            speeds = [runs[0]["rows"] / each for each in (spread.median, spread.high, spread.low)]
            most = [max(run[key] for run in runs) / 1e6 for key in ("before", "peak")]
            row = [f"{each:,.0f}" for each in speeds] + [f"{each:,.0f} MB" for each in most]
            rows.append([f"{name}, {way}", *row])
        share = ratio(seconds(found, ARROW), seconds(found, OURS))
        times = ratio(seconds(found, PLAIN), seconds(found, OURS))
        shares[found["mb"]] = {"of_arrow": share.median, "of_plain": times.median}
        verdicts.append(f"{name}: {said(share)} of the loop by hand (goal: {SHARE:g}).")
        verdicts.append(f"{name}: {said(times)} times the plain way.")
    peaks = [max(run["peak"] for run in found["runs"][OURS]) for found in files]
    verdicts.append(f"Peak of ours, the last file's to the first's: {peaks[-1] / peaks[0]:.2f}.")
    return Report(
        title="P7: CSV files from disk to disk, rows/s per core",
        notes=[
            f"Random forest of 100 trees, trained on {TRAINED_ON:,} rows of 30 columns.",
            f"{rounds} rounds in turns; each run in a process of its own, one thread.",
        ],
        columns=["", "rows/s (median)", "slowest", "fastest", "loaded", "peak"],
        rows=rows,
        verdicts=verdicts,
        figures={"files": files, "shares": shares},
    )


def main() -> None:
    """Measure and print; or, in a process of its own, do one part of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--predict", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.mb[0])
        return
    if given.predict:
        sys.stdout.write(json.dumps(predict(given.predict, given.way)))
        return
    from benchmarks.report import show  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        files = [measure(megabytes, given.rounds, Path(folder)) for megabytes in given.mb]
    show([report(files, given.rounds)], as_json=given.json)


if __name__ == "__main__":
    main()
