"""A bounded load against a server on this machine: so many requests a second, sent on time whatever the answers do.

Times are from the moment at which a request was due, so that a slow answer cannot hide those queued behind it
(coordinated omission). Connections are kept alive and there are only so many of them. Only loopback is accepted.
"""

import asyncio
import time

CONNECTIONS_MAX = 32
REQUESTS_MAX = 20_000
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Connection:
    """One kept-alive connection that can do GET and nothing else."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.reader = self.writer = None

    async def get(self, path):
        """Status, headers and number of bytes of one answer."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
        head = f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\r\n"
        self.writer.write(head.encode())
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        n_bytes = await self.read_body(headers)
        if headers.get("connection") == "close":
            self.close()
        return int(lines[0].split()[1]), headers, n_bytes

    async def read_body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            n_bytes = int(headers.get("content-length", 0))
            await self.reader.readexactly(n_bytes)
            return n_bytes
        total = 0
        while True:
            size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
            await self.reader.readexactly(size + 2)
            total += size
            if size == 0:
                return total

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def server_ms(headers):
    """The server's own time, where it says it in a Server-Timing header."""
    for part in headers.get("server-timing", "").split(","):
        for field in part.split(";"):
            name, _, value = field.strip().partition("=")
            if name == "dur":
                return float(value)
    return None


async def offer(host, port, paths, per_second, seconds):
    n_requests = min(int(per_second * seconds), REQUESTS_MAX)
    idle = asyncio.LifoQueue()
    for _ in range(CONNECTIONS_MAX):
        idle.put_nowait(Connection(host, port))
    done = []

    async def one(index, due):
        connection = await idle.get()
        sent = time.perf_counter()
        try:
            status, headers, n_bytes = await asyncio.wait_for(connection.get(paths[index % len(paths)]), 30)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            connection.close()
            done.append({"error": repr(error)})
            return
        finally:
            idle.put_nowait(connection)
        end = time.perf_counter()
        done.append({
            "from_due_ms": (end - due) * 1000,
            "from_sent_ms": (end - sent) * 1000,
            "server_ms": server_ms(headers),
            "status": status,
            "n_bytes": n_bytes,
        })

    start = time.perf_counter() + 0.05
    tasks = []
    for index in range(n_requests):
        due = start + index / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(index, due)))
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().close()
    return done


def load(host, port, paths, per_second, seconds):
    """What became of each request."""
    if host not in LOOPBACK:
        raise ValueError(f"{host} is not this machine")
    return asyncio.run(offer(host, port, paths, per_second, seconds))


def get(host, port, path):
    """One answer's body as text, uncompressed."""
    import http.client

    if host not in LOOPBACK:
        raise ValueError(f"{host} is not this machine")
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        if response.status != 200:
            raise ValueError(f"{path}: {response.status}: {body[:300]}")
        return body
    finally:
        connection.close()
