"""The failure of a part, as it is kept, and the error that it was."""

from __future__ import annotations

from typing import Any

from servery import errors
from servery.domain.graph_jobs import PartResult
from servery.errors import (
    BadAnswerError,
    DeadlineExceededError,
    HopUnavailableError,
    RejectedError,
    ServeryError,
)

BROKEN = "something is broken on our side"


def failure_of(error: Exception, part: str) -> dict[str, Any]:
    """What is kept of the error with which a part failed: fields of its result."""
    kept = {"error": type(error).__name__, "hop": getattr(error, "hop", "")}
    if not isinstance(error, ServeryError):
        return {**kept, "reason": f"{part}: {BROKEN}"}
    violations = list(error.violations) if isinstance(error, RejectedError) else []
    return {**kept, "reason": str(error), "violations": violations}


def error_of(result: PartResult) -> ServeryError:
    """The error with which a part failed, for whoever has to judge by its kind."""
    hop = result.hop or result.part
    kind = getattr(errors, result.error, None)
    if isinstance(kind, type) and issubclass(kind, RejectedError):
        refusal: ServeryError = kind(result.reason, tuple(result.violations))
        return refusal
    if kind is DeadlineExceededError:
        return DeadlineExceededError(hop, round(result.ms / 1000, 1))
    if isinstance(kind, type) and issubclass(kind, errors.RetryableError):
        return HopUnavailableError(hop, result.reason)
    return BadAnswerError(hop, result.reason)
