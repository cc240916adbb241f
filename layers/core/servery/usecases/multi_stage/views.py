"""What a staged request is answered."""

from __future__ import annotations

from typing import Any

import msgspec


class Next(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The second answer: who gives it, and where it will be.

    Attributes:
        stage: `heavy`.
        model: Who is asked.
        state: Where its job is, or `refused` where there is none.
        job: Its id.
        location: Where it can be asked for.
        reason: Why there is no job; a sentence.
    """

    stage: str
    model: str
    state: str
    job: str = ""
    location: str = ""
    reason: str = ""


class StagedAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first answer, and where the second one will be.

    Attributes:
        id: The caller's own, where there was one.
        model: The light model.
        model_version: The version of it that answered; empty where none did.
        request_id: What every log knows the request by.
        served_by: `staged`.
        stage: `light`, which this answer comes from.
        predictions: The light model's answer for each row, each with its `stage`; null where it
            gave none, and only the second answer will come.
        next: The second answer.
        degraded: Whether there will be no second answer, or another version stood in for the
            first.
        error: Why there are no predictions, a problem document.
    """

    id: str | None = None
    model: str
    model_version: str
    request_id: str
    served_by: str
    stage: str
    predictions: list[dict[str, Any]] | None
    next: Next
    degraded: bool = False
    error: dict[str, Any] | None = None
