"""What of a spec a model server knows; it starts without the rest of it.

The annotations here are evaluated when the module is read, which costs a cold start less than what
msgspec would do to evaluate their text.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Mode(StrEnum):
    """How a model comes to its server."""

    IMAGE = "image"
    LOAD = "load"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request may ask for."""

    max_rows: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    max_body_kb: Annotated[int, Meta(ge=1, le=5_500)] = 5_000
