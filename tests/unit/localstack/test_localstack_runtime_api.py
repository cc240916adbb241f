from __future__ import annotations

import http.client
import importlib.util
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import localstack_process.bundled
import pytest
from localstack_process import faults
from localstack_process.faults import InitError
from localstack_process.handover import Invocation, NotTakenError
from localstack_process.runtime_api import RuntimeApi

PREFIX = "/2018-06-01/runtime/"
EVENT = Invocation("id-1", "arn:aws:lambda:eu-west-1:1:function:f", "Root=1", b'{"a":1}', 1234)


class Client:
    """Talks to the API as awslambdaric does."""

    def __init__(self, api: RuntimeApi) -> None:
        self.connection = http.client.HTTPConnection(api.address, timeout=5)

    def get(self, path: str = "invocation/next") -> tuple[int, http.client.HTTPMessage, bytes]:
        self.connection.request("GET", PREFIX + path)
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def post(self, path: str, body: object, **headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = not isinstance(body, bytes | str)
        self.connection.request("POST", PREFIX + path, body, names, encode_chunked=chunked)
        response = self.connection.getresponse()
        response.read()
        return response.status


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    served = RuntimeApi(response_limit=100)
    yield served
    served.close()


@pytest.fixture
def client(api: RuntimeApi) -> Client:
    return Client(api)


def test_event_and_headers_arrive_when_an_invocation_is_sent(
    api: RuntimeApi, client: Client
) -> None:
    api.send(EVENT)
    status, headers, body = client.get()
    assert (status, body) == (200, b'{"a":1}')
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "id-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1234"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == EVENT.arn
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1"


def test_environment_is_ready_when_the_process_asks_for_an_invocation(
    api: RuntimeApi, client: Client
) -> None:
    assert not api.ready.done()
    asking = threading.Thread(target=client.get)
    asking.start()
    assert api.ready.result(timeout=5) is None
    api.send(EVENT)
    asking.join(timeout=5)
    assert not asking.is_alive()


def test_answer_is_the_body_when_the_process_responds(api: RuntimeApi, client: Client) -> None:
    answer = api.send(EVENT)
    client.get()
    assert client.post("invocation/id-1/response", b'"done"') == 202
    reply = answer.result(timeout=5)
    assert (reply.payload, reply.fault) == (b'"done"', None)


def test_answer_is_whole_when_the_body_comes_in_chunks(api: RuntimeApi, client: Client) -> None:
    answer = api.send(EVENT)
    client.get()
    parts = iter([b'"in ', b"several ", b'parts"'])
    assert client.post("invocation/id-1/response", parts, Transfer_Encoding="chunked") == 202
    assert answer.result(timeout=5).payload == b'"in several parts"'


def test_connection_is_kept_when_several_invocations_follow(
    api: RuntimeApi, client: Client
) -> None:
    for number in range(3):
        request_id = f"id-{number}"
        answer = api.send(Invocation(request_id, "", "", b"1", 0))
        _, headers, _ = client.get()
        assert headers["Lambda-Runtime-Aws-Request-Id"] == request_id
        client.post(f"invocation/{request_id}/response", str(number))
        assert answer.result(timeout=5).payload == str(number).encode()


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b'{"errorType":"KeyError"}', {}, "KeyError"),
        (b"{}", {"Lambda_Runtime_Function_Error_Type": "Runtime.Odd"}, "Runtime.Odd"),
        (b"not json", {}, "Runtime.Unknown"),
        (b"[1]", {}, "Runtime.Unknown"),
    ],
)
def test_fault_has_its_type_when_the_process_reports_an_error(
    api: RuntimeApi, client: Client, body: bytes, headers: dict[str, str], kind: str
) -> None:
    answer = api.send(EVENT)
    client.get()
    assert client.post("invocation/id-1/error", body, **headers) == 202
    reply = answer.result(timeout=5)
    assert reply.payload == body
    assert reply.fault is not None
    assert reply.fault.kind == kind


def test_answer_is_refused_when_it_is_for_another_invocation(
    api: RuntimeApi, client: Client
) -> None:
    answer = api.send(EVENT)
    assert client.post("invocation/id-0/response", b"1") == 400
    assert not answer.done()


def test_answer_is_refused_when_it_comes_twice(api: RuntimeApi, client: Client) -> None:
    answer = api.send(EVENT)
    assert client.post("invocation/id-1/response", b"1") == 202
    assert client.post("invocation/id-1/response", b"2") == 400
    assert answer.result(timeout=5).payload == b"1"


def test_fault_names_the_limit_when_the_response_is_too_large(
    api: RuntimeApi, client: Client
) -> None:
    answer = api.send(EVENT)
    assert client.post("invocation/id-1/response", b"1" * 101) == 413
    reply = answer.result(timeout=5)
    assert reply.fault is not None
    assert reply.fault.kind == "Function.ResponseSizeTooLarge"
    assert b"(100 bytes)" in reply.payload


def test_readiness_fails_with_the_document_when_the_process_reports_an_init_error(
    api: RuntimeApi, client: Client
) -> None:
    body = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}'
    assert client.post("init/error", body) == 202
    with pytest.raises(InitError) as caught:
        api.ready.result(timeout=5)
    assert caught.value.fault == faults.Fault("Runtime.ImportModuleError", body)
    assert client.post("init/error", body) == 403


def test_waiting_invocation_gets_the_document_when_initialisation_fails(
    api: RuntimeApi, client: Client
) -> None:
    answer = api.send(EVENT)
    client.post("init/error", b'{"errorType":"ValueError"}')
    assert answer.result(timeout=5).payload == b'{"errorType":"ValueError"}'


def test_waiting_invocation_is_named_when_the_process_ends(api: RuntimeApi) -> None:
    answer = api.send(EVENT)
    api.end(lambda request_id: faults.exited(request_id, 7))
    message = json.loads(answer.result(timeout=5).payload)["errorMessage"]
    assert message == "RequestId: id-1 Error: Runtime exited with error: exit status 7"
    with pytest.raises(InitError):
        api.ready.result(timeout=5)


@pytest.mark.parametrize("ends_first", [True, False])
def test_invocation_can_be_given_to_another_when_the_process_ended_without_taking_it(
    api: RuntimeApi, client: Client, ends_first: bool
) -> None:
    def end() -> None:
        api.end(lambda request_id: faults.exited(request_id, 1))

    api.send(EVENT)
    client.get()
    client.post("invocation/id-1/response", b"1")
    if ends_first:
        end()
    answer = api.send(EVENT)
    if not ends_first:
        end()
    with pytest.raises(NotTakenError):
        answer.result(timeout=5)


def test_fault_is_told_when_an_invocation_comes_after_a_failed_initialisation(
    api: RuntimeApi,
) -> None:
    api.end(lambda request_id: faults.exited(request_id, 1))
    assert b"RequestId: id-1 Error" in api.send(EVENT).result(timeout=5).payload


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exited without providing a reason"),
        (2, "exited with error: exit status 2"),
        (-9, "exited with error: signal: killed"),
    ],
)
def test_words_are_those_of_lambda_when_a_process_ends(code: int, words: str) -> None:
    assert json.loads(faults.exited("x", code).document)["errorMessage"].endswith(words)


def test_process_is_hung_up_on_when_the_api_closes(api: RuntimeApi, client: Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.get)
        api.ready.result(timeout=5)
        api.close()
        with pytest.raises(http.client.RemoteDisconnected):
            asking.result(timeout=5)


@pytest.mark.parametrize("path", ["restore/next", "extension/register"])
def test_answer_is_not_found_when_the_path_is_not_served(client: Client, path: str) -> None:
    assert client.get(path)[0] == 404
    assert client.post(path, b"") == 404


@pytest.fixture
def runtime_client(api: RuntimeApi, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that takes the place of awslambdaric's compiled one."""
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", api.address)
    path = Path(localstack_process.bundled.__file__).with_name("runtime_client.py")
    spec = importlib.util.spec_from_file_location("a_runtime_client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bundled_client_works_when_awslambdaric_calls_it(
    api: RuntimeApi, runtime_client: ModuleType
) -> None:
    runtime_client.initialize_client("test")
    answer = api.send(EVENT)
    body, headers = runtime_client.next()
    assert (body, headers["Lambda-Runtime-Deadline-Ms"]) == (b'{"a":1}', 1234)
    runtime_client.post_invocation_result("id-1", b'"\xc3\xa9"', "application/json")
    assert answer.result(timeout=5).payload == '"é"'.encode()
    answer = api.send(EVENT)
    runtime_client.next()
    runtime_client.post_error("id-1", '{"errorType":"KeyError"}', "a cause\nin lines")
    assert answer.result(timeout=5).fault is not None


def test_bundled_client_raises_when_the_answer_is_refused(
    api: RuntimeApi, runtime_client: ModuleType
) -> None:
    with pytest.raises(RuntimeError, match="status 400"):
        runtime_client.post_invocation_result("id-9", b"1", "application/json")
