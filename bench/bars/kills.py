"""Kills: the suite on two executors, one of which is killed at a random moment and replaced; every answer has to be right."""

import random
import threading
import time

import grown
import measure
import report
import suite
from parts import Cluster


def measure_kills(run):
    arguments = run.arguments
    arguments.cluster_from_rows = 0
    market, facts = grown.market(run, arguments.kill_rows)
    questions = suite.chosen(arguments.suite)
    expected = {name: suite.rows(suite.ask(run, market, sql)["stdout"]) for name, sql in questions}
    cores = (run.cores * 2)[:2]
    with Cluster(run, cores, run.cores) as cluster:
        unharmed = one_run(run, market, cluster, questions, expected, kill=None)
        if unharmed["faults"]:
            raise measure.ChildFailed("without any kill: " + "; ".join(unharmed["faults"]))
        runs = []
        for number in range(arguments.kill_runs):
            runs.append(one_run(run, market, cluster, questions, expected, chosen_kill(run, number, unharmed["seconds"])))
            run.say(f"kills: run {number + 1} of {arguments.kill_runs}: {runs[-1]['seconds']:.1f} s, killed during "
                    f"{runs[-1]['during']}, {'; '.join(runs[-1]['faults']) or 'right'}")
    return section(run, facts, questions, unharmed, runs, cluster.lost)


def chosen_kill(run, number, span):
    """When which executor is killed."""
    chance = random.Random(f"{run.arguments.seed} kills {number}")
    return chance.uniform(0, span), chance.randrange(2)


def one_run(run, market, cluster, questions, expected, kill):
    found = {"faults": [], "wrong": 0, "failed": 0, "during": "", "kill": kill}
    asking = {"question": "no question"}
    killer = threading.Thread(target=kill_later, args=(cluster, kill, asking, found))
    start = time.perf_counter()
    killer.start()
    for name, sql in questions:
        asking["question"] = name
        check(run, market, cluster, name, sql, expected[name], found)
    found["seconds"] = time.perf_counter() - start
    asking["question"] = "no question"
    killer.join()
    if "not_replaced" in found:
        raise measure.ChildFailed(found["not_replaced"])
    return found


def check(run, market, cluster, name, sql, expected, found):
    try:
        done = suite.ask(run, market, sql, *cluster.options(), env=cluster.env)
    except measure.ChildFailed as failure:
        found["failed"] += 1
        found["faults"].append(f"{name} failed: {str(failure).strip().splitlines()[-1]}")
        return
    words = suite.difference(suite.rows(done["stdout"]), expected)
    if words:
        found["wrong"] += 1
        kept = run.data / f"wrong-{name}-{time.time_ns()}.csv"
        kept.write_text(done["stdout"])
        found["faults"].append(f"{name} is wrong: {words}; kept as {kept.name}")


def kill_later(cluster, kill, asking, found):
    if kill is None:
        return
    moment, victim = kill
    time.sleep(moment)
    found["during"] = asking["question"]
    try:
        cluster.replace(victim)
    except measure.ChildFailed as failure:
        found["not_replaced"] = str(failure)


def section(run, facts, questions, unharmed, runs, lost):
    n_right = sum(not one["faults"] for one in runs)
    n_in_between = sum(one["during"] == "no question" for one in runs)
    median = measure.median([one["seconds"] for one in runs])
    lines = [
        report.check("wrong answers", sum(one["wrong"] for one in runs), 0, ""),
        report.check("questions without an answer", sum(one["failed"] for one in runs), 0, ""),
        report.check(f"runs that were not right, of {len(runs)}", len(runs) - n_right, 0, ""),
        report.check("parts that ended by themselves", len(lost), 0, ""),
        report.within("time of a run with a kill, median, against one without", median, unharmed["seconds"], "s", 1.0,
                      informative=True),
        report.within("the slowest, likewise", max(one["seconds"] for one in runs), unharmed["seconds"], "s", 1.0,
                      informative=True),
        report.known("kills after the last answer", n_in_between, ""),
    ]
    notes = [
        f"{len(runs)} runs of {len(questions)} questions ({', '.join(name for name, _ in questions)}), all of them on the "
        f"cluster (from 0 rows on); in each run one of two executors is killed (SIGKILL) at a moment drawn evenly from a run's "
        f"usual time, and another is started at once.",
        f"Executors on cores {(run.cores * 2)[0]} and {(run.cores * 2)[1]}, scheduler and client on all of "
        f"{', '.join(map(str, run.cores))}. Seed {run.arguments.seed}.",
        grown.in_words(facts) + ".",
        *[f"**{words}**" for words in lost],
        *[f"**run {number + 1}**: {fault}" for number, one in enumerate(runs) for fault in one["faults"]],
    ]
    return {"title": "Kills", "sides": ("with kills", "without"), "lines": lines, "notes": notes, "runs": runs}
