"""What the code relies on in the template, and the other way round."""

from __future__ import annotations

import ast

import pytest
from fakes.template import ROOT, template
from servery.adapters.eventbridge_graph_events import ANSWERED, SOURCE
from servery.adapters.sns_part_topic import SLOT
from servery.domain.batches import INBOX, SCRATCH
from servery.domain.graph_jobs import SLOTS, PartState
from servery.edge.routes import ROUTES

PARAMETERS = {
    "Sql",
    "SqlScanLimit",
    "LambdaRuntime",
    "Architecture",
    "AllowedOrigins",
    "WebModel",
    "WebModelLayer",
    "ReleaseSweepSchedule",
    "TrainingSchedule",
    "KeepingSchedule",
    "TrainingImage",
    "TrainingSubnets",
    "TrainingSecurityGroups",
    "LogRetentionDays",
    "Stage",
    "AlarmEmail",
    "ThrottleRate",
    "DataBucket",
    "ThrottleBurst",
    "JobRetentionDays",
    "JobConcurrency",
    "CallbackAllowedNetworks",
    "BatchExecutionType",
    "SnapStart",
    "TrialMemory",
    "TablePatience",
    "GraphAggregators",
    "Boosting",
    "OwnClasses",
    "WatchRate",
    "WatchSilence",
    "LakeDelay",
    "PlaybookBase",
}
TOLD_ALREADY = {"MonitoringCriticalAlarm", "MonitoringWarningAlarm"}  # by the watch, with figures
OUTPUTS = {
    "SqlDatabaseName",
    "SqlWorkGroupName",
    "ApiUrl",
    "WebUrl",
    "ApiKeyId",
    "ArtifactsBucketName",
    "LakeBucketName",
    "RegistryTableName",
    "BatchTrainingStateMachineArn",
    "TrainingToServingStateMachineArn",
    "PipelineTrainingStateMachineArn",
    "ModelImportStateMachineArn",
    "SearchStateMachineArn",
    "PredictorFunctionName",
    "ReleaseFunctionName",
    "MonitoringEvaluateFunctionName",
    "MonitoringRetireFunctionName",
    "PredictionLogStreamName",
    "AlertsTopicArn",
    "CoreLayerArn",
    "ExchangeBucketName",
    "JobsTableName",
    "JobsQueueUrl",
    "JobsDeadQueueUrl",
    "BatchPredictionStateMachineArn",
    "CallbackSecretName",
    "ShadowQueueUrl",
    "ShadowDeadQueueUrl",
    "FeaturesTableName",
    "GraphPartsTopicArn",
    "GraphPartsDeadQueueUrl",
    *(f"GraphPart{slot}QueueUrl" for slot in range(SLOTS)),
}
API_GATEWAY_SECONDS = 29
LARGEST_BATCH_WITHOUT_WINDOW = 10
LONGEST_RETENTION = 14 * 86400
RESOURCES = template()["Resources"]
FUNCTIONS = {n: r for n, r in RESOURCES.items() if r["Type"] == "AWS::Serverless::Function"}


def _events(kind):
    return [
        (name, event["Properties"])
        for name, resource in FUNCTIONS.items()
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == kind
    ]


def _deployed():
    """(method, path, room, key) of every route of the template."""
    for name, route in _events("Api"):
        room = FUNCTIONS[name]["Properties"]["CodeUri"].rstrip("/").rsplit("/", 1)[-1]
        key = route.get("Auth", {}).get("ApiKeyRequired", True)
        yield route["Method"].upper(), route["Path"], room, key


def test_parameters_and_outputs_are_the_agreed_ones_when_commands_use_them():
    assert set(template()["Parameters"]) == PARAMETERS
    assert set(template()["Outputs"]) == OUTPUTS


def test_routes_are_those_of_the_code_when_deployed():
    served = {(r.method, r.path, r.room, r.key) for r in ROUTES}

    assert {route for route in _deployed() if route[0] != "OPTIONS"} == served


def test_preflight_is_open_and_answered_by_the_owner_when_a_path_is_served():
    owners = {(r.path, r.room) for r in ROUTES}
    preflights = {route for route in _deployed() if route[0] == "OPTIONS"}

    assert preflights == {("OPTIONS", path, room, False) for path, room in owners}


def test_key_is_needed_by_default_when_a_route_says_nothing():
    for api in ("Api", "WebApi"):
        assert RESOURCES[api]["Properties"]["Auth"] == {"ApiKeyRequired": True}
        assert "Cors" not in RESOURCES[api]["Properties"]


def test_one_key_opens_both_apis_when_the_plan_is_read():
    stages = RESOURCES["UsagePlan"]["Properties"]["ApiStages"]

    assert [s["ApiId"] for s in stages] == [{"Ref": "Api"}, {"Ref": "WebApi"}]


@pytest.mark.parametrize("name", sorted({n for n, _ in _events("Api")}))
def test_function_gives_up_before_the_api_when_it_is_slow(name):
    assert FUNCTIONS[name]["Properties"]["Timeout"] <= API_GATEWAY_SECONDS


def _settings(function):
    """Names that wiring reads through one of its two readers."""
    modules = (ROOT / "layers/core/servery/wiring").rglob("*.py")
    return {
        node.args[0].value
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == function
        and isinstance(node.args[0], ast.Constant)
    }


def _variables():
    every = {
        name
        for resource in FUNCTIONS.values()
        for name in resource["Properties"]["Environment"]["Variables"]
    }
    return {name for name in every if not name.startswith("POWERTOOLS_")}


def test_every_setting_is_in_the_template_when_wiring_reads_it():
    # Those of a published model server are set by the release that publishes it, some by Lambda.
    elsewhere = ("SERVERY_", "POWERTOOLS_", "AWS_")
    needed = {name for name in _settings("setting") if not name.startswith(elsewhere)}

    assert needed
    assert needed <= _variables()


def test_no_setting_is_idle_when_the_template_makes_it():
    assert _variables() <= _settings("setting") | _settings("optional_setting")


def test_everything_rings_the_topic_when_it_is_an_alarm():
    alarms = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"].endswith("::Alarm")}
    silent = {name for name, alarm in alarms.items() if "AlarmActions" not in alarm}

    assert len(alarms) >= 5
    assert silent == TOLD_ALREADY
    ringing = [alarm for name, alarm in alarms.items() if name not in silent]
    assert all(a["AlarmActions"] == [{"Ref": "AlertsTopic"}] for a in ringing)


def test_failed_release_is_kept_when_it_was_given_up():
    release = RESOURCES["ReleaseRunFunction"]["Properties"]["EventInvokeConfig"]

    assert release["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": "ReleaseFailedQueue.Arn"},
    }


def _queue(reference):
    """Name and properties of the queue that an ARN is of."""
    name = reference["Fn::GetAtt"].removesuffix(".Arn")
    return name, RESOURCES[name]["Properties"]


FED = [pytest.param(name, source, id=name) for name, source in _events("SQS")]


@pytest.mark.parametrize(("name", "source"), FED)
def test_message_alone_comes_again_when_one_of_a_batch_failed(name, source):
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


@pytest.mark.parametrize(("name", "source"), FED)
def test_message_stays_hidden_when_its_function_is_slow_or_throttled(name, source):
    """As AWS advises: six times the function's timeout, and the window."""
    _, queue = _queue(source["Queue"])
    window = source.get("MaximumBatchingWindowInSeconds", 0)

    assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Properties"]["Timeout"] + window
    assert window or source["BatchSize"] <= LARGEST_BATCH_WITHOUT_WINDOW


@pytest.mark.parametrize(("name", "source"), FED)
def test_workers_are_bounded_when_the_queue_is_long(name, source):
    """By the event source: reserved concurrency would throttle messages into the dead queue."""
    assert source["ScalingConfig"]["MaximumConcurrency"], name
    assert "ReservedConcurrentExecutions" not in FUNCTIONS[name]["Properties"]


def _last_stops():
    """Queues that something failed goes to: from another queue, or from a function."""
    for resource in RESOURCES.values():
        properties = resource.get("Properties", {})
        if "RedrivePolicy" in properties:
            yield _queue(properties["RedrivePolicy"]["deadLetterTargetArn"])[0]
        target = properties.get("EventInvokeConfig", {}).get("DestinationConfig", {})
        if target:
            yield _queue(target["OnFailure"]["Destination"])[0]


def test_message_is_kept_when_it_was_given_up():
    queues = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"] == "AWS::SQS::Queue"}
    last = set(_last_stops())

    assert {n for n, queue in queues.items() if "RedrivePolicy" not in queue} == last
    for name in last:
        assert queues[name]["MessageRetentionPeriod"] == LONGEST_RETENTION, name


def test_somebody_is_told_when_a_last_stop_is_not_empty():
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
        for alarm in RESOURCES.values()
        if alarm["Type"].endswith("::Alarm")
        and alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }

    assert watched == set(_last_stops())


def test_event_is_kept_when_a_function_that_is_called_asynchronously_fails():
    called = {name for kind in ("EventBridgeRule", "S3", "SNS") for name, _ in _events(kind)}

    for name in called | {"ReleaseRunFunction"}:
        config = FUNCTIONS[name]["Properties"]["EventInvokeConfig"]
        assert config["DestinationConfig"]["OnFailure"]["Type"] == "SQS", name


def test_batch_starts_when_a_file_is_dropped_into_the_inbox():
    rule = dict(_events("EventBridgeRule"))["BatchStartFunction"]
    bucket = RESOURCES["ExchangeBucket"]["Properties"]

    assert rule["Pattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "ExchangeBucket"}]},
            "object": {"key": [{"prefix": f"{INBOX}/"}]},
        },
    }
    events = bucket["NotificationConfiguration"]["EventBridgeConfiguration"]
    assert events == {"EventBridgeEnabled": True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_next_graph_is_asked_when_a_member_answered_that_something_follows():
    rule = dict(_events("EventBridgeRule"))["GraphFollowFunction"]

    assert rule["Pattern"] == {
        "source": [SOURCE],
        "detail-type": [ANSWERED],
        "detail": {"state": [PartState.DONE.value], "then": [{"anything-but": [""]}]},
    }


@pytest.mark.parametrize("slot", range(SLOTS))
def test_part_reaches_the_queue_of_its_slot_and_no_other_when_it_is_published(slot):
    queue = {"Fn::GetAtt": f"GraphPart{slot}Queue.Arn"}
    subscription = RESOURCES[f"GraphPart{slot}Subscription"]["Properties"]

    assert subscription["Endpoint"] == queue
    assert subscription["TopicArn"] == {"Ref": "GraphPartsTopic"}
    assert subscription["FilterPolicy"] == {SLOT: [str(slot)]}
    assert subscription["RawMessageDelivery"] is True
    asked = [source["Queue"] for name, source in _events("SQS") if name == "GraphAnswerFunction"]
    assert asked[slot] == queue


def test_topic_alone_may_send_when_a_queue_of_parts_is_asked():
    properties = RESOURCES["GraphPartsQueuePolicy"]["Properties"]
    (statement,) = properties["PolicyDocument"]["Statement"]
    names = [*(f"GraphPart{slot}Queue" for slot in range(SLOTS)), "GraphPartsDeadQueue"]

    assert properties["Queues"] == [{"Ref": name} for name in names]
    assert statement["Resource"] == [{"Fn::GetAtt": f"{name}.Arn"} for name in names]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "GraphPartsTopic"}}}


def test_part_that_nobody_takes_is_kept_when_the_topic_cannot_deliver_it():
    subscriptions = [r for r in RESOURCES.values() if r["Type"] == "AWS::SNS::Subscription"]
    parts = [s["Properties"] for s in subscriptions if "FilterPolicy" in s["Properties"]]

    assert len(parts) == SLOTS
    for properties in parts:
        assert (
            _queue(properties["RedrivePolicy"]["deadLetterTargetArn"])[0] == "GraphPartsDeadQueue"
        )


def test_worker_knows_every_queue_when_it_puts_a_part_off():
    (urls,) = FUNCTIONS["GraphAnswerFunction"]["Properties"]["Environment"]["Variables"][
        "GRAPH_PART_QUEUE_URLS"
    ].values()

    assert urls == [",", [{"Ref": f"GraphPart{slot}Queue"} for slot in range(SLOTS)]]


def test_documents_outlive_their_records_when_the_bucket_is_tidied_up():
    """A record goes a day after it has expired; what it points to must still be there."""
    rules = RESOURCES["ExchangeBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}

    assert set(days) == {"jobs/", "graph-jobs/", f"{SCRATCH}/"}
    assert min(days.values()) > template()["Parameters"]["JobRetentionDays"]["MaxValue"] + 1


def test_entities_expire_when_they_were_kept_for_a_time():
    table = RESOURCES["FeaturesTable"]["Properties"]

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_lost_lines_ring_when_a_function_writes_the_prediction_log():
    """Under the room's own name, since that is the dimension that lost lines are counted by."""
    writers = {
        r["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for r in FUNCTIONS.values()
        if "PREDICTION_LOG_STREAM" in r["Properties"]["Environment"]["Variables"]
    }
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]
        for alarm in RESOURCES.values()
        if alarm["Type"].endswith("::Alarm")
        and alarm["Properties"]["MetricName"] == "PredictionLogLost"
    }

    assert "graph" in writers
    assert writers == watched


@pytest.mark.parametrize("server", ["PredictorFunction", "PreprocessorFunction"])
def test_versions_of_model_servers_are_left_to_releases_when_deployed(server):
    assert "AutoPublishAlias" not in RESOURCES[server]["Properties"]


@pytest.mark.parametrize(
    ("name", "prefix"), [("PredictionLogStream", "predictions"), ("LabelStream", "labels")]
)
def test_lines_are_by_model_and_day_when_they_reach_the_lake(name, prefix):
    stream = RESOURCES[name]["Properties"]["ExtendedS3DestinationConfiguration"]
    (processor,) = stream["ProcessingConfiguration"]["Processors"]
    query = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}

    assert query["MetadataExtractionQuery"] == "{model: .model, day: .day}"
    assert stream["Prefix"] == (
        f"{prefix}/model=!{{partitionKeyFromQuery:model}}/day=!{{partitionKeyFromQuery:day}}/"
    )
    (rights,) = RESOURCES[f"{name}Role"]["Properties"]["Policies"]
    allowed = str(rights["PolicyDocument"]["Statement"])
    assert f"${{LakeBucket.Arn}}/{prefix}/*" in allowed
