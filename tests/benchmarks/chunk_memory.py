"""Memory of planning and predicting a file of 100 MB and of one of 1 GB: it must not grow.

Each file is written to disk, cut as a batch would be, and its chunks are predicted one after the
other from disk to disk, in a process of its own whose peak is compared.

    python -m benchmarks.chunk_memory [--mb 100 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from servery.ports import Files

TRAINED_ON = 2_000
_MOST = 1.1


def write(path: Path, megabytes: int) -> None:
    """Write a CSV file of so many MB (10**6 bytes), and beside it the model."""
    from benchmarks.forest import HEADER, chunks_of, grow, lines  # noqa: PLC0415

    forest = grow(TRAINED_ON)
    path.with_suffix(".onnx").write_bytes(forest.graph)
    with path.open("wb") as file:
        file.write(",".join(HEADER).encode() + b"\n")
        for chunk in chunks_of(lines(forest.rows), 1_000_000):
            file.write(chunk)
            if file.tell() >= megabytes * 1_000_000:
                return


def predict(path: Path) -> dict[str, Any]:
    """Plan the file and predict its chunks; what that took."""
    from servery.adapters.chunk_rows import RowReader, RowWriter  # noqa: PLC0415
    from servery.usecases.batch.cutting import Sizes, byte_chunks, cut_by_windows  # noqa: PLC0415
    from servery.usecases.predictor.chunk import ChunkPredictor  # noqa: PLC0415

    from benchmarks.disk import DiskFiles  # noqa: PLC0415
    from benchmarks.forest import HEADER, loaded  # noqa: PLC0415

    model = loaded(path.with_suffix(".onnx").read_bytes())
    files = DiskFiles(path)
    before, started = peak(), time.perf_counter()
    start = len(",".join(HEADER)) + 1
    ends = cut_by_windows(cast("Files", files), files.source, start, Sizes(), width=len(HEADER))
    predictor = ChunkPredictor(files, RowReader, RowWriter)
    results = [
        predictor.predict(model, "layout.json", chunk)
        for chunk in byte_chunks(files.source, start, ends)
    ]
    return {
        "bytes": files.source.size,
        "chunks": len(results),
        "rows": sum(result.rows_out for result in results),
        "rejected": sum(result.rows_rejected for result in results),
        "before": before,
        "peak": peak(),
        "seconds": time.perf_counter() - started,
    }


def peak() -> int:
    """The largest memory of this process so far, bytes.

    Linux counts in `ru_maxrss` what the parent had when it started the process; the high-water
    mark beside it is of this process alone.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024


def _in_a_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.chunk_memory", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    """The figures of a file of each size; it is removed again."""
    figures = []
    for megabytes in sizes:
        path = folder / f"{megabytes}.csv"
        _in_a_process("--write", str(path), "--mb", str(megabytes))
        figures.append(json.loads(_in_a_process("--predict", str(path))))
        for each in folder.iterdir():
            each.unlink()
    return figures


def show(figures: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print what was found."""
    from benchmarks.report import Report  # noqa: PLC0415
    from benchmarks.report import show as show_reports  # noqa: PLC0415

    growth = figures[-1]["peak"] / figures[0]["peak"] - 1
    report = Report(
        title="Plan and chunks of a CSV file, one after the other in one process",
        notes=[f"Random forest of 100 trees, trained on {TRAINED_ON:,} rows of 30 columns."],
        columns=["file", "chunks", "rows", "rows/s", "before", "peak"],
        rows=[
            [
                f"{each['bytes'] / 1e6:,.0f} MB",
                f"{each['chunks']:,}",
                f"{each['rows']:,}",
                f"{each['rows'] / each['seconds']:,.0f}",
                f"{each['before'] / 1e6:,.1f} MB",
                f"{each['peak'] / 1e6:,.1f} MB",
            ]
            for each in figures
        ],
        verdicts=[f"Peak of the last file: {growth:+.1%} (target: no more than {_MOST - 1:+.0%})."],
        figures={"files": figures, "growth": growth},
    )
    show_reports([report], as_json=as_json)


def main() -> None:
    """Measure and print; or, in a process of its own, do one part of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--predict", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.mb[0])
    elif given.predict:
        sys.stdout.write(json.dumps(predict(given.predict)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            show(measure(given.mb, Path(folder)), as_json=given.json)


if __name__ == "__main__":
    main()
