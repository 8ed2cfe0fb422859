#!/usr/bin/env python3
"""nomenklatura on labelled names: its own comparisons of companies' names, no labels seen but for the threshold.

    peer_names.py NAMES.csv        columns left, right, match, kind, split

The threshold is taken as ours is: the best F1 on the split valid among those that make at most 1 in 200 different pairs
the same. The better of its algorithms counts. Prints JSON.
"""

import argparse
import csv
import json
import time
from importlib.metadata import version
from pathlib import Path

from followthemoney import model
from nomenklatura.matching import get_algorithm
from nomenklatura.matching.types import ScoringConfig

ALGORITHMS = ("logic-v2", "logic-v1", "name-based")
#: Kinds of pairs that nobody can tell by the names, as ours counts them.
KINDS_TO_KNOW = ("opaque", "renamed", "sound", "partly", "code")
FALSE_MERGES_MAX = 0.005


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    with open(arguments.file, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] != "train"]
    found = {name: judged(get_algorithm(name), rows) for name in ALGORITHMS}
    best = max(found, key=lambda name: found[name]["f1"])
    print(json.dumps({"nomenklatura": version("nomenklatura"), "best": best, **found[best], "ways": found}))
    return 0


def judged(algorithm, rows):
    started = time.perf_counter()
    config = ScoringConfig.defaults()
    entities = {name: company(name) for row in rows for name in (row["left"], row["right"])}
    scores = [algorithm.compare(entities[row["left"]], entities[row["right"]], config).score for row in rows]
    seconds = time.perf_counter() - started
    of = {split: [(score, row) for score, row in zip(scores, rows) if row["split"] == split] for split in ("valid", "test")}
    threshold = chosen(of["valid"])
    telling = [(score, row) for score, row in of["test"] if row["kind"] not in KINDS_TO_KNOW]
    different = [score for score, row in of["test"] if row["match"] == "0"]
    return {"f1": f1(telling, threshold), "f1_of_all": f1(of["test"], threshold), "threshold": threshold,
            "f1_at_best": max(f1(telling, each) for each in {score for score, _ in telling}),
            "false_merges": sum(score >= threshold for score in different) / len(different), "seconds": seconds}


def company(name):
    entity = model.make_entity("Company")
    entity.id = name
    entity.add("name", name)
    return entity


def chosen(valid):
    different = sorted((score for score, row in valid if row["match"] == "0"), reverse=True)
    n_false = int(len(different) * FALSE_MERGES_MAX)
    fits = [score for score in {score for score, _ in valid} if sum(other >= score for other in different) <= n_false]
    return max(fits, key=lambda threshold: f1(valid, threshold), default=1.01)


def f1(pairs, threshold):
    said = sum(score >= threshold for score, _ in pairs)
    there = sum(row["match"] == "1" for _, row in pairs)
    both = sum(score >= threshold and row["match"] == "1" for score, row in pairs)
    return 2 * both / (said + there) if said + there else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
