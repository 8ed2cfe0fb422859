"""Collecting: a month of a thousand misbehaving sources (`played.py`), played in minutes to `crowsnest collect --watch`,
which is killed now and then; afterwards the lake has to be what was served, exactly (`judged.py`)."""

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timezone

import judged
import measure
import played as playing
import report
from played import DAY, Played

FIRST_DAY = playing.day_number("2025-06-01")
#: Days whose vintages are compared, at most.
VINTAGES = 8
#: Seconds that a killer waits for an answer before it kills anyway.
AIM_SECONDS_MAX = 5
STOP_SECONDS_MAX = 120
FAULTS = (
    "lost", "published and promised, but not in force", "duplicated", "wrong in force", "vintages lost", "wrong vintages",
    "claims that nobody served", "quarantines without reason", "quarantines missing", "claims of bad documents",
    "runs that neither ended nor were killed",
)


def measure_collecting(run):
    arguments = run.arguments
    played = Played(arguments.seed, arguments.played_sources, FIRST_DAY, arguments.played_days)
    play = Play(run, played)
    try:
        play.month()
        play.catch_up()
    finally:
        play.end()
    return section(run, play, Verdict(play))


class Play:
    """The month: server, program and killer."""

    def __init__(self, run, played):
        self.run, self.played = run, played
        self.folder = run.data / "collecting"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.market, self.served = self.folder / "market", self.folder / "served.tsv"
        self.speed = DAY / run.arguments.played_day_seconds
        self.kills, self.stops, self.ended_by_itself, self.n_too_large, self.n_added_again = [], [], 0, 0, 0
        self.peaks = {"collect --watch": 0}
        self.resident_max = measure.total_memory() * measure.MEMORY_SHARE_MAX
        self.program = self.server = None
        measure.run(run.crowsnest("new", self.market))
        self.begin = time.time() + 5 + len(played.sources) / 500
        self.clock = clock_text(played.begin, self.begin, self.speed)
        self.start_server()
        for source in played.sources:
            (self.market / "sources" / f"source-{source.number:04}.toml").write_text(source.card(self.port))

    def start_server(self):
        played = self.played
        command = [sys.executable, self.run.root / "bench/play_server.py", "--seed", played.seed, "--sources", len(played.sources),
                   "--first-day", played.first_day, "--days", played.n_days, "--clock", self.clock, "--log", self.served]
        with open(self.folder / "server.log", "wb") as errors:
            self.server = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=errors, text=True)
        self.port = self.server.stdout.readline().strip()
        if not self.port:
            raise measure.ChildFailed(f"the server did not start\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def env(self, clock=None):
        return {**os.environ, "CROWSNEST_CLOCK": clock or self.clock}

    def now(self):
        return self.played.begin + (time.time() - self.begin) * self.speed

    def start_program(self):
        command = self.run.crowsnest("collect", "--watch", "--market", self.market)
        with open(self.folder / "watch.log", "ab") as log:
            self.program = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env())

    def month(self):
        """From the first day to the last, with the kills."""
        arguments = self.run.arguments
        seconds = arguments.played_days * arguments.played_day_seconds
        chance = random.Random(f"{arguments.seed} collecting kills")
        moments = sorted(chance.uniform(0.01, 0.97) * seconds for _ in range(arguments.played_kills))
        self.wait_until(self.begin)
        self.start_program()
        for number, moment in enumerate(moments):
            self.wait_until(self.begin + moment)
            # Half of the kills hit while an answer is on its way into the lake, a quarter while one does of changed shape.
            aims = (None, "next", None, "next?bad")
            self.kill(aims[number % len(aims)], chance.uniform(0, 0.03))
        self.wait_until(self.begin + seconds)
        self.stop(signal.SIGTERM)

    def wait_until(self, moment):
        next_word = time.time() + 60
        while time.time() < moment:
            if self.program:
                self.mind_program()
            if time.time() > next_word:
                next_word += 60
                self.run.say(f"collecting: it is {playing.moment_text(self.now())}")
            time.sleep(max(0, min(0.2, moment - time.time())))

    def mind_program(self):
        """Starts it again where it ended, or held so much that the kernel would choose whom to end."""
        if measure.has_ended(self.program):
            self.ended_by_itself += 1
            self.run.say("collecting: the program ended by itself")
        elif measure.resident(self.program.pid) > self.resident_max:
            self.n_too_large += 1
            self.run.say(f"collecting: the program held more than {report.mebibytes(self.resident_max)} and is started again")
        else:
            return
        self.stop(signal.SIGKILL)
        self.start_program()

    def kill(self, aim, then_seconds):
        if aim:
            try:
                self.ask(aim, AIM_SECONDS_MAX)
                time.sleep(then_seconds)
            except OSError:
                pass
        self.stop(signal.SIGKILL)
        self.kills.append(self.stops[-1])
        self.start_program()
        self.run.say(f"collecting: kill {len(self.kills)} at {playing.moment_text(self.kills[-1])}")

    def stop(self, how):
        if self.program is None:
            return
        try:
            os.kill(self.program.pid, how)
            self.stops.append(self.now())
            status, usage = measure.wait(self.program, STOP_SECONDS_MAX)
            self.program.returncode = os.waitstatus_to_exitcode(status)
            self.peaks["collect --watch"] = max(self.peaks["collect --watch"], usage.ru_maxrss * 1024)
        finally:
            self.program = None

    def ask(self, what, timeout_seconds=30):
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=timeout_seconds).close()

    def catch_up(self):
        """Everybody behaves; what is in quarantine because of its type is taken in; then once more, for nothing."""
        self.ask("calm")
        self.calm_clock = clock_text(self.played.end, time.time(), 1)
        self.run.say("collecting: catching up")
        self.collect()
        held = self.rows("source", "quarantine", "--all")
        kinds = {source.name: source.kind for source in self.played.sources}
        accepted = [int(row["number"]) for row in held if kinds[row["source"]] == "retyped"]
        for number in sorted(accepted):
            measure.run(self.run.crowsnest("source", "accept", number, "--market", self.market), env=self.env(self.calm_clock))
        self.run.say(f"collecting: {len(accepted)} of {len(held)} documents of the quarantine accepted")
        self.collect()
        self.last_outcomes = {row["source"]: (row["outcome"], row["message"]) for row in self.collect()}
        self.n_added_again = sum(int(row["n_added"]) for row in self.last)

    def collect(self):
        self.last = self.rows("collect", ok_codes=(0, 1, 2))
        return self.last

    def rows(self, *command, ok_codes=(0,)):
        done = measure.run(self.run.crowsnest(*command, "--format", "csv", "--quiet", "--market", self.market), ok_codes=ok_codes,
                           env=self.env(getattr(self, "calm_clock", None)))
        self.peaks[command[0]] = max(self.peaks.get(command[0], 0), done["peak_bytes"])
        return list(csv.DictReader(io.StringIO(done["stdout"])))

    def end(self):
        self.stop(signal.SIGKILL)
        self.server.kill()
        self.server.wait()


class Verdict:
    """The lake beside what was served."""

    def __init__(self, play):
        self.judge = judge = judged.Judge(play.played, play.served, play.stops, play.speed)
        play.run.say("collecting: comparing")
        claims = judge.claims(play.rows("sql", "SELECT subject, period, value, said_at, known_at, document FROM claims"))
        self.n_claims = sum(map(len, claims.values()))
        judge.judge_claims(claims)
        self.days = vintage_days(play.played)
        self.n_values = sum(judge.judge_day(day, play.rows("sql", values_sql(day))) for day in self.days)
        held = play.rows("source", "quarantine", "--all")
        self.n_held, self.n_held_again = len(held), judge.judge_quarantine(held, claims)
        self.outcomes = judge.judge_runs(play.rows("source", "runs", "--limit", 10_000_000))
        self.n_documents = int(play.rows("sql", "SELECT count(*) AS n FROM documents")[0]["n"])
        self.not_well = {name: words for name, words in play.last_outcomes.items() if words[0] != "done"}


def vintage_days(played):
    n = min(VINTAGES, played.n_days)
    return sorted({played.first_day + round((played.n_days - 1) * (place + 1) / n) for place in range(n)})


def values_sql(day):
    return (f"SELECT m.name AS subject, v.period, v.value FROM values_as_of('{playing.day_text(day)}') v "
            "JOIN mentions m ON v.mention_id = m.mention_id")


def clock_text(shown, real, speed):
    moment = datetime.fromtimestamp(real, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{playing.moment_text(shown)}@{moment}*{speed}"


def section(run, play, verdict):
    arguments, faults = run.arguments, verdict.judge.faults
    lines = [report.check(name, faults.n[name], 0, "", note=kinds_in_words(faults.by_kind[name])) for name in FAULTS]
    answers = verdict.judge.lines
    lines += [
        report.check("claims added by collecting once more", play.n_added_again, 0, ""),
        report.check("sources that do not end well at last", len(verdict.not_well), 0, ""),
        report.check("times that the program ended by itself", play.ended_by_itself, 0, ""),
        report.check("times that it held 60 % of the machine's memory and was ended", play.n_too_large, 0, ""),
        report.known("kills", len(play.kills), ""),
        report.known("answers served", len(answers), "", note=what_in_words(answers)),
        report.known("answers of which a kill or a client's patience leaves open whether they came in", verdict.judge.n_open, ""),
        report.known("longest time from handed over to known", round(verdict.judge.longest / play.speed, 2), "s"),
        report.known("runs of sources", sum(verdict.outcomes.values()), "", note=counts_in_words(verdict.outcomes)),
        report.known("documents in the lake", verdict.n_documents, ""),
        report.known("claims in the lake", verdict.n_claims, ""),
        report.known("values compared as of a day", verdict.n_values, ""),
        report.known("documents that were in quarantine", verdict.n_held, ""),
        report.known("… of which with bytes that were there before", verdict.n_held_again, ""),
        *[report.known(f"peak memory of `{name}`", n_bytes, "bytes") for name, n_bytes in play.peaks.items()],
    ]
    notes = [
        f"{arguments.played_sources:,} sources on {len({source.host for source in play.played.sources}):,} hosts of this machine, "
        f"{arguments.played_days} days in {arguments.played_days * arguments.played_day_seconds:.0f} s "
        f"({play.speed:,.0f} times as fast), {len(play.kills)} kills (SIGKILL) at random moments, half of them while an answer was "
        f"on its way into the lake; started again at once. Seed {arguments.seed}; cores {', '.join(map(str, run.cores))}, with the "
        "server.",
        "As of the ends of " + ", ".join(map(playing.day_text, verdict.days)) + ".",
        *[f"**{name}**: {words}" for name in FAULTS for words in faults.examples[name]],
        *[f"**{name}** ends {outcome}: {message}" for name, (outcome, message) in list(verdict.not_well.items())[:5]],
    ]
    return {"title": "Collecting", "lines": lines, "notes": notes, "kills": play.kills, "stops": play.stops,
            "faults": {name: dict(faults.by_kind[name]) for name in FAULTS}}


def kinds_in_words(by_kind):
    return ", ".join(f"{kind} {n:,}" for kind, n in by_kind.most_common())


def counts_in_words(counts):
    return ", ".join(f"{name} {n:,}" for name, n in counts.most_common())


def what_in_words(lines):
    counts = {}
    for line in lines:
        counts[line.what] = counts.get(line.what, 0) + 1
    return ", ".join(f"{what} {n:,}" for what, n in sorted(counts.items(), key=lambda pair: -pair[1]))
