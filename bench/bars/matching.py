"""Matching: labelled pairs of four public sets and what we make of them, with labels and without; Splink without."""

import json

import measure
import report

#: What F1 on the test split has to be at least, and should be.
F1_LEAST = {"amazon-google": 0.76, "abt-buy": 0.91, "itunes-amazon": 0.95, "dblp-acm": 0.99}
F1_GOAL = {"amazon-google": 0.83, "abt-buy": 0.95, "itunes-amazon": 0.97, "dblp-acm": 0.996}
#: The share of matches that has to be among the candidates.
RECALL_LEAST = {"amazon-google": 0.95, "abt-buy": 0.95, "itunes-amazon": 0.98, "dblp-acm": 0.98}
CANDIDATES_MAX = 20
#: How much better than the peer's F1 ours should be.
AHEAD_GOAL = 0.05
RUN_SECONDS_MAX = 1800


def measure_matching(run):
    folder = run.arguments.matching_sets
    if folder is None:
        raise measure.ChildFailed("name the folder of the sets with --matching-sets DIR; each is a folder with left.csv, right.csv and "
                                  "pairs.csv")
    sets = sorted(path for path in folder.iterdir() if (path / "pairs.csv").is_file())
    found = {}
    for path in sets:
        run.say(f"matching {path.name}: with labels, without, the peer")
        found[path.name] = {"labels": ours(run, path), "no labels": ours(run, path, "--unsupervised"), "peer": peers(run, path)}
    return section(found)


def ours(run, path, *more):
    done = measure.run(run.crowsnest("match", "--evaluate", path, "--format", "json", "--quiet", *more), RUN_SECONDS_MAX)
    return json.loads(done["stdout"]) | {"whole_seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}


def peers(run, path):
    done = measure.run([run.python, run.root / "bench/peer_splink.py", path], RUN_SECONDS_MAX)
    return json.loads(done["stdout"].strip().splitlines()[-1]) | {"peak_bytes": done["peak_bytes"]}


def section(found):
    lines, notes = [], []
    for name, of in found.items():
        labels, without, peer = of["labels"], of["no labels"], of["peer"]
        goal = F1_GOAL.get(name)
        lines += [
            report.at_least(f"{name}: F1 with labels", labels["f1"], F1_LEAST.get(name), goal),
            report.at_least(f"{name}: matches among the candidates, all splits", labels["candidate_recall_of_all"], RECALL_LEAST.get(name)),
            report.check(f"{name}: most candidates of a record", labels["candidates_per_record_max"], CANDIDATES_MAX, ""),
            report.known(f"{name}: calibration error with labels", round(labels["ece"], 4), ""),
            report.at_least(f"{name}: F1 without labels", without["f1"], peer["f1"], peer["f1"] + AHEAD_GOAL, peer=peer["f1"]),
            report.known(f"{name}: calibration error without labels", round(without["ece"], 4), ""),
            report.known(f"{name}: seconds with labels", labels["whole_seconds"], "s"),
            report.known(f"{name}: seconds without labels", without["whole_seconds"], "s", peer=peer.get("seconds")),
        ]
        notes.append(f"{name}: ours with labels precision {labels['precision']:.3f}, recall {labels['recall']:.3f}, same from "
                     f"{labels['threshold']:.3f} on; without {without['precision']:.3f}, {without['recall']:.3f}, {without['threshold']:.3f}. "
                     f"The peer's way is {peer['best']}; with the threshold that is best for the test split itself its F1 would be "
                     f"{peer.get('f1_at_best', 0):.3f}.")
    notes.append("With labels: learnt from the train split, probabilities and threshold from train (by models that have not seen the "
                 "pair) and valid. The settings are the same for all sets. Pairs of the test split that are no candidates count as different.")
    notes.append("Without labels: nobody's labels are seen but to judge. The peer is Splink with DuckDB on the same columns, in two ways, "
                 "of which the better one counts for each set; it says \"the same\" from a probability of one half on.")
    return {"title": "Matching", "sides": ("ours", "Splink"), "lines": lines, "notes": notes, "found": found}
