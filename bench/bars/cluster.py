"""The cluster: a suite of questions on two executors against one, and against the embedded engine on the same cores.

Everything is a process: a scheduler, executors of one thread each pinned to a core of their own, and for each question the
command, from start to end. The set-ups take turns, each with parts that were started for that turn.
"""

import grown
import measure
import report
import suite
from parts import Cluster

FASTER_LEAST = 1.7
EMBEDDED_RATIO_MAX = 1.3
#: Below this a market is a smoke test, and its questions would never leave the process that is asked.
SMALL_ROWS = 10_000_000


def measure_cluster(run):
    arguments = run.arguments
    if len(run.cores) < 2:
        raise measure.ChildFailed("two executors need two cores: --cores 2")
    if arguments.cluster_from_rows is None and arguments.cluster_rows < SMALL_ROWS:
        arguments.cluster_from_rows = 0
    market, facts = grown.market(run, arguments.cluster_rows)
    for file in measure.delta_files(market / "lake/claims")[0]:
        measure.read_once(file)
    questions = suite.chosen(arguments.suite)
    setups = {"two": on_cluster(2), "one": on_cluster(1), "embedded": embedded}
    asked = {name: [] for name in setups}
    peaks, places = {}, {}
    for turn in range(arguments.cluster_repeat):
        for name, setup in setups.items():
            run.say(f"cluster: {name}, turn {turn + 1} of {arguments.cluster_repeat}")
            answers, peak, found = setup(run, market, questions)
            asked[name].append(answers)
            peaks[name] = max(peak, peaks.get(name, 0))
            places.setdefault(name, found)
    return section(run, facts, questions, asked, peaks, places["two"])


def on_cluster(n_executors):
    def setup(run, market, questions):
        cores = run.cores[:n_executors]
        common = run.cores if run.arguments.common_cores == "all" else cores
        with Cluster(run, cores, common) as cluster:
            options = [*cluster.options(), "--threads", n_executors]
            places = {name: place(run, market, sql, options, common, cluster.env) for name, sql in questions}
            answers = ask_all(run, market, questions, options, common, cluster.env)
        return answers, cluster.peak_bytes(), places

    return setup


def embedded(run, market, questions):
    options = ["--threads", 2, "--memory", run.arguments.embedded_memory]
    answers = ask_all(run, market, questions, options, run.cores[:2], run.cluster_env())
    return answers, max(one["peak_bytes"] for one in answers.values()), {}


def ask_all(run, market, questions, options, cores, env):
    answers = {}
    for name, sql in questions:
        answers[name] = suite.ask(run, market, sql, *options, cores=cores, env=env)
        run.say(f"  {name}: {answers[name]['seconds']:.2f} s")
    return answers


def place(run, market, sql, options, cores, env):
    """Where a question runs, in the command's own words."""
    command = run.crowsnest("sql", "--explain", sql, "--market", market, *options)
    lines = measure.run(measure.on_cores(cores, command), env=env)["stdout"].strip().splitlines()
    return lines[0] if lines else ""


def section(run, facts, questions, asked, peaks, places):
    lines = []
    times = {name: {question: median_of(turns, question) for question, _ in questions} for name, turns in asked.items()}
    sums = {name: sum(one.values()) for name, one in times.items()}
    for other, words in (("one", "1 executor"), ("embedded", "embedded")):
        for question, _ in questions:
            lines.append(report.within(f"{suite.TITLES[question]}, against {words}", times["two"][question],
                                       times[other][question], "s", 1.0, informative=True))
    lines.append(report.faster("all questions, against 1 executor of 1 core", sums["two"], sums["one"], "s", FASTER_LEAST))
    lines.append(report.within("all questions, against the embedded engine on the same 2 cores", sums["two"],
                               sums["embedded"], "s", EMBEDDED_RATIO_MAX))
    differing = disagreements(questions, asked)
    lines.append(report.check("answers that differ", len(differing), 0, ""))
    lines.append(report.within("peak memory: of an executor, against the embedded engine", peaks["two"],
                               peaks["embedded"], "bytes", 1.0, informative=True))
    lines.append(report.known("peak memory of the only executor", peaks["one"], "bytes"))
    stayed = [f"{question} ({words})" for question, words in places.items() if "runs on the cluster" not in words]
    lines.append(report.known("questions that stayed in the process that was asked", len(stayed), ""))
    notes = [*differing, *setup_notes(run), grown.in_words(facts) + "."]
    if stayed:
        notes.append("Not on the cluster: " + "; ".join(stayed) + ".")
    return {"title": "Cluster", "sides": ("2 executors", "other"), "lines": lines, "notes": notes,
            "times": times, "turns": seconds_of(asked), "places": places}


def setup_notes(run):
    arguments, (first, second) = run.arguments, run.cores[:2]
    others = f"cores {first} and {second}" if arguments.common_cores == "all" else "the executors' cores"
    from_rows = arguments.cluster_from_rows
    threshold = "the market's own threshold" if from_rows is None else f"from {from_rows:,} rows on"
    env = ", ".join(arguments.cluster_env) or "nothing added"
    return [
        f"One executor: core {first}; two: core {first} and core {second}; scheduler and client: {others}; the embedded "
        f"engine: cores {first} and {second}, 2 threads. A client has as many threads as there are executors.",
        f"Memory: {arguments.executor_memory} for each executor, {arguments.embedded_memory} for the embedded engine. "
        f"Questions go to the cluster: {threshold}. Environment of all: {env}.",
        f"Times are medians of {arguments.cluster_repeat} turns, each the command from its start to its end; sums are of the "
        "medians. The claims' pages are in memory.",
    ]


def median_of(turns, question):
    return measure.median([answers[question]["seconds"] for answers in turns])


def seconds_of(asked):
    return {name: [{question: one["seconds"] for question, one in answers.items()} for answers in turns]
            for name, turns in asked.items()}


def disagreements(questions, asked):
    """What any answer of any set-up differs in from the embedded engine's first."""
    found = []
    for question, _ in questions:
        expected = suite.rows(asked["embedded"][0][question]["stdout"])
        if len(expected) < 2:
            found.append(f"**no rows**: {question}")
        for name, turns in asked.items():
            for turn, answers in enumerate(turns):
                words = suite.difference(suite.rows(answers[question]["stdout"]), expected)
                if words:
                    found.append(f"**differs**: {question}, {name}, turn {turn + 1}: {words}")
    return found
