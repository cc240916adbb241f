"""The HTTP API of a deployed stack: the same one that every other client uses."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devkit.deployments import Deployed

_TRIES = 4
_SHOWN = 5
_PAGE = 100
_BUSY = frozenset({429, 503})
_HINTS = {
    403: "The API key is not valid; `servery status --json` shows the one of this stack.",
    404: "`servery models` lists what there is; `servery release NAME` makes one answer.",
    409: "`servery models NAME` shows what is under way, and what has been.",
    503: "Try again in a moment.",
    504: "Try again; raise serving.deadline_ms in the spec when it stays so.",
}


class ApiError(DevkitError):
    """The API refused, or failed.

    Args:
        status: HTTP status code.
        problem: The problem document (RFC 9457), as far as there was one.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        title = problem.get("detail") or problem.get("title") or problem.get("message")
        wrong = [f"{e.get('field')}: {e.get('message')}" for e in problem.get("errors", [])]
        more = [f"... and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        fields = (*wrong[:_SHOWN], *more)
        hint = _HINTS.get(status, "See: servery logs" if status >= 500 else "")  # noqa: PLR2004
        super().__init__(f"{title or 'The API gave no reason.'} (HTTP {status})", hint, fields)
        self.status = status
        self.problem = problem


class Api:
    """Calls of the API; one connection, closed by `api()`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """The body of `GET path`.

        Raises:
            ApiError: the answer is no 2xx.
        """
        return self.send("GET", path)[1]

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """The body that answers `POST path`; see `get`."""
        return self.send("POST", path, body)[1]

    def listed(self, path: str, name: str, limit: int, **query: str | None) -> list[dict[str, Any]]:
        """The first entries of a list, page after page.

        Args:
            path: Of the list.
            name: Of the member that holds the entries.
            limit: How many at the most.
            query: What to select by; None is left out.
        """
        found: list[dict[str, Any]] = []
        chosen = {key: value for key, value in query.items() if value is not None}
        while len(found) < limit:
            asked = {**chosen, "limit": str(min(limit - len(found), _PAGE))}
            page = self.get(f"{path}?{urlencode(asked)}")
            found.extend(page[name])
            if not page.get("next"):
                break
            chosen["before"] = page["next"]
        return found[:limit]

    def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[httpx.Response, Any]:
        """Send a request; one that the API is too busy for is sent again a few times.

        Raises:
            ApiError: the answer is no 2xx.
            DevkitError: there is no answer.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self._http.request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise DevkitError(
                    f"The API did not answer: {error or type(error).__name__}",
                    "See whether it runs: servery status",
                ) from error
            if answer.is_success:
                return answer, answer.json() if answer.content else {}
            if answer.status_code in _BUSY and attempt < _TRIES:
                time.sleep(min(float(answer.headers.get("retry-after", attempt)), 5.0))
                continue
            break
        raise ApiError(answer.status_code, _problem(answer))


@contextlib.contextmanager
def api(deployed: Deployed) -> Iterator[Api]:
    """The API of a stack."""
    with httpx.Client(
        base_url=deployed.api_url,
        headers={"x-api-key": deployed.api_key, "accept": "application/json"},
        timeout=httpx.Timeout(35.0, connect=5.0),
        trust_env=deployed.endpoint_url is None,
    ) as http:
        yield Api(http)


@contextlib.contextmanager
def advising(hints: Mapping[int, str]) -> Iterator[None]:
    """Give errors of the API another hint, by status, where a command knows a better one."""
    try:
        yield
    except ApiError as error:
        error.hint = hints.get(error.status, error.hint)
        raise


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = json.loads(answer.content)
    except ValueError:
        return {"detail": answer.text[:300]}
    return problem if isinstance(problem, dict) else {"detail": str(problem)[:300]}
