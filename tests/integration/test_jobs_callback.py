"""Callbacks over real sockets: servers on loopback, names that lead where they should not."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SSMProvider
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes.clock import SetClock
from fakes.jobs import a_job
from moto import mock_aws
from servery.adapters.eventbridge_job_events import EventBridgeJobEvents
from servery.adapters.https_caller import HttpsCaller, public_tls, resolve
from servery.adapters.sqs_visibility import SqsVisibility
from servery.adapters.ssm_secret import SsmSecret
from servery.domain.addresses import parse_networks
from servery.domain.jobs import JobState
from servery.domain.signing import SIGNATURE, TIMESTAMP, verify
from servery.errors import FaultError, InvalidInputError, UnavailableError

SECRET = "ab" * 32
BODY = b'{"id":"1","state":"done"}'
LOCAL = parse_networks("127.0.0.1/32")
NAME = "hooks.example.com"


@dataclass
class Server:
    """Answers every connection with the same bytes, and keeps what it was sent.

    Attributes:
        answer: Called with the connection when the request is in.
        requests: The whole requests.
        connections: How many came.
        names: The names that TLS clients asked for.
    """

    answer: Callable[[socket.socket], None]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        if self.tls is not None:
            self.tls.sni_callback = lambda sock, name, context: self.names.append(name)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with connection:
                self.requests.append(_request(connection))
                self.answer(connection)
        except OSError:
            plain.close()


def _request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        if not piece:
            return content
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def says(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(content)


OK = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket], None] = OK, **options) -> Server:
        servers.append(Server(answer, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for `NAME`, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server_tls(authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    return context


@pytest.fixture
def client_tls(authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority[0]))


def a_caller(*addresses: str, **options) -> HttpsCaller:
    """A caller for which every name leads to these addresses."""
    options = {"allowed": LOCAL, "seconds": 5.0} | options
    if addresses:
        options["resolve"] = lambda host, port: addresses
    return HttpsCaller(lambda: SECRET, SetClock(), **options)


def call(caller: HttpsCaller, url: str) -> int:
    return caller.call(url, BODY, job_id="job-1")


def test_signed_body_arrives_over_http_when_the_network_is_allowed(serve):
    server = serve()
    url = f"http://127.0.0.1:{server.port}/hook?a=b"
    assert call(a_caller(), url) == 200
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert first == "POST /hook?a=b HTTP/1.1"
    assert body == BODY
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["content-type"] == "application/json"
    assert headers["x-servery-job"] == "job-1"
    now = SetClock().now().timestamp()
    stamp, signature = headers[TIMESTAMP], headers[SIGNATURE]
    assert verify(SECRET, body, timestamp=stamp, signature=signature, now=now)


def test_signed_body_arrives_over_https_when_the_certificate_is_that_of_the_name(
    serve, server_tls, client_tls
):
    server = serve(tls=server_tls)
    caller = a_caller("127.0.0.1", tls=lambda: client_tls)
    assert call(caller, f"https://{NAME}:{server.port}/") == 200
    assert server.names == [NAME]


def test_nothing_is_sent_when_the_certificate_is_of_another_name(serve, server_tls, client_tls):
    server = serve(tls=server_tls)
    caller = a_caller("127.0.0.1", tls=lambda: client_tls)
    with pytest.raises(UnavailableError):
        call(caller, f"https://other.example.com:{server.port}/")
    assert not server.requests


def test_nothing_is_sent_when_nobody_knows_who_signed_the_certificate(serve, server_tls):
    server = serve(tls=server_tls)
    with pytest.raises(UnavailableError):
        call(a_caller("127.0.0.1"), f"https://{NAME}:{server.port}/")
    assert not server.requests
    assert public_tls().verify_mode is ssl.CERT_REQUIRED
    assert public_tls().check_hostname


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"])
def test_no_connection_is_made_when_a_name_leads_to_a_private_address(serve, address):
    server = serve()
    with pytest.raises(InvalidInputError):
        call(a_caller(address, allowed=()), f"https://{NAME}:{server.port}/")
    assert server.connections == 0


def test_no_connection_is_made_when_one_of_several_addresses_is_private(serve):
    server = serve()
    caller = a_caller("1.1.1.1", "127.0.0.1", allowed=())
    with pytest.raises(InvalidInputError):
        call(caller, f"https://{NAME}:{server.port}/")
    assert server.connections == 0


def test_no_connection_is_made_when_http_leads_out_of_the_allowed_networks(serve):
    server = serve()
    with pytest.raises(InvalidInputError):
        call(a_caller("127.0.0.1", "1.1.1.1"), f"http://{NAME}:{server.port}/")
    assert server.connections == 0


def test_machines_own_resolver_is_no_way_around_it(serve):
    """`ip6-localhost` and the like: what the hosts file says is checked like what DNS says."""
    server = serve()
    caller = a_caller(allowed=(), resolve=lambda host, port: resolve("localhost", port))
    with pytest.raises(InvalidInputError):
        call(caller, f"https://{NAME}:{server.port}/")
    assert server.connections == 0


def test_name_is_resolved_once_when_its_server_changes_its_mind(serve):
    server = serve()
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    assert call(a_caller(resolve=rebinding), f"http://{NAME}:{server.port}/") == 200
    assert asked == [NAME]


def test_next_address_is_tried_when_the_first_does_not_answer(serve):
    server = serve()
    allowed = parse_networks("127.0.0.0/8")
    caller = a_caller("127.0.0.2", "127.0.0.1", allowed=allowed)
    assert call(caller, f"http://{NAME}:{server.port}/") == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(serve, status):
    secret = serve()
    target = f"http://127.0.0.1:{secret.port}/latest/meta-data"
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    server = serve(says(head.encode()))
    assert call(a_caller(), f"http://127.0.0.1:{server.port}/") == status
    assert secret.connections == 0


def test_answer_is_not_read_when_it_is_huge(serve):
    sent = [0]

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(2000):
            connection.sendall(b"x" * 65536)
            sent[0] += 65536

    server = serve(flood)
    assert call(a_caller(), f"http://127.0.0.1:{server.port}/") == 200
    assert sent[0] < 64_000_000


def _silent(connection: socket.socket) -> None:
    connection.recv(1)


def _trickling(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK and so on and on":
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def _waiting(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("answer", [_silent, _trickling, _waiting])
def test_call_ends_in_time_when_the_server_takes_its_own(serve, answer):
    server = serve(answer)
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        call(a_caller(seconds=0.6), f"http://127.0.0.1:{server.port}/")
    assert time.monotonic() - started < 2.5


def test_call_ends_in_time_when_the_resolver_takes_its_own():
    never = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        never.wait(10)
        return ["127.0.0.1"]

    started = time.monotonic()
    with pytest.raises(UnavailableError):
        call(a_caller(resolve=slow, seconds=0.3), f"http://{NAME}/")
    assert time.monotonic() - started < 2
    never.set()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_it_counts_as_no_answer_when_it_is_no_http(serve, content):
    server = serve(says(content))
    with pytest.raises(UnavailableError):
        call(a_caller(), f"http://127.0.0.1:{server.port}/")


def test_it_counts_as_no_answer_when_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError):
            call(a_caller(), f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_it_counts_as_no_answer_when_the_name_does_not_exist():
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(UnavailableError):
        call(a_caller(resolve=unknown), f"https://{NAME}/")
    with pytest.raises(UnavailableError):
        call(a_caller(resolve=lambda host, port: []), f"https://{NAME}/")


def test_large_body_arrives_whole(serve):
    server = serve()
    body = b"x" * 3_000_000
    url = f"http://127.0.0.1:{server.port}/"
    assert a_caller().call(url, body, job_id="job-1") == 200
    assert server.requests[0].endswith(body)


@pytest.fixture
def ssm(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("ssm")


def a_secret(ssm) -> SsmSecret:
    return SsmSecret(ssm, SSMProvider(boto3_client=ssm), "/servery/test/callback-secret")


def test_secret_is_made_on_first_use_and_the_same_for_everybody(ssm):
    first = a_secret(ssm).read()
    assert len(bytes.fromhex(first)) == 32
    assert a_secret(ssm).read() == first
    kept = ssm.get_parameter(Name="/servery/test/callback-secret")["Parameter"]
    assert kept["Type"] == "SecureString"
    assert kept["Version"] == 1


def test_secret_of_somebody_else_is_taken_when_it_was_made_meanwhile(ssm):
    secret = a_secret(ssm)
    ask = ssm.get_parameter
    provider = secret._provider
    looked = []

    def late(**arguments):
        looked.append(arguments)
        if len(looked) == 1:
            try:
                return ask(**arguments)
            finally:
                ssm.put_parameter(Name=arguments["Name"], Value="theirs", Type="SecureString")
        return ask(**arguments)

    provider.client = type("Client", (), {"get_parameter": staticmethod(late)})()
    assert secret.read() == "theirs"


def test_secret_is_kept_for_a_while(ssm):
    secret = a_secret(ssm)
    first = secret.read()
    secret.read()
    ssm.delete_parameter(Name="/servery/test/callback-secret")
    assert secret.read() == first


def test_it_is_a_fault_when_the_secret_may_not_be_read(ssm):
    from botocore.exceptions import ClientError  # noqa: PLC0415

    secret = a_secret(ssm)

    def denied(**arguments):
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    secret._provider.client = type("Client", (), {"get_parameter": staticmethod(denied)})()
    with pytest.raises(FaultError, match="AccessDenied"):
        secret.read()


def test_event_of_a_job_has_no_data_in_it(ssm):
    events = boto3.client("events")
    sent = []
    events.meta.events.register(
        "provide-client-params.events.PutEvents", lambda params, **_: sent.append(params["Entries"])
    )
    jobs = [
        a_job(f"{n:026x}", state=JobState.DONE, result='{"secret": 1}', finished="f")
        for n in range(12)
    ]
    EventBridgeJobEvents(events, "exchange").publish(jobs)
    assert [len(entries) for entries in sent] == [10, 2]
    told = [json.loads(entry["Detail"]) for entries in sent for entry in entries]
    assert [detail["job"] for detail in told] == [job.id for job in jobs]
    assert told[0]["href"] == f"/jobs/{jobs[0].id}"
    assert {(e["Source"], e["DetailType"]) for entries in sent for e in entries} == {
        ("servery.jobs", "Job finished")
    }
    assert "secret" not in str(sent)
    assert "sepal" not in str(sent)


def test_bus_that_does_not_take_every_event_is_said_so(ssm):
    events = boto3.client("events")
    events.put_events = lambda Entries: {"FailedEntryCount": 1, "Entries": []}  # noqa: N803
    with pytest.raises(UnavailableError):
        EventBridgeJobEvents(events, "exchange").publish([a_job(state=JobState.DONE)])


def test_messages_are_hidden_for_as_long_as_each_is_to_wait(ssm):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    handles = {}
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        handles |= {m["Body"]: m["ReceiptHandle"] for m in got}
    pauses = {handle: 0.0 if body == "3" else 40.0 for body, handle in handles.items()}
    SqsVisibility(sqs, url).hide(pauses)
    seen = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in seen] == ["3"]
