"""The files of the page, each with its type, its validator and the policy that browsers enforce."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from servery.edge.http import Answer
from servery.errors import NotFoundError

FOLDER = Path(__file__).with_name("static")
START = "index.html"
LOOPBACK = ("localhost", "127.0.0.1")

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_NOT_MODIFIED = 304
# A new deploy shows at once, an unchanged file costs one answer without a body.
_REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page.

    Attributes:
        content: Its text.
        content_type: Its media type.
        etag: Changes with its content, in quotes.
    """

    content: str
    content_type: str
    etag: str


@cache
def files() -> dict[str, File]:
    """All files of the page by name, read once."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_text("utf-8")
            etag = f'"{sha256(content.encode()).hexdigest()[:24]}"'
            found[path.name] = File(content, _TYPES[path.suffix], etag)
    return found


def policy(*, api_url: str, host: str) -> str:
    """The Content-Security-Policy of the page.

    Everything comes from the page's own origin; calls may also go to the gateway API. A page that
    is itself opened on this machine may call this machine on any port, as two servers in
    development do.

    Args:
        api_url: Address of the gateway API, empty where it is not known.
        host: The `Host` that the page was asked for, with its port.
    """
    own = "'sha256-{}'".format  # the one inline script: it adds the slash that the address lacks
    scripts = [own(_digest(inline)) for inline in _INLINE.findall(files()[START].content)]
    callees = [origin_of(api_url)] if api_url else []
    if is_loopback(host):
        callees += [f"http://{name}:*" for name in LOOPBACK]
    directives = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *scripts],
        "connect-src": ["'self'", *callees],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def start(*, known: str, api_url: str, host: str) -> Answer:
    """The page itself.

    Args:
        known: The `If-None-Match` of the request.
        api_url: Address of the gateway API, empty where it is not known.
        host: The `Host` of the request.
    """
    headers = {
        "content-security-policy": policy(api_url=api_url, host=host),
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
    }
    return _send(files()[START], known, headers)


def static(name: str, *, known: str) -> Answer:
    """One file that the page refers to.

    Raises:
        NotFoundError: the page has no such file.
    """
    file = files().get(name)
    if file is None:
        raise NotFoundError("the page has no such file")
    return _send(file, known, {})


def api_url(setting: str, variable: str, *, host: str) -> str:
    """Address of the gateway API, empty where it is not known.

    Args:
        setting: The setting API_URL, for whoever runs the page by itself.
        variable: The stage variable of the page's API: the function's own environment cannot
            name the gateway's API, since that one depends on the page's.
        host: The `Host` of the request. The variable is an address on AWS, and means nothing to
            a page on this machine; that one gets it in its own address (`#api=...`).
    """
    return (setting or ("" if is_loopback(host) else variable)).rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a `Host` names the machine itself."""
    return host.rsplit(":", 1)[0] in LOOPBACK or host in LOOPBACK


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _send(file: File, known: str, headers: dict[str, str]) -> Answer:
    headers = {**headers, "etag": file.etag, "cache-control": _REVALIDATE}
    sent = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    if file.etag in sent or "*" in sent:
        return Answer(status=_NOT_MODIFIED, headers=headers)
    return Answer(body=file.content, headers=headers, content_type=file.content_type)


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
