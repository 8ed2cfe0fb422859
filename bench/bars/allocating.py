"""Choices of a bandit over HTTP: as many a second as the server gives, and none lost when it is killed."""

import os

import report
from bars import growing


def measure_allocate(run):
    arguments = run.arguments
    found = growing.over_http(run, arguments.allocate_seconds, arguments.allocate_cores)
    cores = "one core" if arguments.allocate_cores == "one" else "the load's two cores"
    lines = [
        report.at_least("allocations a second over HTTP", found["per_second"], growing.ALLOCATIONS_OVER_HTTP_LEAST, note=f"server on {cores}"),
        report.check("requests that failed", found["n_errors"], 0, ""),
        report.check("answers that a server killed lost", found["n_lost"], 0, ""),
        report.known("half of them within", found["p50_ms"], "ms"),
        report.known("99 of 100 within", found["p99_ms"], "ms"),
        report.known("the slowest", found["most_ms"], "ms"),
    ]
    notes = [f"{found['n_allocations']:,} choices and {found['n_rewards']:,} rewards in {arguments.allocate_seconds} s over "
             f"{growing.HTTP_CONNECTIONS} kept-alive connections; each choice is in the log before it is answered. "
             f"The load (`allocate`, one thread) runs on the same {len(os.sched_getaffinity(0))} cores."]
    return {"title": "Allocations over HTTP", "lines": lines, "notes": notes}
