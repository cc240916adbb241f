"""What most would write behind API Gateway: joblib, pydantic, predict_proba, json.dumps."""

import json
import os
import time

import joblib
import numpy as np
from body import Body

MODEL = joblib.load(os.environ["MODEL_FILE"])
CLASSES = [str(each) for each in MODEL.classes_]


def handler(event, _context):
    """Answer one request."""
    started = time.perf_counter()
    body = Body.model_validate_json(event["body"])
    matrix = np.array([list(row.model_dump().values()) for row in body.records])
    scores = MODEL.predict_proba(matrix)
    predictions = [
        {"class": CLASSES[row.argmax()], "probabilities": dict(zip(CLASSES, row, strict=True))}
        for row in scores
    ]
    milliseconds = (time.perf_counter() - started) * 1000
    print(json.dumps({"rows": len(predictions), "milliseconds": milliseconds}))  # noqa: T201
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"predictions": predictions}),
    }
