"""Throughput: ten thousand documents fetched from a server of this machine, archived, parsed and committed, against dlt
loading the same pages into DuckDB."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import measure
import page_server
import report

#: Ours has to be at least so many times as fast; the goal is more.
TIMES_LEAST, TIMES_GOAL = 3.0, 10.0
#: Most memory of the whole run against the most of its first quarter.
FLAT_MAX = 1.3
LOOK_SECONDS = 0.05
RUN_SECONDS_MAX = 3600


def measure_throughput(run):
    arguments = run.arguments
    # Nothing is removed before the end: a file system that has just lost thousands of files is slow to make new ones.
    folder = run.data / f"throughput-{time.time():.0f}"
    folder.mkdir(parents=True)
    server, address = start_server(run, folder)
    try:
        ours, peers = [], []
        for number in range(arguments.throughput_repeat):
            place = folder / f"round-{number + 1}"
            place.mkdir()
            run.say(f"throughput, round {number + 1} of {arguments.throughput_repeat}: ours")
            ours.append(collect_ours(run, place, address))
            run.say(f"… {ours[-1]['seconds']:.1f} s; the peer")
            peers.append(load_peer(run, place, address))
            run.say(f"… {peers[-1]['seconds']:.1f} s")
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return section(run, ours, peers)


def start_server(run, folder):
    arguments = run.arguments
    command = [sys.executable, run.root / "bench/page_server.py", "--documents", arguments.throughput_documents,
               "--rows", arguments.throughput_rows, "--sources", arguments.throughput_sources]
    with open(folder / "server.log", "wb") as errors:
        server = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                  text=True)
    port = server.stdout.readline().strip()
    if not port:
        raise measure.ChildFailed(f"the server did not start\n{(folder / 'server.log').read_text()[-2000:]}")
    return server, f"http://127.0.0.1:{port}"


def expected(run):
    """Rows and the sum of their values."""
    arguments = run.arguments
    n_pages = arguments.throughput_documents // arguments.throughput_sources
    n, total = 0, 0
    for source in range(arguments.throughput_sources):
        for page in range(1, n_pages + 1):
            rows = page_server.rows_of(source, page, arguments.throughput_rows)
            n, total = n + len(rows), total + sum(row["value"] for row in rows)
    return n, total


def card(source, address):
    return f"""name = "Source {source:02}"

[collect]
connector = "http_json"
allow_private_addresses = true
requests_per_minute = 6_000_000
requests_max = 1_000_000

[options]
url = "{address}/{source}/figures"
records = ".data[]"

[options.paging]
kind = "page"
parameter = "page"

[map.constants]
metric = "downloads"

[map.columns]
subject = "name"
period = "day"
value = "value"
"""


def collect_ours(run, folder, address):
    market = folder / "market"
    measure.run(run.crowsnest("new", market))
    for source in range(run.arguments.throughput_sources):
        (market / "sources" / f"source-{source:02}.toml").write_text(card(source, address))
    done = watched(run.crowsnest("collect", "--quiet", "--format", "csv", "--market", market), address, folder)
    sql = "SELECT count(*) AS n, sum(value) AS total FROM claims"
    row = rows(run, market, sql)[0]
    documents = rows(run, market, "SELECT count(*) AS n FROM documents")[0]["n"]
    return done | {"n_rows": int(row["n"]), "sum": round(float(row["total"])), "n_documents": int(documents),
                   "archive_bytes": measure.folder_bytes(market / "raw"), "lake_bytes": measure.folder_bytes(market / "lake")}


def rows(run, market, sql):
    text = measure.run(run.crowsnest("sql", sql, "--format", "csv", "--quiet", "--market", market))["stdout"]
    return list(csv.DictReader(io.StringIO(text)))


def load_peer(run, folder, address):
    place = folder / "peer"
    place.mkdir()
    arguments = run.arguments
    command = [run.python, run.root / "bench/peer_dlt.py", "--address", address, "--sources", arguments.throughput_sources,
               "--rows", arguments.throughput_rows, "--workers", len(run.cores), "--folder", place]
    done = watched(command, address, folder)
    return done | json.loads(done["stdout"].strip().splitlines()[-1])


def watched(command, address, folder):
    """Runs a child to its end; with what it held, by how much of the pages had been asked for."""
    ask(address, "zero")
    measure.settle()
    out, errors = folder / "out.txt", folder / "errors.txt"
    with open(out, "wb") as out_file, open(errors, "wb") as errors_file:
        start = time.perf_counter()
        child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out_file, stderr=errors_file)
        looks = []
        looking = threading.Thread(target=look, args=(child, address, looks), daemon=True)
        looking.start()
        status, usage = measure.wait(child, RUN_SECONDS_MAX)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    looking.join()
    if child.returncode != 0:
        raise measure.ChildFailed(f"{' '.join(map(str, command))}\nexit code {child.returncode}\n"
                                  f"{out.read_text()[-2000:]}\n{errors.read_text()[-4000:]}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024,
            "stdout": out.read_text(), "looks": looks}


def look(child, address, looks):
    """Notes what a child and its children hold, and how many pages were asked for, until it ends."""
    while child.returncode is None:
        held = measure.resident(child.pid)
        if held == 0:
            return
        looks.append((ask(address, "count"), held))
        time.sleep(LOOK_SECONDS)


def ask(address, what):
    with urllib.request.urlopen(f"{address}/{what}", timeout=30) as answer:
        return json.load(answer)["data"]


def peak_until(one, share):
    """The most that was held until so much of the pages had been asked for."""
    n_pages = one["looks"][-1][0]
    return max((held for n, held in one["looks"] if n <= n_pages * share), default=0)


def section(run, ours, peers):
    arguments = run.arguments
    n_rows, total = expected(run)
    best = measure.median([one["seconds"] for one in ours])
    of_peer = measure.median([one["seconds"] for one in peers])
    first = ours[0]
    quarter, half = peak_until(first, 0.25), peak_until(first, 0.5)
    lines = [
        report.faster("time of all documents, median", best, of_peer, "s", TIMES_LEAST,
                      note=f"goal {TIMES_GOAL:.0f}×{', met' if of_peer / best >= TIMES_GOAL else ''}"),
        report.known("rows a second", round(n_rows / best), "", peer=round(n_rows / of_peer)),
        report.known("documents a second", round(arguments.throughput_documents / best), "",
                     peer=round(arguments.throughput_documents / of_peer)),
        report.check("rows missing or too many", max(abs(one["n_rows"] - n_rows) for one in ours), 0, "",
                     peer=max(abs(one["n_rows"] - n_rows) for one in peers)),
        report.check("sum of the values, difference", max(abs(one["sum"] - total) for one in ours), 0, "",
                     peer=max(abs(one["sum"] - total) for one in peers)),
        report.known("peak memory of the first quarter", quarter, "bytes", peer=peak_until(peers[0], 0.25)),
        report.known("… until half of the pages were asked for", half, "bytes", peer=peak_until(peers[0], 0.5)),
        report.within("peak memory of all, against that of the first quarter", first["peak_bytes"], quarter, "bytes", FLAT_MAX),
        report.known("peak memory", max(one["peak_bytes"] for one in ours), "bytes", peer=max(one["peak_bytes"] for one in peers)),
        report.known("processor time, median", measure.median([one["cpu_seconds"] for one in ours]), "s",
                     peer=measure.median([one["cpu_seconds"] for one in peers])),
    ]
    notes = [
        f"{arguments.throughput_documents:,} documents of {arguments.throughput_rows} rows, of {arguments.throughput_sources} "
        "sources with numbered pages, all on one host, which answers from memory; both sides ask for the pages of one source one "
        "after the other.",
        f"The peer is dlt {peers[0]['dlt']} with DuckDB {peers[0]['duckdb']}: a resource for each source, extracted side by side, "
        f"normalised in {len(run.cores)} processes, loaded from Parquet files.",
        f"Ours also keeps every document (SHA-256, zstd; {first['archive_bytes'] / 1e6:.0f} MB), judges its shape, journals it, "
        "gives each claim its id, leaves out what is there already and commits to a log; the peer keeps no documents.",
        f"Cores {', '.join(map(str, run.cores))}, with the server. The peer's memory is that of its first process alone.",
    ]
    for one in (*ours, *peers):
        one.pop("stdout")
        one["looks"] = one["looks"][:: max(1, len(one["looks"]) // 200)]
    return {"title": "Throughput", "sides": ("ours", "dlt"), "lines": lines, "notes": notes, "ours": ours, "peer": peers}
