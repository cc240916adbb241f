"""Graphs, their jobs, and the data that they look up."""

from __future__ import annotations

from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.edge import wire
from servery.edge.graph.entities import EntitiesKept
from servery.edge.graph.registering import GraphList
from servery.edge.operations.describing import KEY, PAGE, READING, RECORDS, Operation
from servery.usecases.graph.asking import GraphAnswer
from servery.usecases.graph.fan_out.views import GraphJobList, GraphJobView

_GRAPH = {
    "name": "wine-flavanoids",
    "owner": "cellar",
    "steps": [
        {"name": "cultivar", "model": "wine-cultivar"},
        {
            "name": "first",
            "model": "wine-flavanoids-1",
            "when": {"of": "cultivar.class", "equals": "cultivar_1"},
        },
        {
            "name": "second",
            "model": "wine-flavanoids-2",
            "when": {"of": "cultivar.class", "equals": "cultivar_2"},
        },
    ],
    "output": ["first", "second"],
}


OPERATIONS: dict[str, Operation] = {
    "list_graphs": Operation("All graphs", (GraphList,), errors=(422, 503), query=PAGE),
    "register_graph": Operation(
        "Register a graph, or a change of one, checked against the models that it names",
        (GraphRecord,),
        (GraphSpec,),
        status=201,
        errors=(400, 409, 413, 415, 422, 503),
        headers={"If-Match": "The revision that the change is made to, in quotes."},
        sends=("location", "etag"),
        examples={"choice": _GRAPH},
    ),
    "get_graph": Operation(
        "One graph",
        (GraphRecord,),
        errors=READING,
        query={"revision": "That one; the newest without."},
        sends=("etag",),
    ),
    "remove_graph": Operation(
        "Take a graph out; its history stays", status=204, errors=(404, 409, 422, 503)
    ),
    "graph_infer": Operation(
        "Predict with a graph of several models",
        (GraphAnswer,),
        (wire.RecordsRequest,),
        errors=(400, 404, 413, 415, 422, 502, 503, 504),
        query={"steps": "`true` adds what each step answered for each row."},
        examples={"records": RECORDS},
    ),
    "submit_graph_job": Operation(
        "Predict with a graph, later: the job is kept when this answers",
        (GraphJobView,),
        (wire.RecordsRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        headers={"Idempotency-Key": KEY},
        sends=("location", "retry-after"),
        examples={"records": RECORDS},
    ),
    "list_graph_jobs": Operation(
        "Jobs of a graph, newest first, without parts and results",
        (GraphJobList,),
        errors=READING,
        query={**PAGE, "state": "Only those in this state: open, done, failed."},
    ),
    "get_graph_job": Operation(
        "One job of a graph: what became of its parts and, once it is done, its result",
        (GraphJobView,),
        errors=READING,
        query={"answers": "`true` adds what each part answered for each row, late ones too."},
        sends=("retry-after",),
    ),
    "get_entity": Operation("The data of one entity", (dict[str, wire.Value],), errors=READING),
    "put_entity": Operation(
        "Keep the data of one entity, whole",
        (),
        (dict[str, wire.Value],),
        status=204,
        errors=(400, 413, 415, 422, 503),
        query={"seconds": "How long they are kept; for good without."},
        examples={"customer": {"age": 41, "segment": "a"}},
    ),
    "remove_entity": Operation("Forget one entity", status=204, errors=(422, 503)),
    "put_entities": Operation(
        "Keep the data of up to 1,000 entities",
        (EntitiesKept,),
        (wire.EntityRows,),
        errors=(400, 413, 415, 422, 503),
        query={"seconds": "How long they are kept; for good without."},
        examples={"customers": {"rows": {"c-1": {"age": 41}, "c-2": {"age": 23}}}},
    ),
}
