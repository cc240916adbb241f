"""A model server that answers at once, and a log that forgets: the same for both gateways."""

import json
from collections import deque

LOG = deque(maxlen=1)
_BODY = {
    "model": "breast-cancer",
    "model_version": "1.0.0-d1.s1",
    "request_id": "f6e0f0ee-5b3c-4a7f-8d54-3f5d0f8f3b6b",
    "served_by": "champion",
    "cache": "off",
    "predictions": [
        {
            "class": "benign",
            "probabilities": {"benign": 0.98, "malignant": 0.02},
            "model_version": "1.0.0-d1.s1",
        }
    ],
    "degraded": False,
}
_ANSWER = {
    "status": 200,
    "body": json.dumps(_BODY),
    "rows": 1,
    "model_ms": 0.02,
    "model_version": "1.0.0-d1.s1",
    "degraded": False,
}
_BYTES = json.dumps(_ANSWER).encode()


def invoke(_payload, _seconds):
    """The bytes of an answer."""
    return _BYTES
