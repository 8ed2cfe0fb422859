"""The questions in SQL that set-ups are compared by, how the command is asked them, and whether two answers are the same.

Every answer is small: what is measured is the reading, grouping and joining, not the printing.
"""

import csv
import io
import math
import re

import measure

METRIC, PERIOD, AS_OF = "mau", "2024-06", "2024-06-30"
#: Sums of doubles in another order differ in their last digits.
TOLERANCE = 1e-9
FRACTION = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?$")

LEAGUE = f"""
    SELECT rank, name, value, share, n_sources FROM league('{METRIC}', '{PERIOD}') WHERE rank <= 100"""

#: Where the restated value is what counts, over the whole market.
LATEST = """
    SELECT metric, count(*) AS n, sum(value) AS total, max(n_vintages) AS n_vintages_max FROM values_in_force
    GROUP BY metric"""

AS_OF_A_DAY = f"""
    SELECT metric, count(*) AS n, sum(value) AS total FROM values_as_of('{AS_OF}') GROUP BY metric"""

#: Of each metric of users (mau, mau_02, …) and month the share of the first ten, as a mean of each year.
SHARE = """
    WITH ranked AS (
        SELECT metric, period_start, value, sum(value) OVER (PARTITION BY metric, period_start) AS total,
               row_number() OVER (PARTITION BY metric, period_start ORDER BY value DESC, mention_id) AS place
        FROM (SELECT metric, period_start, mention_id, max(value) AS value FROM claims
              WHERE region = 'all' AND status <> 'withdrawn' AND metric LIKE 'mau%'
              GROUP BY metric, period_start, mention_id)),
    months AS (
        SELECT metric, period_start, sum(value / total) AS share, count(*) AS n FROM ranked WHERE place <= 10
        GROUP BY metric, period_start)
    SELECT metric, date_part('year', period_start) AS year, avg(share) AS share, sum(n) AS n FROM months
    GROUP BY metric, date_part('year', period_start)"""

SCAN = """
    SELECT source, status, count(*) AS n, count(DISTINCT mention_id) AS n_mentions, sum(value) AS total,
           min(known_at) AS first, max(known_at) AS last
    FROM claims GROUP BY source, status"""

DISTINCT = """
    SELECT metric, region, platform, segment, count(*) AS n, count(DISTINCT subject) AS n_subjects, avg(value) AS mean
    FROM claims GROUP BY metric, region, platform, segment"""

#: Claims with others on the same mention and month: users beside downloads, as each source gives them.
JOIN = """
    SELECT a.source, date_part('year', a.period_start) AS year, count(*) AS n, avg(b.value / a.value) AS per_user
    FROM claims a JOIN claims b ON a.mention_id = b.mention_id AND a.period_start = b.period_start
    WHERE a.metric = 'mau' AND b.metric = 'downloads' AND a.value > 0
    GROUP BY a.source, date_part('year', a.period_start)"""

MOST_SPOKEN_OF = """
    SELECT subject, count(*) AS n, count(DISTINCT metric) AS n_metrics, min(period) AS first, max(period) AS last
    FROM claims GROUP BY subject ORDER BY n DESC, subject LIMIT 20"""

#: Name, title, SQL.
QUESTIONS = [
    ("league", "league table of a month", LEAGUE),
    ("latest", "latest vintage per key", LATEST),
    ("as_of", "the same as of a day", AS_OF_A_DAY),
    ("share", "monthly shares", SHARE),
    ("scan", "scan by source", SCAN),
    ("distinct", "scan by metric and slice, different subjects", DISTINCT),
    ("join", "claims joined with themselves", JOIN),
    ("subjects", "scan by subject, the most spoken of", MOST_SPOKEN_OF),
]
TITLES = {name: title for name, title, _ in QUESTIONS}


def chosen(names):
    """The questions of these names, separated by commas; all where none are given."""
    wanted = names.split(",") if names else list(TITLES)
    unknown = [name for name in wanted if name not in TITLES]
    if unknown:
        raise SystemExit(f"no question {', '.join(unknown)}; there are {', '.join(TITLES)}")
    return [(name, " ".join(sql.split())) for name, _, sql in QUESTIONS if name in wanted]


def ask(run, market, sql, *more, cores=None, env=None, timeout_seconds=600):
    """Asks the command, as a process from start to end."""
    command = run.crowsnest("sql", sql, "--format", "csv", "--quiet", "--timeout", timeout_seconds, "--market", market, *more)
    if cores:
        command = measure.on_cores(cores, command)
    return measure.run(command, timeout_seconds=timeout_seconds + 60, env=env)


def rows(text):
    """An answer's rows, sorted by what no rounding changes, with its header first."""
    header, *found = list(csv.reader(io.StringIO(text)))
    return [header, *sorted(found, key=lambda row: ([cell for cell in row if not is_fraction(cell)], row))]


def is_fraction(cell):
    return bool(FRACTION.match(cell)) and not cell.lstrip("-").isdigit()


def difference(ours, others):
    """In words, the first thing that two answers (as `rows` gives them) differ in; nothing where they are the same."""
    if len(ours) != len(others):
        return f"{len(ours) - 1} rows and {len(others) - 1}"
    for number, (left, right) in enumerate(zip(ours, others)):
        if len(left) != len(right) or not all(map(is_same, left, right)):
            return f"row {number}: {left} and {right}"
    return ""


def is_same(left, right):
    if left == right:
        return True
    if not (FRACTION.match(left) and FRACTION.match(right)) or not (is_fraction(left) or is_fraction(right)):
        return False
    return math.isclose(float(left), float(right), rel_tol=TOLERANCE)
