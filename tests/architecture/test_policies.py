"""Least privilege, read from the template as it is written, comments included."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from fakes.template import ROOT, template

from architecture.functions import functions

SOURCE = (ROOT / "template.yaml").read_text()
FUNCTIONS = functions()
RESOURCES = template()["Resources"]
READ_VERSIONS = ["s3:GetObject", "s3:GetObjectVersion"]
VERSIONS = json.dumps(
    [
        {"Fn::Sub": f"${{{function}.Arn}}:*"}
        for function in ("PredictorFunction", "PreprocessorFunction")
    ]
)
ROLES = {name: r for name, r in RESOURCES.items() if r["Type"] == "AWS::IAM::Role"}


def _mappings(node: yaml.Node):
    """All mappings below a node."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)


def _texts(node: yaml.Node):
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _texts(value)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _texts(value)


def _wildcards(statement: dict[str, yaml.Node]) -> list[str]:
    """What a statement grants or denies beyond names: actions with `*`, and unbounded resources.

    A resource is bounded when its text names a resource or the stack before the first `*`.
    """
    actions = [a for a in _texts(statement["Action"]) if "*" in a]
    resources = [
        r
        for r in _texts(statement.get("Resource", yaml.ScalarNode("", "")))
        if "*" in r and "${" not in r.split("*")[0].replace("${AWS::Partition}", "")
    ]
    return actions + resources


def _unexplained(source: str) -> list[str]:
    """Wildcards of a template that no comment explains, inside or just above the statement."""
    lines = source.splitlines()
    found = []
    for mapping in _mappings(yaml.compose(source)):
        statement = {key.value: value for key, value in mapping.value}
        if not {"Effect", "Action"} <= statement.keys():
            continue
        around = lines[max(mapping.start_mark.line - 1, 0) : mapping.end_mark.line]
        if not any("#" in line for line in around):
            found += _wildcards(statement)
    return found


STATEMENT = """\
- Effect: Allow
  Action: {action}
  Resource: {resource}
"""


@pytest.mark.parametrize(
    ("action", "resource"),
    [("s3:*", "!Ref X"), ("s3:GetObject", '"*"'), ("s3:GetObject", "arn:aws:s3:::x/*")],
)
def test_wildcard_is_found_when_no_comment_explains_it(action, resource):
    statement = STATEMENT.format(action=action, resource=resource)

    assert _unexplained(statement)
    assert not _unexplained("# AWS has no finer grain.\n" + statement)


def test_wildcard_is_fine_when_it_stays_inside_a_named_resource():
    statement = STATEMENT.format(action="s3:GetObject", resource='!Sub "${X.Arn}/models/*"')

    assert not _unexplained(statement)


def test_every_wildcard_is_explained_when_the_template_is_read():
    assert not _unexplained(SOURCE)


def test_nothing_else_reaches_everything_when_something_is_allowed():
    everything = {
        statement["Sid"]
        for resource in RESOURCES.values()
        for statement in _statements(resource)
        if statement["Effect"] == "Allow" and statement.get("Resource") == "*"
    }

    assert everything == {
        "CountRequests",
        "AnswerApprovals",
        "DeliverLogs",
        "FindModelLayers",
        "FollowJobs",
        "SendTraces",
        "WakeReleases",
    }


def _statements(node):
    if isinstance(node, dict):
        if {"Effect", "Action"} <= node.keys():
            yield node
        for value in node.values():
            yield from _statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from _statements(value)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_function_has_a_role_and_a_log_of_its_own_when_deployed(function):
    role = ROLES[f"{function.logical_id}Role"]["Properties"]

    assert function.properties["Role"] == {"Fn::GetAtt": f"{function.logical_id}Role.Arn"}
    assert "Policies" not in function.properties
    logs = "PREDICTION_LOG_KEY" in function.properties["Environment"]["Variables"]
    shared = ["TracingPolicy", *(["PredictionLogKeyPolicy"] if logs else [])]
    assert role["ManagedPolicyArns"] == [{"Ref": name} for name in shared]
    log = RESOURCES[f"{function.logical_id}Log"]["Properties"]
    assert function.properties["LoggingConfig"] == {
        "LogGroup": {"Ref": f"{function.logical_id}Log"}
    }
    assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert log["LogGroupName"]["Fn::Sub"].endswith(function.properties["FunctionName"]["Fn::Sub"])


def test_no_function_makes_log_groups_when_roles_are_read():
    assert "logs:CreateLogGroup" not in json.dumps(ROLES)


def _grants(function: str, service: str) -> dict[str, set[str]]:
    """Actions of one service that a function may take, by the resources as text."""
    grants: dict[str, set[str]] = {}
    for statement in _statements(ROLES[f"{function}Role"]):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            if action.startswith(f"{service}:"):
                grants.setdefault(action, set()).add(json.dumps(statement["Resource"]))
    return grants


def test_model_server_reaches_models_and_chunks_only_when_it_runs():
    (policy,) = ROLES["PredictorFunctionRole"]["Properties"]["Policies"]
    grants = {s["Sid"]: (s["Action"], s["Resource"]) for s in _statements(policy)}

    assert set(grants) == {
        "WriteOwnLog",
        "ReadModels",
        "ReadChunks",
        "ReadOwnersData",
        "WriteParts",
        "LookUpEntities",
        "ReadLakesEntities",
        "TellWhatLakeLacks",
    }
    assert grants["ReadLakesEntities"] == (
        "s3:GetObject",
        {"Fn::Sub": "${LakeBucket.Arn}/entities/*"},
    )
    assert grants["ReadModels"] == (
        "s3:GetObject",
        {"Fn::Sub": "${ArtifactsBucket.Arn}/models/*"},
    )
    assert grants["ReadChunks"] == (READ_VERSIONS, _exchanged("inbox/*", "batches/*"))
    assert grants["ReadOwnersData"][0] == READ_VERSIONS
    parts = _exchanged("outbox/*/part-*", "batches/*/predicted/*", "batches/*/rejects/*")
    assert grants["WriteParts"] == ("s3:PutObject", parts)


def _exchanged(*keys: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": f"${{ExchangeBucket.Arn}}/{key}"} for key in keys]


def test_only_who_finishes_can_mark_a_batch_when_functions_write_its_outputs():
    writers = set()
    for function in FUNCTIONS:
        for resources in _grants(function.logical_id, "s3").get("s3:PutObject", ()):
            if "/outbox/" in resources and "/part-*" not in resources:
                writers.add(function.logical_id)

    assert writers == {"BatchFinishFunction"}


def test_only_sweeps_read_who_is_due_when_jobs_are_listed():
    readers = set()
    for function in FUNCTIONS:
        for resources in _grants(function.logical_id, "dynamodb").get("dynamodb:Query", ()):
            if "JobsTable.Arn}/index/by_due" in resources or "JobsTable.Arn}/index/*" in resources:
                readers.add(function.logical_id)

    assert readers == {"JobsSweepFunction", "GraphSettleFunction"}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_dropped_file_is_only_read_when_a_function_reaches_the_inbox(function):
    for action, resources in _grants(function.logical_id, "s3").items():
        if any("ExchangeBucket.Arn}/inbox" in resource for resource in resources):
            assert action in READ_VERSIONS


def test_secret_is_the_callers_alone_when_roles_are_read():
    with_parameters = {name for name, role in ROLES.items() if '"ssm:' in json.dumps(role)}

    assert with_parameters == {"JobsCallBackFunctionRole"}
    for resources in _grants("JobsCallBackFunction", "ssm").values():
        (resource,) = resources
        assert resource.endswith(':parameter/servery/${AWS::StackName}/callback-secret"}')
    denied = [s for s in _statements(ROLES["JobsCallBackFunctionRole"]) if s["Effect"] == "Deny"]
    assert [(s["Action"], s["Condition"]) for s in denied] == [
        ("ssm:PutParameter", {"StringEquals": {"ssm:Overwrite": "true"}})
    ]


def test_worker_reaches_published_versions_only_when_it_invokes():
    assert _grants("JobsWorkFunction", "lambda") == {
        "lambda:InvokeFunction": {'{"Fn::Sub": "${PredictorFunction.Arn}:*"}'}
    }


@pytest.mark.parametrize(
    "function", ["GatewayFunction", "GraphServeFunction", "GraphAnswerFunction"]
)
def test_proxy_reaches_published_versions_only_when_it_invokes(function):
    assert _grants(function, "lambda") == {"lambda:InvokeFunction": {VERSIONS}}


def test_graphs_are_all_it_may_change_when_a_graph_reaches_the_registry():
    changes = [
        statement
        for statement in _statements(ROLES["GraphServeFunctionRole"])
        if statement.get("Resource") == {"Fn::GetAtt": "RegistryTable.Arn"}
        and set(statement["Action"]) - {"dynamodb:GetItem", "dynamodb:Query"}
    ]

    assert [statement["Condition"] for statement in changes] == [
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["graph#*", "graphs"]}}
    ]


JOBS_OF_GRAPHS = ("GraphServeFunction", "GraphAnswerFunction", "GraphSettleFunction")
OWN_DOCUMENTS = '{"Fn::Sub": "${ExchangeBucket.Arn}/graph-jobs/*"}'


def test_graph_reads_models_and_keeps_its_jobs_only_when_it_reaches_buckets():
    assert _grants("GraphServeFunction", "s3") == {
        "s3:GetObject": {
            '{"Fn::Sub": "${ArtifactsBucket.Arn}/models/*/manifest.json"}',
            OWN_DOCUMENTS,
            '{"Fn::Sub": "${LakeBucket.Arn}/entities/*"}',
        },
        "s3:ListBucket": {'{"Fn::GetAtt": "LakeBucket.Arn"}'},
        "s3:PutObject": {OWN_DOCUMENTS},
    }


@pytest.mark.parametrize("function", [*JOBS_OF_GRAPHS, "GraphFollowFunction"])
def test_jobs_of_graphs_are_all_it_reaches_when_a_graph_reaches_the_table(function):
    keys = {
        json.dumps(statement["Resource"]): statement["Condition"]["ForAllValues:StringLike"]
        for statement in _statements(ROLES[f"{function}Role"])
        if "JobsTable" in json.dumps(statement.get("Resource"))
    }

    assert keys.pop('{"Fn::GetAtt": "JobsTable.Arn"}') == {"dynamodb:LeadingKeys": ["graph-job#*"]}
    for resource, allowed in keys.items():
        leading = "graph-sweep#*" if "by_due" in resource else "graph#*"
        assert allowed == {"dynamodb:LeadingKeys": [leading]}


@pytest.mark.parametrize("function", ["GraphSettleFunction", "GraphFollowFunction"])
def test_no_model_is_asked_when_a_job_is_only_ended_or_followed(function):
    assert not _grants(function, "lambda")


def test_parts_are_taken_by_who_answers_alone_when_roles_are_read():
    takers = {
        function.logical_id
        for function in FUNCTIONS
        for resources in _grants(function.logical_id, "sqs").get("sqs:ReceiveMessage", ())
        if "GraphPart0Queue" in resources
    }

    assert takers == {"GraphAnswerFunction"}


def test_entities_are_the_graphs_alone_when_they_are_written_or_removed():
    writers: dict[str, set[str]] = {}
    for function in FUNCTIONS:
        for action, resources in _grants(function.logical_id, "dynamodb").items():
            if any("FeaturesTable" in resource for resource in resources):
                writers.setdefault(action, set()).add(function.logical_id)

    readers = {"GraphServeFunction", "GraphAnswerFunction", "PredictorFunction"}
    assert writers == {
        "dynamodb:BatchGetItem": readers,
        "dynamodb:PutItem": readers,  # what was found in the lake
        "dynamodb:BatchWriteItem": {"GraphServeFunction"},
        "dynamodb:DeleteItem": {"GraphServeFunction"},
    }


def test_model_server_reaches_entities_by_key_only_when_it_looks_them_up():
    features = {'{"Fn::GetAtt": "FeaturesTable.Arn"}'}

    assert _grants("PredictorFunction", "dynamodb") == {
        "dynamodb:BatchGetItem": features,
        "dynamodb:PutItem": features,
    }


def test_preprocessor_reaches_models_and_published_predictors_only_when_it_runs():
    (policy,) = ROLES["PreprocessorFunctionRole"]["Properties"]["Policies"]
    grants = {s["Sid"]: (s["Action"], s["Resource"]) for s in _statements(policy)}

    assert set(grants) == {"WriteOwnLog", "ReadModels", "HandOn"}
    models = {"Fn::Sub": "${ArtifactsBucket.Arn}/models/*"}
    assert grants["ReadModels"] == ("s3:GetObject", models)
    published = {"Fn::Sub": "${PredictorFunction.Arn}:*"}
    assert grants["HandOn"] == ("lambda:InvokeFunction", published)


def test_release_cannot_delete_the_function_itself_when_it_retires_versions():
    (resource,) = _grants("ReleaseRunFunction", "lambda")["lambda:DeleteFunction"]

    assert resource == VERSIONS


def test_registry_reaches_published_versions_only_when_it_asks_a_last_good_server():
    grants = _grants("RegistryFunction", "lambda")

    assert grants["lambda:InvokeFunction"] == {'{"Fn::GetAtt": "ReleaseRunFunction.Arn"}', VERSIONS}


def test_what_lacks_is_told_from_what_may_not_be_read_when_somebody_reads_the_lake():
    # A condition on a prefix that has to be there would not hold of reading an object.
    listings = {
        name: statement.get("Condition", {}).keys() - {"StringLikeIfExists"}
        for name, role in ROLES.items()
        for statement in _statements(role)
        if "s3:ListBucket" in statement["Action"] and "LakeBucket" in json.dumps(statement)
    }
    assert len(listings) > 5
    assert [name for name, others in listings.items() if others] == []


@pytest.mark.parametrize(
    ("function", "tables"),
    [
        ("DataCacheServeFunction", {"predictions"}),
        ("DataCacheWarmFunction", {"predictions"}),
        ("TrainingCollectFunction", {"predictions", "labels"}),
        ("MonitoringWatchFunction", {"predictions", "labels"}),
        ("MonitoringEvaluateFunction", {"predictions", "labels", "comparisons"}),
        ("ReleaseJudgeFunction", {"predictions", "labels", "comparisons"}),
    ],
)
def test_tables_are_all_of_the_lake_that_a_reader_of_lines_reads(function, tables):
    statements = _statements(ROLES[f"{function}Role"])
    read = " ".join(_grants(function, "s3")["s3:GetObject"])
    assert set(re.findall(r"\{LakeBucket.Arn\}/([^\"]*)", read)) == {f"{t}/*" for t in tables}
    (listed,) = [
        statement["Condition"]["StringLikeIfExists"]["s3:prefix"]
        for statement in statements
        if "s3:ListBucket" in statement["Action"] and "LakeBucket" in json.dumps(statement)
    ]
    assert set([listed] if isinstance(listed, str) else listed) == {f"{t}/*" for t in tables}


def test_lease_can_be_given_back_when_a_state_of_a_release_takes_it():
    registry = {'{"Fn::GetAtt": "RegistryTable.Arn"}'}
    granted = {
        function.logical_id: _grants(function.logical_id, "dynamodb")
        for function in FUNCTIONS
        if function.logical_id.startswith("Release")
    }
    takers, givers = (
        {name for name, given in granted.items() if given.get(action, set()) & registry}
        for action in ("dynamodb:PutItem", "dynamodb:DeleteItem")
    )

    assert takers >= {f"Release{state}Function" for state in ("Route", "Gate", "Run", "Judge")}
    assert givers == takers
