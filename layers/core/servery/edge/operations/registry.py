"""Models, versions, trainings, deployments and releases."""

from __future__ import annotations

from servery.domain.deployment import Deployment
from servery.domain.release_records import ReleaseRecord
from servery.domain.retirements import RetiredVersion
from servery.domain.version_diff import VersionDiff
from servery.edge.operations.describing import PAGE, READING, Operation
from servery.usecases.registry.aborting import AbortRequest
from servery.usecases.registry.approving import ApprovalRequest
from servery.usecases.registry.asking import ReleaseRequest
from servery.usecases.registry.auditing import Audit
from servery.usecases.registry.editing import PoliciesRequest
from servery.usecases.registry.fitting import FitList
from servery.usecases.registry.keeping_views import EvaluationList, RetrainingList
from servery.usecases.registry.lineage_views import LineageView
from servery.usecases.registry.retire_plan import RetirePlan
from servery.usecases.registry.returning import RollBackRequest
from servery.usecases.registry.views import (
    DeploymentView,
    ModelList,
    ModelView,
    ReleaseList,
    RunList,
    VersionView,
)

_TRAINING = "`trN` of it; the released one, or else the last one, when left out."

OPERATIONS: dict[str, Operation] = {
    "list_models": Operation("All models", (ModelList,), errors=(422, 503), query=PAGE),
    "get_model": Operation("One model, whole", (ModelView,), errors=READING, query=PAGE),
    "get_version": Operation(
        "One version: its trainings and from what it was made", (VersionView,), errors=READING
    ),
    "get_lineage": Operation(
        "From what data, code and training a version came, and who serves it",
        (LineageView,),
        errors=READING,
        query={"training": _TRAINING},
    ),
    "diff_versions": Operation(
        "What is another in a second version, in words and figures",
        (VersionDiff,),
        errors=READING,
        query={
            "with": "The second version.",
            "training": _TRAINING,
            "with_training": "The same of the second version.",
        },
    ),
    "get_fit": Operation(
        "Which versions the deployed libraries can serve", (FitList,), errors=READING
    ),
    "audit_artifacts": Operation(
        "Whether every artifact is registered and every registration there",
        (Audit,),
        errors=READING,
    ),
    "list_evaluations": Operation(
        "What the versions that are served are worth, by the labels that came",
        (EvaluationList,),
        errors=READING,
    ),
    "list_retirements": Operation(
        "Which versions are retired, would be, or stay, and why", (RetirePlan,), errors=READING
    ),
    "list_retrainings": Operation(
        "What became of alarms that may start a training", (RetrainingList,), errors=READING
    ),
    "retire_version": Operation(
        "Retire a version that nobody wants: out of the routes, then its server, then its artifact",
        (RetiredVersion,),
        status=202,
        errors=(404, 409, 422, 503),
    ),
    "list_trainings": Operation("Runs of training", (RunList,), errors=READING, query=PAGE),
    "get_deployment": Operation(
        "Who answers, and who answered before", (DeploymentView,), errors=READING, query=PAGE
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
    "list_releases": Operation("Releases", (ReleaseList,), errors=READING, query=PAGE),
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
    "get_release": Operation("How far a release is", (ReleaseRecord,), errors=READING),
    "answer_approval": Operation(
        "Approve a release that waits for a person, or decline it",
        (ReleaseRecord,),
        (ApprovalRequest,),
        errors=(400, 404, 409, 413, 415, 422, 503),
        examples={
            "approve": {"approve": True, "comment": "the new data explains it"},
            "decline": {"approve": False, "comment": "worse on the night shift"},
        },
    ),
    "abort_release": Operation(
        "Stop a release: the champion answers alone from now on",
        (ReleaseRecord,),
        (AbortRequest,),
        errors=(400, 404, 409, 413, 415, 422, 503),
        examples={"reason": {"reason": "the labels of Monday are wrong"}},
        body_required=False,
    ),
    "roll_back": Operation(
        "Make the last good version the champion again",
        (Deployment,),
        (RollBackRequest,),
        errors=(400, 404, 409, 415, 422, 429, 503, 504),
        examples={"reason": {"reason": "wrong on the night shift"}},
        body_required=False,
    ),
    "openapi": Operation("This document"),
}
