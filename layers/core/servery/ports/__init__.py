"""What the use cases need from the world, as Protocols; adapters and test fakes fill them in."""

from servery.ports.batch import BatchEvents, BatchQueue, BatchStore, Files
from servery.ports.clock import Clock
from servery.ports.formats import Footer, Inflate, Packer, RowGroups
from servery.ports.graphs import (
    EntityStore,
    GraphEvents,
    GraphJobStore,
    Graphs,
    GraphStore,
    PartTopic,
)
from servery.ports.jobs import Caller, DeadJobs, Documents, JobEvents, JobQueue, JobStore
from servery.ports.keeping import Evaluations, Retirements, Retrainings
from servery.ports.lake import LakeFiles
from servery.ports.lake_tables import LakeTables
from servery.ports.limits import Keeper, PlaceTable, TokenTable
from servery.ports.model import (
    ArtifactSource,
    ChunkFiles,
    EntityReader,
    InferenceCodec,
    LoadedModel,
    ModelRuntime,
    RowReader,
    RowReaders,
    RowWriter,
    RowWriters,
    RuntimeFactory,
)
from servery.ports.model_servers import ModelServers, ServerPublisher
from servery.ports.objects import ObjectStore
from servery.ports.policies import (
    Admission,
    Breaker,
    Inquiry,
    JobDesk,
    LastKnown,
    Look,
    PredictionCache,
    Reply,
    ShadowCopy,
    ShadowSender,
    Signatures,
    TakenJob,
)
from servery.ports.prediction_log import LineLog, PredictionLog
from servery.ports.queues import ReleaseQueue, RunningTrainings, TrainingQueue
from servery.ports.registry import Deployments, Registry
from servery.ports.releases import HeldOut, Judge, ReleaseExecutions, ReleaseSignals
from servery.ports.search import FoldFitter, Halt, Judged, Sampler, SearchQueue, SearchStore

__all__ = [
    "Admission",
    "ArtifactSource",
    "BatchEvents",
    "BatchQueue",
    "BatchStore",
    "Breaker",
    "Caller",
    "ChunkFiles",
    "Clock",
    "DeadJobs",
    "Deployments",
    "Documents",
    "EntityReader",
    "EntityStore",
    "Evaluations",
    "Files",
    "FoldFitter",
    "Footer",
    "GraphEvents",
    "GraphJobStore",
    "GraphStore",
    "Graphs",
    "Halt",
    "HeldOut",
    "InferenceCodec",
    "Inflate",
    "Inquiry",
    "JobDesk",
    "JobEvents",
    "JobQueue",
    "JobStore",
    "Judge",
    "Judged",
    "Keeper",
    "LakeFiles",
    "LakeTables",
    "LastKnown",
    "LineLog",
    "LoadedModel",
    "Look",
    "ModelRuntime",
    "ModelServers",
    "ObjectStore",
    "Packer",
    "PartTopic",
    "PlaceTable",
    "PredictionCache",
    "PredictionLog",
    "Registry",
    "ReleaseExecutions",
    "ReleaseQueue",
    "ReleaseSignals",
    "Reply",
    "Retirements",
    "Retrainings",
    "RowGroups",
    "RowReader",
    "RowReaders",
    "RowWriter",
    "RowWriters",
    "RunningTrainings",
    "RuntimeFactory",
    "Sampler",
    "SearchQueue",
    "SearchStore",
    "ServerPublisher",
    "ShadowCopy",
    "ShadowSender",
    "Signatures",
    "TakenJob",
    "TokenTable",
    "TrainingQueue",
]
