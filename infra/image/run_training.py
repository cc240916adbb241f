# ruff: noqa: INP001 - a script, not a package
"""Runs the train step as a job of AWS Batch: the function's own handler, on an event in S3.

    python run_training.py KEY

Nothing of its result is handed back but how it ended: the step leaves its files and its memo
where the function would.

Status:
    0: it is done, or has refused its input, and why is left beside the training.
    75: try again (`EX_TEMPFAIL`), which the job definition does.
    1: it failed.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from servery.errors import RejectedError, RetryableError
from servery.usecases.training.place import refuse
from servery.wiring import training as wiring

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, TRY_AGAIN = 0, 1, 75


def run(key: str) -> int:
    """Carry out the step that is described under a key of the artifacts bucket.

    Args:
        key: Of the event of the train step.
    """
    store = wiring.object_store()
    event: dict[str, Any] = msgspec.json.decode(store.get(key))
    try:
        import_module("train").handler(event, None)  # functions/training/train.py
    except RejectedError as error:
        refuse(event["training_id"], error.message, store=store)
        sys.stdout.write(f"refused: {error.message}\n")
    return DONE


def main(arguments: Sequence[str]) -> int:
    """Run, and say by the status how it ended."""
    (key,) = arguments
    try:
        return run(key)
    except RetryableError:
        traceback.print_exc()
        return TRY_AGAIN
    except Exception:
        traceback.print_exc()
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
