"""Carries out parts of jobs of graphs: SQS hands them over, each queue those of one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.wiring import graph as wiring

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

_KEEP_SECONDS = 1.0  # for writing what the cache keeps

if wiring.in_lambda():
    wiring.part_worker()  # before the first event: while it inits, a function has a whole processor


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Carry out the parts of one event; messages that come back are named in the answer."""
    try:
        return wiring.part_worker().serve(event, context)
    finally:
        wiring.keep_rows(_KEEP_SECONDS)
