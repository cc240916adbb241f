"""The error tree: three branches, by what the caller should do about it.

`RejectedError` means fix the input, `RetryableError` means try again, `FaultError` means that
somebody has to look. A state machine matches class names and not inheritance, so the edge
re-raises each leaf as its branch, from the original.
"""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """One thing wrong with an input: where (`records[3].petal_length`) and what to do."""

    field: str
    message: str


class ServeryError(Exception):
    """Root of everything that Servery raises on purpose."""


class RejectedError(ServeryError):
    """The input cannot be accepted; the same input will never be.

    Args:
        message: One sentence for a person, without values that a caller sent.
        violations: The fields that are wrong, as many as were found.
    """

    def __init__(self, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.violations = violations


class RetryableError(ServeryError):
    """Nothing is wrong with the input; the same call may go through later.

    Args:
        message: One sentence for a person.
        retry_after: Seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class FaultError(ServeryError):
    """Something on our side is broken and will stay so until somebody looks."""


class MalformedError(RejectedError):
    """The bytes are not what they claim to be (bad JSON, bad CSV, bad base64)."""


class InvalidInputError(RejectedError):
    """Well-formed, but not acceptable: unknown, missing, wrong type, out of range, empty."""


class TooLargeError(RejectedError):
    """More bytes or rows than the limits of the model allow."""


class UnsupportedMediaError(RejectedError):
    """A content type or encoding that is not spoken here."""


class NotFoundError(RejectedError):
    """There is no such model, version, release or route."""


class MethodNotAllowedError(RejectedError):
    """The route exists, but not with this method.

    Args:
        allowed: The methods that the route has.
    """

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class InvalidSpecError(RejectedError):
    """A model spec, or a graph, that does not hold together."""


class InvalidVersionError(RejectedError):
    """A text that is no version, or a version that may not follow the ones there are."""


class ConflictError(RejectedError):
    """Somebody else was first: a stale revision, a taken name, a lease that is held."""


class PairMismatchError(RejectedError):
    """Two halves, preprocessor and predictor, that were not trained together."""


class ReleaseOrderError(RejectedError):
    """A half of a pair whose change would leave the two without one another.

    Args:
        message: One sentence, which says what comes first.
        first: What comes first, as a request to the registry says it: `kind` (release or
            roll_back), `model` and, of a release, `version` and `training`. Empty where nothing
            would help.
    """

    def __init__(self, message: str, first: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.first = first or {}


class OnlineBudgetError(RejectedError):
    """A version that costs more than its deployment lets synchronous traffic cost.

    Args:
        message: One sentence, with the figures and the way out.
        violations: The parts of the budget that are exceeded.
        routes: Where the same rows are predicted instead, by what it is: `jobs`, `batches`,
            `graph_jobs`.
    """

    def __init__(
        self, message: str, violations: tuple[Violation, ...], routes: dict[str, str]
    ) -> None:
        super().__init__(message, violations)
        self.routes = routes


class AllInOneError(RejectedError):
    """A model server that would have to serve more than one model."""


class DataQualityError(RejectedError):
    """Too much of the data is bad to train on."""


class ThrottledError(RetryableError):
    """The other side takes no more at the moment."""


class RefusedError(RetryableError):
    """A policy of the deployment keeps the request from the model.

    Args:
        message: One sentence, with the figures.
        reason: Which policy: `off`, `rate`, `concurrency`, `breaker`, `platform`.
        retry_after: Seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reason = reason


class UnavailableError(RetryableError):
    """The other side did not answer, or not yet."""


class DeadlineExceededError(RetryableError):
    """A hop took longer than the time it was given.

    Args:
        hop: The name of the hop that was slow.
        seconds: How long it was waited for.
    """

    def __init__(self, hop: str, seconds: float) -> None:
        super().__init__(f"{hop} did not answer within {seconds:g} s")
        self.hop = hop
        self.seconds = seconds


class HopUnavailableError(UnavailableError):
    """One of several hops could not be asked, or had no answer to give.

    Args:
        hop: The name of the hop.
        message: One sentence, which names it.
        retry_after: Seconds after which trying again makes sense.
    """

    def __init__(self, hop: str, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after=retry_after)
        self.hop = hop


class BadAnswerError(FaultError):
    """One of several hops answered what nobody can use.

    Args:
        hop: The name of the hop.
        message: One sentence, which names it, for the caller too.
    """

    def __init__(self, hop: str, message: str) -> None:
        super().__init__(message)
        self.hop = hop
        self.message = message


class UnusableAnswerError(BadAnswerError):
    """A hop answered, in full, and nobody can use it: asking once more gives the same."""


class ArtifactError(FaultError):
    """An artifact is missing, or its bytes are not those that the registry recorded."""


class IncompatibleRuntimeError(FaultError):
    """The libraries here do not fit what the manifest says the model was made with."""


class ModelServerError(FaultError):
    """A model server failed in a way that is not the caller's doing."""
