"""The room `search`: what proposes, runs, chooses and closes, and tells of it."""

from __future__ import annotations

import platform
import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import object_store, registry
from servery.wiring.settings import SystemClock, allowed_origins, setting

if TYPE_CHECKING:
    from servery.adapters.dynamodb_searches import DynamoDbSearches
    from servery.adapters.stepfunctions_search_queue import StepFunctionsSearchQueue
    from servery.ports import Sampler
    from servery.usecases.search.propose import ProposePorts
    from servery.usecases.search.run_trial import Machine, TrialPorts

__all__ = [
    "SystemClock",
    "allowed_origins",
    "machine",
    "object_store",
    "propose_ports",
    "registry",
    "search_queue",
    "searches",
    "trial_ports",
]


@cache
def searches() -> DynamoDbSearches:
    """Where searches and trials are kept."""
    from servery.adapters.dynamodb_searches import DynamoDbSearches

    return DynamoDbSearches(clients.dynamodb(), setting("REGISTRY_TABLE"))


@cache
def search_queue() -> StepFunctionsSearchQueue:
    """What starts the state machine."""
    from servery.adapters.stepfunctions_search_queue import (
        StepFunctionsSearchQueue,
    )

    client = clients.stepfunctions()
    return StepFunctionsSearchQueue(client, setting("SEARCH_ARN"))


def sampler() -> Sampler:
    """What chooses by what was told; Optuna is only imported where it is asked."""
    from servery.adapters.optuna_sampler import tpe

    return tpe


@cache
def propose_ports() -> ProposePorts:
    """What proposing works with."""
    from servery.usecases.search.propose import ProposePorts

    return ProposePorts(
        store=searches(),
        objects=object_store(),
        bucket=setting("ARTIFACTS_BUCKET"),
        sampler=sampler,
        clock=SystemClock(),
    )


def machine() -> Machine:
    """On what trials run."""
    from servery.domain.lambda_price import processor_of
    from servery.usecases.search.run_trial import Machine

    return Machine(int(setting("TRIAL_MEMORY_MB")), processor_of(platform.machine()))


@cache
def trial_ports() -> TrialPorts:
    """What a trial works with."""
    from servery.adapters.npz_datasets import NpzDataSets
    from servery.adapters.sklearn_folds import fit_and_ask
    from servery.usecases.search.run_trial import TrialPorts

    return TrialPorts(
        store=searches(),
        objects=object_store(),
        datasets=NpzDataSets(object_store()),
        fitter=fit_and_ask,
        machine=machine(),
        clock=SystemClock(),
        now=time.perf_counter,
    )
