"""The readiness check between whoever asks and a model server: the question and its answer."""

from __future__ import annotations

import msgspec

from servery.domain.manifest import ModelRef
from servery.errors import ModelServerError


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What a model server answers to `ready`.

    Attributes:
        status: 200 when it is ready.
        ready: Whether it has loaded the model and reproduced the recorded sample.
        reason: Why not.
        model_version: What it has loaded.
        digest: SHA-256 (hex) of the model file that it has loaded.
    """

    status: int
    ready: bool = False
    reason: str = ""
    model_version: str = ""
    digest: str = ""


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    ref: ModelRef


def ready_question(ref: ModelRef) -> bytes:
    """The event that asks a model server whether it is ready to answer for `ref`."""
    return msgspec.json.encode(_Question(verb="ready", ref=ref))


def ready_answer(ref: ModelRef, content: bytes) -> Ready:
    """Read the answer; a server that is ready with another model is not ready.

    Raises:
        ModelServerError: these bytes are no answer.
    """
    try:
        answer = msgspec.json.decode(content, type=Ready)
    except msgspec.MsgspecError as error:
        raise ModelServerError("the model server gave no answer to ready") from error
    if not answer.ready:
        reason = answer.reason or "the model server gave no reason"
        return msgspec.structs.replace(answer, reason=reason)
    for name, want, have in (
        ("version", ref.version, answer.model_version),
        ("digest", ref.digest, answer.digest),
    ):
        if have and have != want:
            return msgspec.structs.replace(answer, ready=False, reason=f"it has another {name}")
    return answer
