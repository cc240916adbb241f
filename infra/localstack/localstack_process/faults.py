"""The errors that Lambda itself makes, in the words in which it tells them to the caller."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Why an invocation or an initialisation failed.

    Attributes:
        kind: Lambda's error type, such as `Runtime.ExitError`, or an exception's name.
        document: The JSON document that the caller gets as the payload.
    """

    kind: str
    document: bytes


class InitError(Exception):
    """The function's process failed before it asked for its first invocation."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def _fault(kind: str, message: str) -> Fault:
    return Fault(kind, json.dumps({"errorType": kind, "errorMessage": message}).encode())


def timed_out(request_id: str, timeout_s: float) -> Fault:
    """The invocation took longer than the function's timeout, in seconds."""
    message = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    return _fault("Sandbox.Timedout", message)


def exited(request_id: str, return_code: int) -> Fault:
    """The process ended without an answer.

    Args:
        request_id: Of the invocation it was busy with.
        return_code: As `subprocess` has it: negative is the number of a signal.
    """
    if return_code < 0:
        reason = f"Runtime exited with error: signal: {_signal_words(-return_code)}"
    elif return_code > 0:
        reason = f"Runtime exited with error: exit status {return_code}"
    else:
        reason = "Runtime exited without providing a reason"
    return _fault("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")


def response_too_large(limit_bytes: int) -> Fault:
    """The function answered with more bytes than Lambda passes on."""
    message = f"Response payload size exceeded maximum allowed payload size ({limit_bytes} bytes)."
    return _fault("Function.ResponseSizeTooLarge", message)


def reported(document: bytes, header: str | None) -> Fault:
    """What the runtime itself posted; the type is in a header, or in the document."""
    kind = header
    if not kind:
        try:
            kind = str(json.loads(document).get("errorType") or "")
        except (ValueError, AttributeError):
            kind = ""
    return Fault(kind or "Runtime.Unknown", document)


def _signal_words(number: int) -> str:
    try:
        return (signal.strsignal(number) or f"signal {number}").lower()
    except ValueError:
        return f"signal {number}"
