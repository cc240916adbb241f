from __future__ import annotations

import platform
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from fakes.template import ROOT
from servery.adapters.deployed_libraries import deployed_libraries

LOCK = """\
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via beta
alpha-plus==9
beta==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:cc
beta==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
"""


def test_version_and_hashes_are_taken_when_the_lock_has_the_package(build_script):
    chosen = build_script.pinned(LOCK, ["alpha"])

    assert "alpha==1.0" in chosen
    assert "--hash=sha256:bb" in chosen
    assert "alpha-plus" not in chosen


def test_every_version_is_kept_when_markers_decide(build_script):
    chosen = build_script.pinned(LOCK, ["beta"])

    assert "beta==2.0 ; python_full_version < '3.12'" in chosen
    assert "beta==3.0 ; python_full_version >= '3.12'" in chosen


def test_building_is_refused_when_the_lock_lacks_a_package(build_script):
    with pytest.raises(build_script.BuildError, match="no gamma"):
        build_script.pinned(LOCK, ["gamma"])


@pytest.mark.parametrize(
    "name", ["core", "onnx", "sklearn", "export", "boosting", "columnar", "search"]
)
def test_every_named_package_is_locked_when_a_layer_names_it(build_script, name):
    text = (ROOT / "layers" / name / "requirements.txt").read_text()
    lock = (ROOT / "infra/locks/dev.lock").read_text()

    names = build_script.entries(text)

    assert names
    assert all(n.replace("-", "").isalnum() for n in names), "a version belongs into the lock"
    assert build_script.pinned(lock, names).count("==") >= len(names)


def test_target_is_the_real_one_when_nothing_is_said(build_script):
    target = build_script.Target.of({})

    assert (target.architecture, target.python, target.local) == ("x86_64", "3.13", False)


def test_target_follows_the_parameters_when_they_are_given(build_script):
    target = build_script.Target.of({"ARCHITECTURE": "arm64", "LAMBDA_RUNTIME": "python3.12"})

    assert (target.architecture, target.python) == ("arm64", "3.12")


@pytest.mark.parametrize(
    "asked", [{"ARCHITECTURE": "sparc"}, {"LAMBDA_RUNTIME": "3.13"}, {"SERVERY_LAYERS": "none"}]
)
def test_building_is_refused_when_the_target_does_not_exist(build_script, asked):
    with pytest.raises(build_script.BuildError, match=next(iter(asked))):
        build_script.Target.of(asked)


def test_only_what_is_listed_goes_when_a_layer_is_slimmed(build_script, tmp_path):
    for path in ("lib/core.py", "lib/tests/test_core.py", "lib/core.pyi", "lib/extra/big.bin"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")

    build_script.slim(tmp_path, ["**/tests", "**/*.pyi", "lib/extra"])

    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["core.py"]


def test_versions_stay_readable_when_a_layer_is_slimmed(build_script, tmp_path):
    info = tmp_path / "lib-1.0.dist-info"
    (info / "licenses").mkdir(parents=True)
    for name in ("METADATA", "RECORD", "licenses/LICENSE"):
        (info / name).write_text("x")

    build_script.slim(tmp_path, [])

    assert [p.name for p in info.iterdir()] == ["METADATA"]


def test_building_is_refused_when_a_listed_place_is_gone(build_script, tmp_path):
    with pytest.raises(build_script.BuildError, match=r"correct slim\.txt"):
        build_script.slim(tmp_path, ["lib/renamed"])


def test_no_interpreter_is_found_when_the_machine_lacks_that_version(build_script):
    assert build_script.interpreter("2.5") is None


def test_library_stands_alone_when_layers_are_local(build_script, tmp_path):
    build_script.build("core", tmp_path, build_script.Target.of({"SERVERY_LAYERS": "local"}))

    python = tmp_path / "python"
    assert sorted(p.name for p in python.iterdir()) == ["layer_core.txt", "servery"]
    assert list(python.glob("servery/__pycache__/errors.*.pyc"))


def test_own_packages_are_built_in_when_layers_are_local(build_script, tmp_path):
    build_script.build("own", tmp_path, build_script.Target.of({"SERVERY_LAYERS": "local"}))

    python = tmp_path / "python"
    assert sorted(p.name for p in python.iterdir()) == ["layer_own.txt", "own_models"]
    assert (python / "own_models" / "clipping.py").exists()


def _own_layer(build_script, tmp_path, monkeypatch, *, helper, required=""):
    """What `mine` is told of a layer that has `helper` too."""
    source = tmp_path / "layers" / "own"
    for name, text in (("mine", ""), ("helper", helper)):
        (source / name).mkdir(parents=True, exist_ok=True)
        (source / name / "__init__.py").write_text(text)
    (source / "requirements.txt").write_text(required)
    monkeypatch.setattr(build_script, "LAYERS", tmp_path / "layers")
    target = build_script.Target.of({"SERVERY_LAYERS": "local"})
    folder = build_script.build("own", tmp_path / "built", target)
    return (folder / "mine" / build_script.BESIDE).read_text()


def test_own_package_knows_what_is_shipped_with_it_when_the_layer_has_more(
    build_script, tmp_path, monkeypatch
):
    first = _own_layer(build_script, tmp_path, monkeypatch, helper="A = 1\n")
    changed = _own_layer(build_script, tmp_path, monkeypatch, helper="A = 2\n")
    more = _own_layer(build_script, tmp_path, monkeypatch, helper="A = 2\n", required="lightgbm\n")

    assert first.startswith("helper/__init__.py ")
    assert changed != first
    assert "lightgbm==" in more


def test_own_package_is_shipped_as_it_is_when_the_layer_has_nothing_else(build_script, tmp_path):
    build_script.build("own", tmp_path, build_script.Target.of({"SERVERY_LAYERS": "local"}))

    assert not (tmp_path / "python" / "own_models" / build_script.BESIDE).exists()


def _here(build_script):
    return build_script.Target(python=f"{sys.version_info.major}.{sys.version_info.minor}")


def test_modules_of_others_are_shipped_without_sources_when_compiled(build_script, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("answer = 42\n")

    done = build_script.compile_bytecode(tmp_path, _here(build_script), tmp_path, alone=True)

    assert done
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["__init__.pyc"]
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import lib; print(lib.answer)"
    said = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    assert said.stdout == b"42\n"


def test_sources_stay_when_nothing_here_compiles_for_the_target(build_script, tmp_path):
    (tmp_path / "lib.py").write_text("")

    done = build_script.compile_bytecode(
        tmp_path, build_script.Target(python="2.5"), tmp_path, alone=True
    )

    assert not done
    assert (tmp_path / "lib.py").exists()


def test_library_is_where_the_linker_looks_when_it_is_exposed(build_script, tmp_path):
    (tmp_path / "some.libs").mkdir()
    (tmp_path / "some.libs" / "libgomp-1a2b.so.1.0.0").write_text("x")

    lines = ["libgomp.so.1 = some.libs/libgomp-*"]
    build_script.expose(tmp_path, tmp_path / "lib", lines)

    assert (tmp_path / "lib" / "libgomp.so.1").read_text() == "x"
    with pytest.raises(build_script.BuildError, match=r"correct system\.txt"):
        build_script.expose(tmp_path, tmp_path / "lib", ["a.so = nowhere/*"])


def test_only_a_note_is_left_when_other_layers_are_local(build_script, tmp_path):
    build_script.build("onnx", tmp_path, build_script.Target.of({"SERVERY_LAYERS": "local"}))

    assert [p.name for p in (tmp_path / "python").iterdir()] == ["layer_onnx.txt"]


def test_reason_is_one_sentence_when_the_script_fails(tmp_path):
    command = [sys.executable, str(ROOT / "layers/build.py"), "nonsense", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr == "There is no layer nonsense.\n"


@pytest.mark.parametrize(
    ("name", "python", "found"),
    [
        ("alpha", "3.13", "1.0"),
        ("beta", "3.11", "2.0"),
        ("beta", "3.12", "3.0"),
        ("beta", "3.13", "3.0"),
        ("alpha-plus", "3.13", "9"),
        ("gamma", "3.13", ""),
    ],
)
def test_version_is_that_of_the_python_when_the_lock_has_several(build_script, name, python, found):
    assert build_script.locked(LOCK, name, python) == found


def test_library_is_told_what_the_other_layers_have_when_it_is_built(build_script, tmp_path):
    (tmp_path / "servery").mkdir()

    build_script.write_libraries(tmp_path, build_script.Target())

    told = deployed_libraries(tmp_path / "servery" / "libraries.json")
    assert told["python"] == "3.13"
    assert {"onnxruntime", "scikit-learn", "numpy", "lightgbm", "xgboost"} < set(told)
    assert all(re.fullmatch(r"\d+(\.\d+)+", each) for each in told.values())


def test_what_is_installed_is_told_when_no_layer_was_built(tmp_path):
    told = deployed_libraries(tmp_path / "libraries.json")

    assert told["numpy"] == version("numpy")
    assert told["python"] == platform.python_version()
