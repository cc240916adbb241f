from devkit import sam

LOG = """\
$ sam build --parallel
Build Succeeded
$ sam deploy --stack-name servery
	File with same data already exists at 0123, skipping upload
=====================

Error: no such thing
SAM CLI update available (2.0); (1.0 installed)
"""


def test_only_what_matters_of_the_last_command_when_it_failed():
    assert sam.tail(LOG) == ("Error: no such thing",)


def test_runtime_is_one_of_lambda_when_asked_for():
    assert sam.runtime().startswith("python3.")


def test_layers_are_built_for_what_the_template_is_deployed_with():
    parameters = {"Architecture": "arm64", "LambdaRuntime": "python3.12", "Stage": "prod"}
    assert sam.layers_for(parameters) == {
        "ARCHITECTURE": "arm64",
        "LAMBDA_RUNTIME": "python3.12",
    }
    assert sam.layers_for({}) == {}
