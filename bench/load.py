"""A bounded load against a server on this machine: so many requests a second, sent on time whatever the answers do.

Times are from the moment at which a request was due, so that a slow answer cannot hide those queued behind it
(coordinated omission). Connections are kept alive and there are only so many of them. Only loopback is accepted.

    load.py --check        3,000 requests a second against a server that does nothing, to see what the load itself costs
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

CONNECTIONS_MAX = 64
REQUESTS_MAX = 400_000
ANSWER_SECONDS_MAX = 40
LOOPBACK = ("127.0.0.1", "::1", "localhost")
END_OF_HEAD = b"\r\n\r\n"


def request_of(host, port, path, body=None, **headers):
    """The bytes of a GET, or of a POST with a body of JSON; `accept_language` is the header Accept-Language."""
    headers = {"accept": "text/html", "accept_encoding": "gzip", **headers}
    if body is not None:
        body = json.dumps(body).encode()
        headers |= {"content_type": "application/json", "content_length": str(len(body))}
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"host: {host}:{port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + END_OF_HEAD + (body or b"")


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.transport = self.waiting = None
        self.received = bytearray()
        self.answer = self.timer = None

    async def ask(self, request):
        """Status, headers and number of bytes of one answer."""
        is_reused = self.transport is not None
        try:
            return await self.ask_once(request)
        except ConnectionResetError:
            # The server had hung up before it saw the request, as it may while nothing is asked: clients ask again.
            if not is_reused or self.received or not request.startswith(b"GET "):
                raise
        return await self.ask_once(request)

    async def ask_once(self, request):
        loop = asyncio.get_running_loop()
        if self.transport is None:
            await asyncio.wait_for(loop.create_connection(lambda: self, self.host, self.port), ANSWER_SECONDS_MAX)
        self.received.clear()
        self.answer = None
        self.waiting = loop.create_future()
        self.timer = loop.call_later(ANSWER_SECONDS_MAX, self.fail, TimeoutError(f"no answer in {ANSWER_SECONDS_MAX} s"))
        try:
            self.transport.write(request)
            return await self.waiting
        finally:
            self.timer.cancel()
            self.waiting = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        self.transport = None
        self.fail(ConnectionResetError("the server hung up"))

    def fail(self, error):
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error)
        self.close()

    def close(self):
        if self.transport is not None:
            self.transport.abort()
        self.transport = None

    def data_received(self, data):
        self.received += data
        if self.waiting is None or self.waiting.done():
            return
        if self.answer is None:
            end = self.received.find(END_OF_HEAD)
            if end < 0:
                return
            lines = self.received[:end].decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            self.answer = (int(lines[0].split(" ", 2)[1]), headers, end + len(END_OF_HEAD))
            self.chunk_at = self.answer[2]
        status, headers, begin = self.answer
        n_bytes = self.whole_body(headers, begin)
        if n_bytes is not None:
            self.waiting.set_result((status, headers, n_bytes))
            if headers.get("connection") == "close":
                self.close()

    def whole_body(self, headers, begin):
        """The body's bytes once all of them are there."""
        if headers.get("transfer-encoding") != "chunked":
            n_bytes = int(headers.get("content-length", 0))
            return n_bytes if len(self.received) >= begin + n_bytes else None
        while True:
            end = self.received.find(b"\r\n", self.chunk_at)
            if end < 0:
                return None
            size = int(self.received[self.chunk_at:end].split(b";")[0], 16)
            if len(self.received) < end + 2 + size + 2:
                return None
            self.chunk_at = end + 2 + size + 2
            if size == 0:
                return self.chunk_at - begin


def server_ms(headers):
    """The server's own time, where it says it in a Server-Timing header."""
    for part in headers.get("server-timing", "").split(","):
        for field in part.split(";"):
            name, _, value = field.strip().partition("=")
            if name == "dur":
                return float(value)
    return None


async def offer(host, port, requests, per_second, seconds, done):
    """Sends (label, bytes) after (label, bytes) on time, and appends to `done` what became of each."""
    n_requests = min(int(per_second * seconds), REQUESTS_MAX)
    idle = asyncio.LifoQueue()
    for _ in range(CONNECTIONS_MAX):
        idle.put_nowait(Connection(host, port))

    async def one(label, request, due):
        connection = await idle.get()
        sent = time.perf_counter()
        at = time.time()
        try:
            status, headers, n_bytes = await connection.ask(request)
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            connection.close()
            done.append({"label": label, "at": at, "until": time.time(), "error": f"{type(error).__name__}: {error}"})
            return
        finally:
            idle.put_nowait(connection)
        end = time.perf_counter()
        done.append({
            "label": label, "at": at, "until": time.time(), "from_due_ms": (end - due) * 1000, "from_sent_ms": (end - sent) * 1000,
            "server_ms": server_ms(headers), "status": status, "n_bytes": n_bytes,
        })

    start = time.perf_counter() + 0.05
    tasks = set()
    for index, (label, request) in zip(range(n_requests), requests):
        due = start + index / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(label, request, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().close()


def load_requests(host, port, requests, per_second, seconds, done=None):
    """What became of each of the requests, (label, bytes), that an iterator gives."""
    if host not in LOOPBACK:
        raise ValueError(f"{host} is not this machine")
    done = [] if done is None else done
    asyncio.run(offer(host, port, requests, per_second, seconds, done))
    return done


def load(host, port, paths, per_second, seconds):
    """What became of each request, the paths one after the other."""
    requests = [(path, request_of(host, port, path)) for path in paths]
    return load_requests(host, port, itertools.cycle(requests), per_second, seconds)


def get(host, port, path):
    """One answer's body as text, uncompressed; a `ValueError` where its status is not 200."""
    status, body = status_of(host, port, path)
    if status != 200:
        raise ValueError(f"{path}: {status}: {body[:300]}")
    return body


def status_of(host, port, path):
    """One answer's status, and its body as text, uncompressed."""
    import http.client

    if host not in LOOPBACK:
        raise ValueError(f"{host} is not this machine")
    connection = http.client.HTTPConnection(host, port, timeout=120)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def check(per_second=3000, seconds=5):
    """The load against a server that has its answers ready."""
    import measure

    server = [sys.executable, str(Path(__file__).with_name("page_server.py")), "--documents", "10", "--rows", "50", "--sources", "1"]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as child:
        try:
            port = int(child.stdout.readline())
            begun, cpu = time.perf_counter(), time.process_time()
            done = load("127.0.0.1", port, ["/0/figures?page=1", "/0/figures?page=2"], per_second, seconds)
            passed, cpu = time.perf_counter() - begun, time.process_time() - cpu
        finally:
            child.kill()
    right = [one["from_due_ms"] for one in done if one.get("status") == 200]
    p95 = measure.percentile(right, 0.95)
    print(f"{len(right):,} of {len(done):,} answered, {len(done) / passed:,.0f} a second, p95 {p95:.1f} ms, "
          f"{cpu / len(done) * 1e6:.0f} µs of CPU each")
    return 0 if len(right) == len(done) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", required=True)
    parser.parse_args()
    sys.exit(check())
