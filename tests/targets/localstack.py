"""What LocalStack supports, read from its package in an environment of its own.

Runs there, on the standard library and LocalStack alone; elsewhere the snapshot that it wrote is
read: `python -m targets snapshot --python .localstack-env/bin/python`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from localstack.services.apigateway import helpers
from localstack.services.cloudformation.resource_provider import plugin_manager

from targets.paths import Reads
from targets.reads import reads_of
from targets.support import Support, keys_of, plain, words_in

SERVICES = (
    "localstack.services.stepfunctions.asl.component.state.state_execution.state_task.service"
)
ENGINE = "localstack.services.cloudformation.engine.v2"
LEXERS = "localstack.services.stepfunctions.asl.antlr.runtime"


def support() -> Support:
    """Resource providers, template engine, API import and state machines of the release."""
    found = Support(version("localstack-core"), words=words_in(_sources(ENGINE)))
    for resource in sorted(plugin_manager.list_names()):
        plugin = plugin_manager.load(resource)
        found.properties[resource] = _properties(plugin.factory.create, plugin.factory)
    spec = reads_of(helpers.import_api_from_openapi_spec, "open_api_spec")
    found.definition = keys_of(spec)
    found.states = _tokens("ASLLexer")
    found.intrinsics = {f"States.{name}" for name in _tokens("ASLIntrinsicLexer")}
    found.integrations = {"lambda:invoke", *_integrations()}
    return found


def _properties(create: Any, factory: type) -> Reads:
    reads = reads_of(types.MethodType(create, factory), "request", attribute="desired_state")
    return plain(reads)


def _sources(package: str) -> Iterator[Path]:
    file = importlib.import_module(package).__file__
    assert file is not None
    return iter(sorted(Path(file).parent.glob("*.py")))


def _tokens(lexer: str) -> set[str]:
    """The words of a grammar, as they are written in a state machine."""
    module = importlib.import_module(f"{LEXERS}.{lexer}")
    literals: Iterable[str] = getattr(module, lexer).literalNames
    return {word for literal in literals for word in re.findall(r"[A-Za-z]\w+", literal)}


def _integrations() -> Iterator[str]:
    """`service:action` of each module of a service that names the actions that it takes."""
    package = importlib.import_module(SERVICES)
    for info in pkgutil.iter_modules(package.__path__):
        service = info.name.removeprefix("state_task_service_")
        module = importlib.import_module(f"{SERVICES}.{info.name}")
        for action in getattr(module, "_SUPPORTED_API_PARAM_BINDINGS", {}):
            yield f"{service}:{action}"


if __name__ == "__main__":
    sys.stdout.write(support().dump())
