"""The model server: loads one model and answers for it.

Made at import, in the phase that Lambda gives more processor time and, with SnapStart, takes the
snapshot of: the libraries of the runtime, and in image mode the model itself.
"""

from __future__ import annotations

from typing import Any

from servery.edge.marshalling import marshal_by_msgspec
from servery.wiring import predictor as wiring

marshal_by_msgspec()
_server = wiring.model_server()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one event: infer, infer_many, chunk, ready or metadata."""
    return _server.handle(event)
