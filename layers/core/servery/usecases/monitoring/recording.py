"""The prediction log: what each request asked and was answered, one JSON line each."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from servery.domain.lake import UNKNOWN, said
from servery.domain.personal import (
    INPUT,
    OUTPUT,
    Hash,
    Personal,
    Treatment,
    all_omitted,
    key_hash,
    masked_input,
    masked_output,
)
from servery.domain.sampling import in_sample
from servery.errors import ServeryError
from servery.ports import Clock, PredictionLog

MOST_LINE_BYTES = 1_000_000  # Firehose takes 1,000 KiB a record, the newline included
SCHEMA = 2

_HELD_BYTES = 1024  # about what an outcome has beside its documents
_OK = 200
_BAD_REQUEST = 400
_REDIRECT = 300


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the prediction log; `infra/docs/prediction-log.md` says how it grew.

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
            to be JSON. Without what is about persons, or with the hash of it.
        output: The answer's body, a problem document for a refusal. Of an answer without what
            is about persons, or with the hash of it.
        malformed: Whether the body was refused as no JSON of the expected form.
        truncated: Whether input or output was left out for its size.
        hashed: Fields that stand there as their hash, `input.name`; `output` for what was
            predicted.
        omitted: Fields that were left out, as above; `input` and `output` for the whole.
        error: Class of the error.
        code: Identity of the code that answered.
    """

    schema: int = SCHEMA
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
    hashed: list[str] = []
    omitted: list[str] = []
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
        unlogged: What is about persons, in whole or in part: `input`, `output`.
        personal: What is done with the fields of that; None leaves all of it out.
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
    personal: Personal | None = None


class Recorder:
    """Writes outcomes to the prediction log.

    Args:
        log: Where the lines go.
        clock: When a request was.
        key: The key that values are hashed with, asked for when there is a value to hash;
            without one, or where it raises, they are left out.
    """

    def __init__(
        self, log: PredictionLog, clock: Clock, key: Callable[[], bytes] | None = None
    ) -> None:
        self._log = log
        self._clock = clock
        self._key = key

    def record(self, outcome: Outcome) -> None:
        """Log an outcome, if it failed or its request is in the sample.

        Whether a request is in the sample depends on its id alone, so every part of the system
        that sees the id decides the same. The line itself is written after the response.
        """
        answered = _OK <= outcome.status < _REDIRECT
        if answered and not in_sample(outcome.request_id, outcome.sample):
            return
        now = self._clock.now()
        held, truncated = _held(outcome, answered=answered)
        size = _HELD_BYTES + len(held.body) + len(held.answer)

        def line() -> bytes:
            return self._line(held, now, answered=answered, truncated=truncated)

        self._log.record(line, size)

    def _line(self, outcome: Outcome, now: datetime, *, answered: bool, truncated: bool) -> bytes:
        logged = self._documents(outcome) if answered else _Logged(output=_answer(outcome))
        entry = Entry(
            request_id=outcome.request_id,
            time=said(now),
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
            input=logged.input,
            output=logged.output,
            malformed=outcome.status == _BAD_REQUEST,
            truncated=truncated,
            hashed=logged.hashed,
            omitted=logged.omitted,
            error=outcome.error,
            code=outcome.code,
        )
        return _bounded(entry)

    def _documents(self, outcome: Outcome) -> _Logged:
        """What is logged of an answered request and of its answer."""
        about, personal = outcome.unlogged, outcome.personal or Personal()
        hashed = None
        if about and Treatment.HASH in (*personal.fields.values(), personal.target):
            hashed = self._hash()
            personal = personal if hashed is not None else all_omitted(personal)
        logged = _Logged(input=_body(outcome), output=_answer(outcome))
        if INPUT in about and logged.input is not None:
            logged.mask_input(personal, hashed or _no_hash)
        if OUTPUT in about and logged.output is not None:
            logged.mask_output(personal, hashed or _no_hash)
        return logged

    def _hash(self) -> Hash | None:
        """What hashes; None where there is no key at the moment."""
        try:
            return key_hash(self._key()) if self._key is not None else None
        except ServeryError:
            return None


@dataclass(slots=True)
class _Logged:
    """The documents of a line, and what was done to them."""

    input: msgspec.Raw | None = None
    output: msgspec.Raw | None = None
    hashed: list[str] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)

    def mask_input(self, personal: Personal, hashed: Hash) -> None:
        masked = masked_input(bytes(self.input or b""), personal, hashed)
        if masked is None:
            self.input = None
            self.omitted.append(INPUT)
            return
        self.input = msgspec.Raw(masked)
        for name, treatment in sorted(personal.fields.items()):
            told = self.hashed if treatment is Treatment.HASH else self.omitted
            told.append(f"{INPUT}.{name}")

    def mask_output(self, personal: Personal, hashed: Hash) -> None:
        masked = masked_output(bytes(self.output or b""), personal, hashed)
        self.output = None if masked is None else msgspec.Raw(masked)
        whole = masked is None or personal.target is Treatment.OMIT
        (self.omitted if whole else self.hashed).append(OUTPUT)


def _held(outcome: Outcome, *, answered: bool) -> tuple[Outcome, bool]:
    """What is kept until the line is written, and whether something is too long for any line."""
    body = outcome.body if answered else ""
    length = len(body) * 3 // 4 if outcome.base64 else len(body)
    long_body, long_answer = length > MOST_LINE_BYTES, len(outcome.answer) > MOST_LINE_BYTES
    held = msgspec.structs.replace(
        outcome,
        body="" if long_body else body,
        answer="" if long_answer else outcome.answer,
    )
    return held, long_body or long_answer


def _body(outcome: Outcome) -> msgspec.Raw | None:
    if not outcome.body:
        return None
    content = b64decode(outcome.body) if outcome.base64 else outcome.body.encode()
    return _one_line(content)


def _answer(outcome: Outcome) -> msgspec.Raw | None:
    return _one_line(outcome.answer.encode()) if outcome.answer else None


def _no_hash(_name: str, _value: object) -> str:
    raise AssertionError("nothing is hashed without a key")


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
