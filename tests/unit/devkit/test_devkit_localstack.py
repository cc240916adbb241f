import sys

import pytest
from devkit import localstack
from devkit.errors import DevkitError

OTHER = "#!/bin/sh\nexit 1\n"
RIGHT = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without any Python 3.13 but those that a test puts there."""
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "base"))
    monkeypatch.setattr(localstack, "SYSTEM", ())
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")}


def put(path, program):
    path.parent.mkdir(parents=True)
    path.write_text(program)
    path.chmod(0o755)
    return path


def test_what_is_missing_is_named_when_there_is_no_python(nowhere):
    with pytest.raises(DevkitError, match=r"needs Python 3\.13, and none was found") as caught:
        localstack.find_python(nowhere)
    assert "pyenv install 3.13" in caught.value.hint


def test_python_of_pyenv_when_only_that_is_there(nowhere, tmp_path):
    python = put(tmp_path / "home/.pyenv/versions/3.13.0/bin/python3.13", RIGHT)
    assert localstack.find_python(nowhere) == python


def test_passed_over_when_a_shim_leads_to_no_such_python(nowhere, tmp_path):
    put(tmp_path / "path/python3.13", OTHER)
    python = put(tmp_path / "home/.local/share/uv/python/cpython-3.13.1-x/bin/python3.13", RIGHT)
    assert localstack.find_python(nowhere) == python
