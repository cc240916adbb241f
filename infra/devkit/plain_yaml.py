"""YAML in which `off` is a word and `18:00` a time of day, as in YAML 1.2, and no key is twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

_STRING = "tag:yaml.org,2002:"
_WORDS = (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^(?:<<)$", "<"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - as the stubs
        """A mapping as it is written; the parser by itself would keep the last of two keys."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                told = f"{key.value} is there twice"
                raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
            seen.add(name)
        return node


for _tag, _pattern, _first in _WORDS:
    _Loader.add_implicit_resolver(_STRING + _tag, re.compile(_pattern), list(_first))


def load(text: str) -> Any:  # noqa: ANN401 - anything that YAML can say
    """The values in a text.

    Raises:
        yaml.YAMLError: it is no YAML, or has a key twice.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader


def dump(value: Any) -> str:  # noqa: ANN401 - anything that JSON can say
    """Values as YAML that reads the same in both versions, in their order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
