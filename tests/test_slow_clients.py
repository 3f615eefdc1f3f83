"""Clients that send slowly, too much or compressed: they are told so, and the others are answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from service import AS_OF, Document, Service, accepted, asked, refused, running, theophylline

GOOD = asked(statements=(theophylline(),))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF) as one:
        yield one
        assert "Traceback" not in one.log()


@pytest.mark.parametrize(("path", "most", "document"), [("ketamine-order-sign", 256, GOOD), ("ketamine-order-sign/feedback", 64, {"feedback": []})])
def test_slow_bodies_give_way_to_others_where_they_are_many(service: Service, path: str, most: int, document: Document) -> None:
    slow = [service.connect() for _ in range(most)]
    try:
        for line in slow:
            line.sendall(f"POST /cds-services/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{{".encode())
        time.sleep(1.5)
        assert [service.ask(document, path).status_code for _ in range(3)] == [200] * 3
        assert slow[0].recv(12) == b"HTTP/1.1 408"
    finally:
        for line in slow:
            line.close()


def test_a_compressed_body_is_refused_by_its_name(service: Service) -> None:
    assert "compressed bodies are not read" in refused(service.ask(b"x", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}), 415)


def test_headers_beyond_64_kb_are_refused_and_the_line_is_closed(service: Service) -> None:
    with service.connect(5) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000)
        assert line.recv(12) == b"HTTP/1.1 431"


def test_half_a_line_of_the_next_request_leaves_the_answer_to_the_first_alone(service: Service) -> None:
    with service.connect(5) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /li")
        assert line.recv(4096).endswith(b'{"status":"alive"}')
        line.sendall(b"vez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
    assert accepted(service.ask(GOOD))
