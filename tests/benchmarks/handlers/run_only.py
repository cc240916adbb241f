"""onnxruntime's own `run` of one row, and nothing else, where a model server would be."""

import os

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
SESSION = onnxruntime.InferenceSession(
    os.environ["MODEL_FILE"], options, providers=["CPUExecutionProvider"]
)
OUTPUTS = [output.name for output in SESSION.get_outputs()]
(TAKEN,) = SESSION.get_inputs()
FEED = {TAKEN.name: np.zeros((1, TAKEN.shape[1]), np.float32)}


def handler(_event, _context):
    """Run it, and answer as whoever does nothing."""
    SESSION.run(OUTPUTS, FEED)
    return {"status": 200, "body": "{}"}
