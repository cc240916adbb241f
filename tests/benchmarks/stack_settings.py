"""What the template says of functions, with everything that it refers to given a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from fakes.template import template

REGION, ACCOUNT = "eu-central-1", "123456789012"
PATIENCE = 20  # with tables of limits and caches: the machine may be busy, which AWS is not
_TRUE = frozenset({"HasBoosting"})  # of the conditions, as the defaults of the parameters have it


@cache
def functions_of() -> dict[str, dict[str, Any]]:
    """Properties of the functions, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


class Settings:
    """The settings of a stack at an address.

    Args:
        address: URL of the cloud.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._kinds = {name: each["Type"] for name, each in template()["Resources"].items()}
        defaults = template()["Parameters"]
        self.parameters = {name: said.get("Default", "") for name, said in defaults.items()}
        self.parameters["TablePatience"] = PATIENCE
        self.layers = [n for n, kind in self._kinds.items() if kind.endswith("::LayerVersion")]

    @property
    def sources(self) -> list[tuple[str, str, int]]:
        """Queue, function and size of a batch of everything that Lambda polls."""
        found = [
            (said["Queue"]["Fn::GetAtt"].partition(".")[0], function, said["BatchSize"])
            for function, said in self._events("SQS")
        ]
        return sorted(found, key=lambda source: source[0] == "GraphSettleQueue")

    @property
    def schedules(self) -> dict[str, str]:
        """Function to the rate at which it is invoked, whatever happens."""
        return {
            function: str(self.resolved(said["Schedule"]))
            for function, said in self._events("Schedule")
        }

    def route(self, method: str, path: str) -> str:
        """The function that answers for a route."""
        for function, said in self._events("Api"):
            if (said["Method"], said["Path"]) == (method.lower(), path):
                return function
        raise LookupError(f"{method} {path}")

    def memory(self, function: str) -> int:
        """Memory of a function in MB."""
        return int(self.resolved(functions_of()[function]["MemorySize"]))

    def environment(self, function: str) -> dict[str, str]:
        """The variables of a function."""
        everywhere = template()["Globals"]["Function"]["Environment"]["Variables"]
        said = {**everywhere, **functions_of()[function]["Environment"]["Variables"]}
        return {
            **{name: str(self.resolved(value)) for name, value in said.items()},
            "AWS_ENDPOINT_URL": self._address,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory(function)),
        }

    def bucket(self, logical_id: str) -> str:
        """Name of a bucket."""
        return logical_id.lower()

    def queue_url(self, logical_id: str) -> str:
        """URL of a queue."""
        return f"{self._address}/{ACCOUNT}/{logical_id}"

    def arn(self, service: str, name: str) -> str:
        """An ARN of most services."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"

    def resolved(self, node: Any) -> Any:
        """A node of the template without its functions."""
        if not isinstance(node, dict):
            return node
        ((kind, said),) = node.items()
        if kind == "Ref":
            return self._named(said)
        if kind == "Fn::GetAtt":
            return self._attribute(said)
        if kind == "Fn::If":
            return self.resolved(said[1] if said[0] in _TRUE else said[2])
        if kind == "Fn::Join":
            return said[0].join(str(self.resolved(each)) for each in said[1])
        assert kind == "Fn::Sub", node
        return said.replace("${AWS::StackName}", "stack")

    def _events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for function, said in functions_of().items():
            for event in said.get("Events", {}).values():
                if event["Type"] == kind:
                    yield function, event["Properties"]

    def _named(self, name: str) -> Any:
        if name in self.parameters:
            return self.parameters[name]
        kind = self._kinds[name]
        named = {
            "AWS::S3::Bucket": self.bucket(name),
            "AWS::SQS::Queue": self.queue_url(name),
            "AWS::SNS::Topic": self.arn("sns", name),
            "AWS::Serverless::StateMachine": self.arn("states", f"stateMachine:{name}"),
            "AWS::Serverless::LayerVersion": self.arn("lambda", f"layer:{name}:1"),
        }
        return named.get(kind, name)

    def _attribute(self, said: str) -> str:
        name, _, _ = said.partition(".")
        kind = self._kinds[name]
        return self.arn("sqs" if kind == "AWS::SQS::Queue" else "lambda", name)
