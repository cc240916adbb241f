import pytest
from devkit import choice, instances
from devkit.choice import Choice, Wish
from devkit.errors import DevkitError, UsageError

URL = "http://localhost:4566"


@pytest.fixture
def instance(tmp_path):
    made = instances.find("demo", tmp_path)
    made.folder.mkdir(parents=True)
    return made


def test_ministack_when_nothing_was_said(instance):
    assert choice.decide(instance, Wish()) == Choice("ministack")


def test_same_cloud_when_nothing_is_said_the_second_time(instance):
    first = choice.decide(instance, Wish("localstack"))
    choice.remember(instance, first)
    assert choice.decide(instance, Wish()) == first == Choice("localstack")


def test_same_place_when_an_endpoint_was_said_before(instance):
    first = choice.decide(instance, Wish(endpoint=f"{URL}/", stack="mine"))
    choice.remember(instance, first)
    assert choice.decide(instance, Wish()) == first == Choice("localstack", URL, "mine")
    assert not first.started_here


@pytest.mark.parametrize(
    "other", [Wish("ministack"), Wish(endpoint=URL), Wish("aws"), Wish("aws", stack="mine")]
)
def test_refused_when_the_instance_is_on_another_cloud(instance, other):
    choice.remember(instance, Choice("localstack"))
    with pytest.raises(DevkitError, match="demo is on localstack") as caught:
        choice.decide(instance, other)
    assert "servery down --instance demo" in caught.value.hint


def test_aws_when_the_instance_is_called_so(tmp_path):
    assert choice.decide(instances.find("aws", tmp_path), Wish()) == Choice("aws")


def test_stack_is_named_when_it_is_on_aws(instance):
    assert choice.decide(instance, Wish("aws", stack="mine")) == Choice("aws", None, "mine")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish("moto"), "no cloud 'moto'"),
        (Wish(stack="mine"), "--stack is for AWS"),
        (Wish("localstack", stack="mine"), "--stack is for AWS"),
        (Wish("ministack", URL), "address of a LocalStack"),
        (Wish("aws", URL), "address of a LocalStack"),
        (Wish(endpoint="localhost:4566"), "no address"),
        (Wish(endpoint="ftp://localhost"), "no address"),
        (Wish(endpoint=f"{URL}/path"), "no address"),
    ],
)
def test_refused_when_the_command_contradicts_itself(instance, wish, message):
    with pytest.raises(UsageError, match=message):
        choice.decide(instance, wish)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        (Wish(), "demo"),
        (Wish("ministack"), "demo"),
        (Wish("localstack"), "localstack"),
        (Wish(endpoint=URL), "localstack"),
        (Wish("aws"), "aws"),
    ],
)
def test_clouds_stand_side_by_side_when_no_instance_is_named(wish, name):
    assert wish.default_instance() == name


def test_nothing_is_remembered_when_the_record_is_of_another_release(instance):
    instances.write_record(instance.choice_record, {"cloud": "localstack", "unknown": 1})
    assert choice.remembered(instance) is None
