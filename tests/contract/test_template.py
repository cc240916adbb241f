"""What the code relies on in the template, and the other way round."""

from __future__ import annotations

import ast

import pytest
from fakes.template import ROOT, template
from servery.edge.routes import ROUTES

PARAMETERS = {
    "LambdaRuntime",
    "Architecture",
    "AllowedOrigins",
    "WebModel",
    "WebModelLayer",
    "TrainingSchedule",
    "LogRetentionDays",
    "Stage",
    "AlarmEmail",
    "ThrottleRate",
    "DataBucket",
    "ThrottleBurst",
}
OUTPUTS = {
    "ApiUrl",
    "WebUrl",
    "ApiKeyId",
    "ArtifactsBucketName",
    "LakeBucketName",
    "RegistryTableName",
    "BatchTrainingStateMachineArn",
    "PredictorFunctionName",
    "ReleaseFunctionName",
    "PredictionLogStreamName",
    "AlertsTopicArn",
    "CoreLayerArn",
}
API_GATEWAY_SECONDS = 29
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
    modules = (ROOT / "layers/core/servery/wiring").glob("*.py")
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
    alarms = [r["Properties"] for r in RESOURCES.values() if r["Type"].endswith("::Alarm")]

    assert len(alarms) >= 5
    assert all(a["AlarmActions"] == [{"Ref": "AlertsTopic"}] for a in alarms)


def test_failed_release_is_kept_when_it_was_given_up():
    release = RESOURCES["ReleaseFunction"]["Properties"]["EventInvokeConfig"]

    assert release["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": "ReleaseFailedQueue.Arn"},
    }


def test_versions_of_the_predictor_are_left_to_releases_when_deployed():
    assert "AutoPublishAlias" not in RESOURCES["PredictorFunction"]["Properties"]


def test_log_is_partitioned_by_model_and_day_when_it_reaches_the_lake():
    stream = RESOURCES["PredictionLogStream"]["Properties"]["ExtendedS3DestinationConfiguration"]
    (processor,) = stream["ProcessingConfiguration"]["Processors"]
    query = {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}

    assert query["MetadataExtractionQuery"] == "{model: .model, day: .day}"
    assert stream["Prefix"] == (
        "predictions/model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}/"
    )
