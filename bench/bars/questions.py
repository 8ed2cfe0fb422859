"""Bar 2: questions over the claims, against the peer on the very same Parquet files; answers must be the same."""

import json
import math

import measure
import report

TITLES = {
    "league": "league table of a month",
    "latest": "latest vintage per key",
    "as_of": "the same as of a day",
    "share": "monthly share",
    "series": "one product's history",
}
GOAL, LIMIT = 1.0, 1.5
#: Sums of doubles in another order differ in their last digits.
TOLERANCE = 1e-9


def measure_questions(run):
    market = run.filled_market()
    claims, n_rows = measure.delta_files(market / "lake/claims")
    mentions, _ = measure.delta_files(market / "lake/mentions")
    for file in claims:
        measure.read_once(file)
    run.say("questions: ours")
    command = [run.bin / "questions", "--market", market, "--repeat", run.arguments.repeat]
    if run.arguments.memory_mib:
        command += ["--memory-mib", run.arguments.memory_mib]
    ours_run = measure.run(command)
    ours = json.loads(ours_run["stdout"])
    spec = run.data / "questions.json"
    spec.write_text(json.dumps({"claims": claims, "mentions": mentions, "asked_of": ours["asked_of"]}))
    run.say("questions: the peer")
    peer_run = measure.run(run.peer("questions", spec, "--threads", len(run.cores), "--repeat", run.arguments.repeat))
    peers = {one["name"]: one for one in json.loads(peer_run["stdout"])["questions"]}
    lines, notes = [], []
    for one in ours["questions"]:
        lines += question_lines(one, peers[one["name"]])
        notes += disagreements(one, peers[one["name"]])
    differing = len(notes)
    lines.append(report.check("answers that differ", differing, 0, ""))
    lines.append(report.bar("peak memory of all questions", ours_run["peak_bytes"], peer_run["peak_bytes"], "bytes", 1.0,
                            1.0, informative=True))
    notes += [
        f"{n_rows:,} claims in {len(claims)} files; engine memory {ours['memory_mib']} MiB, the peer's own default; "
        f"opening the lake took {ours['opened_ms']:.0f} ms.",
        "The peer's statements: " + "; ".join(f"{one['name']}: {one['variant']}" for one in peers.values()) + ".",
        f"Asked of: {json.dumps(ours['asked_of'], ensure_ascii=False)}.",
    ]
    return {"title": "Bar 2: questions", "lines": lines, "notes": notes, "ours": ours, "peer": peers}


def question_lines(ours, peer):
    is_raw = ours["form"] == "raw"
    name = TITLES[ours["name"]] + (", best SQL over the table" if is_raw else "")
    more = {"informative": True} if is_raw else {}
    rows = f"{ours['n_rows']:,} rows" if ours["n_rows"] > 1 else ""
    return [
        report.bar(f"{name}, median", ours["median_ms"], peer["median_ms"], "ms", GOAL, LIMIT, note=rows, **more),
        report.bar(f"{name}, best", ours["best_ms"], peer["best_ms"], "ms", GOAL, LIMIT, informative=True),
    ]


def disagreements(ours, peer):
    """In words, what two answers to one question differ in; also where the peer's own statements differ."""
    found = []
    answers = {"the peer": peer, **{f"the peer ({name})": other for name, other in peer["others"].items()}}
    for who, other in answers.items():
        pairs = {"n_rows": (ours["n_rows"], other["n_rows"])}
        pairs |= {column: (value, other["checksum"][column]) for column, value in ours["checksum"].items()}
        for column, (left, right) in pairs.items():
            if not math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                found.append(f"**differs**: {ours['name']} ({ours['form']}), {column}: ours {left!r}, {who} {right!r}")
    return found
