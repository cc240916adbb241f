"""The preprocessor of a pair: loads one model, makes features, and hands them on where asked to.

Made at import, as the predictor is: the libraries of the runtime, and in image mode the model.
"""

from __future__ import annotations

from typing import Any

from servery.edge.marshalling import marshal_by_msgspec
from servery.wiring import preprocessor as wiring

marshal_by_msgspec()
_server = wiring.model_server()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one event: infer, hand_on, ready or metadata."""
    return _server.handle(event)
