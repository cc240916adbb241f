"""Our signer against botocore's."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st
from servery.adapters.sigv4 import Credentials, quoted_path, quoted_query, sign

TEXT = st.text("abcXYZ019-_.~ /+=&?#%:,äß漢", min_size=1, max_size=20)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def botocore_headers(
    method: str, url: str, region: str, token: str, headers: dict[str, str], body: bytes
) -> dict[str, str]:
    request = AWSRequest(method, url, headers, body)
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
@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("GET", {}, b""),
        ("GET", {"range": "bytes=5-9", "if-match": '"0f-3"'}, b""),
        ("PUT", {}, b"rows,of\na,part\n"),
    ],
)
@given(path=TEXT.map("m/{}x".format), query=st.dictionaries(TEXT, TEXT, max_size=3))
def test_signature_is_botocores_when_the_request_is_the_same(
    scheme: str,
    host: str,
    token: str,
    method: str,
    headers: dict[str, str],
    body: bytes,
    path: str,
    query: dict[str, str],
) -> None:
    quoted, asked = quoted_path("/" + path), quoted_query(query)
    credentials = Credentials("AKIAEXAMPLE", SECRET, token)
    url = f"{scheme}://{host}{quoted}?{asked}"
    theirs = botocore_headers(method, url, "eu-central-1", token, headers, body)
    now = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = sign(
        method,
        host=host,
        path=quoted,
        query=asked,
        headers=headers,
        digest=hashlib.sha256(body).hexdigest(),
        region="eu-central-1",
        credentials=credentials,
        now=now,
    )
    assert ours.pop("host") == host
    assert ours == {name: theirs[name] for name in ours}


def test_secrets_are_not_shown_when_credentials_are_printed() -> None:
    shown = repr(Credentials("AKIAEXAMPLE", SECRET, "token"))
    assert SECRET not in shown
    assert "token=" not in shown
