"""The container image with a model inside, as far as it can be proven without Docker.

The folder that the image is built from is assembled for real, and its handler serves requests
in a plain process that sees nothing but that folder. What stays unproven is `docker build` and
the base image's own entry point.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys

import msgspec
import pytest
from fakes.flower_model import FLOWER, store_flowers
from fakes.object_store import MemoryObjectStore
from fakes.template import ROOT
from servery.errors import ArtifactError

IMAGE = ROOT / "infra" / "image"

# In place of the base image's entry point: a process that answers one event a line.
STAND_IN = f"""\
#!/bin/sh
exec '{sys.executable}' -S -c '
import json, sys
module, name = sys.argv[1].split(".")
handler = getattr(__import__(module), name)
for line in sys.stdin:
    print("answer", json.dumps(handler(json.loads(line), None)))
' "$@"
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("image_assemble", IMAGE / "assemble.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["image_assemble"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def objects():
    return MemoryObjectStore()


@pytest.fixture(scope="module")
def stored(objects):
    return store_flowers(objects)


@pytest.fixture(scope="module")
def context(script, objects, stored, tmp_path_factory):
    """The assembled folder, built for this Python."""
    folder = tmp_path_factory.mktemp("image") / "context"
    with pytest.MonkeyPatch.context() as patch:
        here = f"python{sys.version_info.major}.{sys.version_info.minor}"
        patch.setenv("LAMBDA_RUNTIME", here)
        patch.delenv("SERVERY_LAYERS", raising=False)
        ref = script.find(objects, stored.prefix, stored.manifest_digest, stored.version)
        script.assemble(ref, objects, folder)
    return folder


@pytest.fixture
def ask(context, tmp_path):
    """Starts the image's entry script and asks its handler."""
    entrypoint = tmp_path / "entrypoint"
    entrypoint.write_text(STAND_IN)
    entrypoint.chmod(0o755)

    def answers(*events):
        ended = subprocess.run(
            [str(context / "entry.sh"), "predict.handler"],
            input="".join(json.dumps(event) + "\n" for event in events),
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": f"{context / 'packages'}:{context / 'function'}",
                "LAMBDA_ENTRYPOINT": str(entrypoint),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        lines = [x for x in ended.stdout.splitlines() if x.startswith("answer ")]
        return [json.loads(line.removeprefix("answer ")) for line in lines]

    return answers


def _infer(ref):
    return {
        "verb": "infer",
        "ref": msgspec.to_builtins(ref),
        "request_id": "r1",
        "route": "champion",
        "cache": "off",
        "body": json.dumps({"records": [FLOWER]}),
        "base64": False,
        "exact": False,
    }


def test_model_answers_when_the_context_is_all_there_is(ask, stored):
    ready, answer = ask({"verb": "ready", "ref": msgspec.to_builtins(stored)}, _infer(stored))

    assert ready["ready"] is True
    assert answer["status"] == 200
    (prediction,) = json.loads(answer["body"])["predictions"]
    assert prediction["class"] == "setosa"
    assert answer["model_version"] == stored.version


def test_other_model_is_refused_when_the_image_holds_one(ask, stored):
    other = msgspec.structs.replace(stored, version="2.1.0-dabc1234.sdef5678")

    (answer,) = ask(_infer(other))

    assert answer["status"] == 409


def test_nothing_is_assembled_when_the_manifest_is_another(script, objects, stored):
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        script.find(objects, stored.prefix, "0" * 64)


def test_only_what_serves_is_inside_when_the_model_is_onnx(context):
    packages = {p.name for p in (context / "packages").iterdir()}

    assert {"servery", "servery_model", "onnxruntime", "numpy"} <= packages
    assert not packages & {"sklearn", "scipy", "joblib", "boto3"}


def test_everything_copied_is_there_when_the_image_is_built(context):
    sources = re.findall(r"^COPY (?:--\S+ )?(\S+) ", (context / "Dockerfile").read_text(), re.M)

    assert sources
    for source in sources:
        assert (context / source).exists(), source
