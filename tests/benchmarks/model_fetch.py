"""A model file out of S3: in one request, and in pieces over several connections.

From a server on loopback whose connections carry 87 MB/s each, which is what AWS's guide reckons
with, in a machine that takes 340 MB/s, as execution environments of Lambda have been seen to do in
their first seconds, and in one that takes 75 MB/s, as they do later. Each request waits 25 ms for
its first byte. It is the clock's time, since waiting is what it is about; what the program itself
spends stands beside it.

    python -m benchmarks.model_fetch [--mb 1 10 50] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from servery.adapters.s3_http import S3Http
from servery.adapters.sigv4 import Credentials

from benchmarks.cold_functions import COLUMNS, ratios, rows_of
from benchmarks.one_function import REGION, Spent
from benchmarks.report import Report, show
from benchmarks.rounds import said, take_turns

WHOLE, PIECES = "in one request", "in pieces"
PER_CONNECTION = 87e6
MACHINES = {"first seconds": 340e6, "later": 75e6}
FIRST_BYTE_SECONDS = 0.025
SLICE = 1024 * 1024
PIECE, AT_ONCE = 8 * 1024 * 1024, 4


class _Wire:
    """What all connections share: slices go over it one after the other.

    Whoever comes late, on a busy machine, catches up: the wire would have gone on meanwhile.
    """

    def __init__(self, bytes_per_second: float) -> None:
        self._speed = bytes_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def begin(self) -> float:
        """A new object is asked for: the moment of its first byte, from which the wire is free."""
        with self._lock:
            self._free_at = time.perf_counter() + FIRST_BYTE_SECONDS
            return self._free_at

    def slot(self, size: int) -> float:
        """The moment until which a slice occupies the wire."""
        with self._lock:
            self._free_at += size / self._speed
            return self._free_at


@contextmanager
def slow_s3(content: bytes, machine: float) -> Iterator[str]:
    """A server of one object, whatever it is called."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = _Wire(machine)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            while head := b"".join(iter(reader.readline, b"\r\n")):
                window = re.search(rb"range: bytes=(\d+)-(\d+)", head)
                first, last = map(int, window.groups()) if window else (0, len(content))
                body = memoryview(content)[first : last + 1]
                begun = time.perf_counter() + FIRST_BYTE_SECONDS if first else wire.begin()
                connection.sendall(_head(len(body), first, len(content), ranged=bool(window)))
                send(connection, body, begun)

    def send(connection: socket.socket, body: memoryview, free_at: float) -> None:
        for start in range(0, len(body), SLICE):
            part = body[start : start + SLICE]
            free_at += len(part) / PER_CONNECTION
            until = max(free_at, wire.slot(len(part)))
            time.sleep(max(0.0, until - time.perf_counter()))
            connection.sendall(part)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _head(size: int, first: int, total: int, *, ranged: bool) -> bytes:
    status = "206 Partial Content" if ranged else "200 OK"
    said_range = f"content-range: bytes {first}-{first + size - 1}/{total}\r\n" if ranged else ""
    return f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{said_range}\r\n".encode()


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def in_pieces(s3: S3Http, size: int) -> bytes:
    """The object by ranges, several at once."""

    def get(start: int) -> bytes:
        return s3.get("b", "key", start=start, end=min(start + PIECE, size)).content

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return b"".join(pool.map(get, range(0, size, PIECE)))


def fetching(address: str, content: bytes, *, pieces: bool) -> Callable[[], Spent]:
    """Measures fetching the object over new connections."""

    def fetch() -> Spent:
        s3 = S3Http(
            region=REGION,
            credentials=lambda: Credentials("testing", "testing"),
            clock=_Clock(),
            endpoint=address,
        )
        clock, processor = time.perf_counter(), time.thread_time()
        got = in_pieces(s3, len(content)) if pieces else s3.get("b", "key").content
        spent = Spent(time.thread_time() - processor, time.perf_counter() - clock)
        assert got == content
        return spent

    return fetch


def report(megabytes: int, rounds: int) -> Report:
    """The figures of one size."""
    content = bytes(megabytes * 10**6)
    taken: dict[str, list[Spent]] = {}
    verdicts = []
    for machine, speed in MACHINES.items():
        with slow_s3(content, speed) as address:
            found = take_turns(
                {
                    f"{machine}, {WHOLE}": fetching(address, content, pieces=False),
                    f"{machine}, {PIECES}": fetching(address, content, pieces=True),
                },
                rounds,
            )
        whole, pieces = found.values()
        verdicts.append(
            f"{machine}: in one request {said(ratios(whole, pieces)[0])} times as long."
        )
        taken |= found
    return Report(
        title=f"A file of {megabytes} MB out of S3",
        notes=[f"{rounds} rounds in turns, over new connections; the caller's thread's processor."],
        columns=COLUMNS,
        rows=rows_of(taken),
        verdicts=verdicts,
        figures={
            "mb": megabytes,
            "seconds": {
                each: [[one.clock, one.processor] for one in spent] for each, spent in taken.items()
            },
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mb", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    show([report(each, given.rounds) for each in given.mb], as_json=given.json)


if __name__ == "__main__":
    main()
