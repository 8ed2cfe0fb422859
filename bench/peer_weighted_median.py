"""The peer of reconciling: DuckDB, a weighted median for each entity, metric, period and slice, of the lake's own files. Prints JSON.

    peer_weighted_median.py SPEC.json --threads 2 --repeat 3

SPEC.json: {"claims": [files], "mentions": [files], "memory": "4GB"}. A source's weight is a number of its name. Several ways of
asking are tried once; the fastest is what counts. Every answer is a table of one row a figure, written to a file of Parquet, as
figures are.
"""

import argparse
import json
import os
import tempfile
import time

import duckdb

KEY = "entity_id, metric, period_start, period, region, platform, segment"
WEIGHT = "1 + hash(source) % 5"

VARIANTS = {
    # Sorted within each group by a window: the first value at which half of the weight is reached.
    "window": f"""
        SELECT {KEY}, min(value) AS value FROM (
            SELECT {KEY}, value, sum(w) OVER up AS reached, sum(w) OVER whole AS total
            FROM (SELECT *, {WEIGHT} AS w FROM claims JOIN identities USING (mention_id))
            WINDOW whole AS (PARTITION BY {KEY}), up AS (PARTITION BY {KEY} ORDER BY value ROWS UNBOUNDED PRECEDING))
        WHERE 2 * reached >= total GROUP BY {KEY}""",
    # Each value as often as it weighs, and the median of those: a GROUP BY alone.
    "repeated": f"""
        SELECT {KEY}, quantile_disc(value, 0.5) AS value FROM (
            SELECT {KEY}, unnest(repeat([value], ({WEIGHT})::BIGINT)) AS value
            FROM claims JOIN identities USING (mention_id)) GROUP BY {KEY}""",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--increment", help="also write the claims of 1 % of the names, said anew, to this CSV")
    arguments = parser.parse_args()
    with open(arguments.spec, encoding="utf-8") as file:
        spec = json.load(file)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {arguments.threads}")
    connection.execute(f"SET memory_limit = '{spec['memory']}'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW claims AS SELECT * FROM read_parquet({spec['claims']!r})")
    connection.execute(f"CREATE TABLE identities AS SELECT mention_id, entity_id FROM read_parquet({spec['mentions']!r})")
    with tempfile.TemporaryDirectory(dir=os.path.dirname(arguments.spec)) as folder:
        connection.execute(f"SET temp_directory = '{folder}/spilled'")
        tried = {}
        for name, query in VARIANTS.items():
            tried[name] = asked(connection, query, folder)
        fastest = min(tried, key=lambda name: tried[name]["seconds"])
        times = [tried[fastest]["seconds"]]
        times += [asked(connection, VARIANTS[fastest], folder)["seconds"] for _ in range(arguments.repeat - 1)]
    told = {"variant": fastest, "tried": tried, "seconds": sorted(times)[len(times) // 2], "n_figures": tried[fastest]["n_figures"],
            "duckdb": duckdb.__version__}
    if arguments.increment:
        told["n_increment"] = write_increment(connection, arguments.increment)
    print(json.dumps(told))


def asked(connection, query, folder):
    start = time.perf_counter()
    connection.execute(f"COPY ({query}) TO '{folder}/figures.parquet' (FORMAT parquet)")
    seconds = time.perf_counter() - start
    n = connection.execute(f"SELECT count(*) FROM read_parquet('{folder}/figures.parquet')").fetchall()[0][0]
    return {"seconds": seconds, "n_figures": n}


def write_increment(connection, path):
    """Every hundredth name's claims of exact values, one percent higher and said a year after the last."""
    connection.execute(f"""
        COPY (SELECT subject, kind, metric, period, region, platform, segment, round(value * 1.01, 2) AS value, unit, status, source,
                     CAST((SELECT max(known_at) FROM claims) AS DATE) + 30 AS said_on
              FROM claims JOIN identities USING (mention_id)
              WHERE entity_id % 100 = 7 AND bound = 'exact' AND status IN ('reported', 'estimated'))
        TO '{path}' (FORMAT csv, HEADER)""")
    return connection.execute(f"SELECT count(*) FROM read_csv('{path}')").fetchall()[0][0]


if __name__ == "__main__":
    main()
