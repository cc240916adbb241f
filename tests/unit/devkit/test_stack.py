import os

import pytest
from devkit import deployments, instances, kinds, stack
from devkit.errors import DevkitError
from devkit.processes import identify

AWS_URL = "https://ab12cd34.execute-api.us-east-1.amazonaws.com/prod"


def deployed(**changes):
    values = {
        "region": "us-east-1",
        "endpoint_url": "http://127.0.0.1:4566",
        "stack": "servery",
        "api_url": "http://127.0.0.1:4566/restapis/x/prod/_user_request_",
        "web_url": "",
        "api_key": "k",
        "outputs": {},
    }
    return deployments.Deployed(**(values | changes))


@pytest.fixture
def instance(tmp_path):
    """An instance whose cloud is this very process."""
    made = instances.find("demo", tmp_path)
    made.folder.mkdir(parents=True)
    own = identify(os.getpid())
    assert own is not None
    record = {"pid": own.pid, "born": own.born, "port": 4566}
    instances.write_record(made.cloud_record, record)
    return made, f"{own.pid} {own.born}"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (kinds.MINISTACK, "/restapis/ab12cd34/prod/_user_request_/web"),
        (kinds.LOCALSTACK, "/_aws/execute-api/ab12cd34/prod/web"),
    ],
)
def test_path_on_the_local_cloud_when_the_output_is_an_address_on_aws(kind, path):
    local = stack.local_url(AWS_URL + "/web", "http://127.0.0.1:4566", kind)
    assert local == f"http://127.0.0.1:4566{path}"


def test_path_on_the_local_cloud_when_the_output_names_its_domain():
    url = "https://ab12cd34.execute-api.localhost:4566/prod"
    local = stack.local_url(url, "http://127.0.0.1:4566", kinds.LOCALSTACK)
    assert local == "http://127.0.0.1:4566/_aws/execute-api/ab12cd34/prod/"


def test_another_origin_when_another_host_is_named():
    local = stack.local_url(AWS_URL + "/", "http://127.0.0.1:4566", kinds.MINISTACK, "localhost")
    assert local == "http://localhost:4566/restapis/ab12cd34/prod/_user_request_/"


def test_unchanged_when_the_address_is_no_api_of_aws():
    assert stack.local_url("https://models.example.org/", "http://x", kinds.MINISTACK) == (
        "https://models.example.org/"
    )


def test_same_stack_when_it_is_written_and_read(instance):
    made, name = instance
    written = deployed(cloud=name)
    instances.write_record(made.stack_record, written.as_record())
    assert deployments.current(made) == written


def test_nothing_deployed_when_the_record_is_of_an_earlier_cloud(instance):
    made, _ = instance
    instances.write_record(made.stack_record, deployed(cloud="1 before").as_record())
    with pytest.raises(DevkitError, match="nothing is deployed") as caught:
        deployments.current(made)
    assert caught.value.hint == "Run: servery up"


def test_nothing_deployed_when_the_record_is_of_another_release_of_servery(instance):
    made, _ = instance
    instances.write_record(made.stack_record, {"stack": "servery", "unknown": 1})
    assert deployments.recorded(made) is None


def test_hint_names_the_instance_when_its_cloud_does_not_run(tmp_path):
    with pytest.raises(DevkitError, match="does not run") as caught:
        deployments.current(instances.find("other", tmp_path))
    assert caught.value.hint == "Start it: servery up --instance other"


def test_deploy_is_advised_when_nothing_is_on_aws(tmp_path):
    with pytest.raises(DevkitError, match="Nothing was deployed to AWS") as caught:
        deployments.current(instances.find("aws", tmp_path))
    assert caught.value.hint == "Run: servery deploy"
