"""The room `graph`: graphs that are asked and answer, and graphs that are asked as jobs."""

from servery.wiring.graph.asking import (
    after_response,
    allowed_origins,
    entities,
    graph_asker,
    graphs,
    in_lambda,
    keep_rows,
    kept_graphs,
    named_aggregators,
    prediction_recorder,
    registrar,
)
from servery.wiring.graph.jobs import (
    follower,
    job_settler,
    part_worker,
    read_ports,
    submit_ports,
)

__all__ = [
    "after_response",
    "allowed_origins",
    "entities",
    "follower",
    "graph_asker",
    "graphs",
    "in_lambda",
    "job_settler",
    "keep_rows",
    "kept_graphs",
    "named_aggregators",
    "part_worker",
    "prediction_recorder",
    "read_ports",
    "registrar",
    "submit_ports",
]
