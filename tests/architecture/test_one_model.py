"""A1 in the template: a function that serves a model can serve no second one."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from fakes.template import template
from servery.domain.names import MODEL_NAME

from architecture.functions import functions

SERVERS = {"PredictorFunction", "PreprocessorFunction", "WebSingleFunction"}
RUNTIME_LAYERS = {
    *("OnnxLayer", "SklearnLayer", "ExportLayer", "WebModelLayer"),
    *("BoostingLayer", "OwnLayer", "OnnxImportLayer", "SkopsLayer"),
}
NAMES_A_MODEL = re.compile(r"(^|_)MODELS?$")
TRAINING = {f.logical_id for f in functions() if f.room in ("search", "training")}


def _functions(source: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in source["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _environment(properties: dict[str, Any]) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))


def _all_in_one(source: dict[str, Any]) -> list[str]:
    """What in a template would let one server serve several models."""
    found = []
    shared = _environment(source["Globals"]["Function"])
    for name, properties in _functions(source).items():
        layers = json.dumps(properties.get("Layers", []))
        runtimes = {layer for layer in RUNTIME_LAYERS if f'"Ref": "{layer}"' in layers}
        if runtimes and name not in SERVERS | TRAINING:
            found.append(f"{name} answers nobody as a model server and has {sorted(runtimes)}")
        if runtimes and name in TRAINING and properties.get("Events"):
            found.append(f"{name} trains, and can be asked by others than its state machine")
        for variable, value in (shared | _environment(properties)).items():
            if variable == "SERVERY_MODEL":
                found.append(f"{name} has {variable}, which publishing a server sets")
            elif NAMES_A_MODEL.search(variable) and not _names_one(value, source):
                found.append(f"{name} could be told several models by {variable}")
    return found


def _names_one(value: Any, source: dict[str, Any]) -> bool:
    """Whether it is a parameter that takes the name of one model, and nothing else."""
    if not isinstance(value, dict) or set(value) != {"Ref"}:
        return False
    parameter = source["Parameters"].get(value["Ref"], {})
    pattern = parameter.get("AllowedPattern")
    return parameter.get("Type") == "String" and f"{pattern}(?!\\n)" == MODEL_NAME


def test_one_server_serves_one_model_when_the_template_is_deployed():
    assert _all_in_one(template()) == []


def test_training_and_serving_share_no_function_when_the_template_is_read():
    assert TRAINING
    assert not TRAINING & SERVERS


def _with(path: list[str], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(template())
    at = changed
    for part in path[:-1]:
        at = at.setdefault(part, {})
    at[path[-1]] = value
    return changed


def _variable(function: str, name: str, value: Any) -> dict[str, Any]:
    path = ["Resources", function, "Properties", "Environment", "Variables", name]
    return _with(path, value)


@pytest.mark.parametrize(
    "changed",
    [
        _with(
            ["Resources", "GatewayFunction", "Properties", "Layers"],
            [{"Ref": "CoreLayer"}, {"Ref": "OnnxLayer"}],
        ),
        _variable("PredictorFunction", "SERVERY_MODEL", "iris"),
        _variable("PredictorFunction", "MODELS", "iris,wine"),
        _variable("WebSingleFunction", "WEB_MODEL", "iris,wine"),
        _variable("WebSingleFunction", "SECOND_MODEL", {"Ref": "AllowedOrigins"}),
        _with(["Parameters", "WebModel"], {"Type": "CommaDelimitedList"}),
        _with(["Parameters", "WebModel"], {"Type": "String"}),
        _with(["Globals", "Function", "Environment", "Variables", "SERVERY_MODEL"], "iris"),
        _with(
            ["Resources", "TrainingTrainFunction", "Properties", "Events"],
            {"Ask": {"Type": "Api", "Properties": {"Path": "/train", "Method": "post"}}},
        ),
    ],
    ids=[
        "a front function with a runtime",
        "a model fixed before publishing",
        "a list of models",
        "two models on the page",
        "a second model",
        "a parameter that is a list",
        "a parameter that takes anything",
        "a model for all functions",
        "training that can be asked",
    ],
)
def test_template_is_refused_when_it_would_serve_all_in_one(changed):
    assert _all_in_one(changed)
