from __future__ import annotations

import sys
from pathlib import Path

import pytest
from localstack_process import layers, memory
from localstack_process.interpreters import (
    Interpreter,
    InterpreterNotFoundError,
    Interpreters,
    UnsupportedRuntimeError,
)
from localstack_process.launch import SYSTEM_PATH, Folders, Package, launch
from localstack_process.packages import link_runtime
from localstack_process.settings import SettingError, Settings

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHER = f"{sys.version_info.major}.{sys.version_info.minor + 1}"


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_later_layer_comes_first_when_two_have_modules(tmp_path: Path) -> None:
    first = folder(tmp_path / "one" / "python")
    second = folder(tmp_path / "two" / "python")
    packages = folder(tmp_path / "one" / "python/lib/python3.13/site-packages")
    folder(tmp_path / "two" / "python/lib/python3.12/site-packages")
    roots = [tmp_path / "one", tmp_path / "two", tmp_path / "empty"]
    assert layers.module_paths(roots, "python3.13") == [packages, second, first]


def test_programs_and_libraries_are_found_when_layers_have_them(tmp_path: Path) -> None:
    programs, libraries = folder(tmp_path / "a/bin"), folder(tmp_path / "b/lib")
    roots = [tmp_path / "a", tmp_path / "b"]
    assert layers.program_paths(roots) == [programs]
    assert layers.library_paths(roots) == [libraries]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "runtime", tmp_path / "scratch")


def test_paths_are_in_aws_order_when_a_function_has_layers(
    tmp_path: Path, folders: Folders
) -> None:
    modules = folder(tmp_path / "layer/python")
    programs = folder(tmp_path / "layer/bin")
    libraries = folder(tmp_path / "layer/lib")
    package = Package("python3.13", tmp_path / "task", [tmp_path / "layer"])
    given = {"_HANDLER": "app.handler", "PYTHONPATH": "/more", "N": 5, "NOTHING": None}
    started = launch(Interpreter(Path("/py")), package, folders, given)
    assert started.command == ["/py", "-S", "-m", "awslambdaric", "app.handler"]
    assert started.folder == tmp_path / "task"
    assert started.variables["PYTHONPATH"] == f"{modules}:/more:{folders.runtime}"
    assert started.variables["PATH"] == f"{programs}:{SYSTEM_PATH}"
    assert started.variables["LD_LIBRARY_PATH"] == str(libraries)
    assert started.variables["N"] == "5"
    assert "NOTHING" not in started.variables


def test_home_is_scratch_when_the_function_says_otherwise(tmp_path: Path, folders: Folders) -> None:
    package = Package("python3.12", tmp_path / "task")
    given = {"HOME": "/home/somebody", "AWS_EXECUTION_ENV": "AWS_Lambda_rapid"}
    variables = launch(Interpreter(Path("/py")), package, folders, given).variables
    assert variables["HOME"] == variables["TMPDIR"] == str(folders.scratch)
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert "LD_LIBRARY_PATH" not in variables


def test_interpreter_is_found_and_isolated_when_a_candidate_fits() -> None:
    candidates = [Path("/nowhere/python"), Path("/bin/false"), Path(sys.executable)]
    found = Interpreters({}, lambda _version: candidates).for_runtime(f"python{OWN}")
    assert found.executable.exists()
    assert not found.own_packages


def test_interpreter_keeps_its_packages_when_the_settings_name_it() -> None:
    named = {f"python{OWN}": Path(sys.executable)}
    found = Interpreters(named, lambda _version: []).for_runtime(f"python{OWN}")
    assert found == Interpreter(Path(sys.executable), own_packages=True)
    assert found.command("-m", "x") == [sys.executable, "-m", "x"]


def test_setting_is_named_when_no_interpreter_fits() -> None:
    setting = f"LAMBDA_PROCESS_PYTHON_{OTHER.replace('.', '_')}"
    with pytest.raises(InterpreterNotFoundError, match=setting):
        Interpreters({}, lambda _version: [Path(sys.executable)]).for_runtime(f"python{OTHER}")
    wrong = {f"python{OTHER}": Path(sys.executable)}
    with pytest.raises(InterpreterNotFoundError, match=f"{setting} names .* not a Python"):
        Interpreters(wrong).for_runtime(f"python{OTHER}")


@pytest.mark.parametrize("runtime", ["nodejs22.x", "provided.al2023", "python", "", None])
def test_runtime_is_refused_when_it_is_not_pythons(runtime: str | None) -> None:
    with pytest.raises(UnsupportedRuntimeError):
        Interpreters({}).for_runtime(runtime)


def test_settings_are_read_when_they_are_given() -> None:
    given = {
        "LAMBDA_PROCESS_INIT_TIMEOUT": "2.5",
        "LAMBDA_PROCESS_LOG_LIMIT_KB": "64",
        "LAMBDA_PROCESS_PYTHON_3_12": sys.executable,
        "LAMBDA_PROCESS_PYTHON_3_11": "",
    }
    assert Settings.read(given) == Settings(2.5, 65_536, {"python3.12": Path(sys.executable)})
    assert Settings.read({}) == Settings()


@pytest.mark.parametrize(
    "given",
    [
        {"LAMBDA_PROCESS_INIT_TIMEOUT": "soon"},
        {"LAMBDA_PROCESS_INIT_TIMEOUT": "0"},
        {"LAMBDA_PROCESS_LOG_LIMIT_KB": "nan"},
        {"LAMBDA_PROCESS_PYTHON_3_12": "/nowhere/python"},
    ],
)
def test_setting_is_named_when_its_value_cannot_be_used(given: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=next(iter(given))):
        Settings.read(given)


def test_only_named_packages_are_linked_when_the_runtime_is_made(tmp_path: Path) -> None:
    runtime = tmp_path / "a" / "runtime"
    for _ in range(2):
        assert link_runtime(runtime, ["json", "ast"]) == runtime
    assert sorted(path.name for path in runtime.iterdir()) == [
        "ast.py",
        "json",
        "runtime_client.py",
    ]
    assert (runtime / "json" / "decoder.py").is_file()


def test_link_is_renewed_when_a_package_has_moved(tmp_path: Path) -> None:
    (tmp_path / "json").symlink_to("/nowhere")
    link_runtime(tmp_path, ["json"])
    assert (tmp_path / "json" / "decoder.py").is_file()


def test_package_is_named_when_it_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        link_runtime(tmp_path, ["no_such_package"])


def process(proc: Path, pid: int, peak_kb: int, children: str = "") -> None:
    task = folder(proc / str(pid) / "task" / str(pid))
    (proc / str(pid) / "status").write_text(f"Name:\tx\nVmHWM:\t  {peak_kb} kB\nThreads:\t1\n")
    (task / "children").write_text(children)


def test_memory_of_all_is_summed_when_a_process_has_started_others(tmp_path: Path) -> None:
    process(tmp_path, 10, 40_000, "11 12 ")
    process(tmp_path, 11, 2_048, "13")
    process(tmp_path, 13, 1_024)
    assert memory.peak_mb(10, tmp_path) == 43  # 12 is gone already


def test_memory_is_unknown_when_the_process_is_gone(tmp_path: Path) -> None:
    assert memory.peak_mb(10, tmp_path) is None
