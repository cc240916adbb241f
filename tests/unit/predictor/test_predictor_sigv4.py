"""Our signer against botocore's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.sigv4 import Credentials, quoted_path, sign_get

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def botocore_headers(url: str, region: str, token: str) -> dict[str, str]:
    request = AWSRequest("GET", url)
    request.context["payload_signing_enabled"] = True
    credentials = BotocoreCredentials("AKIAEXAMPLE", SECRET, token or None)
    S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("token", ["", "FwoGZXIvYXdzEBYaD/+=="])
@pytest.mark.parametrize(
    ("scheme", "host"),
    [
        ("https", "artifacts.s3.eu-central-1.amazonaws.com"),
        ("http", "127.0.0.1:4566"),
    ],
)
@given(path=st.text("abcXYZ019-_.~ /+=&?#%:,äß漢", min_size=1, max_size=30).map("m/{}x".format))
def test_signature_is_botocores_when_the_request_is_the_same(
    scheme: str, host: str, token: str, path: str
) -> None:
    quoted = quoted_path("/" + path)
    credentials = Credentials("AKIAEXAMPLE", SECRET, token)
    theirs = botocore_headers(f"{scheme}://{host}{quoted}", "eu-central-1", token)
    now = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sign_get(host=host, path=quoted, region="eu-central-1", credentials=credentials, now=now)
    assert ours.pop("host") == host
    assert ours == {name: theirs[name] for name in ours}


def test_secrets_are_not_shown_when_credentials_are_printed() -> None:
    shown = repr(Credentials("AKIAEXAMPLE", SECRET, "token"))
    assert SECRET not in shown
    assert "token=" not in shown
