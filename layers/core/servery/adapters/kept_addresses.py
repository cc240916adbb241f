"""Connections to several addresses; each bucket of S3 has one of its own."""

from __future__ import annotations

import threading

from servery.adapters.kept_connections import KeptConnections


class KeptAddresses:
    """Connections that are shared by whoever asks for an address; any number of threads may.

    Args:
        most: Addresses that are remembered; of more, the one that was asked for the longest ago is
            forgotten, and what is open to it is closed.
        connections: That are kept open to each address while nobody uses them.
    """

    def __init__(self, *, most: int = 64, connections: int = 32) -> None:
        self._most = most
        self._connections = connections
        self._kept: dict[str, KeptConnections] = {}
        self._lock = threading.Lock()

    def to(self, address: str) -> KeptConnections:
        """The connections to an address, `https://` and a host."""
        with self._lock:
            found = self._kept.pop(address, None)
            if found is None:
                found = KeptConnections(address, most=self._connections)
            self._kept[address] = found  # behind all others
            forgotten = None
            if len(self._kept) > self._most:
                forgotten = self._kept.pop(next(iter(self._kept)))
        if forgotten is not None:
            forgotten.clear()
        return found

    def clear(self) -> None:
        """Close what nobody uses at the moment."""
        for each in list(self._kept.values()):
            each.clear()
