"""What MiniStack supports, read from the package that is installed here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from ministack.services import apigateway_v1, stepfunctions
from ministack.services.cloudformation import engine, provisioners

from targets.paths import Reads
from targets.reads import reads_of
from targets.support import Support, keys_of, plain, words_in

STATE = ("state_def",)
# Fields of a state are read in the first functions that get it.
NEAR = 1


def support(types: Iterable[str]) -> Support:
    """Provisioners of some resource types, template engine, API import and state machines."""
    folder = Path(inspect.getfile(engine)).parent
    found = Support(version("ministack"), words=words_in(sorted(folder.glob("*.py"))))
    for resource in types:
        handlers = provisioners._RESOURCE_HANDLERS.get(resource, {})
        if "create" in handlers:
            found.properties[resource] = _properties(handlers["create"])
    for function in (apigateway_v1._import_rest_api, apigateway_v1._import_security_schemes):
        found.definition |= keys_of(reads_of(function, "spec"))
    for function in vars(stepfunctions).values():
        if not inspect.isfunction(function) or function.__module__ != stepfunctions.__name__:
            continue
        for argument in set(STATE) & set(inspect.signature(function).parameters):
            found.states |= keys_of(reads_of(function, argument, deepest=NEAR))
    found.states |= words_in([Path(inspect.getfile(stepfunctions))])
    found.integrations = _integrations(stepfunctions._SERVICE_DISPATCH)
    found.intrinsics = {word for word in found.states if word.startswith("States.")}
    return found


def _properties(create: object) -> Reads:
    assert callable(create)
    names = list(inspect.signature(create).parameters)
    return plain(reads_of(create, names[1]))


def _integrations(dispatch: dict[str, object]) -> set[str]:
    named = {resource.removeprefix("arn:aws:states:::") for resource in dispatch}
    return {"lambda:invoke"} | named
