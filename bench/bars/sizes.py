"""Sizes: what looks at little costs about as much in a market of any size, what reads everything grows no faster than it."""

import json

import grown
import measure
import report
import suite

LITTLE_RATIO_MAX = 1.5
SCAN_RATIO_MAX = 1.1
PEAK_BYTES_MAX = 2 << 30
LITTLE = {"league": "league table of a month", "series": "one product's history"}
#: The suite's questions that read all claims. As of a day, and of some metrics, a larger market has more than its share.
SCANS = ("latest", "scan", "distinct", "subjects")
MEMORY_MIB = 1024


def measure_sizes(run):
    measured, lines, notes = {}, [], []
    for n_rows in sorted(run.arguments.sizes):
        words = in_millions(n_rows)
        try:
            market, facts = market_of(run, n_rows, sorted(measured))
        except grown.NoRoom as reason:
            notes.append(f"**Skipped: {words}.** {reason}.")
            lines.append(report.known(f"{words}: SKIPPED, no room on the disk", 0, ""))
            run.say(f"skipped {words}: {reason}")
            continue
        run.say(f"sizes: {words}")
        measured[n_rows] = one_size(run, market, facts)
        notes.append(f"{words}: {grown.in_words(facts)}; the product asked for: {facts['well_known']}.")
    names = sorted(measured)
    for before, after in zip(names, names[1:]):
        lines += compared(measured[before], measured[after], f"{in_millions(before)} → {in_millions(after)}")
    for n_rows in names:
        lines += of_itself(measured[n_rows], in_millions(n_rows))
    notes += [
        "League table and history: asked in one process, warm, median; \"as a command\" is the process from start to end, "
        "with the opening of the lake. Scans: the command from start to end, median. "
        f"Engine memory {MEMORY_MIB} MiB, {len(run.cores)} threads on cores {', '.join(map(str, run.cores))}.",
        "A scan may grow by the ratio of the claims, and a tenth of it. How a market grows: README.md.",
    ]
    return {"title": "Sizes", "sides": ("larger", "smaller"), "lines": lines, "notes": notes,
            "measured": {str(n_rows): one for n_rows, one in measured.items()}}


def market_of(run, n_rows, measured):
    """The market of a size; with `--sizes-drop`, those that were measured go where there is no room for it beside them."""
    try:
        return grown.market(run, n_rows)
    except grown.NoRoom:
        if not (run.arguments.sizes_drop and measured):
            raise
        for smaller in measured:
            grown.drop(run, smaller)
        return grown.market(run, n_rows)


def one_size(run, market, facts):
    metric, subject = suite.METRIC, facts["well_known"]
    little = json.loads(little_run(run, market, subject)["stdout"])
    found = {"n_rows": facts["n_rows"], "opened_ms": little["opened_ms"], "little": {}, "commands": {}, "peaks": {}, "failed": {}}
    found["peaks"]["league table and history, in one process"] = run.last_peak
    for one in little["questions"]:
        found["little"][one["name"]] = {"median_ms": one["median_ms"], "n_rows": one["n_rows"]}
    name = subject.replace("'", "''")
    series = f"SELECT period, value, source FROM series('{name}', '{metric}')"
    asked = dict(suite.chosen(",".join(SCANS if not run.arguments.suite else run.arguments.suite.split(","))))
    asked = {"league": " ".join(suite.LEAGUE.split()), "series": series, **asked}
    for question, sql in asked.items():
        try:
            done = [ask(run, market, sql) for _ in range(run.arguments.sizes_repeat)]
        except measure.ChildFailed as failure:
            # A full disk, mostly: what the others give is worth knowing.
            found["failed"][question] = str(failure).strip().splitlines()[-1]
            run.say(f"  {question}: {found['failed'][question]}")
            continue
        found["commands"][question] = measure.median([one["seconds"] for one in done])
        found["peaks"][question] = max(one["peak_bytes"] for one in done)
        run.say(f"  {question}: {found['commands'][question]:.2f} s, {found['peaks'][question] / (1 << 20):,.0f} MiB")
    return found


def little_run(run, market, subject):
    done = measure.run([run.bin / "questions", "--market", market, "--repeat", run.arguments.repeat, "--only", "league,series",
                        "--metric", suite.METRIC, "--period", suite.PERIOD, "--subject", subject,
                        "--series-metric", suite.METRIC, "--memory-mib", MEMORY_MIB])
    run.last_peak = done["peak_bytes"]
    return done


def ask(run, market, sql):
    return suite.ask(run, market, sql, "--memory", f"{MEMORY_MIB}MiB", "--threads", len(run.cores), cores=run.cores,
                     timeout_seconds=run.arguments.sizes_timeout)


def compared(smaller, larger, words):
    """The lines for one size and the next."""
    lines = []
    for name, title in LITTLE.items():
        note = f"{larger['little'][name]['n_rows']:,} rows, were {smaller['little'][name]['n_rows']:,}"
        lines.append(report.within(f"{words}: {title}", larger["little"][name]["median_ms"],
                                   smaller["little"][name]["median_ms"], "ms", LITTLE_RATIO_MAX, note=note))
    for name, title in LITTLE.items():
        if name in larger["commands"] and name in smaller["commands"]:
            lines.append(report.within(f"{words}: {title}, as a command", larger["commands"][name],
                                       smaller["commands"][name], "s", LITTLE_RATIO_MAX, informative=True))
    limit = larger["n_rows"] / smaller["n_rows"] * SCAN_RATIO_MAX
    for name in larger["commands"]:
        if name not in LITTLE and name in smaller["commands"]:
            lines.append(report.within(f"{words}: {suite.TITLES[name]}", larger["commands"][name],
                                       smaller["commands"][name], "s", limit))
    return lines


def of_itself(size, words):
    worst = max(size["peaks"], key=size["peaks"].get)
    failed = [report.check(f"{words}: {suite.TITLES.get(name, LITTLE.get(name, name))}: {reason}", 1, 0, "")
              for name, reason in size["failed"].items()]
    return [
        *failed,
        report.check(f"{words}: peak memory", size["peaks"][worst], PEAK_BYTES_MAX, "bytes", note=worst),
        report.known(f"{words}: opening the lake", size["opened_ms"], "ms"),
    ]


def in_millions(n_rows):
    return f"{n_rows / 1e6:g} million"
