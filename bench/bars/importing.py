"""Bar 1: a file of claims into a market, against the peer turning the same file into Parquet."""

import json

import measure
import report

PEAK_BYTES_MAX = 2 << 30


def measure_import(run):
    written = run.generate()
    measure.read_once(run.csv)
    ours, peers = [], []
    for round_number in range(run.arguments.import_repeat):
        run.say(f"import, round {round_number + 1} of {run.arguments.import_repeat}: ours")
        ours.append(import_ours(run))
        run.say("… the peer")
        peers.append(import_peer(run))
    _, n_rows = measure.delta_files(run.market / "lake/claims")
    run.say("second import")
    again, n_rows_again = import_again(run)
    run.say("second import, rows forced through")
    forced, n_rows_forced = import_again(run, "--again")
    (run.data / f"{run.market.name}.done").touch()
    first = measure.median([one["seconds"] for one in ours])
    lines = [
        report.bar("import, median", first, measure.median([one["seconds"] for one in peers]), "s", 1.0, 2.0),
        report.bar("import, best", best(ours), best(peers), "s", 1.0, 2.0, informative=True),
        report.check("import, peak memory", max(one["peak_bytes"] for one in ours), PEAK_BYTES_MAX, "bytes",
                     peer=max(one["peak_bytes"] for one in peers)),
        report.check("claims missing or too many", abs(n_rows - written["n_distinct"]), 0, ""),
        report.check("second import: rows added", n_rows_again - n_rows, 0, ""),
        report.check("second import: time", again["seconds"], first, "s"),
        report.check("second import, forced (--again): rows added", n_rows_forced - n_rows, 0, ""),
        report.check("second import, forced (--again): time", forced["seconds"], first, "s"),
        report.check("second import, forced (--again): peak memory", forced["peak_bytes"], PEAK_BYTES_MAX, "bytes"),
    ]
    notes = [
        f"{written['n_rows']:,} rows, {written['n_bytes'] / 1e9:.2f} GB of CSV, {written['n_distinct']:,} different.",
        f"On disk: ours {measure.folder_bytes(run.market / 'lake') / 1e9:.2f} GB of tables and "
        f"{measure.folder_bytes(run.market / 'raw') / 1e9:.2f} GB of archived document, "
        f"the peer's Parquet {parquet(run).stat().st_size / 1e9:.2f} GB.",
        f"Processor time, median: ours {cpu(ours):.1f} s, the peer {cpu(peers):.1f} s.",
        "Ours also checks every field, archives the document (SHA-256, zstd), gives each claim its id, leaves out "
        "repeats and sorts; the peer's line does none of it.",
    ]
    if run.arguments.equal_work:
        lines.append(equal_work(run, first))
    return {"title": "Bar 1: import", "lines": lines, "notes": notes, "ours": ours, "peer": peers,
            "again": again, "forced": forced, "written": written}


def import_ours(run):
    run.new_market()
    measure.settle()
    return measure.run(run.import_command())


def import_again(run, *more):
    measure.settle()
    done = measure.run(run.import_command(*more))
    _, n_rows = measure.delta_files(run.market / "lake/claims")
    return done, n_rows


def import_peer(run, *more):
    parquet(run).unlink(missing_ok=True)
    measure.settle()
    return measure.run(run.peer("import", run.csv, parquet(run), "--threads", len(run.cores), *more))


def equal_work(run, ours_seconds):
    run.say("the peer, removing repeats and sorting")
    done = import_peer(run, "--distinct")
    n_rows = json.loads(done["stdout"])["n_rows"]
    note = f"the peer too leaves out repeats and sorts ({n_rows:,} rows, {report.mebibytes(done['peak_bytes'])})"
    return report.bar("import, more equal work", ours_seconds, done["seconds"], "s", 1.0, 2.0, informative=True, note=note)


def parquet(run):
    return run.data / "peer.parquet"


def best(runs):
    return min(one["seconds"] for one in runs)


def cpu(runs):
    return measure.median([one["cpu_seconds"] for one in runs])
