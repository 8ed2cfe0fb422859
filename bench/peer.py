"""The peer: DuckDB, as a child process of its own, with the best SQL we know. Prints JSON.

    peer.py version
    peer.py import CLAIMS.csv OUT.parquet --threads 2 [--distinct]
    peer.py questions SPEC.json --threads 2 --repeat 7

SPEC.json: {"claims": [files], "mentions": [files], "asked_of": {…as `questions` prints…}}
"""

import argparse
import json
import time

import duckdb
import pyarrow
import pyarrow.compute

COLUMNS = {
    "subject": "VARCHAR",
    "kind": "VARCHAR",
    "metric": "VARCHAR",
    "period": "VARCHAR",
    "region": "VARCHAR",
    "platform": "VARCHAR",
    "segment": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "status": "VARCHAR",
    "source": "VARCHAR",
    "said_on": "DATE",
}


def text(value):
    return "'" + str(value).replace("'", "''") + "'"


def connect(threads):
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET enable_progress_bar = false")
    return connection


def import_claims(arguments):
    """Typed columns from the CSV to Parquet; with --distinct also without exact repeats and in the lake's order."""
    connection = connect(arguments.threads)
    columns = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in COLUMNS.items())
    select = f"SELECT * FROM read_csv({text(arguments.csv)}, header = true, columns = {{{columns}}})"
    if arguments.distinct:
        select = f"SELECT * FROM (SELECT DISTINCT * FROM ({select})) ORDER BY metric, period, subject, source, said_on"
    start = time.perf_counter()
    connection.execute(f"COPY ({select}) TO {text(arguments.out)} (FORMAT parquet)")
    seconds = time.perf_counter() - start
    n_rows = connection.execute(f"SELECT count(*) FROM read_parquet({text(arguments.out)})").fetchall()[0][0]
    return {"seconds_in_process": seconds, "n_rows": n_rows}


# Claims in force: arg_max goes over the rows once; it keeps the value of the latest claim, or nothing where that one
# denies or withdraws.
KEY = "mention_id, metric, period, region, platform, segment"
UNLESS_ENDED = "CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END"


def latest_variants(where):
    return {
        "arg_max_null(value unless ended)": f"""
            SELECT count(v) AS n, sum(v) AS total FROM (
                SELECT arg_max_null({UNLESS_ENDED}, known_at) AS v FROM claims {where} GROUP BY {KEY})""",
        "arg_max(value), arg_max(status)": f"""
            SELECT count(*) AS n, sum(v) AS total FROM (
                SELECT arg_max(value, known_at) AS v, arg_max(status, known_at) AS s
                FROM claims {where} GROUP BY {KEY})
            WHERE s NOT IN ('denied', 'withdrawn')""",
        "arg_max(struct)": f"""
            SELECT count(*) AS n, sum(l.value) AS total FROM (
                SELECT arg_max({{'value': value, 'status': status}}, known_at) AS l
                FROM claims {where} GROUP BY {KEY})
            WHERE l.status NOT IN ('denied', 'withdrawn')""",
    }


def slice_filter(asked_of):
    return " AND ".join(f"{name} = {text(asked_of[name])}" for name in ("region", "platform", "segment"))


RANK = "CASE WHEN status IN ('official', 'confirmed') THEN 2 WHEN status = 'rumoured' THEN 0 ELSE 1 END"
ROW = """{'value': value, 'low': low, 'high': high, 'unit': unit, 'bound': bound, 'source': source, 'status': status,
          'as_written': as_written, 'known_at': known_at, 'mention_id': mention_id, 'claim_id': claim_id}"""


def one_per_entity(where, keys="period"):
    """Of the claims in force per mention the best per entity, as the lake's league takes them."""
    return f"""
        SELECT {keys}, entity_id, count(DISTINCT l.source) AS n_sources, min(l.value) AS lowest, max(l.value) AS highest,
               arg_max(l, (r, l.known_at, l.mention_id)) AS best
        FROM (SELECT *, {RANK.replace('status', 'l.status')} AS r FROM (
                  SELECT {keys}, mention_id, arg_max({ROW}, known_at) AS l
                  FROM claims WHERE {where} GROUP BY {keys}, mention_id)
              WHERE l.status NOT IN ('denied', 'withdrawn'))
        JOIN identities USING (mention_id)
        GROUP BY {keys}, entity_id"""


LEAGUE_TAIL = """
    SELECT n.rank, e.name, n.entity_id, e.kind, n.best.value AS value, n.best.low AS low, n.best.high AS high,
           n.best.unit AS unit, n.best.bound AS bound, n.best.value / nullif(n.total, 0) AS share,
           n.best.value - b.best.value AS change,
           (n.best.value - b.best.value) / nullif(b.best.value, 0) AS change_percent,
           b.best.value AS previous_value, b.rank AS previous_rank, b.rank - n.rank AS rank_change,
           n.best.source AS source, n.n_sources, n.lowest, n.highest, n.best.status AS status,
           n.best.as_written AS as_written, n.best.mention_id AS mention_id, n.best.claim_id AS claim_id
    FROM ranked_now n JOIN entities e USING (entity_id) LEFT JOIN ranked_before b USING (entity_id)
    ORDER BY n.rank, e.name"""


def month_before(period):
    year, month = map(int, period.split("-"))
    return f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}"


def league_variants(asked_of):
    metric, period, before = text(asked_of["metric"]), asked_of["period"], month_before(asked_of["period"])
    common = f"metric = {metric} AND kind <> 'segment' AND {slice_filter(asked_of)}"

    def of(month):
        return f"{common} AND period_start = DATE '{month}-01' AND period = '{month}'"

    ranked = "rank() OVER (ORDER BY best.value DESC) AS rank"
    both = f"{common} AND period_start IN (DATE '{before}-01', DATE '{period}-01') AND period IN ('{before}', '{period}')"
    return {
        "a scan for each month": f"""
            WITH ranked_now AS (SELECT *, {ranked}, sum(best.value) OVER () AS total FROM ({one_per_entity(of(period))})),
                 ranked_before AS (SELECT *, {ranked} FROM ({one_per_entity(of(before))})) {LEAGUE_TAIL}""",
        "one scan for both months": f"""
            WITH both_months AS MATERIALIZED ({one_per_entity(both)}),
                 ranked_now AS (SELECT *, {ranked}, sum(best.value) OVER () AS total
                                FROM both_months WHERE period = '{period}'),
                 ranked_before AS (SELECT *, {ranked} FROM both_months WHERE period = '{before}') {LEAGUE_TAIL}""",
    }


def share_variants(asked_of):
    where = f"metric = {text(asked_of['metric'])} AND grain = 'month' AND kind <> 'segment' AND {slice_filter(asked_of)}"
    window = "PARTITION BY period_start, period"
    tail = f"""
        SELECT w.period, w.period_start, w.rank, e.name, w.entity_id, w.value, w.value / nullif(w.total, 0) AS share, w.total
        FROM (SELECT *, sum(value) OVER ({window}) AS total,
                     row_number() OVER ({window} ORDER BY value DESC, entity_id) AS rank FROM by_entity) w
        JOIN entities e USING (entity_id)
        WHERE w.rank <= {int(asked_of['limit'])} ORDER BY w.period_start, w.period, w.rank"""
    lean = f"""
        SELECT period, period_start, entity_id, arg_max(l.value, (r, l.known_at, mention_id)) AS value
        FROM (SELECT *, {RANK.replace('status', 'l.status')} AS r FROM (
                  SELECT period, period_start, mention_id,
                         arg_max({{'value': value, 'status': status, 'known_at': known_at}}, known_at) AS l
                  FROM claims WHERE {where} GROUP BY period, period_start, mention_id)
              WHERE l.status NOT IN ('denied', 'withdrawn'))
        JOIN identities USING (mention_id) GROUP BY period, period_start, entity_id"""
    apart = f"""
        SELECT period, period_start, entity_id, arg_max(v, (r, k, mention_id)) AS value
        FROM (SELECT *, {RANK.replace('status', 's')} AS r FROM (
                  SELECT period, period_start, mention_id, arg_max(value, known_at) AS v,
                         arg_max(status, known_at) AS s, max(known_at) AS k
                  FROM claims WHERE {where} GROUP BY period, period_start, mention_id)
              WHERE s NOT IN ('denied', 'withdrawn'))
        JOIN identities USING (mention_id) GROUP BY period, period_start, entity_id"""
    return {
        "arg_max(struct)": f"WITH by_entity AS ({lean}) {tail}",
        "arg_max of each column": f"WITH by_entity AS ({apart}) {tail}",
    }


def series_variants(asked_of):
    entity = int(asked_of["entity"], 16)
    entity -= (entity >= 1 << 63) << 64

    def over(mentions):
        window = f"PARTITION BY {KEY}"
        return f"""
            SELECT metric, source, region, platform, segment, period, period_start, period_end, grain, value, low, high,
                   bound, unit, status, known_at, said_at, mention_id, claim_id,
                   vintage = n_vintages AND status NOT IN ('denied', 'withdrawn') AS in_force, vintage
            FROM (SELECT *, row_number() OVER ({window} ORDER BY known_at, recorded_at, claim_id) AS vintage,
                         count(*) OVER ({window}) AS n_vintages
                  FROM claims WHERE mention_id IN ({mentions}))
            ORDER BY metric, source, region, platform, segment, period_start, period_end, known_at, vintage"""

    return {
        "semi-join": over(f"SELECT mention_id FROM identities WHERE entity_id = {entity}"),
        "ids looked up first": (f"SELECT string_agg(mention_id, ', ') FROM identities WHERE entity_id = {entity}", over),
    }


SUMS = {
    "league": ["rank", "value", "share", "previous_value", "previous_rank", "n_sources", "lowest", "highest"],
    "latest": ["n", "total"],
    "as_of": ["n", "total"],
    "share": ["rank", "value", "share", "total"],
    "series": ["value", "vintage", "in_force"],
}


def answer(connection, query):
    """Rows as Arrow, which is what ours hands over too."""
    if isinstance(query, tuple):
        ids = connection.sql(query[0]).fetchall()[0][0]
        query = query[1](ids)
    return connection.sql(query).to_arrow_table()


def timed(connection, query):
    start = time.perf_counter()
    table = answer(connection, query)
    return (time.perf_counter() - start) * 1000, table


def checksum(table, columns):
    total = {}
    for name in columns:
        column = table.column(name)
        if pyarrow.types.is_boolean(column.type):
            column = column.cast(pyarrow.uint8())
        total[name] = pyarrow.compute.sum(column.cast(pyarrow.float64(), safe=False)).as_py() or 0.0
    return total


def ask(connection, name, variants, repeat):
    """Every way of asking once or twice to warm up, then the fastest of them as often as is wanted."""
    tried, answers = {}, {}
    for variant, query in variants.items():
        first, table = timed(connection, query)
        second, _ = timed(connection, query)
        tried[variant] = min(first, second)
        answers[variant] = (table.num_rows, checksum(table, SUMS[name]))
    fastest = min(tried, key=tried.get)
    times = sorted(timed(connection, variants[fastest])[0] for _ in range(repeat))
    n_rows, sums = answers[fastest]
    return {
        "name": name,
        "variant": fastest,
        "tried_ms": tried,
        "best_ms": times[0],
        "median_ms": times[len(times) // 2],
        "times_ms": times,
        "n_rows": n_rows,
        "checksum": sums,
        "others": {variant: {"n_rows": n, "checksum": sums} for variant, (n, sums) in answers.items()},
    }


def questions(arguments):
    with open(arguments.spec, encoding="utf-8") as file:
        spec = json.load(file)
    asked_of = spec["asked_of"]
    connection = connect(arguments.threads)
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("claims", "mentions"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({spec[name]!r})")
    # The lake keeps who is who in memory; so does the peer.
    connection.execute("CREATE TABLE identities AS SELECT mention_id, entity_id FROM mentions")
    connection.execute(
        "CREATE TABLE entities AS SELECT entity_id, arg_min(name, known_at) AS name, any_value(kind) AS kind "
        "FROM mentions GROUP BY entity_id"
    )
    where = f"WHERE known_at < TIMESTAMPTZ '{asked_of['as_of']} 00:00:00+00' + INTERVAL 1 DAY"
    asked = [
        ask(connection, "league", league_variants(asked_of), arguments.repeat),
        ask(connection, "latest", latest_variants(""), arguments.repeat),
        ask(connection, "as_of", latest_variants(where), arguments.repeat),
        ask(connection, "share", share_variants(asked_of), arguments.repeat),
        ask(connection, "series", series_variants(asked_of), arguments.repeat),
    ]
    return {"questions": asked}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version")
    importing = commands.add_parser("import")
    importing.add_argument("csv")
    importing.add_argument("out")
    importing.add_argument("--distinct", action="store_true")
    asking = commands.add_parser("questions")
    asking.add_argument("spec")
    asking.add_argument("--repeat", type=int, default=7)
    for command in (importing, asking):
        command.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.command == "version":
        result = {"duckdb": duckdb.__version__, "pyarrow": pyarrow.__version__}
    elif arguments.command == "import":
        result = import_claims(arguments)
    else:
        result = questions(arguments)
    print(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
