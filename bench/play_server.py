"""The played sources as a server of this machine: one process, one address of 127.0.0.0/8 for each host.

    play_server.py --seed 1 --sources 1000 --first-day 20240 --days 30 --clock SHOWN@REAL*SPEED --log served.tsv

Prints its port. Every answer is a line of the log: source, page, first day, last day, what was sent, the moment whose
state it tells, when it was handed over, SHA-256 of a body that is not as it should be; moments by the played clock.
Under 127.0.0.1 it obeys: `/calm` ends all misbehaviour and stops the clock at the end of the month, `/next` and
`/next?bad` answer when the next whole answer, or one of changed shape, has been handed over.
"""

import argparse
import asyncio
import socket
import struct
import sys
import time
from datetime import datetime
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

import played as playing
from played import HOUR, Played, sha256

CONTROL = "127.0.0.1"
#: Seconds of the machine's clock: more than the slow sources' files allow.
TOO_LONG = 3
WHOLE, UNCHANGED, BAD, EXCUSE, REFUSED, BROKEN = "whole", "unchanged", "bad", "excuse", "refused", "broken"
REASONS = {200: "OK", 304: "Not Modified", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable"}


class Clock:
    """The played clock, as `CROWSNEST_CLOCK` tells it."""

    def __init__(self, text):
        shown, rest = text.split("@")
        real, speed = rest.split("*")
        self.shown, self.real, self.speed = moment(shown), moment(real), float(speed)
        self.stopped_at = None

    def now(self):
        return self.stopped_at or self.shown + (time.time() - self.real) * self.speed


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Server:
    """All hosts."""

    def __init__(self, played, clock, log):
        self.played, self.clock, self.log = played, clock, log
        self.is_calm = False
        self.hosts, self.n_asked, self.was_cut_short = {}, {}, set()
        self.waiting = {"whole": [], "bad": []}

    def note(self, source, asked, what, now, sha=""):
        page, since, until = asked
        line = (source.number, page, since, until or "", what, f"{now:.3f}", f"{self.clock.now():.3f}", sha)
        self.log.write("\t".join(map(str, line)) + "\n")
        for kind in {"whole", "bad"} if what == BAD else {"whole"} if what == WHOLE else set():
            for waiter in self.waiting[kind]:
                if not waiter.done():
                    waiter.set_result(None)
            self.waiting[kind].clear()

    def refusal(self, source, now):
        """Status and headers, where it does not answer this time."""
        if source.kind == "limited":
            return self.limit(source, now)
        if source.kind != "flaky":
            return None
        n = self.n_asked[source.number] = self.n_asked.get(source.number, 0) + 1
        chance = self.played.chance(source.number, "asked", n)
        if source.is_dead(now):
            return 503, []
        if source.number not in self.was_cut_short and chance.random() < 0.18:
            return chance.choice([500, 502, 503]), []
        return None

    def limit(self, source, now):
        """One request in six is too soon, one in 31 much too soon."""
        n = self.hosts[source.host] = self.hosts.get(source.host, 0) + 1
        if n % 31 == 0:
            wait = 20 * 60
            return 429, [("Retry-After", formatdate(now + wait, usegmt=True) if n % 2 else str(wait))]
        return (429, [("Retry-After", "20")]) if n % 6 == 0 else None

    def breakage(self, source):
        """How an answer breaks off: `reset`, `half` (with its length), `short` (without); never short twice in a row."""
        if source.kind != "flaky":
            return None
        if source.number in self.was_cut_short:
            self.was_cut_short.discard(source.number)
            return None
        draw = self.played.chance(source.number, "answered", self.n_asked[source.number]).random()
        if draw < 0.14:
            return "reset" if draw < 0.07 else "half"
        if draw < 0.19:
            self.was_cut_short.add(source.number)
            return "short"
        return None

    def delay(self, source, now):
        if source.kind != "slow" or self.is_calm:
            return 0
        chance = self.played.chance(source.number, "delay", int(now))
        return TOO_LONG if chance.random() < 0.05 else chance.uniform(0, 0.4)


class Connection(asyncio.Protocol):
    """One connection; requests one after the other."""

    def __init__(self, server, host):
        self.server, self.host, self.received, self.task = server, host, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.received += data
        if b"\r\n\r\n" in self.received and not (self.task and not self.task.done()):
            head, self.received = self.received.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            self.task = asyncio.ensure_future(self.obey(lines[0].split()[1], headers))

    async def obey(self, target, headers):
        place = urlsplit(target)
        if self.host == CONTROL:
            return await self.control(place)
        number, _, day = place.path.lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        source = self.server.played.sources[int(number)]
        now = min(self.server.clock.now(), self.server.played.end)
        asked = asked_for(source, day, query, now)
        refusal = None if self.server.is_calm else self.server.refusal(source, now)
        if refusal:
            self.server.note(source, asked, REFUSED, now)
            return self.send(source, refusal[0], b"", refusal[1])
        await self.answer(source, asked, query, headers, now)

    async def answer(self, source, asked, query, headers, now):
        server, (page, since, until) = self.server, asked
        # Who pages by what the answer says goes through one state; who pages by number through whatever there is.
        frozen = float(query.get("state") or query.get("after", "").partition("@")[2] or now)
        records, has_more = source.page(frozen, since, page, until)
        form = "good" if server.is_calm and source.kind != "retyped" else source.form(now)
        body, more = written(source, records, has_more, form, page, frozen, since)
        is_excuse = source.kind == "excused" and source.is_in_spell(now) and not server.is_calm
        body = playing.EXCUSE if is_excuse else body
        etag = f'"{sha256(body)[:16]}"'
        if source.has_etag and headers.get("if-none-match") == etag:
            server.note(source, asked, UNCHANGED, frozen)
            return self.send(source, 304, b"", [("ETag", etag)])
        delay = server.delay(source, now)
        await asyncio.sleep(delay / 2)
        breakage = None if server.is_calm else server.breakage(source)
        if breakage:
            server.note(source, asked, BROKEN, frozen)
            return self.break_off(breakage, body)
        head = more + ([("ETag", etag)] if source.has_etag else [])
        if delay:
            self.transport.write(head_of(200, len(body), [*head, ("Connection", "close")], self.date(source)))
            await asyncio.sleep(delay / 2)
            self.transport.write(body)
            self.transport.close()
        else:
            self.send(source, 200, body, head, is_last=not has_more)
        is_bad = form in ("renamed", "retyped") and records
        what = EXCUSE if is_excuse else BAD if is_bad else WHOLE
        server.note(source, asked, what, frozen, "" if what == WHOLE else sha256(body))

    def date(self, source):
        ahead = playing.AHEAD_SECONDS if source.kind == "ahead" else 0
        return formatdate(self.server.clock.now() + ahead, usegmt=True)

    def send(self, source, status, body, headers, is_last=True):
        closing = [("Connection", "close")] if is_last else []
        self.transport.write(head_of(status, len(body), [*headers, *closing], self.date(source)) + body)
        if is_last:
            self.transport.close()

    def break_off(self, how, body):
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return self.transport.abort()
        length = len(body) if how == "half" else None
        self.transport.write(head_of(200, length, [("Connection", "close")], formatdate(usegmt=True)) + body[:len(body) // 2])
        self.transport.close()

    async def control(self, place):
        server = self.server
        if place.path == "/calm":
            server.is_calm, server.clock.stopped_at = True, server.played.end
        elif place.path == "/next":
            waiter = asyncio.get_running_loop().create_future()
            server.waiting["bad" if place.query == "bad" else "whole"].append(waiter)
            await waiter
        server.log.flush()
        self.transport.write(head_of(200, 0, [("Connection", "close")], formatdate(usegmt=True)))
        self.transport.close()


def asked_for(source, day, query, now):
    """Page, first and last day."""
    if source.kind == "daily":
        number = playing.day_number(day)
        return 1, number, number
    if source.kind == "snapshot":
        return 1, playing.day_of(now), None
    return int(query.get("page") or query.get("after", "1").partition("@")[0]), playing.day_number(query["since"]), None


def written(source, records, has_more, form, page, state, since):
    """The body of a page, and the headers that lead to the next."""
    address = f"/{source.number}/figures?since={playing.day_text(since)}&page={page + 1}&state={state:.3f}"
    beside, headers = {}, []
    if source.paging == "cursor":
        beside = {"meta": {"next": f"{page + 1}@{state:.3f}" if has_more else None}}
    elif source.paging == "address":
        beside = {"links": {"next": address if has_more else None}}
    elif source.paging == "link" and has_more:
        headers = [("Link", f'<{address}>; rel="next"')]
    return source.body(records, form, **beside), headers


def head_of(status, length, headers, date):
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Date: {date}", "Content-Type: application/json"]
    lines += [] if length is None else [f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def serve(arguments):
    played = Played(arguments.seed, arguments.sources, arguments.first_day, arguments.days)
    with open(arguments.log, "a") as log:
        server = Server(played, Clock(arguments.clock), log)
        loop = asyncio.get_running_loop()
        port = 0
        for host in [CONTROL, *sorted({source.host for source in played.sources})]:
            listening = await loop.create_server(lambda host=host: Connection(server, host), host, port, backlog=256)
            port = port or listening.sockets[0].getsockname()[1]
        print(port, flush=True)
        await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("seed", "sources", "first-day", "days"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--clock", required=True)
    parser.add_argument("--log", required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
