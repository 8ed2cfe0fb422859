"""Reconciling: worlds with a known truth, of several kinds; the public counts of Python packages, breaks and ranks; and speed."""

import csv
import json
import random

import measure
import report
from bars import figures

#: Kinds of worlds: what is said of them, options of the generator, and whether the targets are meant for them.
KINDS = {
    "5 sources": ([], True),
    "3 sources": (["--sources", 3, "--copying", 0], True),
    "8 sources": (["--sources", 8], True),
    "weekly": (["--weekly", "--periods", 104, "--products", 800], True),
    "louder": (["--noise-least", 0.2, "--noise-most", 0.8], True),
    "no breaks": (["--no-breaks"], True),
    "nothing official": (["--official", 0], False),
}
ERROR_OF_BEST_MAX, ERROR_OF_MEDIAN_MAX = 0.6, 0.8
COVERAGE_80, COVERAGE_95 = (0.78, 0.84), (0.93, 0.97)
FOUND_LEAST, FALSE_MOST = 0.9, 0.02
RANK_ERROR_MAX, RANK_COVERAGE_80, RANK_SHARE_KNOWN = 0.10, (0.76, 0.84), 0.02
#: Where the counting of Python packages changed, and the periods beside.
PACKAGE_BREAKS = {"2018-02": 0.07, "2018-08": 3.3, "2021-05": 3.2, "2024-11": 1.3, "2025-07": 1.5}
RUN_SECONDS_MAX = 900


def measure_reconciling(run):
    kinds = KINDS if run.arguments.worlds else {}
    worlds = {kind: [world(run, kind, seed) for seed in range(1, run.arguments.worlds + 1)] for kind in kinds}
    lines, notes = [], []
    for kind, made in worlds.items():
        lines += lines_of(kind, made)
    found = {"worlds": worlds}
    if run.arguments.python_packages:
        found["packages"] = packages(run)
        lines += package_lines(found["packages"])
    if run.arguments.figures_rows:
        more_lines, more_notes, found["figures"] = figures.measure_figures(run)
        lines += more_lines
        notes += more_notes
    notes.append("Each line of a kind of world is the worst of its seeds 1 to " + str(run.arguments.worlds) + ". Without anything official "
                 "nobody can know by how much all sources are wrong together: those lines decide nothing.")
    return {"title": "Reconciling", "sides": ("ours", "—"), "lines": lines, "notes": notes, "found": found}


def world(run, kind, seed):
    folder = run.data / f"world-{kind.replace(' ', '-')}-{seed}"
    options = KINDS[kind][0]
    made = json.loads(measure.run([run.bin / "worlds", "--seed", seed, "--out", folder, *options], RUN_SECONDS_MAX)["stdout"])
    run.say(f"reconciling: {kind}, seed {seed}")
    judged = evaluated(run, folder)
    true = {(source["source"], period) for source in made["sources"] if source["break"] for period in source["break"]["periods"]}
    n_true = sum(1 for source in made["sources"] if source["break"])
    right = {told["source"] for told in judged["breaks"] if (told["source"], told["period"]) in true}
    n_false = sum(1 for told in judged["breaks"] if (told["source"], told["period"]) not in true)
    return judged | {"seed": seed, "n_breaks": n_true, "n_breaks_found": len(right), "n_breaks_false": n_false,
                     "true_sources": made["sources"]}


def evaluated(run, folder):
    done = measure.run(run.crowsnest("reconcile", "--evaluate", folder, "--format", "json", "--quiet"), RUN_SECONDS_MAX)
    return json.loads(done["stdout"]) | {"whole_seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}


def lines_of(kind, made):
    decides = KINDS[kind][1]
    of_best = max(one["error"] / one["error_best_source"] for one in made)
    of_median = max(one["error"] / one["error_median_of_sources"] for one in made)
    n_true, n_told = sum(one["n_breaks"] for one in made), sum(len(one["breaks"]) for one in made)
    n_found, n_false = sum(one["n_breaks_found"] for one in made), sum(one["n_breaks_false"] for one in made)
    lines = [
        report.check(f"{kind}: error over the best source's", round(of_best, 3), ERROR_OF_BEST_MAX, ""),
        report.check(f"{kind}: error over the median of the sources'", round(of_median, 3), ERROR_OF_MEDIAN_MAX, ""),
        *between(f"{kind}: 80 % intervals hold in", [one["coverage_80"] for one in made], COVERAGE_80),
        *between(f"{kind}: 95 % intervals hold in", [one["coverage_95"] for one in made], COVERAGE_95),
        report.check(f"{kind}: false breaks of those told", round(n_false / max(n_told, 1), 3), FALSE_MOST, ""),
        report.known(f"{kind}: seconds, the slowest", max(one["whole_seconds"] for one in made), "s"),
    ]
    if n_true:
        lines.append(report.at_least(f"{kind}: breaks found within a period", n_found / n_true, FOUND_LEAST))
    return lines if decides else [line | {"informative": True} for line in lines]


def between(name, values, limits):
    return [report.at_least(f"{name}, the least", min(values), limits[0]), report.check(f"{name}, the most", round(max(values), 4), limits[1], "")]


def packages(run):
    """Breaks in the counts as they are; and volumes of all packages from their ranks and a few known volumes."""
    monthly = {}
    with open(run.arguments.python_packages, newline="") as file:
        for row in csv.DictReader(file):
            if float(row["downloads_30d"]) > 0:
                monthly[row["project"], row["captured_on"][:7]] = (row["captured_on"], float(row["downloads_30d"]))
    header = "subject,metric,period,source,value,said_on\n"
    whole = run.data / "packages-whole"
    write(whole, header + "".join(f"{name},downloads_30d,{month},PyPI,{value:.0f},{day}\n" for (name, month), (day, value) in monthly.items()),
          "subject,metric,period,value\n")
    ranked = run.data / "packages-ranked"
    claims, truth, chance = [header], ["subject,metric,period,value\n"], random.Random(1)
    by_month = {}
    for (name, month), (day, value) in monthly.items():
        by_month.setdefault(month, []).append((-value, name, day))
    for month, listed in sorted(by_month.items()):
        for rank, (value, name, day) in enumerate(sorted(listed), start=1):
            claims.append(f"{name},downloads_rank,{month},chart,{rank},{day}\n")
            if chance.random() < RANK_SHARE_KNOWN:
                claims.append(f"{name},downloads,{month},known,{-value:.0f},{day}\n")
            else:
                truth.append(f"{name},downloads,{month},{-value:.0f}\n")
    write(ranked, "".join(claims), "".join(truth))
    run.say("reconciling: Python packages")
    return {"breaks": evaluated(run, whole)["breaks"], "ranks": evaluated(run, ranked)}


def write(folder, claims, truth):
    folder.mkdir(exist_ok=True)
    (folder / "claims.csv").write_text(claims)
    (folder / "truth.csv").write_text(truth)


def package_lines(found):
    told = {one["period"]: one["factor"] for one in found["breaks"]}
    n_right = sum(1 for period, factor in PACKAGE_BREAKS.items() if period in told and abs(told[period] / factor - 1) < 0.2)
    ranks = found["ranks"]
    return [
        report.at_least("Python packages: known breaks found", n_right / len(PACKAGE_BREAKS), 1.0),
        report.known("Python packages: other breaks told", len(told) - n_right, ""),
        report.check("Python packages: error of volumes from ranks", round(ranks["error"], 4), RANK_ERROR_MAX, ""),
        *between("Python packages: 80 % intervals from ranks hold in", [ranks["coverage_80"]], RANK_COVERAGE_80),
    ]
