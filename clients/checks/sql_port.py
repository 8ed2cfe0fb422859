"""The SQL port with the clients that people use: psql, psycopg (text, binary, prepared, server-side cursors), SQLAlchemy
(reflection, a query it builds itself) and pandas. CROWSNEST_SQL names the port: postgresql://…"""

import datetime
import os
import subprocess
import sys
import warnings

import pandas
import psycopg
import sqlalchemy

ADDRESS = os.environ["CROWSNEST_SQL"]


def psql(command):
    asked = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", ADDRESS, "-c", command]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def check_psql():
    tables = psql(r"\dt")
    for name in ["claims", "events", "mentions", "documents", "figures", "signals"]:
        assert f"public|{name}|table" in tables, tables
    views = psql(r"\dv")
    assert "claims_in_force" in views, views
    columns = psql(r"\d claims")
    assert "claim_id|bigint" in columns and "known_at|timestamp with time zone" in columns, columns
    assert "public" in psql(r"\dn")
    psql(r"\l")
    psql(r"\d")
    psql(r"\df")
    psql(r"\du")
    n_claims = int(psql("SELECT count(*) FROM claims"))
    assert n_claims > 100, n_claims
    assert psql("SHOW as_of").strip() == "now"


def check_psycopg():
    with psycopg.connect(ADDRESS, autocommit=True) as connection:
        cursor = connection.cursor()
        rows = cursor.execute(
            "SELECT metric, count(*) AS n FROM claims WHERE source = %s GROUP BY metric ORDER BY metric", ["QuestMobile"]
        ).fetchall()
        assert rows and all(isinstance(n, int) for _, n in rows), rows
        binary = connection.cursor(binary=True)
        row = binary.execute(
            "SELECT claim_id, value, known_at, period_start, source FROM claims WHERE value > %s LIMIT 1", [1.0]
        ).fetchone()
        kinds = [type(field) for field in row]
        assert kinds == [int, float, datetime.datetime, datetime.date, str], kinds
        for _ in range(8):  # From the sixth time on, psycopg prepares it.
            prepared = connection.execute("SELECT count(*) FROM claims WHERE metric = %s", ["mau"]).fetchone()
        assert prepared[0] > 0
    with psycopg.connect(ADDRESS) as connection:  # In a transaction, which changes nothing.
        with connection.cursor(name="part_by_part") as cursor:
            cursor.itersize = 10
            cursor.execute("SELECT claim_id FROM claims ORDER BY claim_id LIMIT 35")
            assert len(list(cursor)) == 35
        connection.rollback()
    check_moments()
    check_refusals()


def check_moments():
    count = "SELECT count(*) FROM claims"
    with psycopg.connect(ADDRESS, autocommit=True) as connection:
        n_now = connection.execute(count).fetchone()[0]
        connection.execute("SET as_of = '2024-12-31'")
        n_then = connection.execute(count).fetchone()[0]
        latest = connection.execute("SELECT max(known_at) FROM claims").fetchone()[0]
        assert 0 < n_then < n_now and latest.year <= 2024, (n_then, n_now, latest)
        assert connection.execute("SHOW as_of").fetchone()[0] == "2024-12-31"
        connection.execute("SET as_of = 'now'")
        assert connection.execute(count).fetchone()[0] == n_now
    with psycopg.connect(ADDRESS, options="-c as_of=2024-12-31") as connection:
        assert connection.execute(count).fetchone()[0] == n_then


REFUSED = [
    "CREATE TABLE t AS SELECT 1",
    "CREATE EXTERNAL TABLE passwd STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE VIEW v AS SELECT 1",
    "DROP TABLE claims",
    "INSERT INTO claims SELECT * FROM claims",
    "UPDATE claims SET value = 0",
    "DELETE FROM claims",
    "COPY claims TO '/tmp/crowsnest-stolen.csv'",
    "COPY (SELECT * FROM claims) TO STDOUT",
    "EXPLAIN ANALYZE INSERT INTO claims SELECT * FROM claims",
    "EXPLAIN ANALYZE COPY claims TO '/tmp/crowsnest-stolen.csv'",
    "DECLARE c CURSOR FOR SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '/etc/passwd'",
    "SET datafusion.execution.batch_size = 1",
    "SET as_of = 'yesterday or so'",
    "PREPARE p AS INSERT INTO claims SELECT * FROM claims",
    "TRUNCATE claims",
    "ALTER TABLE claims ADD COLUMN x INT",
]


def check_refusals():
    with psycopg.connect(ADDRESS, autocommit=True) as connection:
        for statement in REFUSED:
            for prepare in [False, True]:
                try:
                    connection.execute(statement, prepare=prepare)
                except psycopg.Error as error:
                    assert error.sqlstate, f"{statement}: {error}"
                else:
                    raise AssertionError(f"{statement} was not refused")
        assert connection.execute("SELECT 1").fetchone() == (1,), "the connection is still good"
    assert not os.path.exists("/tmp/crowsnest-stolen.csv")


def check_sqlalchemy():
    engine = sqlalchemy.create_engine(ADDRESS.replace("postgresql://", "postgresql+psycopg://"))
    inspector = sqlalchemy.inspect(engine)
    assert {"claims", "events", "figures"} <= set(inspector.get_table_names()), inspector.get_table_names()
    assert "claims_in_force" in inspector.get_view_names(), inspector.get_view_names()
    columns = {column["name"]: column["type"] for column in inspector.get_columns("claims")}
    assert isinstance(columns["claim_id"], sqlalchemy.BigInteger), columns
    assert isinstance(columns["value"], sqlalchemy.Float), columns
    assert isinstance(columns["known_at"], sqlalchemy.DateTime), columns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        claims = sqlalchemy.Table("claims", sqlalchemy.MetaData(), autoload_with=engine)
    question = (
        sqlalchemy.select(claims.c.source, sqlalchemy.func.count().label("n"))
        .where(claims.c.metric == "mau")
        .group_by(claims.c.source)
        .order_by(sqlalchemy.desc("n"))
    )
    with engine.connect() as connection:
        rows = connection.execute(question).all()
        assert rows and rows[0].n >= rows[-1].n, rows
        frame = pandas.read_sql(question, connection)
        assert list(frame.columns) == ["source", "n"] and len(frame) == len(rows)


def main():
    for check in [check_psql, check_psycopg, check_sqlalchemy]:
        check()
        print(f"   {check.__name__.removeprefix('check_')}: as it should be")


if __name__ == "__main__":
    sys.exit(main())
