"""What tells whether a version may go, and takes away what does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import keeping, object_store, registry, server_publisher
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, entropy, setting

if TYPE_CHECKING:
    from servery.usecases.registry.retire_ports import Removal, RetirePorts

__all__ = ["removal", "retire_ports"]


@cache
def retire_ports() -> RetirePorts:
    """What tells whether a version may go."""
    from servery.adapters.dynamodb_batches import DynamoDbBatches
    from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
    from servery.adapters.dynamodb_graphs import DynamoDbGraphs
    from servery.adapters.dynamodb_job_lists import AT_ONCE
    from servery.adapters.dynamodb_jobs import DynamoDbJobs
    from servery.usecases.registry.retire_ports import RetirePorts

    patience = Patience(connect_s=2, read_s=5, attempts=4, connections=AT_ONCE)
    client = clients.dynamodb(patience)
    jobs = setting("JOBS_TABLE")
    return RetirePorts(
        registry=registry(),
        kept=keeping(),
        graphs=DynamoDbGraphs(client, setting("REGISTRY_TABLE")),
        graph_jobs=DynamoDbGraphJobs(client, jobs),
        jobs=DynamoDbJobs(client, jobs),
        batches=DynamoDbBatches(client, jobs),
        clock=SystemClock(),
        entropy=entropy,
    )


@cache
def removal() -> Removal:
    """What takes away what is retired, and tells of it."""
    from servery.adapters.eventbridge_retirement_events import EventBridgeRetirementEvents
    from servery.usecases.registry.retire_ports import Removal

    events = clients.events()
    return Removal(
        publisher=server_publisher(),
        objects=object_store(),
        events=EventBridgeRetirementEvents(events),
    )
