"""What a spec says about the steps of its training, and which steps there are."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class StepName(StrEnum):
    """The steps of a training, in their order."""

    COLLECT = "collect"
    PREPROCESS = "preprocess"
    TRAIN = "train"
    EXPORT = "export"
    EVALUATE = "evaluate"
    REGISTER = "register"


class Large(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the train step leaves Lambda for AWS Batch, and what it gets there.

    Attributes:
        above_mb: Size of the training rows, in MB (10**6 bytes) as they are stored.
        vcpus: Processors of the job.
        memory_mb: Memory of the job, in MiB.
        minutes: Longest time of the job.
    """

    above_mb: Annotated[float, Meta(ge=0)]
    vcpus: Annotated[int, Meta(ge=1, le=192)] = 4
    memory_mb: Annotated[int, Meta(ge=2048, le=1_500_000)] = 16_384
    minutes: Annotated[int, Meta(ge=1, le=24 * 60)] = 240


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the steps of a training run when they run as a pipeline.

    Attributes:
        every_hours: Step to the hours between two runs of it by schedule: the pipeline runs up
            to that step then. A step that is run more rarely keeps its last output meanwhile.
        large: When the train step leaves Lambda; None never.
    """

    every_hours: dict[StepName, Annotated[int, Meta(ge=1, le=24 * 366)]] = {}
    large: Large | None = None
