"""SnapStart: what the parameter does to the template, and who has to bear that it takes minutes."""

from __future__ import annotations

import pytest
import yaml
from fakes.template import ROOT, template
from servery.adapters.lambda_server_publisher import SNAPSHOT_SECONDS
from servery.domain.releases import LEASE_SECONDS
from servery.usecases.release.placement import READY_SECONDS

RESOURCES = template()["Resources"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
MODEL_SERVERS = ["PredictorFunction", "PreprocessorFunction"]
LONGEST_START = 130
"""Seconds that Lambda gives a version at the least to come up before its snapshot is taken."""


def _chosen(value, **parameters):
    """What a property is with these parameters, and the defaults of the others."""
    name, yes, no = value["Fn::If"]
    left, right = template()["Conditions"][name]["Fn::Equals"]
    values = {name: of.get("Default") for name, of in template()["Parameters"].items()}
    return yes if (values | parameters)[left["Ref"]] == right else no


def _states(machine):
    return yaml.safe_load((ROOT / f"state_machines/{machine}.asl.yaml").read_text())["States"]


@pytest.mark.parametrize("name", MODEL_SERVERS)
def test_no_snapshot_is_kept_when_nobody_asked_for_it(name):
    assert _chosen(FUNCTIONS[name]["SnapStart"]["ApplyOn"]) == "None"


@pytest.mark.parametrize("name", MODEL_SERVERS)
def test_published_versions_have_snapshots_when_the_parameter_is_on(name):
    chosen = _chosen(FUNCTIONS[name]["SnapStart"]["ApplyOn"], SnapStart="on")

    assert chosen == "PublishedVersions"


def test_only_model_servers_have_snapshots_when_the_parameter_is_on():
    """All others are invoked unpublished, and Lambda keeps no snapshots of those."""
    assert [name for name, own in FUNCTIONS.items() if "SnapStart" in own] == MODEL_SERVERS


@pytest.mark.parametrize("name", MODEL_SERVERS)
def test_nothing_rules_snapshots_out_when_the_parameter_is_on(name):
    """As Lambda lists: more of /tmp, file systems, provisioned concurrency and images."""
    against = {
        "EphemeralStorage",
        "FileSystemConfigs",
        "ProvisionedConcurrencyConfig",
        "ImageUri",
    }

    assert not against & FUNCTIONS[name].keys()


def test_release_function_waits_long_enough_when_a_snapshot_takes_minutes():
    assert SNAPSHOT_SECONDS > 2 * LONGEST_START
    assert FUNCTIONS["ReleaseRunFunction"]["Timeout"] > SNAPSHOT_SECONDS + READY_SECONDS


def test_nobody_takes_a_release_over_when_it_waits_for_a_snapshot():
    assert FUNCTIONS["ReleaseRunFunction"]["Timeout"] < LEASE_SECONDS


def test_state_waits_for_its_function_when_that_waits_for_a_snapshot():
    waits = {
        name: state["TimeoutSeconds"]
        for name, state in _states("training_to_serving").items()
        if state.get("Resource") == "${ReleaseRunFunctionArn}"
    }

    assert "PutUp" in waits
    assert min(waits.values()) > FUNCTIONS["ReleaseRunFunction"]["Timeout"]


@pytest.mark.parametrize(
    "error",
    [
        "Lambda.SnapStartNotReadyException",
        "Lambda.SnapStartRegenerationFailureException",
        "Lambda.SnapStartTimeoutException",
    ],
)
def test_chunk_waits_minutes_when_a_snapshot_is_made_anew(error):
    chunk = _states("batch_prediction")["Predict"]["ItemProcessor"]["States"]["Chunk"]
    [rule] = [rule for rule in chunk["Retry"] if error in rule["ErrorEquals"]]

    pauses = [
        min(rule["IntervalSeconds"] * rule["BackoffRate"] ** n, rule["MaxDelaySeconds"])
        for n in range(rule["MaxAttempts"])
    ]
    assert sum(pauses) > SNAPSHOT_SECONDS
