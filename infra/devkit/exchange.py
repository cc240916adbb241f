"""A request and its answer on the screen, short enough to be read."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from devkit.api import Api, ApiError

if TYPE_CHECKING:
    from devkit.screen import Screen

_LIMIT = 560


def show(
    http: Api,
    screen: Screen,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """POST something and show both sides; the answer, also of a refusal, is given back."""
    screen.say()
    screen.say(f"POST {path}", style="bold")
    for name, value in (headers or {}).items():
        screen.say(f"{name}: {value}", style="dim")
    screen.say(short(body, _LIMIT // 2), style="dim")
    started, fine = time.monotonic(), True
    try:
        answer, content = http.send("POST", path, body, headers)
        said = f"HTTP {answer.status_code}"
    except ApiError as error:
        content, said, fine = error.problem, f"HTTP {error.status}", False
    screen.say(f"{said}  {(time.monotonic() - started) * 1000:.0f} ms through the local cloud")
    screen.say(short(content), style="green" if fine else "yellow")
    told: dict[str, Any] = content
    return told


def short(content: Any, limit: int = _LIMIT) -> str:  # noqa: ANN401 - JSON
    """JSON for reading: four digits after the point, cut off where it is long."""
    text = json.dumps(_rounded(content), ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]} ..."


def _rounded(content: Any) -> Any:  # noqa: ANN401
    if isinstance(content, float):
        return round(content, 4)
    if isinstance(content, dict):
        return {name: _rounded(value) for name, value in content.items()}
    return [_rounded(one) for one in content] if isinstance(content, list) else content
