"""Jobs of graphs: what takes them, tells of them, carries out their parts, and ends them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import deployments
from servery.wiring.clients import Patience
from servery.wiring.graph.asking import graph_asker, kept_graphs, named_aggregators
from servery.wiring.monitoring import prediction_log, prediction_recorder
from servery.wiring.settings import SystemClock, setting
from servery.wiring.submitting import documents, entropy, queues, retention_days

if TYPE_CHECKING:
    from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
    from servery.edge.graph.following import Follower
    from servery.edge.graph.job_log import JobLog
    from servery.edge.graph.parts import PartWorker
    from servery.edge.graph.settling import JobSettler
    from servery.ports import GraphEvents, JobQueue, PartTopic
    from servery.usecases.graph.fan_out.reading import GraphReadPorts
    from servery.usecases.graph.fan_out.settling import GraphSettlePorts
    from servery.usecases.graph.fan_out.submitting import GraphSubmitPorts

__all__ = [
    "follower",
    "job_settler",
    "part_worker",
    "read_ports",
    "submit_ports",
]

AT_ONCE = 16  # parts of one event, and as many that nobody waits for any more


@cache
def graph_jobs() -> DynamoDbGraphJobs:
    """The table of jobs."""
    from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs

    patience = Patience(connect_s=1, read_s=3, attempts=3, connections=AT_ONCE)
    return DynamoDbGraphJobs(clients.dynamodb(patience), setting("JOBS_TABLE"))


@cache
def part_topic() -> PartTopic:
    """The topic of parts; one that does not answer is given up soon, a sweep publishes."""
    from servery.adapters.sns_part_topic import SnsPartTopic

    client = clients.sns(Patience(connect_s=1, read_s=3, attempts=2))
    return SnsPartTopic(client, setting("GRAPH_PARTS_TOPIC"))


@cache
def settle_queue() -> JobQueue:
    """The queue that says when the time of a job is up."""
    from servery.adapters.sqs_jobs import SqsJobQueue

    return SqsJobQueue(queues(), setting("GRAPH_SETTLE_QUEUE_URL"))


@cache
def graph_events() -> GraphEvents:
    """The event bus."""
    from servery.adapters.eventbridge_graph_events import EventBridgeGraphEvents

    client = clients.events(Patience(connect_s=1, read_s=3, attempts=2, connections=AT_ONCE))
    return EventBridgeGraphEvents(client)


@cache
def submit_ports() -> GraphSubmitPorts:
    """What taking a job works with."""
    from servery.usecases.graph.fan_out.submitting import GraphSubmitPorts

    return GraphSubmitPorts(
        store=graph_jobs(),
        documents=documents(),
        topic=part_topic(),
        later=settle_queue(),
        clock=SystemClock(),
        entropy=entropy,
        retention_days=retention_days(),
    )


@cache
def read_ports() -> GraphReadPorts:
    """What reading jobs works with."""
    from servery.usecases.graph.fan_out.reading import GraphReadPorts

    return GraphReadPorts(
        store=graph_jobs(), documents=documents(), graphs=kept_graphs(), clock=SystemClock()
    )


@cache
def settle_ports() -> GraphSettlePorts:
    """What ending a job works with."""
    from servery.edge.problem import refusal
    from servery.usecases.graph.fan_out.settling import GraphSettlePorts

    return GraphSettlePorts(
        store=graph_jobs(),
        documents=documents(),
        events=graph_events(),
        clock=SystemClock(),
        refuse=refusal,
        named=named_aggregators(),
    )


@cache
def job_log() -> JobLog:
    """What tells of parts and of ends."""
    from servery.edge.graph.job_log import JobLog

    return JobLog(deployments(), documents(), prediction_recorder())


@cache
def part_worker() -> PartWorker:
    """Who carries out parts."""
    from servery.adapters.thread_crew import ThreadCrew
    from servery.edge.graph.parts import PartWorker
    from servery.usecases.graph.fan_out.answering import GraphAnswerPorts

    ports = GraphAnswerPorts(settling=settle_ports(), asker=graph_asker(), entropy=entropy)
    return PartWorker(ports, ThreadCrew, _hide_in, job_log(), prediction_log().flush)


@cache
def job_settler() -> JobSettler:
    """Who ends jobs whose time is up."""
    from servery.adapters.sqs_visibility import SqsVisibility
    from servery.edge.graph.settling import JobSettler
    from servery.usecases.graph.fan_out.sweeping import GraphSweepPorts

    visibility = SqsVisibility(queues(), setting("GRAPH_SETTLE_QUEUE_URL"))
    ports = GraphSweepPorts(settling=settle_ports(), topic=part_topic())
    return JobSettler(ports, visibility.hide, job_log(), prediction_log().flush)


@cache
def follower() -> Follower:
    """Who asks the graphs that answers set going."""
    from servery.edge.graph.following import Follower
    from servery.usecases.graph.fan_out.following import GraphFollowPorts

    return Follower(GraphFollowPorts(submitting=submit_ports(), graphs=kept_graphs()))


def _hide_in(queue: str, seconds: Mapping[str, float]) -> None:
    """Hide messages of the queue with this ARN for so many seconds."""
    from servery.adapters.sqs_visibility import SqsVisibility

    SqsVisibility(queues(), _urls()[_name(queue, ":")]).hide(seconds)


@cache
def _urls() -> dict[str, str]:
    """Addresses of the queues of parts, by their names."""
    return {_name(url, "/"): url for url in setting("GRAPH_PART_QUEUE_URLS").split(",")}


def _name(address: str, separator: str) -> str:
    return address.rpartition(separator)[2]
