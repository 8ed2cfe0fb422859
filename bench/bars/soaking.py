"""A day of use in twenty minutes: readers, an importer, sources that are collected, SQL clients, alerts by webhook, mail and file;
the server is stopped and killed, its disk is full for a minute, the mail server is dead for three. Afterwards every alert that was
due has to have come once, and the market has to hold what was imported and collected, no more and no less."""

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import traceback

import furnished
import load
import measure
import mix
import soaked
import soak_verdict
from bars.growing import prepare_peer
from bars.page import wait_until_up
from faults import Faults

DEAD_MAIL_SHARE = 0.15
IMPORT_SECONDS_MAX, STOP_SECONDS_MAX = 300, 60
#: A message that was on its way when the server was killed is sent again after five minutes, one that was refused after six.
DRAIN_SECONDS_MAX = 10 * 60


def measure_soak(run):
    python = prepare_peer(run, "soaking")
    soak = Soak(run, python)
    try:
        soak.prepare()
        soak.go_through_the_day()
        soak.bring_to_an_end()
        return soak_verdict.section(soak)
    finally:
        soak.end()


class Soak:
    """The market, what stands around it, and what was seen."""

    def __init__(self, run, python):
        self.run, self.python = run, python
        self.seconds = run.arguments.soak_minutes * 60
        self.folder = run.data / "soak"
        subprocess.run(["umount", "-l", self.folder / "disk"], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.disk = soaked.Disk(self.folder / "disk")
        self.market = self.folder / "disk/market"
        self.chance, self.taken = random.Random(f"{run.arguments.seed} soak"), set()
        self.hook, self.mail = soaked.Hook(), soaked.Mailbox()
        self.tail = soaked.Tail(self.market / "alerts.log")
        self.port, self.sql_port = run.port(), run.port()
        self.server = self.sql = self.feeds = self.watcher = None
        #: Times at which the server was not there, and at which the disk was full: (from, until).
        self.downs, self.fulls, self.kills = [], [], []
        self.memory, self.peaks, self.stops, self.answers, self.faults = [], [], [], [], Faults()
        self.imports = {"done": 0, "killed": 0, "failed on the full disk": 0, "failed": []}
        self.unfinished, self.over = [], threading.Event()

    def prepare(self):
        run, arguments = self.run, self.run.arguments
        base = self.folder / "base.csv"
        run.say("soak: making the market")
        told = measure.run([run.bin / "generate", "--rows", arguments.soak_rows, "--products", arguments.soak_products,
                            "--seed", arguments.seed, "--out", base])
        tenders, n_tenders = furnished.tenders()
        (self.folder / "tenders.csv").write_text(tenders)
        self.n_base = json.loads(told["stdout"])["written"]["n_distinct"] + n_tenders
        measure.run(run.crowsnest("new", self.market))
        with open(base, newline="") as file:
            subjects = sorted({row["subject"] for row in csv.DictReader(file) if "," not in row["subject"]})
        furnished.before_import(self.market, subjects)
        measure.run(run.crowsnest("import", base, "--source", "bench", "--quiet", "--market", self.market))
        measure.run(run.crowsnest("import", self.folder / "tenders.csv", "--source", "Register", "--quiet", "--market", self.market))
        measure.run(run.crowsnest("reconcile", "--quiet", "--market", self.market))
        self.furnished = furnished.furnish(run, self.market)
        (self.market / "alerts.toml").write_text(self.alerts())
        self.day = soaked.Day(self.seconds, arguments.soak_hour_seconds)
        self.files = soaked.Files(self.folder, self.day, self.chance, self.taken, subjects)
        self.feeds = soaked.Feeds(self.chance, self.taken, self.day)
        for number in range(soaked.SOURCES):
            (self.market / f"sources/feed-{number}.toml").write_text(self.feeds.card(number))

    def alerts(self):
        return "\n".join([
            'base_url = "http://127.0.0.1:7171"',
            '[[rule]]\nname = "usage moved"\nkind = "figure"\nmetric = "mau"\nmoved = 0.5',
            '[[rule]]\nname = "rumours settled"\nkind = "rumour"\nbecomes = ["confirmed", "denied", "withdrawn"]',
            f'[[channel]]\nname = "hook"\nkind = "webhook"\nurl = "http://127.0.0.1:{self.hook.local.port}/"\n'
            f'secret = "{soaked.SECRET.decode()}"\nallow_private = true',
            f'[[channel]]\nname = "mail"\nkind = "email"\nhost = "127.0.0.1"\nport = {self.mail.port}\ntls = "none"\n'
            'from = "Radar <radar@example.com>"\nto = ["mei@example.com"]',
            '[[channel]]\nname = "file"\nkind = "file"\npath = "alerts.log"', ""])

    # The server.

    def env(self):
        return {**os.environ, "CROWSNEST_CLOCK": self.day.clock()}

    def start_server(self, *more):
        command = self.run.crowsnest("serve", "--market", self.market, "--listen", f"127.0.0.1:{self.port}",
                                     "--sql", f"127.0.0.1:{self.sql_port}", *more)
        self.log_path = self.folder / "serve.log"
        with open(self.log_path, "ab") as log:
            self.server = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=self.env())
        wait_until_up(self.server, self.port, self.log_path)

    def restart(self, how):
        begun = time.time()
        self.run.say(f"soak: {how.name} to the server")
        self.stop_server(how)
        self.start_server()
        self.downs.append((begun, time.time()))

    def stop_server(self, how):
        server, self.server = self.server, None
        begun = time.time()
        os.kill(server.pid, how)
        if how == signal.SIGKILL:
            self.kills.append(begun)
        status, usage = measure.wait(server, STOP_SECONDS_MAX)
        server.returncode = os.waitstatus_to_exitcode(status)
        self.peaks.append(usage.ru_maxrss * 1024)
        if how == signal.SIGTERM:
            self.stops.append((time.time() - begun, server.returncode))

    def kill_while_a_message_is_taken(self):
        """The receiver has the message, the server never hears that it has."""
        self.hook.arrived.clear()
        self.hook.hold.set()
        if not self.hook.arrived.wait(self.day.hour_seconds):
            self.faults.add("no_message", f"within {self.day.hour_seconds:g} s")
        self.hook.hold.clear()
        self.restart(signal.SIGKILL)

    # What goes on beside it.

    def beside(self, what, *arguments):
        """A thread; that it broke is a fault."""
        def guarded():
            try:
                what(*arguments)
            except Exception:
                self.faults.add("bench_broke", traceback.format_exc()[-1500:])

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def watch(self):
        """Memory, open files and the end of the server, and the alerts' file, twice a second."""
        ended = None
        while not self.over.wait(0.5):
            self.tail.look()
            server = self.server
            if server is None or server is ended:
                continue
            try:
                n_files = len(os.listdir(f"/proc/{server.pid}/fd"))
                self.memory.append((time.time(), server.pid, measure.resident(server.pid), n_files))
                has_ended = measure.has_ended(server)
            except OSError:
                continue
            if has_ended and server is self.server:
                ended = server
                self.faults.add("server_ended", self.log_path.read_text(errors="replace")[-1500:])

    def read(self, asked, seconds):
        load.load_requests("127.0.0.1", self.port, asked, self.run.arguments.soak_rate, seconds, self.answers)

    def import_hours(self):
        """Each hour's files, a tenth of the hour after it began; one import in five is killed and done again."""
        waiting = []
        for hour in range(self.day.n_hours):
            self.sleep_until(self.day.begin + (hour + 0.1) * self.day.hour_seconds)
            waiting.append((hour, self.files.write(hour)))
            waiting = [one for one in waiting if not self.import_files(*one)]
        self.unfinished = waiting

    def import_files(self, hour, files):
        command = self.run.crowsnest("import", *files, "--quiet", "--market", self.market)
        begun = time.time()
        child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if hour % 5 == 2 and not any(path.with_suffix(".killed").exists() for path in files):
            files[0].with_suffix(".killed").touch()
            time.sleep(self.chance.uniform(0.02, 1.0))
            child.kill()
        _, said = child.communicate(timeout=IMPORT_SECONDS_MAX)
        if child.returncode == 0:
            self.imports["done"] += 1
            return True
        if child.returncode == -signal.SIGKILL:
            self.imports["killed"] += 1
            return self.import_files(hour, files)
        if self.is_within(self.fulls, begun, time.time()):
            self.imports["failed on the full disk"] += 1
        else:
            self.imports["failed"].append(said.decode(errors="replace")[-600:])
        return False

    def is_within(self, spans, begun, ended):
        return any(begin <= ended and begun <= (end or time.time()) for begin, end in spans)

    def sleep_until(self, moment):
        while (left := moment - time.time()) > 0 and not self.over.is_set():
            time.sleep(min(left, 0.2))

    # The day.

    def go_through_the_day(self):
        run, arguments = self.run, self.run.arguments
        self.start_server("--no-collect")
        asked = self.asked = mix.Mix(run.root, self.port, arguments.seed, self.furnished)
        self.day.begin = time.time()
        self.restart(signal.SIGTERM)
        with open(self.folder / "sql.jsonl", "wb") as out:
            self.sql = subprocess.Popen([str(self.python), str(run.root / "bench/soak_sql.py"), str(self.sql_port)], stdout=out)
        beside = [self.beside(self.watch), self.beside(self.read, asked, self.seconds), self.beside(self.import_hours)]
        self.watcher = beside[0]
        for share, what in self.plan():
            self.sleep_until(self.day.begin + share * self.seconds)
            what()
        last_life_from = time.time()
        self.sleep_until(self.day.begin + self.seconds)
        self.last_life = last_life_from, time.time()
        for thread in beside[1:]:
            thread.join(load.ANSWER_SECONDS_MAX + 2 * IMPORT_SECONDS_MAX)
        self.sql.terminate()
        self.sql.wait()

    def plan(self):
        kill, stop = (lambda: self.restart(signal.SIGKILL)), (lambda: self.restart(signal.SIGTERM))
        full = 0.25, 0.25 + max(min(self.run.arguments.soak_full_seconds, self.seconds * 0.05), 15) / self.seconds
        steps = [(0.08, stop), (0.16, kill), (full[0], self.fill), (full[1], self.free), (0.375, self.mail_dies),
                 (0.42, kill), (0.46, stop), (0.375 + DEAD_MAIL_SHARE, self.mail_lives)]
        if not self.run.arguments.small:
            steps.append((0.53, self.kill_while_a_message_is_taken))
        return steps

    def fill(self):
        self.run.say("soak: the disk is full")
        self.fulls.append((time.time(), None))
        if self.disk.is_small:
            self.disk.fill()

    def free(self):
        self.disk.free()
        self.fulls[-1] = (self.fulls[-1][0], time.time())
        self.run.say("soak: the disk has room again")

    def mail_dies(self):
        self.run.say("soak: the mail server is dead")
        self.mail.stop()

    def mail_lives(self):
        self.mail.start()
        self.run.say("soak: the mail server is back")

    # Afterwards.

    def bring_to_an_end(self):
        run = self.run
        for hour, files in self.unfinished:
            if not self.import_files(hour, files):
                self.faults.add("not_imported", f"hour {hour}")
        run.say("soak: waiting for what is still to be told")
        self.drained_in = self.wait_for_the_outbox()
        self.over.set()
        self.watcher.join()
        self.stop_server(signal.SIGTERM)
        self.feeds.is_calm = True
        for _ in range(2):
            self.last_collected = self.rows("collect", ok_codes=(0, 1, 2))
        self.counts = {kind: {row["source"]: int(row["n"]) for row in self.rows("sql", f"SELECT source, count(*) AS n FROM {kind} GROUP BY source")}
                       for kind in ("claims", "events")}
        self.checks = self.rows("doctor", "--deep", ok_codes=(0, 1))
        self.quarantine = self.rows("source", "quarantine")
        self.log = self.rows("alerts", "log", "--limit", "10000")
        self.file_lines = self.tail.end()
        self.sql_answers = [json.loads(line) for line in (self.folder / "sql.jsonl").read_text().splitlines()]

    def wait_for_the_outbox(self):
        """Until every message is on its way and every alert in a message."""
        begun = time.time()
        while time.time() < begun + DRAIN_SECONDS_MAX:
            log = self.rows("alerts", "log", "--limit", "10000")
            told = {name for one in self.hook.taken for name in one["names"]}
            if all(row["outcome"] in ("sent", "given_up") for row in log) and told.issuperset(self.files.due):
                break
            time.sleep(2)
        return time.time() - begun

    def rows(self, *command, ok_codes=(0,)):
        done = measure.run(self.run.crowsnest(*command, "--format", "csv", "--quiet", "--market", self.market), ok_codes=ok_codes,
                           env={"CROWSNEST_CLOCK": self.day.clock()} if command[0] == "collect" else None)
        return list(csv.DictReader(io.StringIO(done["stdout"])))

    def end(self):
        self.over.set()
        if self.sql and self.sql.poll() is None:
            self.sql.kill()
            self.sql.wait()
        if self.server is not None and self.server.returncode is None:
            self.server.kill()
            self.server.wait()
        self.hook.local.end()
        if self.feeds:
            self.feeds.local.end()
        self.disk.end()
