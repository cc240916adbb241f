"""The prediction log: what each request asked and was answered, one JSON line each."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence

import msgspec

from servery.domain.sampling import in_sample
from servery.ports import Clock, PredictionLog

MOST_LINE_BYTES = 1_000_000  # Firehose takes 1,000 KiB a record, the newline included
UNKNOWN = "unknown"  # the model of a request that named none that there is

_OK = 200
_BAD_REQUEST = 400
_REDIRECT = 300


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the prediction log.

    Attributes:
        schema: Version of this structure.
        request_id: What joins the line with labels, client events and logs.
        time: When the request came, ISO 8601, UTC.
        day: The day of it, `2026-03-01`; the lake is partitioned by model and day.
        model: Name of the model, `unknown` where there is none of the name asked for.
        model_version: The version that answered.
        training: `trN` that it was released from.
        route: How the request came to who answered: `champion`, `canary`, `version`, `branch:NAME`,
            `variant:EXPERIMENT/NAME`, `fallback:KIND`, ...
        branch: Name of the branch that it took; empty for none.
        experiment: Name of the experiment that it took part in; empty for none.
        variant: Name of its variant: that it was exposed to it.
        key: Digest of the key that it took part by, 16 hexadecimal digits.
        fallback: What stood in for the model that it may not reach; empty where nothing did.
        cache: hit, partial, miss or off.
        status: The HTTP status.
        rows: Rows predicted.
        latency_ms: From the request to its answer, in the function that logs.
        model_ms: Of it, in the model.
        degraded: Whether another version stood in.
        input: The request's body, where it was answered; else null, since nobody has found it
            to be JSON. Null too where a feature of the model is personal.
        output: The answer's body, a problem document for a refusal; null for an answer whose
            target is personal.
        malformed: Whether the body was refused as no JSON of the expected form.
        truncated: Whether input or output was left out for its size.
        error: Class of the error.
        code: Identity of the code that answered.
    """

    schema: int = 1
    request_id: str
    time: str
    day: str
    model: str
    model_version: str = ""
    training: str = ""
    route: str = ""
    branch: str = ""
    experiment: str = ""
    variant: str = ""
    key: str = ""
    fallback: str = ""
    cache: str = "off"
    status: int
    rows: int = 0
    latency_ms: float
    model_ms: float = 0.0
    degraded: bool = False
    input: msgspec.Raw | None = None
    output: msgspec.Raw | None = None
    malformed: bool = False
    truncated: bool = False
    error: str = ""
    code: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request to predict.

    Attributes:
        request_id: As everywhere.
        model: Name of a model that there is, or empty.
        sample: Share of requests that are logged; failures always are.
        status: The HTTP status.
        latency_ms: From the request to its answer.
        body: The request's body as it came, in base64 when `base64` says so.
        base64: Whether the body is in base64.
        answer: The answer's body, JSON.
        model_version: The version that answered, where one did.
        training: `trN` that it was released from.
        route: How the request came to who answered.
        branch: Name of the branch that it took.
        experiment: Name of the experiment that it took part in.
        variant: Name of its variant.
        key: Digest of the key that it took part by.
        fallback: What stood in for the model.
        cache: hit, partial, miss or off.
        rows: Rows predicted.
        model_ms: Milliseconds in the model.
        degraded: Whether another version stood in.
        error: Class of the error.
        code: Identity of the code that answered.
        unlogged: What is left out because it is about persons: `input`, `output`.
    """

    request_id: str
    model: str
    sample: float
    status: int
    latency_ms: float
    body: str = ""
    base64: bool = False
    answer: str = ""
    model_version: str = ""
    training: str = ""
    route: str = ""
    branch: str = ""
    experiment: str = ""
    variant: str = ""
    key: str = ""
    fallback: str = ""
    cache: str = "off"
    rows: int = 0
    model_ms: float = 0.0
    degraded: bool = False
    error: str = ""
    code: str = ""
    unlogged: Sequence[str] = ()


class Recorder:
    """Writes outcomes to the prediction log.

    Args:
        log: Where the lines go.
        clock: When a request was.
    """

    def __init__(self, log: PredictionLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def record(self, outcome: Outcome) -> None:
        """Log an outcome, if it failed or its request is in the sample.

        Whether a request is in the sample depends on its id alone, so every part of the system
        that sees the id decides the same.
        """
        answered = _OK <= outcome.status < _REDIRECT
        if answered and not in_sample(outcome.request_id, outcome.sample):
            return
        self._log.record(self._line(outcome, answered=answered))

    def _line(self, outcome: Outcome, *, answered: bool) -> bytes:
        now = self._clock.now()
        entry = Entry(
            request_id=outcome.request_id,
            time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            day=now.date().isoformat(),
            model=outcome.model or UNKNOWN,
            model_version=outcome.model_version,
            training=outcome.training,
            route=outcome.route,
            branch=outcome.branch,
            experiment=outcome.experiment,
            variant=outcome.variant,
            key=outcome.key,
            fallback=outcome.fallback,
            cache=outcome.cache,
            status=outcome.status,
            rows=outcome.rows,
            latency_ms=round(outcome.latency_ms, 3),
            model_ms=round(outcome.model_ms, 3),
            degraded=outcome.degraded,
            input=_input(outcome) if answered and "input" not in outcome.unlogged else None,
            output=_output(outcome, answered=answered),
            malformed=outcome.status == _BAD_REQUEST,
            error=outcome.error,
            code=outcome.code,
        )
        return _bounded(entry)


def _input(outcome: Outcome) -> msgspec.Raw | None:
    if not outcome.body:
        return None
    content = b64decode(outcome.body) if outcome.base64 else outcome.body.encode()
    return _one_line(content)


def _output(outcome: Outcome, *, answered: bool) -> msgspec.Raw | None:
    if not outcome.answer or (answered and "output" in outcome.unlogged):
        return None
    return _one_line(outcome.answer.encode())


def _one_line(document: bytes) -> msgspec.Raw:
    """Known JSON without its line breaks: between tokens they mean nothing, in strings are none."""
    return msgspec.Raw(document.replace(b"\n", b" ").replace(b"\r", b" "))


def _bounded(entry: Entry) -> bytes:
    line = msgspec.json.encode(entry)
    for part in ("input", "output"):
        if len(line) < MOST_LINE_BYTES:
            break
        entry = msgspec.structs.replace(entry, truncated=True, **{part: None})
        line = msgspec.json.encode(entry)
    return line
