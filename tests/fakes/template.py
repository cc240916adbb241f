"""What `template.yaml` says, for tests that build from it what the deploy would."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Ref x`) as their long ones."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@cache
def template() -> dict[str, Any]:
    """The template, with the intrinsic functions in their long form."""
    source = (ROOT / "template.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(source, Loader=_Loader)  # noqa: S506
    return loaded


def create_table(client: Any, logical_id: str, name: str) -> None:
    """Create a table as the template has it, its TTL included."""
    properties = template()["Resources"][logical_id]["Properties"]
    client.create_table(
        TableName=name,
        **{
            key: properties[key]
            for key in (
                "AttributeDefinitions",
                "KeySchema",
                "BillingMode",
                "GlobalSecondaryIndexes",
            )
            if key in properties
        },
    )
    if "TimeToLiveSpecification" in properties:
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
        )
