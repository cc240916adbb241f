"""What registers graphs, asks them, and keeps the data that they look up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from servery.wiring import clients
from servery.wiring.aws import deployments, object_store, registry
from servery.wiring.caching import keep_rows, prediction_cache
from servery.wiring.clients import Patience
from servery.wiring.monitoring import after_response, prediction_recorder
from servery.wiring.settings import (
    SystemClock,
    allowed_origins,
    in_lambda,
    optional_setting,
    setting,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from servery.adapters.dynamodb_entities import DynamoDbEntities
    from servery.adapters.dynamodb_graphs import DynamoDbGraphs
    from servery.adapters.kept_graphs import KeptGraphs
    from servery.adapters.lake_entities import LakeEntities
    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.layered_entities import LayeredEntities
    from servery.domain.named_aggregators import NamedAggregator
    from servery.usecases.graph.asking import GraphAsker
    from servery.usecases.graph.registering import Registrar

__all__ = [
    "after_response",
    "allowed_origins",
    "entities",
    "graph_asker",
    "graphs",
    "in_lambda",
    "keep_rows",
    "kept_graphs",
    "named_aggregators",
    "prediction_recorder",
    "registrar",
]

CALL_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 29.0)


@cache
def graphs() -> DynamoDbGraphs:
    """Where graphs are kept."""
    from servery.adapters.dynamodb_graphs import DynamoDbGraphs

    patience = Patience(connect_s=1, read_s=2, attempts=3)
    return DynamoDbGraphs(clients.dynamodb(patience), setting("REGISTRY_TABLE"))


@cache
def kept_graphs() -> KeptGraphs:
    """Graphs at hand, for asking them: at most seconds old."""
    from servery.adapters.kept_graphs import KeptGraphs

    return KeptGraphs(graphs(), SystemClock())


@cache
def entities() -> DynamoDbEntities:
    """Where the data of entities are kept."""
    from servery.adapters.dynamodb_entities import DynamoDbEntities

    patience = Patience(connect_s=1, read_s=2, attempts=3)
    client = clients.dynamodb(patience)
    return DynamoDbEntities(client, setting("FEATURES_TABLE"), SystemClock())


@cache
def lake_entities() -> LakeEntities:
    """The data of entities in the lake; nothing of it is made before a lookup asks for it."""
    from servery.adapters.lake_entities import LakeEntities
    from servery.adapters.lake_objects import LakeObjects

    client = clients.objects(Patience(connect_s=1, read_s=1, attempts=2))
    return LakeEntities(LakeObjects(client, setting("LAKE_BUCKET")).read)


@cache
def looked_up() -> LayeredEntities:
    """Where graphs look the data of entities up."""
    from servery.adapters.layered_entities import LayeredEntities

    return LayeredEntities(entities(), SystemClock(), lake=lake_entities)


@cache
def named_aggregators() -> dict[str, NamedAggregator]:
    """The aggregators that graphs may name; `FaultError` where the list is wrong."""
    from servery.adapters.imported_aggregators import import_aggregators

    return import_aggregators(optional_setting("GRAPH_AGGREGATORS"))


@cache
def registrar() -> Registrar:
    """What checks graphs and registers them."""
    from servery.usecases.graph.registering import Registrar

    return Registrar(graphs(), registry(), object_store(), SystemClock(), list(named_aggregators()))


@cache
def side_by_side() -> LambdaModelServers:
    """The model servers, for calls at the same time; who calls minds its own time."""
    from servery.adapters.lambda_model_servers import LambdaModelServers

    api = clients.lean_lambda()

    def client(seconds: float) -> LambdaClient:
        return cast("LambdaClient", api.within(seconds))

    return LambdaModelServers(client, times=CALL_SECONDS)


@cache
def graph_asker() -> GraphAsker:
    """What takes rows through graphs."""
    import time

    from servery.adapters.thread_crew import ThreadCrew
    from servery.usecases.graph.asking import GraphAsker
    from servery.usecases.graph.calling import ModelCaller

    caller = ModelCaller(deployments(), side_by_side(), time.monotonic, prediction_cache)
    return GraphAsker(kept_graphs(), caller, looked_up(), ThreadCrew, named_aggregators())
