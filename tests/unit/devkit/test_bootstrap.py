import pytest
from devkit import bootstrap

LOCK = """\
typer==0.29.2 \\
    --hash=sha256:aa
    # via servery (pyproject.toml)
uv==0.13.9 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via servery (pyproject.toml)
uvicorn==1.0 \\
    --hash=sha256:dd
"""


@pytest.fixture
def env(tmp_path):
    made = bootstrap.Environment(tmp_path / ".venv", tmp_path / "dev.lock", tmp_path)
    made.lock.write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text("[project]")
    (made.folder / "bin").mkdir(parents=True)
    made.python.touch()
    (made.folder / "pyvenv.cfg").write_text("version = 3.13.0")
    made.stamp.write_text(made.wanted())
    return made


def test_only_one_package_with_its_hashes_when_it_is_taken_out_of_the_lock():
    assert bootstrap.locked(LOCK, "uv") == (
        "uv==0.13.9 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    )


def test_refused_when_the_lock_lacks_a_package():
    with pytest.raises(bootstrap.SetupError, match="make lock"):
        bootstrap.locked(LOCK, "pip")


def test_ready_when_nothing_changed(env):
    assert env.ready()


def test_not_ready_when_the_lock_changed(env):
    env.lock.write_text(LOCK + "rich==15.0\n")
    assert not env.ready()


def test_not_ready_when_the_interpreter_changed(env):
    (env.folder / "pyvenv.cfg").write_text("version = 3.12.1")
    assert not env.ready()


def test_not_ready_when_the_set_up_was_interrupted(env):
    env.stamp.unlink()
    assert not env.ready()


def test_not_ready_when_there_is_nothing_yet(tmp_path):
    made = bootstrap.Environment(tmp_path / ".venv", tmp_path / "dev.lock", None)
    assert not made.ready()


def test_package_of_the_distribution_is_named_when_venv_is_missing():
    advice = bootstrap.missing_venv_advice((3, 11), pip=False)
    assert "python3.11-venv" in advice
    assert "virtualenv" not in advice
    assert "virtualenv" in bootstrap.missing_venv_advice((3, 11), pip=True)
