"""The one place that reads the environment, and what else a process gets from its machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from servery.domain.own_classes import own_classes_are
from servery.errors import FaultError


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time now, UTC."""
        return datetime.now(UTC)


def setting(name: str) -> str:
    """A setting of this function.

    Raises:
        FaultError: the template does not set it.
    """
    value = os.environ.get(name)
    if not value:
        raise FaultError(f"the setting {name} is missing")
    return value


def optional_setting(name: str, default: str = "") -> str:
    """A setting that may be absent."""
    return os.environ.get(name, default)


def table_patience() -> float:
    """How many times as long as usual a request waits for a table that it can do without."""
    return float(optional_setting("TABLE_PATIENCE", "1"))


def in_lambda() -> bool:
    """Whether this process is an execution environment, and not a test or a tool."""
    return bool(optional_setting("AWS_LAMBDA_FUNCTION_NAME"))


def allowed_origins() -> str:
    """The origins whose pages may call, separated by commas."""
    return optional_setting("ALLOWED_ORIGINS")


own_classes_are(lambda: optional_setting("OWN_CLASSES"))  # read whenever a spec is


def entropy() -> str:
    """A few random characters that make an id unique within a microsecond."""
    import secrets

    return secrets.token_hex(4)
