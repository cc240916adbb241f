"""What each route says about itself: summary, parameters, bodies, answers, examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from servery.domain.deployment import Deployment
from servery.domain.graph_records import GraphRecord
from servery.domain.graphs import GraphSpec
from servery.domain.pairs import PAIR_HEADER
from servery.domain.records import ReleaseRecord
from servery.domain.warm_ups import WarmRequest, WarmUp
from servery.edge import wire
from servery.edge.graph.entities import EntitiesKept
from servery.edge.graph.registering import GraphList
from servery.usecases.batch.rerun import RerunRequest
from servery.usecases.batch.views import BatchList, BatchView
from servery.usecases.data_cache.warm_desk import CacheView
from servery.usecases.gateway import ModelReady
from servery.usecases.graph.asking import GraphAnswer
from servery.usecases.graph.fan_out.views import GraphJobList, GraphJobView
from servery.usecases.jobs.redriving import RedriveRequest
from servery.usecases.jobs.views import JobList, JobView, Redriven
from servery.usecases.monitoring.labelling import LabelsRequest, LabelsTaken
from servery.usecases.multi_stage.views import StagedAnswer
from servery.usecases.registry.asking import ReleaseRequest
from servery.usecases.registry.editing import PoliciesRequest
from servery.usecases.registry.returning import RollBackRequest
from servery.usecases.registry.views import (
    DeploymentView,
    ModelList,
    ModelView,
    ReleaseList,
    RunList,
    VersionView,
)
from servery.usecases.web_single import Description, Nothing

HTML = "text/html"

_RECORDS = {"records": [{"sepal_length": 5.1, "sepal_width": 3.5}]}
_TENSORS = {
    "inputs": [
        {"name": "sepal_length", "shape": [2], "datatype": "FP32", "data": [5.1, 6.2]},
        {"name": "sepal_width", "shape": [2], "datatype": "FP32", "data": [3.5, 2.9]},
    ]
}
_STAGED = {"records": [{"ink": 294, "slant": -0.42, "pixel_0_3": 13, "pixel_0_4": 9}]}
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


@dataclass(frozen=True, slots=True)
class Operation:
    """One route, described.

    Attributes:
        summary: One line.
        answers: Types of the answer; none where it is no JSON of ours.
        bodies: Types of the body, any of which is taken.
        status: Of the answer.
        also: Another status that the same answer may have, or 0.
        errors: Statuses of the problem documents that are its own, beside those of all.
        query: Names of the parameters in the query, with what they are for.
        headers: Names of the request's headers that it knows, with what they are for.
        sends: Names of the answer's own headers, beside those of all.
        media: Content type of the answer.
        examples: Bodies by name.
        body_required: Whether the body can be left out.
    """

    summary: str
    answers: tuple[type, ...] = ()
    bodies: tuple[type, ...] = ()
    status: int = 200
    also: int = 0
    errors: tuple[int, ...] = ()
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    sends: tuple[str, ...] = ()
    media: str = "application/json"
    examples: dict[str, Any] = field(default_factory=dict)
    body_required: bool = True


_PAGE = {
    "limit": "How many at the most.",
    "before": "Where the last page ended: its `next`.",
}
_CALLBACK = "Address (https) that is told when the job is over; once, here or {where}."
_KEY = "1 to 255 printable characters; the same one gives the same job."
_LATER = {
    "Idempotency-Key": _KEY,
    "x-callback-url": _CALLBACK.format(where="in the query"),
}
_JOB_HEADERS = ("retry-after", "x-model-version")
_SERVING = (404, 429, 503, 504)
_READING = (404, 422, 503)


def _infer(summary: str) -> Operation:
    return Operation(
        summary,
        answers=(wire.RecordsAnswer, wire.TensorAnswer, JobView),
        bodies=(wire.RecordsRequest, wire.TensorRequest),
        also=202,  # where a refused request becomes a job
        errors=(400, 409, 413, 415, 422, *_SERVING),
        headers={
            PAIR_HEADER: "Of half of a pair that takes features: the pair of who made them, as "
            "the preprocessor's answer says it."
        },
        sends=(PAIR_HEADER, "x-served-by", "x-cache", "retry-after", "location"),
        examples={"records": _RECORDS, "tensors": _TENSORS},
    )


OPERATIONS: dict[str, Operation] = {
    "live": Operation("Whether the API runs", (wire.Live,)),
    "ready": Operation("Whether requests can be served", (wire.Ready,), errors=(503,)),
    "server": Operation("What answers here", (wire.ServerMetadata,)),
    "model_metadata": Operation(
        "The champion: its inputs and outputs", (wire.ModelMetadata,), errors=_SERVING
    ),
    "model_ready": Operation(
        "Have the champion check itself with the recorded sample", (ModelReady,), errors=_SERVING
    ),
    "model_infer": _infer("Predict with the champion"),
    "version_metadata": Operation(
        "A served version: its inputs and outputs", (wire.ModelMetadata,), errors=_SERVING
    ),
    "version_ready": Operation(
        "Have a served version check itself", (ModelReady,), errors=_SERVING
    ),
    "version_infer": _infer("Predict with a served version and no other"),
    "list_models": Operation("All models", (ModelList,), errors=(422, 503), query=_PAGE),
    "get_model": Operation("One model, whole", (ModelView,), errors=_READING, query=_PAGE),
    "get_version": Operation(
        "One version: its trainings and from what it was made", (VersionView,), errors=_READING
    ),
    "list_trainings": Operation("Runs of training", (RunList,), errors=_READING, query=_PAGE),
    "get_deployment": Operation(
        "Who answers, and who answered before", (DeploymentView,), errors=_READING, query=_PAGE
    ),
    "edit_deployment": Operation(
        "Change the policies of a deployment: caches, limits, routing",
        (Deployment,),
        (PoliciesRequest,),
        errors=(400, 404, 409, 413, 415, 422, 503),
        examples={
            "kill switch": {
                "revision": 3,
                "policies": {"routing": {"active": False}},
                "reason": "wrong on the night shift",
            },
            "cache": {"revision": 3, "policies": {"cache": {"seconds": 600}}},
        },
    ),
    "retire_candidate": Operation(
        "Take a candidate out", (Deployment,), errors=(404, 409, 422, 503)
    ),
    "get_cache": Operation(
        "How the cache of a model does: its policy, the last warm-up, hits by the prediction log",
        (CacheView,),
        errors=_READING,
    ),
    "warm_cache": Operation(
        "Fill the cache with what was asked before, by the prediction log or the file of a batch",
        (WarmUp,),
        (WarmRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        sends=("location", "retry-after"),
        examples={
            "log": {"from": "lake", "days": 7},
            "batch": {"from": "batch", "batch": "4f1c0a6be2d94c58a1f07d3b"},
        },
        body_required=False,
    ),
    "get_warm_up": Operation(
        "How far a warm-up is, and how much of what was asked the cache answers",
        (WarmUp,),
        errors=_READING,
        sends=("retry-after",),
    ),
    "list_releases": Operation("Releases", (ReleaseList,), errors=_READING, query=_PAGE),
    "start_release": Operation(
        "Release a version as champion or candidate, or roll the servers onto the deployed code",
        (ReleaseRecord,),
        (ReleaseRequest,),
        status=202,
        errors=(400, 404, 409, 415, 422, 503),
        examples={
            "newest": {},
            "version": {"version": "0.1.0-dabc1234.sdef5678", "mode": "image"},
            "candidate": {"version": "0.1.0-dabc1234.sdef5678", "as": "candidate"},
            "roll": {"kind": "roll"},
        },
        body_required=False,
    ),
    "get_release": Operation("How far a release is", (ReleaseRecord,), errors=_READING),
    "roll_back": Operation(
        "Make the last good version the champion again",
        (Deployment,),
        (RollBackRequest,),
        errors=(400, 404, 409, 415, 422, 429, 503, 504),
        examples={"reason": {"reason": "wrong on the night shift"}},
        body_required=False,
    ),
    "list_graphs": Operation("All graphs", (GraphList,), errors=(422, 503), query=_PAGE),
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
        errors=_READING,
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
        examples={"records": _RECORDS},
    ),
    "submit_graph_job": Operation(
        "Predict with a graph, later: the job is kept when this answers",
        (GraphJobView,),
        (wire.RecordsRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        headers={"Idempotency-Key": _KEY},
        sends=("location", "retry-after"),
        examples={"records": _RECORDS},
    ),
    "list_graph_jobs": Operation(
        "Jobs of a graph, newest first, without parts and results",
        (GraphJobList,),
        errors=_READING,
        query={**_PAGE, "state": "Only those in this state: open, done, failed."},
    ),
    "get_graph_job": Operation(
        "One job of a graph: what became of its parts and, once it is done, its result",
        (GraphJobView,),
        errors=_READING,
        query={"answers": "`true` adds what each part answered for each row, late ones too."},
        sends=("retry-after",),
    ),
    "get_entity": Operation("The data of one entity", (dict[str, wire.Value],), errors=_READING),
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
    "openapi": Operation("This document"),
    "submit_job": Operation(
        "Predict with the champion, later: the job is kept when this answers",
        (JobView,),
        (wire.RecordsRequest, wire.TensorRequest),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        query={"callback_url": _CALLBACK.format(where="as x-callback-url")},
        headers=_LATER,
        sends=("location", *_JOB_HEADERS),
        examples={"records": _RECORDS, "tensors": _TENSORS},
    ),
    "list_jobs": Operation(
        "Jobs, newest first, without results",
        (JobList,),
        errors=_READING,
        query={
            **_PAGE,
            "model": "Only those of this model.",
            "state": "Only those in this state: queued, running, done, failed, cancelled, expired.",
        },
    ),
    "redrive_jobs": Operation(
        "Give jobs that failed for good all their tries again",
        (Redriven,),
        (RedriveRequest,),
        errors=(400, 413, 415, 422, 503),
        examples={"all": {}, "model": {"model": "iris", "limit": 10}},
        body_required=False,
    ),
    "get_job": Operation(
        "One job, with its result", (JobView,), errors=_READING, sends=_JOB_HEADERS
    ),
    "cancel_job": Operation(
        "Cancel a job that has not started", (JobView,), errors=(404, 409, 422, 503)
    ),
    "staged": Operation(
        "Predict with a light model now, and with the heavy one behind it as a job; 202 where the "
        "light one has no answer and only the job will have one",
        (StagedAnswer,),
        (wire.RecordsRequest,),
        also=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        query={"callback_url": _CALLBACK.format(where="as x-callback-url")},
        headers=_LATER,
        sends=("location", *_JOB_HEADERS),
        examples={"records": _STAGED},
    ),
    "add_labels": Operation(
        "Tell what was true of rows that were predicted, by the ids of their requests",
        (LabelsTaken,),
        (LabelsRequest,),
        status=202,
        errors=(400, 413, 415, 422, 503),
        examples={
            "classes": {
                "model": "iris",
                "labels": [
                    {"request_id": "2f0c8a6e-1", "label": "setosa"},
                    {"request_id": "2f0c8a6e-2", "row": 1, "label": "virginica"},
                ],
            },
            "values": {"labels": [{"request_id": "2f0c8a6e-3", "label": 151.5}]},
        },
    ),
    "list_batches": Operation(
        "Batches, newest first, without outputs",
        (BatchList,),
        errors=(422, 503),
        query={
            **_PAGE,
            "model": "Only those of this model.",
            "state": "Only those in this state: queued, running, succeeded, failed, skipped.",
        },
    ),
    "get_batch": Operation(
        "One batch: how far it is, and its outputs once it has succeeded",
        (BatchView,),
        errors=_READING,
        sends=_JOB_HEADERS,
    ),
    "rerun_batch": Operation(
        "Run a batch that is over again, its failed chunks or all of them",
        (BatchView,),
        (RerunRequest,),
        status=202,
        errors=(400, 404, 409, 413, 415, 422, 503),
        sends=("location", *_JOB_HEADERS),
        examples={"failed": {"policy": "failed"}, "all": {"policy": "all"}},
        body_required=False,
    ),
    "page": Operation("The page", media=HTML),
    "static_file": Operation("A file of the page", media="*/*", errors=(404,)),
    "web_model": Operation("What the page builds its form from", (Description, Nothing)),
    "web_predict": Operation(
        "Predict with the model of the page",
        (wire.RecordsAnswer, wire.TensorAnswer),
        (wire.RecordsRequest, wire.TensorRequest),
        errors=(400, 404, 413, 415, 422, 503),
        examples={"records": _RECORDS, "tensors": _TENSORS},
    ),
}
