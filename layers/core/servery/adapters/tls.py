"""What TLS connections have in common: made once in a process, since it is dear.

Reading the certificates of all authorities takes some tens of milliseconds of the processor, which
`http.client` alone would spend again on each connection.
"""

from __future__ import annotations

import ssl
import threading
from functools import cache

_lock = threading.Lock()


def tls_context() -> ssl.SSLContext:
    """The context of this process, as the standard library makes it."""
    with _lock:
        return _context()


def prepare_tls() -> threading.Thread:
    """Begin to make it in a thread; OpenSSL reads certificates beside whatever Python does.

    No daemon: a process that ends meanwhile waits for it. OpenSSL frees its own memory at the end
    of a process, and a thread that is still reading into it crashes.
    """
    thread = threading.Thread(target=tls_context)
    thread.start()
    return thread


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
