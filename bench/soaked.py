"""What stands around a market for a day: a webhook's receiver, a mail server, sources to collect, files to import, a disk that
can be full. All of it on this machine, and each writes down what it saw."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = b"soak"
MOVES_OF_AN_HOUR = TURNS_OF_AN_HOUR = 3
ROWS_OF_AN_HOUR = 500
SOURCES, SUBJECTS = 12, 4
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]


def names(chance, count, taken):
    """Names that nobody else has, no two of them alike."""
    found = []
    while len(found) < count:
        name = "".join(chance.choice(SYLLABLES) for _ in range(5)).capitalize()
        if all(name[:4] != other[:4] and name[-4:] != other[-4:] for other in taken):
            taken.add(name)
            found.append(name)
    return found


class Local:
    """A web server on this machine: `answer(path, headers, body)` gives status and body."""

    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                sent = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, body = answer(self.path, self.headers, sent)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *of):
                # A server that is killed hangs up: that is the day's business.
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(*of)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Hook:
    """A webhook's receiver: checks the signature, refuses some messages at first, and can be watched."""

    def __init__(self):
        self.taken, self.refused, self.n_unsigned = [], set(), 0
        self.arrived, self.hold = threading.Event(), threading.Event()
        self.local = Local(lambda _, headers, body: (self.take(headers, body), b""))

    def take(self, headers, body):
        key = headers["webhook-id"]
        signed = f"{key}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(expected, headers["webhook-signature"] or ""):
            self.n_unsigned += 1
        is_new = key not in self.refused and all(key != one["key"] for one in self.taken)
        # By the key, so that the same messages are refused whatever else goes on.
        if is_new and hashlib.sha256(key.encode()).digest()[0] % 5 == 0:
            self.refused.add(key)
            return 503
        told = json.loads(body)
        names = [one["name"] for one in told["happenings"]]
        self.taken.append({"key": key, "at": time.time(), "kind": told["type"], "names": names})
        if self.hold.is_set():
            # Whoever waits for this kills the server before it hears the answer.
            self.arrived.set()
            time.sleep(1)
        return 200


class Tail:
    """A file that lines are added to: each with the moment at which it was seen first."""

    def __init__(self, path):
        self.path, self.lines, self.rest, self.n_read = path, [], b"", 0

    def look(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.n_read)
                added = file.read()
        except FileNotFoundError:
            return
        self.n_read += len(added)
        *whole, self.rest = (self.rest + added).split(b"\n")
        self.lines += [(time.time(), line.decode(errors="replace")) for line in whole]

    def end(self):
        """All lines, with what stands behind the last of them."""
        self.look()
        return self.lines + ([(time.time(), self.rest.decode(errors="replace"))] if self.rest else [])


class Mailbox:
    """A mail server (RFC 5321) that can be dead for a while."""

    def __init__(self):
        self.taken, self.server, self.port, self.connections = [], None, 0, set()
        self.start()

    def start(self):
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                box.connections.add(self.connection)
                try:
                    box.talk(self.rfile, self.wfile)
                except (OSError, ValueError):
                    pass
                finally:
                    box.connections.discard(self.connection)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def talk(self, lines, out):
        say = lambda text: (out.write(text.encode() + b"\r\n"), out.flush())
        say("220 soak ESMTP")
        while line := lines.readline():
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                say("250-soak\r\n250 8BITMIME")
            elif verb == b"DATA":
                say("354 go on")
                body = []
                while (line := lines.readline()) not in (b".\r\n", b""):
                    body.append(line[1:] if line.startswith(b".") else line)
                if not line:
                    return
                self.keep(b"".join(body))
                say("250 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def keep(self, body):
        mail = email.message_from_bytes(body, policy=email.policy.default)
        text = mail.get_body(("plain",)).get_content()
        self.taken.append({"key": mail["message-id"], "at": time.time(), "kind": "mail", "text": text})

    def stop(self):
        """Dead: nobody listens, and whoever was connected is cut off."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Feeds:
    """Sources to collect: each tells all that it has told so far, and one figure more of each subject in each hour."""

    def __init__(self, chance, taken, day):
        self.day, self.is_calm, self.n_asked = day, False, 0
        self.subjects = [names(chance, SUBJECTS, taken) for _ in range(SOURCES)]
        self.local = Local(lambda path, *_: self.answer(int(path.rsplit("/", 1)[-1])))

    def answer(self, number):
        self.n_asked += 1
        if not self.is_calm and self.n_asked % 9 == 0:
            return 503, b"{}"
        return 200, json.dumps({"data": self.records(number)}).encode()

    def records(self, number):
        first = self.day.today - timedelta(days=self.day.n_hours + 1)
        return [{"name": name, "day": (first + timedelta(days=hour)).isoformat(), "value": 1000 + 37 * hour + place}
                for hour in range(self.day.hour()) for place, name in enumerate(self.subjects[number])]

    def card(self, number):
        return "\n".join([
            f'name = "Feed {number}"', "", "[collect]", 'connector = "http_json"', 'schedule = "0 * * * *"', "requests_per_minute = 6000",
            "allow_private_addresses = true", "timeout_seconds = 20", "", "[options]",
            f'url = "http://127.0.0.1:{self.local.port}/{number}"', 'records = ".data[]"', "", "[map.constants]", 'metric = "downloads"', "",
            "[map.columns]", 'subject = "name"', 'period = "day"', 'value = "value"', ""])


class Day:
    """The hours: so many, each of so many seconds; and which day it is, which stays so when midnight (UTC) comes."""

    def __init__(self, seconds, hour_seconds):
        self.n_hours = max(3, round(seconds / hour_seconds))
        self.hour_seconds = hour_seconds
        self.begin = time.time()
        self.today = datetime.now(timezone.utc).date()

    def hour(self):
        """How many hours have begun."""
        return min(self.n_hours, int((time.time() - self.begin) / self.hour_seconds) + 1)

    def clock(self):
        """The clock that collecting goes by: an hour of it is one of ours, and it shows the present at the end."""
        speed = 3600 / self.hour_seconds
        # Whole hours, so that schedules fall together with ours.
        end = int(self.begin) // 3600 * 3600
        text = lambda moment: time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06}Z"
        return f"{text(end - self.n_hours * 3600)}@{text(self.begin)}*{speed}"


class Files:
    """What is imported in each hour, and which alerts have to come of it."""

    def __init__(self, folder, day, chance, taken, subjects):
        self.folder, self.day, self.chance, self.taken, self.subjects = folder, day, chance, taken, subjects
        self.rows, self.events, self.due = set(), set(), []

    def write(self, hour):
        """Two files; moves and turns in them are of names that nobody had before."""
        figures, events = self.folder / f"figures-{hour:02}.csv", self.folder / f"events-{hour:02}.csv"
        yesterday = (self.day.today - timedelta(days=1)).isoformat()
        last = self.day.today.replace(day=1) - timedelta(days=1)
        before = last.replace(day=1) - timedelta(days=1)
        rows = []
        for subject in names(self.chance, MOVES_OF_AN_HOUR, self.taken):
            rows += [f"{subject},product,mau,{before:%Y-%m},1000000,users,estimated,Soak panel,{yesterday}",
                     f"{subject},product,mau,{last:%Y-%m},{self.chance.randint(2, 9)}000000,users,estimated,Soak panel,{yesterday}"]
            self.due.append(subject)
        for number in range(ROWS_OF_AN_HOUR):
            day = (date(2020, 1, 1) + timedelta(days=hour * ROWS_OF_AN_HOUR + number)).isoformat()
            rows.append(f"{self.chance.choice(self.subjects)},product,downloads,{day},{self.chance.randint(1, 10**6)},downloads,estimated,"
                        f"Soak export,{yesterday}")
        told = []
        for subject in names(self.chance, TURNS_OF_AN_HOUR, self.taken):
            turned = self.chance.choice(["confirmed", "denied", "withdrawn"])
            told += [f"funding,{subject},company,{yesterday[:7]},{yesterday},{status},Soak wire" for status in ("rumoured", turned)]
            self.due.append(subject)
        figures.write_text("\n".join(["subject,kind,metric,period,value,unit,status,source,said_on", *rows]) + "\n")
        events.write_text("\n".join(["event,subject,kind,happened_on,said_on,status,source", *told]) + "\n")
        self.rows.update(rows)
        self.events.update(told)
        return [figures, events]


class Disk:
    """A small disk of its own (tmpfs, as root), so that it can be full."""

    def __init__(self, folder, mib=512):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True, text=True)
        self.is_small, self.why = mounted.returncode == 0, mounted.stderr.strip()

    def fill(self):
        with open(self.folder / "fill", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:
                pass
            try:
                while True:
                    file.write(bytes(512))
            except OSError:
                pass

    def free(self):
        (self.folder / "fill").unlink(missing_ok=True)

    def end(self):
        if self.is_small:
            subprocess.run(["umount", "-l", self.folder], capture_output=True)
