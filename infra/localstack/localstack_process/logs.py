"""What one execution environment wrote, bounded, and the lines that Lambda puts around it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

RECENT_CHARACTERS = 65_536


class LogBuffer:
    """Collects the output of a function until the invocation is over.

    Holds at most `limit_bytes` between two calls of `take`: the beginning is kept in whole
    lines, the rest is counted and left out.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._parts: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._recent = ""

    def append(self, data: bytes) -> None:
        """Add output as it comes, in pieces of any length."""
        with self._lock:
            room = 0 if self._dropped else self._limit - self._size
            kept = data
            if len(data) > room:
                kept = data[: data.rfind(b"\n", 0, room) + 1] if room else b""
                self._dropped += len(data) - len(kept)
            if kept:
                self._parts.append(kept)
                self._size += len(kept)

    def take(self) -> str:
        """Everything since the last call, ending with a line end unless it is empty.

        Carriage returns become line ends: awslambdaric joins the lines of a traceback with
        them, and a terminal would show only the last one.
        """
        with self._lock:
            data, dropped = b"".join(self._parts), self._dropped
            self._parts, self._size, self._dropped = [], 0, 0
            text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
            if text and not text.endswith("\n"):
                text += "\n"
            if dropped:
                text += f"[{dropped} bytes of log left out, over the limit of {self._limit}]\n"
            self._recent = (self._recent + text)[-RECENT_CHARACTERS:]
            return text

    def recent(self) -> str:
        """The end of what was taken, and what has come since; nothing is consumed."""
        with self._lock:
            waiting = b"".join(self._parts)[-RECENT_CHARACTERS:].decode("utf-8", "replace")
            return self._recent + waiting


@dataclass(frozen=True)
class Report:
    """The figures of one invocation.

    Attributes:
        request_id: Lambda's id of the invocation.
        duration_ms: From handing over the event to the answer.
        memory_mb: What the function is configured with.
        max_memory_mb: The highest resident memory of the environment so far; None if unknown.
        init_ms: How long the initialisation took, if this was the environment's first
            invocation.
        status: `timeout` or `error` when Lambda ended it, else None.
        error_type: Lambda's error type, with status `error`.
    """

    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int | None = None
    init_ms: float | None = None
    status: str | None = None
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds that are paid for; the initialisation counts since August 2025."""
        return math.ceil(self.duration_ms + (self.init_ms or 0))

    def line(self) -> str:
        """The REPORT line, with its line end."""
        fields = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {self.memory_mb} MB",
        ]
        if self.max_memory_mb is not None:
            fields.append(f"Max Memory Used: {self.max_memory_mb} MB")
        if self.init_ms is not None:
            fields.append(f"Init Duration: {self.init_ms:.2f} ms")
        if self.status:
            fields.append(f"Status: {self.status}")
        if self.error_type:
            fields.append(f"Error Type: {self.error_type}")
        return "\t".join(fields) + "\t\n"


def init_report_line(init_ms: float, status: str, error_type: str | None = None) -> str:
    """The line about an initialisation that failed; `status` is `timeout` or `error`."""
    suffix = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: init\tStatus: {status}{suffix}\n"


def assemble(early: str, output: str, version: str, report: Report) -> str:
    """The log of one invocation as Lambda writes it.

    Args:
        early: What was written before the invocation, during initialisation for instance.
        output: What the function wrote.
        version: `$LATEST` or a published version.
        report: The figures.
    """
    start = f"START RequestId: {report.request_id} Version: {version}\n"
    return f"{early}{start}{output}END RequestId: {report.request_id}\n{report.line()}"
