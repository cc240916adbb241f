"""Requests over connections that stay open: every way in which an answer can come, or not."""

from __future__ import annotations

import socket
import struct
import threading
import tracemalloc

import pytest
from servery.adapters.kept_addresses import KeptAddresses
from servery.adapters.kept_connections import (
    BrokenConnectionError,
    KeptConnections,
    NoConnectionError,
    SlowAnswerError,
)

PLAIN = b"HTTP/1.1 200 OK\r\nX-Kind: one\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """Says prepared bytes to each request; None closes the connection instead."""

    def __init__(self):
        self.answers = []
        self.asked = []
        self.connections = 0
        self.meet = lambda: None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._socket.close()
        self.hang_up()

    def hang_up(self):
        for connection in self.open:
            connection.close()
        self.open.clear()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while request := connection.recv(65536):
                self.asked.append(request)
                self.meet()
                parts = self.answers.pop(0)
                for part in parts:
                    connection.sendall(part)
                if not parts or parts[-1] == b"":
                    connection.shutdown(socket.SHUT_RDWR)
                    return
        except OSError:
            pass


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


def post(connections, body=b"{}", *, seconds=5.0, **headers):
    headers = {"host": connections.host, **headers}
    return connections.post("/a", headers, body, connect_s=1.0, answer_s=seconds)


def test_one_connection_is_used_again_when_answers_are_whole(wire):
    wire.answers = [[PLAIN], [PLAIN]]
    connections = KeptConnections(wire.address)

    first, second = post(connections, b'{"a": 1}', accept="x"), post(connections)

    assert (first.status, first.headers["x-kind"], first.data) == (200, "one", b"ok")
    assert second.data == b"ok"
    assert wire.connections == 1
    assert wire.asked[0] == (
        f"POST /a HTTP/1.1\r\nhost: {connections.host}\r\naccept: x\r\n".encode()
        + b'content-length: 8\r\n\r\n{"a": 1}'
    )


@pytest.mark.parametrize(
    ("parts", "data"),
    [
        ([PLAIN[:20], PLAIN[20:-1], PLAIN[-1:]], b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN], b"ok"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r", b"\n0\r\n\r\n"],
            b"ok",
        ),
        (
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\n",
                b"k\r\n0\r\nX-Sum: 1\r\n\r\n",
            ],
            b"ok",
        ),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad"], b"bad"),
    ],
)
def test_answer_is_whole_and_the_connection_kept_when_it_comes_in_any_form(wire, parts, data):
    wire.answers = [parts, [PLAIN]]
    connections = KeptConnections(wire.address)

    assert post(connections).data == data
    assert post(connections).data == b"ok"
    assert wire.connections == 1


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", b""],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        [b"HTTP/1.1 200 OK\r\n\r\no", b"k", b""],
    ],
)
def test_next_request_has_a_connection_of_its_own_when_one_is_to_be_closed(wire, parts):
    wire.answers = [parts, [PLAIN]]
    connections = KeptConnections(wire.address)

    assert post(connections).data == b"ok"
    assert post(connections).data == b"ok"
    assert wire.connections == 2


def test_another_connection_is_opened_when_a_kept_one_was_closed_meanwhile(wire):
    wire.answers = [[PLAIN, b""], [PLAIN]]
    connections = KeptConnections(wire.address)

    post(connections)
    wire.hang_up()

    assert post(connections).data == b"ok"
    assert wire.connections == 2


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [PLAIN[:-1], b""],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no", b""],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [b"220 this is mail\r\n\r\n"],
        [PLAIN + b"more"],
    ],
)
def test_broken_when_the_answer_ends_early_or_is_none(wire, parts):
    wire.answers = [parts, [PLAIN]]
    connections = KeptConnections(wire.address)

    with pytest.raises(BrokenConnectionError):
        post(connections)
    assert post(connections).data == b"ok"


def test_slow_when_the_answer_trickles_in_for_longer_than_it_may(wire):
    wire.answers = [[PLAIN[:-1]]]

    with pytest.raises(SlowAnswerError):
        post(KeptConnections(wire.address), seconds=0.1)


def test_no_connection_when_nobody_listens():
    with pytest.raises(NoConnectionError):
        post(KeptConnections("http://127.0.0.1:1"))


def test_no_connection_when_the_other_side_speaks_no_tls(wire):
    wire.answers = [[b"what?", b""]]

    with pytest.raises(NoConnectionError):
        post(KeptConnections(wire.address.replace("http:", "https:")))


def test_nothing_is_sent_when_a_header_would_be_two(wire):
    with pytest.raises(ValueError, match="more than one line"):
        post(KeptConnections(wire.address), accept="x\r\ny: z")
    assert wire.connections == 0


class Peer:
    """Does with each connection what it is told, in a thread of its own."""

    def __init__(self, serve):
        self.connections = 0
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._serve(connection)


@pytest.fixture
def peer():
    made = []

    def make(serve):
        made.append(Peer(serve))
        return made[-1]

    yield make
    for each in made:
        each.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


LARGE = bytes(20_000_000)
REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"


@pytest.mark.parametrize("end", [lambda connection: None, reset], ids=["closed", "reset"])
def test_refusal_is_told_when_the_other_side_does_not_take_all_of_a_large_body(peer, end):
    def refuse(connection):
        connection.recv(1000)
        connection.sendall(REFUSED)
        end(connection)

    refusing = peer(refuse)
    connections = KeptConnections(refusing.address)

    for number in (1, 2):
        answer = post(connections, LARGE)
        assert (answer.status, answer.data) == (413, b"big")
        assert refusing.connections == number


def test_next_request_has_a_new_connection_when_kept_ones_were_cut_off_unnoticed(wire):
    wire.answers = [[PLAIN]] * 3
    wire.meet = threading.Barrier(3, timeout=5).wait
    connections = KeptConnections(wire.address)
    three = [threading.Thread(target=post, args=(connections,)) for _ in range(3)]
    for thread in three:
        thread.start()
    for thread in three:
        thread.join()
    wire.meet = lambda: None
    wire.answers = [[], [PLAIN]]

    with pytest.raises(BrokenConnectionError):
        post(connections)

    assert post(connections).data == b"ok"
    assert wire.connections == 3 + 1


def test_connection_is_not_used_again_when_nobody_used_it_for_long(wire):
    now = [1000.0]
    wire.answers = [[PLAIN]] * 3
    connections = KeptConnections(wire.address, now=lambda: now[0])

    post(connections)
    now[0] += 49
    post(connections)
    assert wire.connections == 1
    now[0] += 51
    post(connections)
    assert wire.connections == 2


def test_large_body_is_held_once_when_it_is_read_or_sent(peer):
    size = len(LARGE)

    def give(connection):
        missing = size + 1
        while missing > 0:  # the head is longer than this byte
            missing -= len(connection.recv(1 << 20))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        connection.sendall(LARGE)

    connections = KeptConnections(peer(give).address)
    tracemalloc.start()
    try:
        answer = post(connections, LARGE)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(answer.data) == size
    assert most < 1.2 * size + (4 << 20)  # what the other side holds is in it, too


def test_slow_when_the_other_side_takes_the_body_too_slowly(peer):
    over = threading.Event()

    def dawdle(connection):
        connection.recv(1)
        over.wait(5)

    with pytest.raises(SlowAnswerError):
        post(KeptConnections(peer(dawdle).address), LARGE, seconds=0.1)
    over.set()


def test_connections_are_those_of_the_address_until_too_many_others_are_asked_for(wire):
    wire.answers = [[PLAIN]] * 3
    addresses = KeptAddresses(most=2)
    first = addresses.to(wire.address)
    post(first)

    addresses.to("http://127.0.0.1:1")
    assert addresses.to(wire.address) is first
    addresses.to("http://127.0.0.1:2")
    assert addresses.to(wire.address) is first
    post(first)
    assert wire.connections == 1

    addresses.to("http://127.0.0.1:3")
    addresses.to("http://127.0.0.1:4")
    assert addresses.to(wire.address) is not first
    post(first)
    assert wire.connections == 2  # what was open had been closed
