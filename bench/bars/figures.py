"""Figures at speed: all claims of a grown market into figures, and a hundredth of them said anew, beside a plain weighted median."""

import json
import os
import shutil

import grown
import measure
import report

PEER_RATIO_MAX, INCREMENT_SHARE_MAX = 2.0, 0.05
PEAK_BYTES_MAX = 2 << 30
MEMORY = "1GiB"
RUN_SECONDS_MAX = 3600


def measure_figures(run):
    """Lines and notes for the section on reconciling."""
    source, facts = grown.market(run, run.arguments.figures_rows)
    market = run.data / f"{source.name}-figures"
    copy(source, market)
    claims, n_rows = measure.delta_files(market / "lake/claims")
    mentions, _ = measure.delta_files(market / "lake/mentions")
    for file in claims:
        measure.read_once(file)
    spec, increment = run.data / "weighted-median.json", run.data / "increment.csv"
    spec.write_text(json.dumps({"claims": claims, "mentions": mentions, "memory": "4GB"}))
    run.say("figures: the peer")
    command = [run.python, run.root / "bench/peer_weighted_median.py", spec, "--threads", len(run.cores), "--increment", increment]
    peer_run = measure.run(measure.on_cores(run.cores, command), timeout_seconds=RUN_SECONDS_MAX)
    peer = json.loads(peer_run["stdout"])
    run.say("figures: ours")
    whole = reconcile(run, market)
    n_added = sum(metric["n_added"] for metric in whole["told"]["metrics"])
    run.say("figures: a hundredth said anew")
    measure.run(run.crowsnest("import", increment, "--source", "bench", "--quiet", "--market", market), timeout_seconds=RUN_SECONDS_MAX)
    again = reconcile(run, market)
    is_partial = all(metric["is_partial"] for metric in again["told"]["metrics"])
    increment.unlink()
    shutil.rmtree(market)
    lines = [
        report.within("claims into figures", whole["seconds"], peer["seconds"], "s", PEER_RATIO_MAX,
                      note=f"{n_rows:,} claims, {n_added:,} figures; the peer's {peer['n_figures']:,}"),
        report.check("peak memory", whole["peak_bytes"], PEAK_BYTES_MAX, "bytes"),
        report.check("claims of 1 % of the names said anew, share of the time", round(again["seconds"] / whole["seconds"], 4),
                     INCREMENT_SHARE_MAX, ""),
        report.known("the same", again["seconds"], "s"),
        report.check("metrics learnt anew for them", 0 if is_partial else 1, 0, ""),
    ]
    notes = [f"Claims into figures: {grown.in_words(facts)}. The peer: DuckDB {peer['duckdb']}, {peer['variant']}, in "
             f"{peer['seconds']:.1f} s and {peer_run['peak_bytes'] / (1 << 20):,.0f} MiB; others tried: "
             + ", ".join(f"{name} {one['seconds']:.1f} s" for name, one in peer["tried"].items())
             + f". Ours writes intervals, claims, weights and reasons too; engine memory {MEMORY}, cores {len(run.cores)}. "
             f"{peer['n_increment']:,} claims are said anew."]
    return lines, notes, {"peer": peer, "whole": whole, "again": again}


def reconcile(run, market):
    command = run.crowsnest("reconcile", "--format", "json", "--quiet", "--market", market, "--memory", MEMORY,
                            "--threads", len(run.cores))
    done = measure.run(measure.on_cores(run.cores, command), timeout_seconds=RUN_SECONDS_MAX)
    return {"seconds": done["seconds"], "peak_bytes": done["peak_bytes"], "told": json.loads(done["stdout"])}


def copy(source, market):
    """The market again, its tables as links: appending leaves files as they are."""
    shutil.rmtree(market, ignore_errors=True)
    linked = lambda source, target: os.link(source, target) if source.endswith(".parquet") else shutil.copy2(source, target)
    shutil.copytree(source, market, copy_function=linked)
