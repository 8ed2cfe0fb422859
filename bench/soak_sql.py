"""A dashboard on the SQL port for as long as it is let: a few questions twice a second, by psycopg, on a connection that is kept for a
while and then made anew.

    soak_sql.py PORT

Prints a line of JSON for each question: when, how long, and what went wrong if anything did.
"""

import json
import sys
import time

import psycopg

QUESTIONS = [
    ("SELECT count(*) FROM claims", ()),
    ("SELECT name, period, value FROM claims_named WHERE metric = %s ORDER BY value DESC LIMIT 10", ("downloads",)),
    ("SELECT metric, count(*) AS n FROM claims_in_force GROUP BY metric ORDER BY n DESC", ()),
    ("SELECT table_name FROM information_schema.tables", ()),
]
EVERY_SECONDS = 0.5
KEPT_FOR = 20


def main():
    connection, n_asked = None, 0
    while True:
        begun = time.time()
        told = {"at": begun}
        try:
            if connection is None:
                connection = psycopg.connect(host="127.0.0.1", port=int(sys.argv[1]), user="crowsnest", dbname="crowsnest",
                                             connect_timeout=30, autocommit=True)
            question, values = QUESTIONS[n_asked % len(QUESTIONS)]
            told["n_rows"] = len(connection.execute(question, values).fetchall())
        except psycopg.Error as error:
            told["error"] = f"{type(error).__name__}: {error}".strip()
        n_asked += 1
        told["seconds"] = round(time.time() - begun, 3)
        print(json.dumps(told), flush=True)
        if connection is not None and ("error" in told or n_asked % KEPT_FOR == 0):
            connection.close()
            connection = None
        time.sleep(max(0, EVERY_SECONDS - (time.time() - begun)))


if __name__ == "__main__":
    main()
