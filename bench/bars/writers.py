"""Writers: two processes at a time add claims to one market in an object store and are killed now and then; every claim has
to be there once."""

import csv
import io
import os
import random
import secrets
import shutil
import subprocess
import threading
import time

import measure
import report

SOURCES = ("Writer one", "Writer two")
BUCKET = "radar"
TRIES_MAX = 30
IMPORT_SECONDS_MAX = 120
#: A first guess of how long an import takes; then it is known.
IMPORT_SECONDS_FIRST = 0.3
RECENT = 20


def measure_writers(run):
    folder = run.data / "writers"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "store" / BUCKET).mkdir(parents=True)
    env = {
        "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "crowsnest-bench-key",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    }
    store, env["AWS_ENDPOINT_URL"] = start_store(run, folder / "store", env)
    try:
        writers = [Writer(run, folder, source, env) for source in SOURCES]
        start = time.perf_counter()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        seconds = time.perf_counter() - start
        found = counted(run, writers[0].market, env)
    finally:
        store.kill()
        store.wait()
    return section(run, writers, seconds, found)


def start_store(run, folder, env):
    log = open(folder.parent / "store.log", "wb")
    with log:
        store = subprocess.Popen([str(run.bin / "store"), str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=log, env={**os.environ, **env}, text=True)
    address = store.stdout.readline().strip()
    if not address:
        store.wait()
        raise measure.ChildFailed(f"the store did not start\n{(folder.parent / 'store.log').read_text()[-2000:]}")
    return store, address


class Writer(threading.Thread):
    """Adds claims, one import of a file with one claim after the other; some imports are killed and done again."""

    def __init__(self, run, folder, source, env):
        super().__init__(daemon=True)
        self.run_, self.source, self.env = run, source, {**os.environ, **env}
        short = source.rsplit(" ", 1)[-1]
        self.market, self.files = folder / f"market-{short}", folder / f"files-{short}"
        self.files.mkdir()
        self.chance = random.Random(f"{run.arguments.seed} {source}")
        self.seconds, self.n_kills, self.n_too_late, self.complaints, self.failure = [], 0, 0, [], ""
        measure.run(run.crowsnest("new", self.market, "--name", "bench", "--storage", f"s3://{BUCKET}/market"), env=env)

    def run(self):
        n_commits = self.run_.arguments.writer_commits
        for number in range(n_commits):
            if not self.commit(number):
                return
            if (number + 1) % 100 == 0:
                self.run_.say(f"writers: {self.source}: {number + 1} of {n_commits}")

    def commit(self, number):
        """One claim; its value is its number."""
        file = self.files / f"{number}.csv"
        claim = f"Product {number % 50},mau,{2021 + number % 60 // 12}-{number % 12 + 1:02},{number + 1}"
        file.write_text(f"subject,metric,period,value\n{claim}\n")
        if self.chance.random() < self.run_.arguments.writer_kill_share:
            self.killed_import(file)
        for _ in range(TRIES_MAX):
            if self.whole_import(file):
                file.unlink()
                return True
        self.failure = f"{self.source}, claim {number + 1}: {TRIES_MAX} tries failed\n{self.complaints[-1]}"
        return False

    def start_import(self, file):
        command = self.run_.crowsnest("import", "--quiet", "--source", self.source, "--market", self.market, file)
        return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, env=self.env)

    def killed_import(self, file):
        """An import that is killed at a moment that may be any of its usual time, or a little too late."""
        usual = measure.median(self.seconds[-RECENT:]) if self.seconds else IMPORT_SECONDS_FIRST
        child = self.start_import(file)
        try:
            child.communicate(timeout=self.chance.uniform(0, 1.1 * usual))
            self.n_too_late += 1
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            self.n_kills += 1

    def whole_import(self, file):
        start = time.perf_counter()
        child = self.start_import(file)
        try:
            _, complaint = child.communicate(timeout=IMPORT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            _, complaint = child.communicate()
        if child.returncode == 0:
            self.seconds.append(time.perf_counter() - start)
            return True
        self.complaints.append(complaint.decode(errors="replace").strip()[-500:])
        return False


def counted(run, market, env):
    sql = ("SELECT source, count(*) AS n, count(DISTINCT claim_id) AS n_ids, count(DISTINCT value) AS n_values, "
           "min(value) AS first, max(value) AS last FROM claims GROUP BY source")
    text = measure.run(run.crowsnest("sql", sql, "--format", "csv", "--quiet", "--market", market), env=env)["stdout"]
    return {row["source"]: row for row in csv.DictReader(io.StringIO(text))}


def section(run, writers, seconds, found):
    n_commits = run.arguments.writer_commits
    lines, notes = [], []
    for writer in writers:
        row = found.get(writer.source, {})
        n, n_ids, n_values = (int(row.get(name, 0)) for name in ("n", "n_ids", "n_values"))
        is_whole = n_commits == 0 or (n_values == n_commits and float(row["first"]) == 1 and float(row["last"]) == n_commits)
        lines += [
            report.check(f"{writer.source}: claims missing or too many", abs(n - n_commits), 0, ""),
            report.check(f"{writer.source}: claims that are there more than once", n - n_ids, 0, ""),
            report.check(f"{writer.source}: values that are not 1 to {n_commits:,}", int(not is_whole), 0, ""),
        ]
        notes += [f"**{writer.failure}**"] if writer.failure else []
    unknown = sorted(set(found) - set(SOURCES))
    lines.append(report.check("sources that nobody wrote", len(unknown), 0, ""))
    done = [one for writer in writers for one in writer.seconds]
    complaints = [complaint for writer in writers for complaint in writer.complaints]
    lines += [
        report.known("commits a minute, both together", round(len(done) / seconds * 60), ""),
        report.known("imports that were killed", sum(writer.n_kills for writer in writers), ""),
        report.known("imports that failed by themselves and were done again", len(complaints), ""),
    ]
    if done:
        early = [one for writer in writers for one in writer.seconds[:50]]
        late = [one for writer in writers for one in writer.seconds[-50:]]
        lines.append(report.within("an import: the last 50 of each, against the first 50, median", measure.median(late),
                                   measure.median(early), "s", 1.0, informative=True))
    notes += [
        f"Two writers, {n_commits:,} imports each of a file with one claim, every import a process of its own, into one market "
        f"in an S3-compatible store of this machine (s3s-fs; conditional writes one at a time). {seconds:.0f} s.",
        f"{run.arguments.writer_kill_share:.0%} of the imports are killed (SIGKILL) at a random moment first and then done "
        f"again until they succeed; {sum(writer.n_too_late for writer in writers)} of them had ended before. "
        f"Seed {run.arguments.seed}; cores {', '.join(map(str, run.cores))}, with the store.",
        *[f"Failed by itself: `{complaint.splitlines()[0] if complaint else 'no word'}`" for complaint in complaints[:5]],
    ]
    return {"title": "Writers", "sides": ("ours", "other"), "lines": lines, "notes": notes,
            "seconds": {writer.source: writer.seconds for writer in writers}}
