"""Copies of answered requests, on their way to the version that is asked too."""

from __future__ import annotations

import msgspec

from servery.ports.policies import ShadowCopy

DOCUMENTS = "shadows"
"""Prefix of the objects that hold what is too large for a message."""


class ShadowMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the queue.

    Attributes:
        id: Of the copy, the same however often the message is delivered.
        at: When the request was answered, seconds since the epoch.
        copy: What is to be compared, or
        document: the key of the object that holds it.
    """

    id: str
    at: float
    copy: ShadowCopy | None = None
    document: str = ""
