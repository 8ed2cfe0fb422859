"""Serves pages of figures as fast as Python can: bodies are made before, connections are kept.

    page_server.py --documents 10000 --rows 50 --sources 10

Prints its port when all bodies are there. `/SOURCE/figures?page=N` is the Nth page of a source, from 1; the page after
the last has no records. `/count` tells how many pages were asked for since it was asked last with `/zero`.
"""

import argparse
import asyncio
import json
import sys
from datetime import date, timedelta

FIRST_DAY = date(2024, 1, 1)
SUBJECTS_OF_A_SOURCE = 500


def rows_of(source, page, n_rows):
    """The records of a page: every subject has one figure a day."""
    first = (page - 1) * n_rows
    found = []
    for number in range(first, first + n_rows):
        day, subject = divmod(number, SUBJECTS_OF_A_SOURCE)
        value = (number * 7919 + source * 104_729) % 900_000 + 1_000
        record = {"name": f"App {source:02} {subject:04}", "day": (FIRST_DAY + timedelta(days=day)).isoformat(), "value": value}
        found.append(record)
    return found


def answer_of(records):
    body = json.dumps({"data": records}, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection; requests one after the other."""

    answers, n_asked = {}, 0

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            self.transport.write(self.answer(head.split(b" ", 2)[1]))

    def answer(self, target):
        if target == b"/count":
            return answer_of(Connection.n_asked)
        if target == b"/zero":
            Connection.n_asked = 0
            return answer_of(0)
        Connection.n_asked += 1
        source, _, page = target.partition(b"/figures?page=")
        return Connection.answers.get((int(source[1:]), int(page)), EMPTY)


EMPTY = answer_of([])


async def serve(arguments):
    n_pages = arguments.documents // arguments.sources
    for source in range(arguments.sources):
        for page in range(1, n_pages + 1):
            Connection.answers[source, page] = answer_of(rows_of(source, page, arguments.rows))
    listening = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=256)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("documents", "rows", "sources"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
