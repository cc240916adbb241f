"""What no model server can be faster than: the libraries, and a session of the model."""

import sys

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
print(np.__version__, len(session.get_inputs()), flush=True)  # noqa: T201
sys.stdin.read()
