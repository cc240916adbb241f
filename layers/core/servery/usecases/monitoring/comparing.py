"""Comparing copies of answered requests with what the shadow says to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.comparisons import Comparison, compared, object_key, without_classes
from servery.domain.lake import said
from servery.domain.predicted import read_predicted, read_said
from servery.errors import (
    ArtifactError,
    DeadlineExceededError,
    MalformedError,
    ModelServerError,
    NotFoundError,
    RetryableError,
)
from servery.ports.policies import ShadowCopy
from servery.ports.shadows import ShadowMessage
from servery.usecases.monitoring.asking_shadows import Shadowed, ask_shadow, shadow_of

if TYPE_CHECKING:
    from servery.domain.deployment import Deployment, Served
    from servery.ports import Clock, Deployments, Documents, ModelServers

MOST_RECEIVES = 3
"""Deliveries of a message; the queue gives it up after so many."""
STALE_SECONDS = 3600.0
AGAIN_SECONDS = 30.0
MARGIN_SECONDS = 2.0  # of an invocation's time, for writing the lines

_OK, _SERVER_ERROR = 200, 500
_PERSONAL = "output"
_read_message = msgspec.json.Decoder(ShadowMessage).decode
_read_copy = msgspec.json.Decoder(ShadowCopy).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ComparePorts:
    """What comparing works with.

    Attributes:
        deployments: Who serves the shadow.
        servers: How it is called.
        lake: Where the lines go, and large copies come from.
        clock: What the age of a copy goes by.
        entropy: A name that no other call of it gives.
    """

    deployments: Deployments
    servers: ModelServers
    lake: Documents
    clock: Clock
    entropy: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of some messages.

    Attributes:
        back: Those that come back, and after how many seconds.
        lines: What was written.
        dropped: Models of the copies that were given up unasked: too old, or nobody serves the
            shadow any more.
        errors: What went wrong, by request.
    """

    back: dict[str, float] = field(default_factory=dict)
    lines: list[Comparison] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)


def is_message(body: str) -> bool:
    """Whether a message of the queue is one of ours."""
    try:
        message = _read_message(body)
    except msgspec.MsgspecError:
        return False
    return message.copy is not None or bool(message.document)


def compare(
    receives: Mapping[str, int], ports: ComparePorts, *, seconds: Callable[[], float]
) -> Compared:
    """Ask the shadows of some messages, one after the other, and write down how they compare.

    A shadow that fails, refuses or is too slow is written down as that. One that cannot be asked
    at the moment is asked again, and written down as that too when the last delivery comes.

    Args:
        receives: The messages, and how often each was delivered.
        ports: What is worked with.
        seconds: How long there still is.
    """
    done = Compared()
    lines: dict[str, Comparison] = {}
    for body, times in receives.items():
        line = _one(body, times, ports, seconds, done)
        if line is not None:
            lines[body] = line
    for bodies in _by_object(lines).values():
        _write({body: lines[body] for body in bodies}, ports, done)
    return done


def _one(
    body: str, receives: int, ports: ComparePorts, seconds: Callable[[], float], done: Compared
) -> Comparison | None:
    """The line of one message; None where it comes back, or is dropped."""
    message = _read_message(body)
    copy: ShadowCopy | None = None
    try:
        copy = message.copy or _read_copy(ports.lake.get(message.document))
        if ports.clock.now().timestamp() - message.at > STALE_SECONDS:
            done.dropped.append(copy.model)
            return None
        deployment, served = shadow_of(copy, ports.deployments)
        allowed = deployment.deadline_ms / 1000
        if seconds() < allowed + MARGIN_SECONDS:
            done.back[body] = 0.0
            return None
        line = _line(message, copy, served, ports, allowed)
        return without_classes(line) if _personal(deployment) else line
    except (NotFoundError, ArtifactError, msgspec.MsgspecError) as error:
        done.errors.append((copy.request_id if copy else message.id, error))
        done.dropped.append(copy.model if copy else "")
    except RetryableError as error:
        done.errors.append((copy.request_id if copy else message.id, error))
        if copy is not None and receives >= MOST_RECEIVES:
            return msgspec.structs.replace(_begun(message, copy), error=type(error).__name__)
        done.back[body] = AGAIN_SECONDS
    return None


def _line(
    message: ShadowMessage, copy: ShadowCopy, served: Served, ports: ComparePorts, allowed: float
) -> Comparison:
    line = _begun(message, copy)
    try:
        shadowed = ask_shadow(copy, served, ports.servers, seconds=allowed)
    except DeadlineExceededError as error:
        return msgspec.structs.replace(
            line, error=type(error).__name__, shadow_latency_ms=round(allowed * 1000, 3)
        )
    except ModelServerError as error:
        return msgspec.structs.replace(line, error=type(error).__name__)
    return _weighed(line, copy, shadowed)


def _weighed(line: Comparison, copy: ShadowCopy, shadowed: Shadowed) -> Comparison:
    reply = shadowed.reply
    line = msgspec.structs.replace(
        line,
        status=reply.status,
        shadow_latency_ms=round(shadowed.latency_ms, 3),
        shadow_model_ms=round(reply.model_ms, 3),
    )
    if reply.status != _OK:
        failed = reply.status >= _SERVER_ERROR
        error = "ShadowFailedError" if failed else "ShadowRefusedError"
        return msgspec.structs.replace(line, error=error)
    try:
        return compared(line, read_predicted(copy.answer), read_predicted(reply.body))
    except MalformedError:
        return msgspec.structs.replace(line, error="IncomparableError")


def _personal(deployment: Deployment) -> bool:
    """Whether what a served version answers is about persons."""
    return any(_PERSONAL in served.unlogged for served in deployment.serving())


def _begun(message: ShadowMessage, copy: ShadowCopy) -> Comparison:
    """The line of a copy, before the shadow has said anything."""
    at = datetime.fromtimestamp(message.at, UTC)
    try:
        cache = read_said(copy.answer).cache
    except MalformedError:
        cache = "off"
    return Comparison(
        id=message.id,
        request_id=copy.request_id,
        time=said(at),
        day=at.date().isoformat(),
        model=copy.model,
        revision=copy.revision,
        version=copy.version,
        shadow=copy.shadow,
        cache=cache,
        latency_ms=round(copy.latency_ms, 3),
    )


def _by_object(lines: Mapping[str, Comparison]) -> dict[tuple[str, str], list[str]]:
    """The messages whose lines go into one object: those of one model and day."""
    found: dict[tuple[str, str], list[str]] = {}
    for body, line in lines.items():
        found.setdefault((line.model, line.day), []).append(body)
    return found


def _write(lines: Mapping[str, Comparison], ports: ComparePorts, done: Compared) -> None:
    """Write lines of one model and day; what cannot be written comes back."""
    first = next(iter(lines.values()))
    at = datetime.fromisoformat(first.time)
    key = object_key(first.model, at, ports.entropy())
    try:
        ports.lake.put(key, b"".join(_encode(line) + b"\n" for line in lines.values()))
    except Exception as error:
        done.errors.append((first.request_id, error))
        done.back.update(dict.fromkeys(lines, AGAIN_SECONDS))
        return
    done.lines.extend(lines.values())
