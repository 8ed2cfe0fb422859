"""Ask a Crowsnest market from Python. One file, nothing but the standard library; pandas where you want frames.

    from crowsnest import Crowsnest

    radar = Crowsnest("http://127.0.0.1:7171")
    for row in radar.league(metric="mau", period="2024-12"):
        print(row["rank"], row["name"], row["value"], row["source"])

Each question of the API is a method of its name (products, figures, series, league, why, claims, events, breakouts,
record, sources, metrics, periods, plans, plan, curves, loop, bandits, sql), with the parameters that /v1/openapi.json
describes. Answers are lists of dicts; what belongs to the rows is beside them: `answer.facts`, `answer.notes`,
`answer.as_of`.
"""

import io
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

__all__ = ["Crowsnest", "Answer", "Problem"]

_QUESTIONS = (
    "products", "figures", "series", "league", "why", "claims", "events", "breakouts", "record", "sources", "metrics",
    "periods", "plans", "plan", "curves", "loop", "bandits",
)
_TRIES_MAX = 5


class Problem(Exception):
    """What is wrong with a question: `status`, `detail`, and what to do in `remedy`."""

    def __init__(self, status, detail, remedy=None):
        super().__init__(f"{detail}: {remedy}" if remedy else detail)
        self.status, self.detail, self.remedy = status, detail, remedy


class Answer(list):
    """Rows, with `facts`, `notes` and `as_of` beside them; `left_out` where rows may not be passed on."""

    def __init__(self, rows, facts=None, notes=(), as_of=None, left_out=False):
        super().__init__(rows)
        self.facts, self.notes, self.as_of, self.left_out = facts or {}, list(notes), as_of, left_out

    def frame(self):
        """The rows as a pandas data frame."""
        import pandas

        return pandas.DataFrame(list(self))


class Crowsnest:
    """A market that is being served. The token is that of a person, where the server asks for one."""

    def __init__(self, site=None, token=None, timeout_secs=60):
        self.site = (site or os.environ.get("CROWSNEST_SITE") or "http://127.0.0.1:7171").rstrip("/")
        self.token = token or os.environ.get("CROWSNEST_TOKEN")
        self.timeout_secs = timeout_secs

    def ask(self, question, n_rows=None, **parameters):
        """The rows of a question: all of them, part by part, or the first `n_rows`."""
        rows, first, cursor = [], None, None
        while True:
            asked = dict(parameters)
            if cursor:
                asked["cursor"] = cursor
            if n_rows is not None:
                asked["limit"] = max(1, min(n_rows - len(rows), 10_000))
            part = json.loads(self._get(f"/v1/{question}", asked, "application/json"))
            rows += part["rows"]
            first = first or part
            cursor = part["next"]
            if not cursor or (n_rows is not None and len(rows) >= n_rows):
                return Answer(rows, first["facts"], first["notes"], first["as_of"], first["left_out"])

    def sql(self, query, as_of=None, limit=None):
        """The rows of one SELECT."""
        body = {"query": query, "as_of": as_of, "limit": limit}
        body = {name: value for name, value in body.items() if value is not None}
        part = json.loads(self._send("/v1/sql", json.dumps(body).encode(), "application/json"))
        return Answer(part["rows"], part["facts"], part["notes"], part["as_of"], part["left_out"])

    def parquet(self, question, **parameters):
        """The first part of an answer as the bytes of a Parquet file."""
        return self._get(f"/v1/{question}", parameters, "application/vnd.apache.parquet")

    def frame(self, question, **parameters):
        """The first part of an answer as a pandas data frame, with its types (needs pandas and pyarrow)."""
        import pandas

        return pandas.read_parquet(io.BytesIO(self.parquet(question, **parameters)))

    def _get(self, path, parameters, accept):
        given = {name: value for name, value in parameters.items() if value is not None}
        query = "?" + urllib.parse.urlencode(given) if given else ""
        return self._send(path + query, None, accept)

    def _send(self, path, body, accept):
        headers = {"Accept": accept, "User-Agent": "crowsnest-python/1"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for attempt in range(1, _TRIES_MAX + 1):
            request = urllib.request.Request(self.site + path, body, headers)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_secs) as response:
                    return response.read()
            except urllib.error.HTTPError as error:
                wait = error.headers.get("Retry-After")
                if error.code == 429 and wait and attempt < _TRIES_MAX:
                    time.sleep(float(wait))
                    continue
                raise _problem(error) from None


def _problem(error):
    text = error.read()
    try:
        told = json.loads(text)
        return Problem(error.code, told["detail"], told.get("remedy"))
    except (ValueError, KeyError, TypeError):
        return Problem(error.code, text.decode(errors="replace") or error.reason)


def _method(question):
    def asked(self, n_rows=None, **parameters):
        return self.ask(question, n_rows, **parameters)

    asked.__name__ = question
    asked.__doc__ = f"The rows of /v1/{question}; its parameters are in /v1/openapi.json."
    return asked


for _question in _QUESTIONS:
    setattr(Crowsnest, _question, _method(_question))
