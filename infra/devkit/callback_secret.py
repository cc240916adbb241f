"""The secret that callbacks are signed with: read, made on first use, or replaced."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from devkit.errors import DevkitError

if TYPE_CHECKING:
    from devkit.deployments import Deployed

OUTPUT = "CallbackSecretName"
_BYTES = 32


def read(deployed: Deployed, *, rotate: bool = False) -> dict[str, Any]:
    """The secret, and the name of its parameter.

    The function that signs makes one where there is none; so does this, whichever is first.

    Args:
        deployed: Whose callbacks.
        rotate: Put a new secret in the old one's place; functions go on signing with the old
            one for up to five minutes.

    Raises:
        DevkitError: the stack is older than callbacks.
    """
    name = deployed.outputs.get(OUTPUT)
    if name is None:
        raise DevkitError("This stack has no callbacks yet.", "Deploy the present code first.")
    client = deployed.target.client("ssm")
    if rotate:
        return {"name": name, "secret": _put(client, name, overwrite=True), "rotated": True}
    try:
        secret = _get(client, name)
    except client.exceptions.ParameterNotFound:
        secret = _make(client, name)
    return {"name": name, "secret": secret, "rotated": False}


def _make(client: Any, name: str) -> str:  # noqa: ANN401 - of SSM
    try:
        return _put(client, name, overwrite=False)
    except client.exceptions.ParameterAlreadyExists:  # the function was first
        return _get(client, name)


def _get(client: Any, name: str) -> str:  # noqa: ANN401
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _put(client: Any, name: str, *, overwrite: bool) -> str:  # noqa: ANN401
    secret = secrets.token_hex(_BYTES)
    client.put_parameter(Name=name, Value=secret, Type="SecureString", Overwrite=overwrite)
    return secret
