"""Naming: the gold set's held-out names and what we make of them; nomenklatura on the same."""

import json

import measure
import report

F1_LEAST = 0.95
FALSE_MERGES_MAX = 0.005
GOLD = "crates/identify/gold/names.csv"
RUN_SECONDS_MAX = 600


def measure_naming(run):
    run.say("naming: ours, the peer")
    ours = json.loads(measure.run(run.crowsnest("match", "--evaluate-names", "--format", "json", "--quiet"), RUN_SECONDS_MAX)["stdout"])
    done = measure.run([run.python_of_names, run.root / "bench/peer_names.py", run.root / GOLD], RUN_SECONDS_MAX)
    peer = json.loads(done["stdout"].strip().splitlines()[-1])
    n_pairs = sum(ours[name] for name in ("n_train", "n_valid", "n_test"))
    lines = [
        report.at_least("labelled pairs", n_pairs, 3000),
        report.at_least("F1 of what names can tell", ours["f1"], F1_LEAST, peer=peer["f1"]),
        report.check("different pairs called the same", round(ours["false_merges"], 4), FALSE_MERGES_MAX, ""),
        report.known("F1 of all, what nobody can tell by names included", round(ours["f1_of_all"], 3), "", peer=round(peer["f1_of_all"], 3)),
        report.known("precision", round(ours["precision"], 3), ""),
        report.known("recall of what names can tell", round(ours["recall"], 3), ""),
        report.known("calibration error", round(ours["ece"], 4), ""),
        report.known("seconds, learning included", round(ours["seconds"], 2), "s", peer=round(peer["seconds"], 2)),
    ]
    kinds = ", ".join(f"{kind['kind']} {kind['n_right']} of {kind['n_pairs']}" for kind in ours["kinds"])
    notes = [
        f"Judged rightly, by kind: {kinds}.",
        f"The peer is nomenklatura {peer['nomenklatura']}, its algorithm {peer['best']}, the better of "
        f"{', '.join(peer['ways'])}; its threshold comes from the split valid as ours does. With the threshold that is best for the test "
        f"split itself its F1 would be {peer['f1_at_best']:.3f}, at whatever false merges.",
    ]
    return {"title": "Naming", "sides": ("ours", "nomenklatura"), "lines": lines, "notes": notes, "found": {"ours": ours, "peer": peer}}
