import hashlib
from pathlib import Path

import pytest
from devkit import specs
from devkit.api import ApiError
from devkit.errors import DevkitError


class FakeApi:
    def __init__(self, models):
        self._models = models

    def get(self, path):
        name = path.rpartition("/")[2]
        if name not in self._models:
            raise ApiError(404, {"detail": "no such model"})
        return {"spec": self._models[name]}


def test_content_names_the_key_when_data_is_uploaded(tmp_path):
    (tmp_path / "iris.csv").write_text("a,b\n1,2\n")
    digest = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    put = {}
    spec = {"name": "iris", "data": {"uri": "iris.csv", "format": "csv"}}
    sent = specs.upload_data(spec, tmp_path, "bucket", put.__setitem__)
    key = f"raw/iris/{digest}/iris.csv"
    assert put == {key: tmp_path / "iris.csv"}
    assert sent["data"] == {"uri": f"s3://bucket/{key}", "format": "csv"}
    assert spec["data"]["uri"] == "iris.csv"


def test_nothing_is_uploaded_when_data_is_in_s3(tmp_path):
    spec = {"name": "iris", "data": {"uri": "s3://elsewhere/iris.csv"}}
    assert specs.upload_data(spec, tmp_path, "bucket", lambda *_: pytest.fail("uploaded")) == spec


def test_sentence_when_the_data_file_is_missing(tmp_path):
    spec = {"name": "iris", "data": {"uri": "none.csv"}}
    with pytest.raises(DevkitError, match=r"none\.csv does not exist"):
        specs.upload_data(spec, tmp_path, "bucket", lambda *_: None)


def test_every_wrong_field_when_a_spec_breaks_the_rules(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("name: iris\n")
    with pytest.raises(DevkitError) as caught:
        specs.load(path)
    assert str(path) in str(caught.value)


def test_sentence_when_a_spec_is_no_yaml(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("name: [")
    with pytest.raises(DevkitError, match="cannot be read"):
        specs.load(path)


def test_refused_when_a_spec_file_is_missing():
    with pytest.raises(DevkitError, match="no file"):
        specs.find("none.yaml", Path("none.yaml"))


def test_no_file_when_a_name_can_only_be_a_registered_model():
    assert specs.find("house-prices", Path("house-prices")) is None


def test_last_spec_when_the_model_is_registered():
    assert specs.registered(FakeApi({"iris": {"name": "iris"}}), "iris") == {"name": "iris"}


def test_examples_are_listed_when_nothing_has_that_name():
    with pytest.raises(DevkitError, match="no registered model called rose"):
        specs.registered(FakeApi({}), "rose")
