"""What a Catch of the state machine leaves, as a sentence."""

from __future__ import annotations

import msgspec


def sentence(error: dict[str, object]) -> str:
    """What a Catch left, for a person: the message that Lambda put among a traceback."""
    name, cause = str(error.get("Error", "")), str(error.get("Cause", ""))
    try:
        told = msgspec.json.decode(cause)
    except msgspec.DecodeError:
        told = None
    message = told.get("errorMessage") if isinstance(told, dict) else cause
    if name == "RejectedError":
        return str(message or "the input was refused")
    return f"{name}: {message}" if message else name or "it ended without a word"
