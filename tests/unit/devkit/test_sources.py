import pytest
from devkit import sources

PARAMETERS = {"LambdaRuntime": "python3.13"}


@pytest.fixture
def project(tmp_path):
    for path in ("functions/gateway/serve.py", "layers/core/servery/errors.py", "template.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def test_same_digest_when_only_leftovers_change(project):
    before = sources.digest(project, PARAMETERS)
    for path in (
        "functions/gateway/__pycache__/serve.cpython-313.pyc",
        "README.md",
        "layers/x.pyc",
    ):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text("leftover")
    assert sources.digest(project, PARAMETERS) == before


@pytest.mark.parametrize("path", ["functions/gateway/serve.py", "template.yaml", "layers/new.txt"])
def test_another_digest_when_a_source_changes(project, path):
    before = sources.digest(project, PARAMETERS)
    (project / path).write_text("changed")
    assert sources.digest(project, PARAMETERS) != before


def test_another_digest_when_a_source_is_renamed(project):
    before = sources.digest(project, PARAMETERS)
    (project / "functions/gateway/serve.py").rename(project / "functions/gateway/answer.py")
    assert sources.digest(project, PARAMETERS) != before


def test_another_digest_when_a_parameter_changes(project):
    changed = {"LambdaRuntime": "python3.12"}
    assert sources.digest(project, PARAMETERS) != sources.digest(project, changed)
