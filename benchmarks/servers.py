"""Servers as child processes on free loopback ports; each is stopped by its own process id."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import usage

_HOST = "127.0.0.1"
_HOME = Path(__file__).resolve().parent.parent
_JSON = {"Content-Type": "application/json"}


class ServerFailed(RuntimeError):
    """A server did not start, or did not answer as it should."""


@dataclass(slots=True)
class Server:
    """A running server, how long it took to get ready, and one connection to it that is kept open."""

    name: str
    port: int
    pid: int
    seconds_to_ready: float
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(_HOST, self.port, timeout=30)

    def post(self, path: str, body: bytes) -> tuple[bytes, float]:
        """The answer to one request and how long it took in seconds; ServerFailed for anything but 200."""
        started = time.perf_counter()
        self._connection.request("POST", path, body, _JSON)
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 200:
            raise ServerFailed(f"{self.name} answered {answer.status}: {content[:300].decode('utf-8', 'replace')}")
        return content, seconds

    def get(self, path: str) -> Any:
        """A JSON document of the server."""
        self._connection.request("GET", path)
        return json.loads(self._connection.getresponse().read())

    def cpu_seconds(self) -> float:
        """CPU time it has used so far."""
        return usage.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Memory it holds now."""
        return usage.resident_bytes(self.pid)


@contextmanager
def product(rules: Path | None = None, patience: float = 90.0, options: tuple[str, ...] = ()) -> Iterator[Server]:
    """The service with the shipped rulebook or another one, cross-check and explanation on, and further options."""
    chosen = ["--rules", str(rules)] if rules else []
    port = _free_port()
    with _running("ketamine-cds", ["cds", "serve", "--host", _HOST, "--port", str(port), *chosen, *options], port, "/readyz", patience) as server:
        yield server


@contextmanager
def floor() -> Iterator[Server]:
    """The bare server everything is compared with."""
    port = _free_port()
    with _running("floor", ["benchmarks.floor", str(port)], port, None, 30.0) as server:
        yield server


@contextmanager
def ehr(latency: float) -> Iterator[Server]:
    """A FHIR server with one chart that answers after so many milliseconds."""
    port = _free_port()
    with _running("ehr", ["benchmarks.ehr", str(port), str(latency)], port, None, 30.0) as server:
        yield server


@contextmanager
def _running(name: str, module: list[str], port: int, ready_path: str | None, patience: float) -> Iterator[Server]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CDS_")}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        environment["CDS_STORE"] = f"sqlite:///{folder}/store.sqlite3"
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", *module], cwd=_HOME, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=subprocess.STDOUT)
        try:
            while not _answers(port, ready_path):
                if process.poll() is not None or time.perf_counter() - started > patience:
                    said.seek(0)
                    raise ServerFailed(f"{name} is not ready: {said.read()[-2000:].decode('utf-8', 'replace').strip() or 'no answer in time'}")
                time.sleep(0.005)
            yield Server(name, port, process.pid, time.perf_counter() - started)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(port: int, path: str | None) -> bool:
    try:
        if path is None:
            socket.create_connection((_HOST, port), 1).close()
            return True
        connection = http.client.HTTPConnection(_HOST, port, timeout=1)
        connection.request("GET", path)
        ready = connection.getresponse().status == 200
        connection.close()
        return ready
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]
