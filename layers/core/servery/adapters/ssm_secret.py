"""A secret in SSM Parameter Store that is made on first use and never changed by us."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from servery.adapters.aws_errors import aws_errors, code_of
from servery.errors import UnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider
    from mypy_boto3_ssm import SSMClient

MAX_AGE_SECONDS = 300
BYTES = 32


class SsmSecret:
    """The secret under one name, kept for five minutes by Powertools.

    Args:
        client: Client of SSM.
        provider: Powertools' provider on that client, with its cache.
        name: Name of the parameter, `/servery/{stack}/callback-secret`.
        what: What it is, for the sentences of errors.
        purpose: What it is for, as its owner reads it.
    """

    def __init__(
        self,
        client: SSMClient,
        provider: SSMProvider,
        name: str,
        *,
        what: str = "the callback secret",
        purpose: str = "Signs the callbacks of finished jobs.",
    ) -> None:
        self._client = client
        self._provider = provider
        self._name = name
        self._what = what
        self._purpose = purpose
        self._guard = threading.Lock()

    def read(self) -> str:
        """The secret, 32 random bytes as hex when it was made here.

        Of several who find none at once, one makes it and all get the same.

        Raises:
            FaultError: this function may not read or write it.
            UnavailableError: SSM cannot be reached.
        """
        with self._guard:
            return self._known() or self._make() or self._known(fresh=True) or self._absent()

    def _known(self, *, fresh: bool = False) -> str:
        from aws_lambda_powertools.utilities.parameters.exceptions import (  # noqa: PLC0415
            GetParameterError,
        )

        with aws_errors(f"reading {self._what}"):
            try:
                value = self._provider.get(
                    self._name, max_age=MAX_AGE_SECONDS, decrypt=True, force_fetch=fresh
                )
            except GetParameterError as error:
                cause = error.__context__  # Powertools keeps only the sentence of it
                if isinstance(cause, self._client.exceptions.ParameterNotFound):
                    return ""
                raise cause or error from error
            return str(value)

    def _make(self) -> str:
        """Make it; empty where somebody else was first."""
        value = secrets.token_hex(BYTES)
        with aws_errors(f"making {self._what}"):
            try:
                self._client.put_parameter(
                    Name=self._name,
                    Description=self._purpose,
                    Value=value,
                    Type="SecureString",
                    Overwrite=False,
                )
            except self._client.exceptions.ClientError as error:
                if code_of(error) == "ParameterAlreadyExists":
                    return ""
                raise
        return value

    def _absent(self) -> str:
        raise UnavailableError(f"{self._what} cannot be read yet")
