"""Every page and every question of the API at a hundred requests a second, in a market of 100,000 products and 20 million claims;
the first paint of the overview, and how much JavaScript there is."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from datetime import date

import furnished
import load
import measure
import mix
import report
from bars.page import wait_until_up

P95_MS_MAX = 100.0
PAINT_MS_MAX = 1000.0
SCRIPT_BYTES_MAX = 450 * 1000
SLOW_SECONDS_MAX = 2 * 3600
#: Rows of one document: what a vendor's export has in a month.
DOCUMENT_ROWS = 250_000
EVENTS = 3_000
WARM_TIMES, WARM_RATE = 3, 20
STOP_SECONDS_MAX = 60

ALERTS = """base_url = "http://127.0.0.1:7171"

[[rule]]
name = "top ten"
kind = "rank"
metric = "mau"
top = 10

[[rule]]
name = "usage moved"
kind = "figure"
metric = "mau"
moved = 0.5

[[rule]]
name = "source silent"
kind = "silence"
budget_per_week = 0.5

[[channel]]
name = "log"
kind = "file"
"""


def measure_load(run):
    market, facts = filled(run)
    beside = furnished.furnish(run, market)
    port = run.port()
    log_path = run.data / "load-serve.log"
    command = run.crowsnest("serve", "--no-collect", "--market", market, "--listen", f"127.0.0.1:{port}")
    arguments = run.arguments
    with open(log_path, "wb") as log:
        server = subprocess.Popen([str(part) for part in measure.on_cores(run.cores, command)],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until_up(server, port, log_path)
            asked = mix.Mix(run.root, port, arguments.seed, beside)
            warm_seconds = warm(run, port, asked)
            run.say(f"{arguments.load_rate} requests a second for {arguments.load_seconds} s")
            done = load.load_requests("127.0.0.1", port, asked, arguments.load_rate, arguments.load_seconds)
            memory = measure.resident(server.pid)
            painted = first_paint(run, port)
            scripts = script_bytes(run, port)
        finally:
            # One that did not even start was waited for. Not the child's own method: that would ask how it ended, which can be
            # asked once.
            if server.returncode is None:
                os.kill(server.pid, signal.SIGTERM)
                status, usage = measure.wait(server, STOP_SECONDS_MAX)
                server.returncode = os.waitstatus_to_exitcode(status)
    used = {"peak_bytes": usage.ru_maxrss * 1024, "bytes": memory, "warm_seconds": warm_seconds, "code": server.returncode}
    return section(run, facts, asked, done, used, painted, scripts)


def warm(run, port, asked):
    """Everything a few times, one after the other and then as often as it comes."""
    run.say(f"warming {len(asked.labels)} pages and questions")
    begun = time.monotonic()
    done = load.load_requests("127.0.0.1", port, asked.each(WARM_TIMES), 5, 10_000)
    done += load.load_requests("127.0.0.1", port, asked, WARM_RATE, run.arguments.load_warm_seconds)
    failed = sorted({f"{one['label']}: {one.get('error') or one['status']}" for one in done if one.get("status") != 200})
    if failed:
        run.say("while warming: " + "; ".join(failed))
    return time.monotonic() - begun


def first_paint(run, port):
    """What Chromium says of five visits with nothing kept; why not, where it cannot be asked."""
    run.say("first paint")
    try:
        done = measure.run(["node", run.root / "bench/paint.mjs", f"http://127.0.0.1:{port}/"], 300)
    except (measure.ChildFailed, OSError) as failure:
        return {"fault": str(failure)[-1500:]}
    return json.loads(done["stdout"])


def script_bytes(run, port):
    """Each script that the server has, as it is sent (gzip)."""
    there = sorted(path.name for path in (run.root / "web/dist").glob("*.js"))
    request = lambda name: (name, load.request_of("127.0.0.1", port, f"/static/{name}"))
    done = load.load_requests("127.0.0.1", port, iter([request(name) for name in there]), 20, 60)
    return {one["label"]: one["n_bytes"] for one in done if one.get("status") == 200}


def filled(run):
    """The market with everything that pages show, and the facts of it; made if it is not there."""
    if run.arguments.load_market:
        _, n_claims = measure.delta_files(run.arguments.load_market / "lake/claims")
        return run.arguments.load_market, {"n_claims": n_claims, "n_products": 0, "took": {}}
    rows, products = run.arguments.load_rows, run.arguments.load_products
    folder = run.data / f"load-{rows}-{products}-{run.arguments.seed}"
    done = run.data / f"{folder.name}.done"
    if not (done.exists() and folder.exists()):
        done.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        done.write_text(json.dumps(make(run, folder, rows, products), indent=1) + "\n")
    return folder, json.loads(done.read_text())


def make(run, folder, rows, products):
    parts = run.data / "load-parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    csv = run.data / "load.csv"
    run.say(f"generating {rows:,} rows of {products:,} products")
    told = json.loads(measure.run([run.bin / "generate", "--rows", rows, "--products", products, "--seed", run.arguments.seed,
                                   "--out", csv])["stdout"])
    names = split(csv, parts)
    csv.unlink()
    took = {}

    def timed(what, *command, ok_codes=(0,)):
        run.say(f"{folder.name}: {what}")
        done = measure.run(run.crowsnest(*command, "--market", folder), SLOW_SECONDS_MAX, ok_codes)
        took[what] = round(done["seconds"], 1)

    measure.run(run.crowsnest("new", folder))
    furnished.before_import(folder, names)
    (folder / "alerts.toml").write_text(ALERTS)
    timed("import", "import", str(parts / "part-*.csv"), "--source", "bench", "--quiet")
    (parts / "events.csv").write_text(events(names))
    tenders, n_tenders = furnished.tenders()
    (parts / "tenders.csv").write_text(tenders)
    timed("import of events", "import", parts / "events.csv", "--source", "Wire", "--quiet")
    timed("import of tenders", "import", parts / "tenders.csv", "--source", "Register", "--quiet")
    shutil.rmtree(parts)
    timed("optimize", "lake", "optimize", "--quiet")
    timed("vacuum", "lake", "vacuum", "--hours", "0", "--quiet")
    timed("reconcile", "reconcile", "--quiet")
    timed("detect", "detect", "--quiet", ok_codes=(0, 1, 2))
    timed("alerts", "alerts", "--quiet", ok_codes=(0, 2))
    # As every night: figures have files by name from now on, too.
    timed("optimize again", "lake", "optimize", "--quiet")
    timed("vacuum again", "lake", "vacuum", "--hours", "0", "--quiet")
    _, n_claims = measure.delta_files(folder / "lake/claims")
    n_imported = told["written"]["n_distinct"] + n_tenders
    if n_claims != n_imported:
        raise measure.ChildFailed(f"{n_imported:,} different rows were imported, {n_claims:,} are there")
    return {"n_claims": n_claims, "n_products": products, "took": took}


def split(csv, parts):
    """Documents of so many rows each; the products' names."""
    names = set()
    with open(csv, "rb") as whole:
        header = next(whole)
        for number in itertools.count():
            lines = list(itertools.islice(whole, DOCUMENT_ROWS))
            if not lines:
                return sorted(names)
            (parts / f"part-{number:03}.csv").write_bytes(header + b"".join(lines))
            names.update(line.split(b",", 1)[0].decode() for line in lines if not line.startswith(b'"'))


def events(names):
    lines = ["event,subject,kind,happened_on,said_on,status,source"]
    kinds, statuses = ("funding", "launch", "acquisition"), ("reported", "rumoured", "denied", "confirmed")
    for number in range(EVENTS):
        day = date.fromordinal(date(2023, 1, 1).toordinal() + number % 1000).isoformat()
        subject = names[number * 31 % len(names)]
        lines.append(f"{kinds[number % 3]},{subject},product,{day[:7]},{day},{statuses[number % 4]},Wire")
    return "\n".join(lines) + "\n"


def section(run, facts, asked, done, used, painted, scripts):
    failed = [one for one in done if one.get("status") != 200]
    lines = [
        report.check("requests that failed", len(failed), 0, "", note=f"of {len(done):,}"),
        report.check("pages and questions not known how to ask", len(asked.unknown), 0, "", note="see the notes"),
        # Of a given market it is told; ours has something of everything.
        {**report.check("pages and questions of which the market has nothing", len(asked.nothing), 0, ""),
         "informative": run.arguments.load_market is not None},
        report.check("pages and questions whose answer has no rows", len(asked.empty), 0, "", note=f"of {len(asked.labels)}"),
        report.check("exit code of the server when it was stopped", abs(used["code"]), 0, ""),
    ]
    by_label = {label: [one for one in done if one["label"] == label] for label in asked.labels}
    for label, own in sorted(by_label.items(), key=lambda pair: -p95_of(pair[1])):
        # In so short a time that not everything was asked, what was not says nothing; in a whole run it has to be asked.
        lines.append(line_of(label, own) if own else {**not_asked(label), "informative": run.arguments.small})
    right = [one["from_due_ms"] for one in done if one.get("status") == 200]
    for share, name in ((0.50, "p50"), (0.95, "p95"), (0.99, "p99")):
        lines.append(report.known(f"all of them, {name}", measure.percentile(right, share) if right else 0, "ms"))
    lines.append(report.known("memory of the server, peak", used["peak_bytes"], "bytes"))
    lines.append(report.known("memory of the server after the load", used["bytes"], "bytes"))
    lines += paint_lines(painted, scripts)
    if not (run.arguments.small or run.arguments.load_market):
        lines.append(report.at_least("products", facts["n_products"], 100_000))
        lines.append(report.check("claims short of 19.9 million", max(0, 19_900_000 - facts["n_claims"]), 0, ""))
    return {"title": "Load: every page and question", "lines": lines, "notes": notes_of(run, facts, asked, done, used, painted)}


def p95_of(own):
    right = [one["from_due_ms"] for one in own if one.get("status") == 200]
    return measure.percentile(right, 0.95) if right else float("inf")


def not_asked(label):
    return report.check(f"{label} p95", 1, 0, "", note="not asked in that time")


def line_of(label, own):
    right = [one["from_due_ms"] for one in own if one.get("status") == 200]
    if not right:
        return report.check(f"{label} p95", 1, 0, "", note=f"none of {len(own)} answered")
    at = lambda share: measure.percentile(right, share)
    size = sum(one["n_bytes"] for one in own if one.get("status") == 200) / len(right) / 1024
    note = f"p50 {at(0.5):.1f}, p99 {at(0.99):.1f}, most {max(right):.0f}; {len(right)} of {len(own)}; {size:.1f} KiB"
    return report.check(f"{label} p95", at(0.95), P95_MS_MAX, "ms", note=note)


def paint_lines(painted, scripts):
    if "fault" in painted:
        lines = [report.check("first paint of the overview", 1, 0, "", note="Chromium could not be asked")]
    else:
        lines = [
            report.check("first paint of the overview, slowest of five", max(painted["first_paint_ms"]), PAINT_MS_MAX, "ms"),
            report.known("first contentful paint, slowest of five", max(painted["first_contentful_paint_ms"]), "ms"),
            report.check("scripts that block it", len(painted["blocking_scripts"]), 0, ""),
        ]
    if scripts:
        lines.append(report.check("JavaScript, all of it, as sent", sum(scripts.values()), SCRIPT_BYTES_MAX, ""))
    else:
        lines.append(report.check("JavaScript, all of it, as sent", 1, 0, "", note="web/dist was not built into the binary"))
    return lines


def notes_of(run, facts, asked, done, used, painted):
    failed = [one for one in done if one.get("status") != 200]
    faults = sorted({f"{one['label']}: {one.get('error') or one['status']}" for one in failed})
    took = ", ".join(f"{what} {seconds} s" for what, seconds in facts["took"].items())
    notes = [
        f"{facts['n_claims']:,} claims; {len(done):,} requests, {run.arguments.load_rate} a second, times from when each was due. Warmed for {used['warm_seconds']:.0f} s. The load runs on the same two cores as the server.",
        f"Products are drawn by Zipf's law from {len(asked.served.products):,}, languages are en, zh-Hans and zh-Hant; questions of "
        "/v1/sql are selective ones.",
    ]
    if asked.left_out():
        notes.append("Left out: " + "; ".join(asked.left_out()) + ".")
    if asked.empty:
        notes.append("No rows: " + "; ".join(f"{label} ({address})" for label, address in asked.empty.items()) + ".")
    if took:
        notes.append(f"Made before: {took}.")
    if faults:
        notes.append("Failed: " + "; ".join(faults[:40]) + ".")
    if "fault" in painted:
        notes.append(f"```\n{painted['fault']}\n```")
    return notes
