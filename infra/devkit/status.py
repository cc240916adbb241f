"""`servery status`: where everything is, for people and for scripts."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from devkit.views import models_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devkit.deployments import Deployed
    from devkit.screen import Screen


def summary(deployed: Deployed) -> dict[str, Any]:
    """What a script needs to go on from here."""
    return {
        "api_url": deployed.api_url,
        "web_url": deployed.web_url,
        "page": deployed.page,
        "api_key": deployed.api_key,
        "region": deployed.region,
        "endpoint_url": deployed.endpoint_url,
        "cloud": deployed.kind,
        "stack": deployed.stack,
        "buckets": deployed.buckets,
        "tables": deployed.tables,
        "state_machines": deployed.state_machines,
        "functions": deployed.functions,
        "outputs": deployed.outputs,
        "roll_pending": deployed.roll_pending,
    }


def exports(deployed: Deployed) -> None:
    """Write the addresses and the key as variables of a shell to standard output."""
    values = {"API": deployed.api_url, "WEB": deployed.web_url, "KEY": deployed.api_key}
    for name, value in values.items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


def show(screen: Screen, content: Mapping[str, Any]) -> None:
    """The same for people."""
    where = f"{content['cloud']}, {content['endpoint_url'] or content['region']}"
    screen.say(f"Cloud    {where}, stack {content['stack']}")
    screen.say(f"API      {content['api_url']}")
    screen.say(f"Page     {content['page']}")
    screen.say(f"API key  {content['api_key']}")
    screen.say()
    if content["models"]:
        screen.show(models_table(content["models"]))
    else:
        screen.say("No models yet. Train one: servery train iris")
