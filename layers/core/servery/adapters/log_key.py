"""The key of the prediction log, and patience with whoever does not give it."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

from servery.errors import ServeryError, UnavailableError

PAUSE_SECONDS = 30.0


class LogKey:
    """The key that is made of a secret.

    Args:
        secret: Gives the secret.
        seconds: What time it is.
    """

    def __init__(
        self, secret: Callable[[], str], *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret = secret
        self._seconds = seconds
        self._again = float("-inf")

    def read(self) -> bytes:
        """32 bytes.

        Raises:
            ServeryError: the secret cannot be read. Nobody asks for it again for a while, since
                lines wait behind every try.
        """
        if self._seconds() < self._again:
            raise UnavailableError("the key of the prediction log was not to be had just now")
        try:
            return sha256(self._secret().encode()).digest()
        except ServeryError:
            self._again = self._seconds() + PAUSE_SECONDS
            raise
