"""The template against what each local target reads of it."""

from __future__ import annotations

import pytest
import yaml
from targets.drift import REASONS, SNAPSHOT, ignored, reasons, supports
from targets.paths import Reads
from targets.support import Support
from targets.used import Feature, states, used

LOCAL = ("ministack", "localstack")


@pytest.fixture(scope="module")
def features():
    return used()


@pytest.fixture(scope="module")
def supported(features):
    return supports(features)


@pytest.mark.parametrize("target", LOCAL)
def test_it_is_listed_with_a_reason_when_a_target_ignores_something(target, features, supported):
    found = {str(feature) for feature in ignored(features, supported[target])}
    listed = set(reasons()[target])

    assert not found - listed, f"{target} ignores these silently; give a reason in {REASONS.name}"
    assert not listed - found, "not used any more, or supported by now"


def test_what_is_known_to_be_ignored_is_found_when_the_targets_are_read(features, supported):
    """Found by hand in the targets' code; a reader that finds nothing would be quiet too."""
    of = {target: {str(f) for f in ignored(features, supported[target])} for target in LOCAL}

    assert "property AWS::DynamoDB::Table TimeToLiveSpecification" in of["ministack"]
    assert "state Task Retry.JitterStrategy" in of["ministack"]
    assert "property AWS::DynamoDB::Table TimeToLiveSpecification" not in of["localstack"]
    assert "property AWS::Logs::LogGroup RetentionInDays" in of["localstack"]
    assert "property AWS::Logs::LogGroup RetentionInDays" not in of["ministack"]


@pytest.mark.parametrize("target", LOCAL)
@pytest.mark.parametrize(
    ("feature", "reported"),
    [
        (
            Feature(
                "property", "AWS::Lambda::Function", ("RuntimeManagementConfig", "UpdateRuntimeOn")
            ),
            "property AWS::Lambda::Function RuntimeManagementConfig",
        ),
        (Feature("type", "AWS::SageMaker::Model"), "type AWS::SageMaker::Model"),
        (Feature("state", "Map", ("ItemBatcher",)), "state Map ItemBatcher"),
        (Feature("task", "bedrock:invokeModel"), "task bedrock:invokeModel"),
        (Feature("intrinsic", "States.Guess"), "intrinsic States.Guess"),
        (Feature("function", "Fn::Nothing"), "function Fn::Nothing"),
    ],
    ids=str,
)
def test_it_is_found_when_the_template_begins_to_use_it(target, feature, reported, supported):
    found = ignored([feature], supported[target])

    assert {str(f) for f in found} == {reported}


@pytest.mark.parametrize("target", LOCAL)
def test_nothing_is_found_when_everything_is_supported(target, supported):
    plain = [
        Feature("type", "AWS::SQS::Queue"),
        Feature("property", "AWS::SQS::Queue", ("MessageRetentionPeriod",)),
        Feature("function", "Fn::Sub"),
        Feature("state", "Task", ("Catch", "ErrorEquals")),
        Feature("task", "sqs:sendMessage.waitForTaskToken"),
        Feature("intrinsic", "States.Format"),
        Feature("attribute", "DeletionPolicy", ("RetainExceptOnCreate",)),
    ]

    assert ignored(plain, supported[target]) == set()


def test_a_property_counts_once_when_all_of_it_is_ignored():
    support = Support("1", {"A::B::C": Reads({("Kept",), ("Kept", "Part")}, set())})
    features = [
        Feature("property", "A::B::C", path)
        for path in (("Gone", "One"), ("Gone", "Two"), ("Kept", "Part"), ("Kept", "Other"))
    ]

    found = {f.path for f in ignored(features, support)}

    assert found == {("Gone",), ("Kept", "Other")}


def test_both_sides_of_a_condition_count_when_the_template_is_read(features):
    assert Feature("property", "AWS::Lambda::Function", ("Layers",)) in features
    assert Feature("function", "Fn::If") in features


def test_the_items_of_a_map_are_seen_when_a_machine_has_one(tmp_path):
    machine = {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "ItemReader": {"Resource": "arn:aws:states:::s3:getObject"},
                "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject"},
                "ItemProcessor": {
                    "StartAt": "One",
                    "States": {"One": {"Type": "Task", "Resource": "${One}", "End": True}},
                },
                "ItemSelector": {"free": {"form": 1}},
                "End": True,
            }
        },
    }
    file = tmp_path / "m.asl.yaml"
    file.write_text(yaml.safe_dump(machine))

    found = set(map(str, states(file)))

    assert {"state Map ItemReader.Resource", "state Map ResultWriter", "state Task End"} <= found
    assert "task lambda:invoke" in found
    assert not any("form" in feature for feature in found)


def test_the_snapshot_is_what_is_written_when_it_is_dumped_again():
    assert Support.load(SNAPSHOT).dump() == SNAPSHOT.read_text()


def test_it_is_an_error_when_a_reason_is_missing(tmp_path):
    file = tmp_path / "ignored.yaml"
    file.write_text("aws: [{what: [a b], reason: ' '}]")

    with pytest.raises(ValueError, match="a b"):
        reasons(file)
