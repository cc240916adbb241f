"""CORS: which pages of other origins may call, told from a list and never with `*`."""

from __future__ import annotations

from collections.abc import Iterable

ALLOWED_HEADERS = "content-type, x-api-key, x-request-id, x-pair, idempotency-key"
EXPOSED_HEADERS = (
    "x-request-id, x-model-version, x-pair, x-served-by, x-cache, retry-after, location"
)
MAX_AGE_SECONDS = 600


class Cors:
    """The origins that may call.

    The key travels in a header and not in a cookie, so credentials are never allowed. An entry
    `*` or `null` allows nobody: neither is the origin of a page that one could trust.

    Args:
        origins: Origins separated by commas, such as `https://example.org:8443`.
    """

    def __init__(self, origins: str) -> None:
        listed = (origin.strip().rstrip("/").lower() for origin in origins.split(","))
        self._origins = frozenset(listed) - {"", "*", "null"}

    def headers(self, origin: str | None) -> dict[str, str]:
        """Headers of an answer: the origin is echoed only when it is listed."""
        if origin is None or origin.lower() not in self._origins:
            return {"vary": "Origin"}
        return {
            "vary": "Origin",
            "access-control-allow-origin": origin,
            "access-control-expose-headers": EXPOSED_HEADERS,
        }

    def preflight(self, origin: str | None, methods: Iterable[str]) -> dict[str, str]:
        """Headers of the answer to OPTIONS for a path that has these methods."""
        allowed = ", ".join((*methods, "OPTIONS"))
        headers = {"allow": allowed, **self.headers(origin)}
        if "access-control-allow-origin" in headers:
            headers["access-control-allow-methods"] = allowed
            headers["access-control-allow-headers"] = ALLOWED_HEADERS
            headers["access-control-max-age"] = str(MAX_AGE_SECONDS)
        return headers
