"""Resolving: a million noisy mentions to entities, and ten thousand more; Splink on the same."""

import csv
import json
import shutil
from collections import Counter

import measure
import report

MENTIONS, MORE, ENTITIES = 1_000_000, 10_000, 300_000
#: Our time against the peer's: at most, and as a goal.
TIME_MOST, TIME_GOAL = 0.5, 0.3
MEMORY_MOST = 4 << 30
#: The time of adding mentions against that of a full run.
ADDED_MOST = 0.03
RUN_SECONDS_MAX = 1800


def measure_resolving(run):
    scale = run.arguments.mentions / MENTIONS
    n, more, entities = run.arguments.mentions, max(int(MORE * scale), 100), max(int(ENTITIES * scale), 30)
    folder = run.data / f"mentions-{n}-{run.arguments.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    market, first, second = folder / "market", folder / "first.csv", folder / "second.csv"
    generate(run, market, first, 0, n, entities)
    run.say(f"resolving {n:,} mentions")
    whole, entities_of = ours(run, market, folder / "ours.csv")
    truth = read(first, "mention_id", "entity")
    found = {"ours": whole | pairwise(truth, entities_of)}
    generate(run, market, second, n, n + more, entities)
    run.say(f"resolving {more:,} more")
    found["added"], entities_of = ours(run, market, folder / "ours-more.csv")
    found["added"] |= pairwise(truth | read(second, "mention_id", "entity"), entities_of)
    run.say("the peer")
    found["peer"] = peers(run, first, folder / "peer", truth)
    return section(found, n, more)


def generate(run, market, path, start, end, entities):
    measure.run([run.bin / "mentions", "--from", start, "--to", end, "--entities", entities, "--seed", run.arguments.seed,
                 "--market", market, "--csv", path], RUN_SECONDS_MAX)


def ours(run, market, out):
    done = measure.run(run.crowsnest("--market", market, "resolve", "--format", "json", "--quiet"), RUN_SECONDS_MAX)
    told = json.loads(done["stdout"])
    sql = "SELECT mention_id, entity_id FROM identities"
    out.write_text(measure.run(run.crowsnest("--market", market, "sql", sql, "--format", "csv", "--quiet"), RUN_SECONDS_MAX)["stdout"])
    return told | {"whole_seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}, read(out, "mention_id", "entity_id")


def peers(run, path, out, truth):
    done = measure.run([run.python, run.root / "bench/peer_splink_names.py", path, out], RUN_SECONDS_MAX)
    told = json.loads(done["stdout"].strip().splitlines()[-1])
    best = {}
    for threshold, seconds in told["cluster_seconds"].items():
        judged = pairwise(truth, read(f"{out}.{threshold}.csv", "unique_id", "cluster_id"))
        if not best or judged["f1"] > best["f1"]:
            best = judged | {"threshold": threshold, "seconds": told["seconds_to_predictions"] + seconds}
    return told | best | {"peak_bytes": done["peak_bytes"]}


def read(path, key, value):
    with open(path, newline="", encoding="utf-8") as file:
        return {row[key]: row[value] for row in csv.DictReader(file)}


def pairwise(truth, found):
    """Precision, recall and F1 of pairs of mentions that are said to be one thing."""
    def pairs(labels):
        return sum(n * (n - 1) // 2 for n in Counter(labels).values())
    ids = [mention for mention in truth if mention in found]
    both = pairs((truth[mention], found[mention]) for mention in ids)
    said, there = pairs(found[mention] for mention in ids), pairs(truth[mention] for mention in ids)
    return {"precision": both / max(said, 1), "recall": both / max(there, 1), "f1": 2 * both / max(said + there, 1)}


def section(found, n, more):
    ours, added, peer = found["ours"], found["added"], found["peer"]
    lines = [
        report.at_least(f"pairwise F1 on {n:,} mentions", ours["f1"], peer["f1"], peer=peer["f1"]),
        report.check("seconds against the peer's", round(ours["whole_seconds"] / peer["seconds"], 3), TIME_MOST, "×", goal=TIME_GOAL),
        report.known("seconds, start to end of the command", ours["whole_seconds"], "s", peer=peer["seconds"]),
        report.known("of them resolving", ours["seconds"], "s"),
        report.check("peak memory", ours["peak_bytes"], MEMORY_MOST, "bytes", peer=peer["peak_bytes"]),
        report.check(f"resolving {more:,} more, against the full run", round(added["seconds"] / ours["seconds"], 4), ADDED_MOST, "×"),
        report.known("pairwise F1 after they joined", round(added["f1"], 4), ""),
    ]
    notes = [
        f"Ours: precision {ours['precision']:.4f}, recall {ours['recall']:.4f}, {ours['n_candidates']:,} pairs compared; the peer: "
        f"{peer['precision']:.4f}, {peer['recall']:.4f}, at the threshold {peer['threshold']}, the one with its best F1 in truth.",
        "Nobody's labels are seen but to judge. The peer's seconds go from reading the file to its clusters, with u estimated from a "
        "million random pairs; ours from the command's start to its rows in the lake.",
    ]
    return {"title": "Resolving", "sides": ("ours", "Splink"), "lines": lines, "notes": notes, "found": found}
