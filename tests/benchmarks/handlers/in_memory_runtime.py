"""`awslambdaric` as it is, but that events come out of memory and answers go back there.

    python in_memory_runtime.py module.function REPLIES

Reads commands from standard input: the length of an event and how often it is to be answered, a
line, and behind it the event. Writes to the file descriptor REPLIES what each answer took of the
processor, in seconds, and the length of the last one; behind it the answer.
"""

import os
import sys
import time
from itertools import count
from pathlib import Path

from awslambdaric import bootstrap, lambda_runtime_client

HANDLER, REPLIES = sys.argv[1], int(sys.argv[2])
SECONDS = 30


class InMemory:
    """In the place of the compiled client of the Runtime API."""

    def __init__(self):
        self._numbers = count(1)
        self._event, self._times, self._left = b"", 0, 0
        self._answer, self._started = b"", 0.0

    def next(self):
        """The next event with its headers, as the Runtime API has them."""
        if not self._left:
            self._report()
            self._read()
        self._left -= 1
        return self._event, {
            "Lambda-Runtime-Aws-Request-Id": f"request-{next(self._numbers)}",
            "Lambda-Runtime-Deadline-Ms": int((time.time() + SECONDS) * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:function:f",
            "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            "Content-Type": "application/json",
        }

    def post_invocation_result(self, _invoke_id, answer, *_):
        """Take an answer."""
        self._answer = answer

    def post_error(self, _invoke_id, error, *_):
        """Take an error; there is no measuring then."""
        sys.exit(f"the function failed: {error}")

    def _report(self):
        if self._times:
            seconds = (time.process_time() - self._started) / self._times
            with os.fdopen(os.dup(REPLIES), "wb") as replies:
                replies.write(f"{seconds!r} {len(self._answer)}\n".encode() + self._answer)

    def _read(self):
        line = sys.stdin.buffer.readline()
        if not line:
            os._exit(0)
        length, self._times = map(int, line.split())
        self._left = self._times
        self._event = sys.stdin.buffer.read(length)
        self._started = time.process_time()


lambda_runtime_client.runtime_client = InMemory()
sys.path.insert(0, str(Path.cwd()))
bootstrap.run(HANDLER, lambda_runtime_client.LambdaRuntimeClient("nowhere"))
