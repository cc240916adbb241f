"""The hooks of SnapStart: what they are told to do, in which order, and where nobody calls them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from servery.adapters.kept_connections import KeptConnections
from servery.wiring import aws, clients, snapshots
from servery.wiring.preprocessor import hand_on

ROOT = Path(__file__).parents[2]
PUBLISHED = {
    "SERVERY_MODE": "load",
    "SERVERY_MODEL": "shapes",
    "SERVERY_RUNTIME": "onnx",
    "ARTIFACTS_BUCKET": "artifacts",
    "EXCHANGE_BUCKET": "exchange",
    "FEATURES_TABLE": "features",
    "AWS_REGION": "eu-central-1",
}
SNAPSHOT = """
import json, sys
sys.path.insert(0, f"functions/{sys.argv[1]}")
__import__(sys.argv[2])
from awslambdaric.lambda_runtime_hooks_runner import run_after_restore, run_before_snapshot
run_before_snapshot()
run_after_restore()
print("\\n" + json.dumps(sorted(sys.modules)))
"""


class Runtime(ModuleType):
    """What the runtime of Lambda brings: keeps the hooks, and calls them as Lambda does."""

    def __init__(self) -> None:
        super().__init__("snapshot_restore_py")
        self.before = []
        self.after = []

    def register_before_snapshot(self, hook, *args):
        self.before.append((hook, args))

    def register_after_restore(self, hook, *args):
        self.after.append((hook, args))

    def snapshot(self):
        for hook, args in reversed(self.before):
            hook(*args)

    def restore(self):
        for hook, args in self.after:
            hook(*args)


@pytest.fixture
def runtime(monkeypatch):
    runtime = Runtime()
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    monkeypatch.setattr(snapshots, "_kept", [])
    return runtime


def test_nothing_stays_open_when_the_snapshot_is_taken(runtime):
    happened = []
    snapshots.let_go(lambda: happened.append("let go"))
    snapshots.hook(before=lambda: happened.append("before"), after=lambda: happened.append("after"))
    assert happened == []

    runtime.snapshot()
    assert happened == ["before", "let go"]  # what warming has opened is closed

    runtime.restore()
    assert happened[2:] == ["let go", "after"]


def test_what_is_made_while_warming_is_let_go_of_when_the_snapshot_is_taken(runtime):
    happened = []
    snapshots.hook(before=lambda: snapshots.let_go(lambda: happened.append("let go")), after=list)

    runtime.snapshot()

    assert happened == ["let go"]


def test_copies_draw_apart_when_they_are_restored(runtime):
    snapshots.hook(before=list, after=list)
    python, numpy = random.getstate(), np.random.get_state()
    drawn = []
    for _ in range(2):
        random.setstate(python)
        np.random.set_state(numpy)
        runtime.restore()
        drawn.append((random.random(), np.random.random()))  # noqa: S311

    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_openssl_is_given_new_randomness_when_a_copy_is_restored(runtime, monkeypatch):
    given = []
    monkeypatch.setattr("ssl.RAND_add", lambda *added: given.append(added))
    snapshots.hook(before=list, after=list)

    runtime.restore()
    runtime.restore()

    assert [len(content) for content, _ in given] == [48, 48]
    assert given[0] != given[1]


def test_credentials_are_forgotten_when_a_copy_is_restored(monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9001/c")
    before = clients.container_credentials()

    snapshots._drop_all()

    assert clients.container_credentials() is not before
    clients.container_credentials.cache_clear()


def test_connections_to_lambda_are_dropped_when_a_copy_is_restored(runtime, monkeypatch):
    dropped = []
    monkeypatch.setattr(KeptConnections, "clear", lambda _: dropped.append("pool"))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    hand_on.cache_clear()
    aws.lean_model_servers.cache_clear()
    clients.addresses.cache_clear()
    snapshots.hook(before=hand_on, after=list)

    runtime.snapshot()
    runtime.restore()

    assert dropped == ["pool", "pool"]
    hand_on.cache_clear()
    aws.lean_model_servers.cache_clear()
    clients.addresses.cache_clear()


def test_function_comes_up_when_the_runtime_has_no_hooks(monkeypatch):
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)  # as if it were not there

    snapshots.hook(before=pytest.fail, after=pytest.fail)


def modules(room: str, handler: str, environment: dict[str, str]) -> set[str]:
    """Modules of a function's process once it was restored from a snapshot."""
    done = subprocess.run(
        [sys.executable, "-c", SNAPSHOT, room, handler],
        env={"PATH": "", "PYTHONPATH": str(ROOT / "layers/core"), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_first_request_imports_nothing_when_the_predictor_is_restored():
    imported = modules("predictor", "predict", PUBLISHED)

    assert {
        "onnxruntime",
        "servery.adapters.onnx_runtime",
        "servery.adapters.s3_http",
        "servery.adapters.chunk_rows",
        "servery.adapters.lean_entities",
    } <= imported
    assert "boto3" not in imported  # whose clients would have to be renewed as well


def test_asking_the_predictor_imports_nothing_when_the_preprocessor_is_restored():
    imported = modules("preprocessor", "prepare", PUBLISHED)

    assert {"servery.adapters.onnx_runtime", "servery.adapters.lean_lambda"} <= imported
    assert "boto3" not in imported


def test_snapshot_is_taken_all_the_same_when_something_cannot_be_made():
    """Whoever asks is told: a snapshot that cannot be taken would say less."""
    broken = {name: value for name, value in PUBLISHED.items() if name != "EXCHANGE_BUCKET"}

    assert "servery.adapters.onnx_runtime" in modules("predictor", "predict", broken)


def test_unpublished_function_brings_nothing_in_when_it_has_no_model():
    assert "onnxruntime" not in modules("predictor", "predict", {"AWS_REGION": "eu-central-1"})
