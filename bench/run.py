#!/usr/bin/env python3
"""Crowsnest beside its peer and beside itself, on this machine, in one run. See README.md.

    bench/run.py                                  beside the peer, at 20 million rows
    bench/run.py --rows 200000 --only questions   a small look at one part
    bench/run.py --only cluster                   beside itself: cluster, sizes, kills or writers
    bench/run.py --only load,soak,allocate        what is served: every page under load, a day of use, a bandit
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import measure
import report
import suite
from bars import (
    allocating, cluster, collecting, detecting, growing, importing, kills, loading, matching, naming, page, questions, reconciling,
    resolving, sizes, soaking, throughput, writers,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WITH_PEER = {"import": importing.measure_import, "questions": questions.measure_questions, "page": page.measure_page}
WITHOUT_PEER = {"cluster": cluster.measure_cluster, "sizes": sizes.measure_sizes, "kills": kills.measure_kills,
                "writers": writers.measure_writers, "collecting": collecting.measure_collecting,
                "throughput": throughput.measure_throughput, "matching": matching.measure_matching,
                "naming": naming.measure_naming,
                "growing": growing.measure_growing,
                "reconciling": reconciling.measure_reconciling,
                "detecting": detecting.measure_detecting,
                "resolving": resolving.measure_resolving,
                "load": loading.measure_load, "soak": soaking.measure_soak, "allocate": allocating.measure_allocate}
PARTS = WITH_PEER | WITHOUT_PEER
#: Defaults with --small.
SMALL = {"load_rows": 60_000, "load_products": 300, "load_seconds": 40, "load_warm_seconds": 5, "soak_minutes": 4, "soak_rate": 5,
         "soak_rows": 20_000, "soak_products": 100, "allocate_seconds": 5}
#: Parts that need the environment of requirements.txt.
PEERED = {*WITH_PEER, "throughput", "matching", "resolving", "reconciling"}
#: Parts that need `crowsnest` with its cluster.
CLUSTERED = {"cluster", "kills"}


class Run:
    """What the parts share."""

    def __init__(self, arguments):
        # Whether a question goes to a cluster is for us to say.
        os.environ.pop("CROWSNEST_CLUSTER", None)
        self.arguments = arguments
        self.root, self.n_ports = ROOT, 0
        self.cores = measure.pin(arguments.cores)
        self.data = HERE / "data"
        self.data.mkdir(exist_ok=True)
        self.python = HERE / ".venv/bin/python"
        self.python_of_names = HERE / ".venv-names/bin/python"
        self.csv = self.data / f"claims-{arguments.rows}-{arguments.seed}.csv"
        self.market = self.data / f"market-{arguments.rows}-{arguments.seed}"
        target = arguments.target or ROOT / "target" / ("debug" if arguments.profile == "dev" else arguments.profile)
        self.bin = Path(target)

    def port(self):
        """A port to serve on."""
        first = self.arguments.first_port
        if first is None:
            return measure.free_port()
        self.n_ports += 1
        return first + self.n_ports - 1

    def crowsnest(self, *parts):
        return [self.bin / "crowsnest", *parts]

    def cluster_env(self):
        """What the environment of a cluster's parts, its clients and the engine beside them has besides ours."""
        return {**os.environ, **dict(pair.split("=", 1) for pair in self.arguments.cluster_env)}

    def peer(self, *parts):
        return [self.python, HERE / "peer.py", *parts]

    def say(self, words):
        print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)

    def generate(self):
        """The claims file, made if it is not there whole; its own report."""
        beside = Path(f"{self.csv}.json")
        if not beside.exists():
            self.say(f"generating {self.arguments.rows:,} rows")
            done = measure.run([self.bin / "generate", "--rows", self.arguments.rows,
                                "--seed", self.arguments.seed, "--out", self.csv])
            self.say(f"generated in {done['seconds']:.1f} s")
        return json.loads(beside.read_text())["written"]

    def filled_market(self):
        """A market with the claims file imported, made if it is not there."""
        self.generate()
        done = self.data / f"{self.market.name}.done"
        if not (done.exists() and self.market.exists()):
            self.say("importing for the questions")
            self.new_market()
            measure.run(self.import_command())
            done.touch()
        return self.market

    def new_market(self):
        shutil.rmtree(self.market, ignore_errors=True)
        (self.data / f"{self.market.name}.done").unlink(missing_ok=True)
        measure.run(self.crowsnest("new", self.market))

    def import_command(self, *more):
        return self.crowsnest("import", self.csv, "--source", "bench", "--market", self.market, *more)


def prepare_peer(run, requirements="requirements.txt", folder=".venv"):
    """A peer's environment, made once, with exactly the versions of its requirements; its Python."""
    wanted = [line.strip() for line in (HERE / requirements).read_text().splitlines()]
    wanted = [line for line in wanted if line and not line.startswith("#")]
    python = HERE / folder / "bin/python"
    stamp = HERE / folder / "requirements.txt"
    if stamp.exists() and stamp.read_text().splitlines() == wanted:
        return python
    for requirement in wanted:
        name, version = requirement.split("==")
        found = subprocess.run([sys.executable, "-m", "pip", "index", "versions", name], capture_output=True, text=True)
        if version not in found.stdout.replace(",", " ").split():
            sys.exit(f"{requirement} is not offered: {found.stdout[:200]}{found.stderr[-400:]}\n"
                     f"hint: choose a version that is in bench/{requirements}")
    run.say("installing the peer")
    subprocess.run([sys.executable, "-m", "venv", HERE / folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    stamp.write_text("\n".join(wanted) + "\n")
    return python


def build(run):
    run.say(f"building ({run.arguments.profile})")
    command = ["cargo", "build", "--profile", run.arguments.profile, "-p", "crowsnest-cli", "-p", "crowsnest-bench"]
    if run.arguments.parts & CLUSTERED:
        command += ["--features", "crowsnest-cli/cluster"]
    subprocess.run(command, cwd=ROOT, check=True)


def versions(run):
    has_peer = run.arguments.parts & set(WITH_PEER)
    found = json.loads(measure.run(run.peer("version"))["stdout"]) if has_peer else {}
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    found["commit"] = commit.stdout.strip() or "unknown"
    found["profile"] = run.arguments.profile
    try:
        found["crowsnest"] = measure.run(run.crowsnest("--version"))["stdout"].strip().removeprefix("crowsnest ")
    except measure.ChildFailed:
        found["crowsnest"] = "unknown"
    return found


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the claims file")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another market")
    parser.add_argument("--only", default=",".join(WITH_PEER), help="parts, separated by commas: " + ", ".join(PARTS))
    parser.add_argument("--cores", type=int, default=2, help="cores that both sides are pinned to")
    parser.add_argument("--skip-build", action="store_true", help="take the binaries that are there")
    parser.add_argument("--profile", default="release", help="cargo profile; dev for a quick look")
    parser.add_argument("--target", type=Path, help="folder of the binaries, if not target/PROFILE")
    parser.add_argument("--repeat", type=int, default=7, help="times that each question is asked after warming up")
    parser.add_argument("--import-repeat", type=int, default=3, help="times that each import is done, one side after the other")
    parser.add_argument("--equal-work", action="store_true", help="also time the peer removing repeats and sorting")
    parser.add_argument("--memory-mib", type=int, help="memory of the engine for the questions; its own default if not said")
    parser.add_argument("--page-market", type=Path, help="market to serve pages of, if not the example market")
    parser.add_argument("--page-seconds", type=int, default=30, help="how long pages are asked for (at most 120)")
    parser.add_argument("--page-rate", type=int, default=50, help="pages asked for each second (at most 200)")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder for latest.json and latest.md")
    add_scale_arguments(parser)
    add_collecting_arguments(parser)
    add_matching_arguments(parser)
    add_growing_arguments(parser)
    add_reconciling_arguments(parser)
    add_detecting_arguments(parser)
    add_serving_arguments(parser)
    if parser.parse_args().small:
        # What is said beside it holds.
        parser.set_defaults(**SMALL)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only.split(",") if name not in PARTS]
    if unknown:
        parser.error(f"--only: {', '.join(unknown)} is none of {', '.join(PARTS)}")
    if any("=" not in pair for pair in arguments.cluster_env):
        parser.error("--cluster-env: expected NAME=VALUE")
    arguments.parts = set(arguments.only.split(","))
    arguments.page_seconds = min(arguments.page_seconds, 120)
    arguments.page_rate = min(arguments.page_rate, 200)
    arguments.load_rate, arguments.load_seconds = min(arguments.load_rate, 500), min(arguments.load_seconds, 900)
    return arguments


def add_collecting_arguments(parser):
    group = parser.add_argument_group("collecting and throughput")
    group.add_argument("--played-sources", type=int, default=1000, help="sources that are played")
    group.add_argument("--played-days", type=int, default=30, help="days that are played")
    group.add_argument("--played-day-seconds", type=float, default=24, help="seconds that a played day takes")
    group.add_argument("--played-kills", type=int, default=20, help="times that the program is killed")
    group.add_argument("--throughput-documents", type=int, default=10_000, help="documents that are fetched")
    group.add_argument("--throughput-rows", type=int, default=50, help="rows of each document")
    group.add_argument("--throughput-sources", type=int, default=10, help="sources that the documents are of")
    group.add_argument("--throughput-repeat", type=int, default=3, help="times that each side does it, in turns")


def add_serving_arguments(parser):
    group = parser.add_argument_group("load, soak and allocate")
    group.add_argument("--small", action="store_true", help="a small market and a short time: a look, and no measurement")
    group.add_argument("--first-port", type=int, help="load and soak serve on this port and those after it, instead of free ones")
    group.add_argument("--load-rows", type=int, default=20_000_000, help="claims of the market that is asked")
    group.add_argument("--load-products", type=int, default=100_000, help="products of it")
    group.add_argument("--load-market", type=Path, help="a market that is there already, instead")
    group.add_argument("--load-rate", type=int, default=100, help="requests a second (at most 500)")
    group.add_argument("--load-seconds", type=int, default=300, help="for how long (at most 900)")
    group.add_argument("--load-warm-seconds", type=int, default=60, help="for how long everything is asked before the clock starts")
    group.add_argument("--soak-minutes", type=float, default=20, help="what a day of use is pressed into")
    group.add_argument("--soak-rate", type=float, default=10, help="pages and questions that readers ask a second")
    group.add_argument("--soak-hour-seconds", type=float, default=50, help="seconds that an hour of the day takes")
    group.add_argument("--soak-full-seconds", type=float, default=60, help="how long the disk is full, at most a twentieth of the day")
    group.add_argument("--soak-rows", type=int, default=100_000, help="claims of the market before its day")
    group.add_argument("--soak-products", type=int, default=200, help="products of them")
    group.add_argument("--allocate-seconds", type=int, default=15, help="how long choices are asked for")
    group.add_argument("--allocate-cores", choices=["one", "all"], default="all", help="cores of the server; the load is on the same")


def add_detecting_arguments(parser):
    group = parser.add_argument_group("detecting")
    group.add_argument("--detecting-market", type=Path, help="folder of a market; its list with the most claims is tested")
    group.add_argument("--detecting-from", help="first origin, a period")
    group.add_argument("--detecting-to", help="last origin, a period")
    group.add_argument("--detecting-series", type=int, default=5000, help="series forecast beside the peers")
    group.add_argument("--detecting-scale", type=int, default=1_000_000, help="made-up series scored")


def add_matching_arguments(parser):
    group = parser.add_argument_group("matching and resolving")
    group.add_argument("--mentions", type=int, default=1_000_000, help="mentions that are resolved")
    group.add_argument("--matching-sets", type=Path, help="folder of the labelled sets, each a folder with left.csv, right.csv and pairs.csv")


def add_growing_arguments(parser):
    group = parser.add_argument_group("growing")
    group.add_argument("--growing-firms", type=int, default=40, help="made-up firms that are planned for")
    group.add_argument("--growing-peer-firms", type=int, default=3, help="of these, how many the peer plans for too: minutes each")
    group.add_argument("--growing-table", type=Path, help="the public weekly table, simulated-weekly.csv")


def add_reconciling_arguments(parser):
    group = parser.add_argument_group("reconciling")
    group.add_argument("--worlds", type=int, default=3, help="worlds of each kind; 0 for none")
    group.add_argument("--figures-rows", type=int, default=20_000_000, help="claims that become figures; 0 for none")
    group.add_argument("--python-packages", type=Path, help="CSV of captured_on, project, downloads_30d: the public counts of Python packages")


def add_scale_arguments(parser):
    scale = parser.add_argument_group("cluster, sizes, kills and writers")
    scale.add_argument("--suite", help="only these questions of the suite: " + ", ".join(suite.TITLES))
    scale.add_argument("--slice-rows", type=int, default=20_000_000, help="rows that a grown market is imported in at a time")
    scale.add_argument("--cluster-rows", type=int, default=100_000_000, help="claims of the cluster's market")
    scale.add_argument("--cluster-repeat", type=int, default=3, help="turns of each set-up")
    scale.add_argument("--cluster-from-rows", type=int, help="questions that read fewer stay in the process; the market's own "
                       "threshold if not said, 0 below 10 million claims")
    scale.add_argument("--cluster-env", action="append", default=[], metavar="NAME=VALUE",
                       help="added to the environment of all three set-ups; may be given again")
    scale.add_argument("--common-cores", choices=["same", "all"], default="same",
                       help="scheduler and client run on the executors' cores, or on all in every set-up")
    scale.add_argument("--executor-memory", default="1GiB", help="memory of each executor")
    scale.add_argument("--embedded-memory", default="2GiB", help="memory of the embedded engine beside two executors")
    scale.add_argument("--sizes", type=rows_of_sizes, default="10,100,500", help="millions of claims, separated by commas")
    scale.add_argument("--sizes-repeat", type=int, default=3, help="times that each command is asked at each size")
    scale.add_argument("--sizes-timeout", type=int, default=3600, help="seconds that one question may take")
    scale.add_argument("--sizes-drop", action="store_true",
                       help="remove the markets of smaller sizes, once measured, where a larger one has no room")
    scale.add_argument("--kill-rows", type=int, default=2_000_000, help="claims of the market for kills")
    scale.add_argument("--kill-runs", type=int, default=50, help="runs of the suite with a kill each")
    scale.add_argument("--writer-commits", type=int, default=1000, help="commits of each of the two writers")
    scale.add_argument("--writer-kill-share", type=float, default=0.1, help="share of imports that are killed first")


def rows_of_sizes(text):
    return sorted({round(float(part) * 1e6) for part in text.split(",")})


def main():
    arguments = read_arguments()
    run = Run(arguments)
    if arguments.parts & PEERED:
        prepare_peer(run)
    if "naming" in arguments.parts:
        prepare_peer(run, "requirements-names.txt", ".venv-names")
    if not arguments.skip_build:
        build(run)
    results = {
        "rows": arguments.rows, "of": told_of(arguments), "seed": arguments.seed, "arguments": {name: told(value) for name, value in vars(arguments).items()},
        "machine": measure.machine(run.cores), "versions": versions(run), "sections": {},
    }
    for name in arguments.only.split(","):
        try:
            results["sections"][name] = PARTS[name](run)
        except measure.ChildFailed as failure:
            failed = {"name": "could not be measured", "ours": 1, "limit": 0, "unit": "", "passes": False}
            results["sections"][name] = {"title": name, "lines": [failed], "notes": [f"```\n{failure}\n```"]}
        print("\n" + report.table(results["sections"][name]), flush=True)
    return finish(results, arguments.results)


def told(value):
    """An argument as results tell it: of a path its name alone, as where it lies on this machine is nobody's business."""
    return value.name if isinstance(value, Path) else str(value)


def told_of(arguments):
    return f"{arguments.rows:,} rows" if arguments.parts & set(WITH_PEER) else "parts: " + ", ".join(sorted(arguments.parts))


def finish(results, folder):
    results["finished_at"] = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    lines = [line for section in results["sections"].values() for line in section["lines"]]
    judged = [line for line in lines if not line.get("informative")]
    n_failed = sum(not line["passes"] for line in judged)
    results["verdict"] = f"{len(judged) - n_failed} of {len(judged)} bars passed"
    folder.mkdir(parents=True, exist_ok=True)
    # Where the project lies on this machine is nobody's business.
    text = json.dumps(results, indent=1, ensure_ascii=False).replace(f"{ROOT}/", "")
    # What has no peer has its own page, so that a look at one part leaves the others' results.
    name = "latest" if set(results["sections"]) & set(WITH_PEER) else "-".join(results["sections"])
    (folder / f"{name}.json").write_text(text + "\n")
    (folder / f"{name}.md").write_text(report.markdown(results))
    print(f"\n{results['verdict']}; {folder}/{name}.md", flush=True)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
