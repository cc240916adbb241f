"""Who may import what, and who may read the environment."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from fakes.template import ROOT

from architecture.functions import functions

LIBRARY = ROOT / "layers" / "core" / "servery"
LEARNING = {"numpy", "onnxruntime", "sklearn", "scipy", "pandas", "pyarrow", "onnx", "skl2onnx"}
HANDLER_LINES = 60

# What the Lambda runtime of Python brings along by itself.
RUNTIME_BRINGS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")

FUNCTIONS = functions()


def _reads_environment(source: str) -> bool:
    """Whether a module names the environment: os.environ, os.getenv, from os import environ."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return any(alias.name in ("environ", "environb", "getenv") for alias in node.names)
    return False


def test_import_rules_hold_when_import_linter_looks():
    command = "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"

    ended = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Imports only go down KEPT" in ended.stdout
    assert "No room imports another room KEPT" in ended.stdout
    assert "No room is wired by another room KEPT" in ended.stdout


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "from os import getenv", "import os\nx = os.getenv('A')"],
)
def test_reader_is_found_when_a_module_reads_the_environment(source):
    assert _reads_environment(source)


def test_only_the_settings_read_the_environment_when_the_library_runs():
    modules = [*LIBRARY.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]

    readers = {str(p.relative_to(ROOT)) for p in modules if _reads_environment(p.read_text())}

    assert readers == {"layers/core/servery/wiring/settings.py"}


def _wiring_of(source: str) -> set[str]:
    """The modules of servery.wiring that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if f"{name}.".startswith("servery.wiring.")}


@pytest.mark.parametrize(
    "source",
    [
        "from servery import wiring",
        "import servery.wiring",
        "from servery.wiring import registry as wiring",
        "from servery.wiring.aws import registry",
    ],
)
def test_import_is_found_when_it_is_not_of_the_own_room(source):
    assert _wiring_of(source) - {"servery.wiring.gateway"}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_function_is_wired_by_its_room_alone_when_it_imports_wiring(function):
    sources = [path.read_text() for path in function.folder.rglob("*.py")]

    assert _wiring_of(function.file.read_text())
    assert set().union(*map(_wiring_of, sources)) == {f"servery.wiring.{function.room}"}


def test_library_never_imports_functions_when_it_is_parsed():
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [n for n in names if n.split(".")[0] in ("functions", "devkit")], path


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_handler_is_short_when_its_lines_are_counted(function):
    lines = [line for line in function.file.read_text().splitlines() if line.strip()]

    assert len(lines) <= HANDLER_LINES


@pytest.fixture(scope="module")
def lambda_runtime(tmp_path_factory):
    """A folder with what the Lambda runtime brings along, and nothing else of the environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME_BRINGS:
        origin = Path(find_spec(name).origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


MODEL_SERVERS = ("predictor", "preprocessor")

# What a release sets on the version of a model server that it publishes.
PUBLISHED = {"SERVERY_MODE": "load", "SERVERY_MODEL": "iris", "SERVERY_RUNTIME": "onnx"}


def _environment(function):
    """Every variable of the template with something in it, and what Lambda itself sets."""
    names = function.properties["Environment"]["Variables"]
    published = PUBLISHED if function.room in MODEL_SERVERS else {}
    lambda_sets = {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    return {**lambda_sets, **dict.fromkeys(names, "x"), **published}


def _imported(function, paths):
    """The modules there are after the handler was imported in a process of its own."""
    program = f"""
import json, sys
sys.path[:0] = {[str(p) for p in paths]!r}
module = __import__({function.verb!r})
assert callable(getattr(module, {function.properties["Handler"].split(".")[1]!r}))
print(json.dumps(sorted(sys.modules)))
"""
    command = [sys.executable, "-S", "-I", "-c", program]
    ended = subprocess.run(
        command, env=_environment(function), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout.splitlines()[-1]))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.logical_id)
def test_handler_imports_only_what_it_has_when_lambda_starts_it(
    function, layer, lambda_runtime, tmp_path
):
    layers = [layer(name) / "python" for name in function.layers]
    runtime = [] if function.room == "predictor" else [lambda_runtime]

    modules = _imported(function, [function.code(tmp_path), *layers, *runtime])

    assert "servery" in modules
    if function.front:
        assert not modules & LEARNING
    if function.room == "predictor":
        assert not modules & {"boto3", "botocore"}
    if function.room == "preprocessor":  # what it raises is botocore's; its clients are not made
        assert not modules & {"boto3", "botocore.session", "botocore.client"}
