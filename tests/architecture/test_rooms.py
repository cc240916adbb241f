"""One thing, one name on every floor: folders, modules, logical ids, state machines."""

from __future__ import annotations

import ast
import re

import pytest
from fakes.template import ROOT, template

from architecture.functions import functions

FUNCTIONS = functions()
BLOCK = re.compile(r"^  # -{20,}\n  # ([a-z_]+):", flags=re.MULTILINE)


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _names(folder) -> set[str]:
    """Packages and modules in a folder; a folder without any source does not count."""
    modules = {p.stem for p in folder.glob("*.py")} - {"__init__"}
    return modules | {p.name for p in folder.iterdir() if p.is_dir() and any(p.glob("*.py"))}


def _strays(functions: set[str], usecases: set[str], blocks: set[str]) -> set[str]:
    """Rooms that are missing on a floor they need.

    Every room is a block of the template and has use cases. A room may do without functions of
    its own, when all that it has in the template are resources.
    """
    return (functions - usecases) | (usecases ^ blocks)


def test_every_room_is_on_every_floor_when_the_project_is_whole():
    folders = {p.name for p in (ROOT / "functions").iterdir() if any(p.glob("*.py"))}
    usecases = _names(ROOT / "layers/core/servery/usecases")
    blocks = set(BLOCK.findall((ROOT / "template.yaml").read_text()))

    assert not _strays(folders, usecases, blocks)


@pytest.mark.parametrize(
    ("functions", "usecases", "blocks", "stray"),
    [
        ({"gateway", "jobs"}, {"gateway"}, {"gateway"}, {"jobs"}),
        ({"gatway"}, {"gateway"}, {"gateway"}, {"gatway"}),
        ({"gateway"}, {"gateway", "orphan"}, {"gateway"}, {"orphan"}),
        ({"gateway"}, {"gateway"}, {"gateway", "empty"}, {"empty"}),
    ],
    ids=["no use cases", "misspelt", "use cases of nothing", "block of nothing"],
)
def test_room_is_rejected_when_a_floor_lacks_it(functions, usecases, blocks, stray):
    assert _strays(functions, usecases, blocks) == stray


def _top_level_names(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _stored(n)}
    return names


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_code_exists_when_the_template_names_it(function):
    attribute = function.properties["Handler"].split(".")[1]

    assert attribute in _top_level_names(function.file.read_text())


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_names_agree_when_a_function_is_named(function):
    alone = [f.room for f in FUNCTIONS].count(function.room) == 1
    verb = "" if alone else function.verb

    assert function.logical_id == f"{_pascal(function.room)}{_pascal(verb)}Function"
    assert function.properties["FunctionName"] == {
        "Fn::Sub": "-".join(
            ["${AWS::StackName}", _kebab(function.room), *filter(None, [_kebab(verb)])]
        )
    }
    variables = function.properties["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == function.room


@pytest.mark.parametrize("room", sorted({f.room for f in FUNCTIONS}))
def test_every_handler_is_deployed_when_its_room_has_functions(room):
    deployed = {f.verb for f in FUNCTIONS if f.room == room}

    assert {p.stem for p in (ROOT / "functions" / room).glob("*.py")} == deployed


@pytest.mark.parametrize("path", sorted((ROOT / "state_machines").glob("*")), ids=lambda p: p.name)
def test_state_machine_is_deployed_when_it_lies_in_the_folder(path):
    name = path.name.removesuffix(".asl.yaml")

    machine = template()["Resources"][f"{_pascal(name)}StateMachine"]["Properties"]

    assert machine["Name"] == {"Fn::Sub": f"${{AWS::StackName}}-{_kebab(name)}"}
    include = machine["Definition"]["Fn::Transform"]["Parameters"]
    assert include == {"Location": f"state_machines/{path.name}"}
