"""What the template uses of CloudFormation, API Gateway and Step Functions.

The template is expanded by the SAM transform first, as each target does it, so that what SAM
makes counts too. Both sides of an `Fn::If` count.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
import yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from fakes.template import ROOT, template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from targets.paths import Keys

Kind = Literal[
    "type", "property", "function", "attribute", "parameter", "api", "state", "task", "intrinsic"
]
REGION = "us-east-1"
LOCAL_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
METHODS |= {"x-amazon-apigateway-any-method"}
# SAM itself answers these; no target sees them.
SERVED_BY_SAM = frozenset({"Fn::Transform"})
SAYS_NOTHING = frozenset({"Comment", "Description"})
NAMED_BY_THE_CALLER = ("Parameters", "ItemSelector", "ResultSelector", "Arguments")


@dataclass(frozen=True, order=True)
class Feature:
    """One thing that the template uses.

    Attributes:
        kind: What sort of thing.
        name: Resource type, function, `service:action`, or the type of a state.
        path: Keys below it, outermost first; empty for a thing without parts.
    """

    kind: Kind
    name: str
    path: Keys = ()

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, ".".join(self.path))))

    def words(self) -> Iterator[str]:
        """What a target has to know to support it, in lower case."""
        if self.kind == "state":
            yield self.path[-1].lower()
            return
        # "sqs:sendMessage.waitForTaskToken" is a way to call sqs:sendMessage.
        yield (self.name.split(".")[0] if self.kind == "task" else self.name).lower()
        if self.kind == "attribute":
            yield from map(str.lower, self.path)


def used() -> set[Feature]:
    """All that the template and its state machines use."""
    found = set(_resources(expanded()))
    found |= {
        Feature("parameter", attribute)
        for parameter in template()["Parameters"].values()
        for attribute in parameter
        if attribute not in SAYS_NOTHING
    }
    for file in sorted((ROOT / "state_machines").glob("*.asl.yaml")):
        found |= set(states(file))
    return found


def expanded() -> dict[str, Any]:
    """The template after the SAM transform, its code in some bucket."""
    source = copy.deepcopy(template())
    for resource in source["Resources"].values():
        if resource["Type"] in LOCAL_CODE:
            resource["Properties"][LOCAL_CODE[resource["Type"]]] = "s3://bucket/key"
        properties = resource.get("Properties", {})
        if "Definition" in properties:
            properties["Definition"] = _included(properties["Definition"])
    logging.getLogger("samtranslator.feature_toggle.feature_toggle").setLevel(logging.ERROR)
    session = boto3.session.Session(region_name=REGION)
    made: dict[str, Any] = Translator(None, Parser(), boto_session=session).translate(source, {})
    return made


def _included(definition: dict[str, Any]) -> Any:
    included = definition.get("Fn::Transform", {})
    if included.get("Name") != "AWS::Include":
        return definition
    return yaml.safe_load((ROOT / included["Parameters"]["Location"]).read_text())


def _resources(document: dict[str, Any]) -> Iterator[Feature]:
    yield from _functions({k: document.get(k, {}) for k in ("Conditions", "Resources", "Outputs")})
    for resource in document["Resources"].values():
        kind = resource["Type"]
        yield Feature("type", kind)
        for attribute, value in resource.items():
            if attribute not in {"Type", "Properties", "Metadata"}:
                policy = attribute.endswith("Policy")
                yield Feature("attribute", attribute, (value,) if policy else ())
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
        for path in _leaves(resource.get("Properties", {}), schema, schema):
            yield Feature("property", kind, path)
        if kind == "AWS::ApiGateway::RestApi":
            for path in _definition(resource["Properties"]["Body"]):
                yield Feature("api", path[-1], path[:-1])


def _functions(node: Any) -> Iterator[Feature]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key.startswith("Fn::") and key not in SERVED_BY_SAM:
                yield Feature("function", key)
            yield from _functions(value)
    elif isinstance(node, list):
        for item in node:
            yield from _functions(item)


def _leaves(node: Any, schema: Any, whole: Any, path: Keys = ()) -> Iterator[Keys]:
    """Paths as deep as the resource type declares its properties."""
    schema = _resolved(schema, whole)
    if isinstance(node, dict) and set(node) == {"Fn::If"}:
        for branch in node["Fn::If"][1:]:
            yield from _leaves(branch, schema, whole, path)
    elif isinstance(node, list):
        for item in node:
            yield from _leaves(item, schema.get("items", {}), whole, path)
    elif isinstance(node, dict) and node and set(node) <= set(schema.get("properties", {})):
        for key, value in node.items():
            yield from _leaves(value, schema["properties"][key], whole, (*path, key))
    elif path:
        yield path


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(whole["definitions"][schema["$ref"].rsplit("/", 1)[1]], whole)
    for choice in ("anyOf", "oneOf"):
        for option in schema.get(choice, []) if "properties" not in schema else []:
            resolved = _resolved(option, whole)
            if "properties" in resolved:
                return resolved
    return schema


def _definition(body: dict[str, Any]) -> Iterator[Keys]:
    """What an API's definition says beside its paths: extensions, security, integrations."""
    for extension in body:
        if extension.startswith("x-amazon-"):
            yield (extension,)
    for scheme in body.get("components", {}).get("securitySchemes", {}).values():
        for key in scheme:
            yield ("securitySchemes", key)
    for path in body["paths"].values():
        for method in METHODS & set(path):
            for key, value in path[method].items():
                if key == "x-amazon-apigateway-integration":
                    yield from ((key, part) for part in value)
                elif key in {"security", "requestBody", "parameters"} or key.startswith("x-"):
                    yield (key,)


def states(file: Path) -> Iterator[Feature]:
    """Fields of the states of a machine, what its tasks call, its intrinsic functions."""
    machine = yaml.safe_load(file.read_text())
    pending = [machine]
    while pending:
        level = pending.pop()
        for key in set(level) - {"States", *SAYS_NOTHING}:
            yield Feature("state", "machine", (key,))
        for state in level["States"].values():
            kind = state["Type"]
            for path in _fields(state):
                yield Feature("state", kind, path)
            yield from map(_called, filter(None, [state.get("Resource")]))
            yield from _intrinsics(state)
            pending += state.get("Branches", [])
            pending += [state[k] for k in ("Iterator", "ItemProcessor") if k in state]


def _fields(node: Any, path: Keys = ()) -> Iterator[Keys]:
    if isinstance(node, list):
        for item in node:
            yield from _fields(item, path)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key not in SAYS_NOTHING:
                yield (*path, key)
            if key not in {*NAMED_BY_THE_CALLER, "States", "Branches", "Iterator"}:
                yield from _fields(value, (*path, key))


def _called(resource: str) -> Feature:
    """A substitution stands for the ARN of a function."""
    if resource.startswith("${"):
        return Feature("task", "lambda:invoke")
    return Feature("task", resource.removeprefix("arn:aws:states:::"))


def _intrinsics(node: Any) -> Iterator[Feature]:
    if isinstance(node, str) and node.startswith("States.") and "(" in node:
        yield Feature("intrinsic", node.split("(")[0])
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _intrinsics(item)
