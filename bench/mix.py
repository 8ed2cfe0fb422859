"""What people and programs ask a market's server for: every page of `routes.rs` and every question of `operations.rs`, each
about as often as it is, of many products, in three languages.

Products are drawn by Zipf's law, the well known often and the others now and then, so that some pages were made before
and some were not. A page that is new in `routes.rs` is asked for too; one with a parameter that is not known here is an error.
"""

import bisect
import itertools
import json
import random
import re
from urllib.parse import quote, urlencode

import load
import measure

ROUTES = "crates/serve/src/routes.rs"
OPERATIONS = "crates/serve/src/api/operations.rs"
HOST = "127.0.0.1"
PRODUCTS_MAX = 5_000
#: Products of which a claim, its document and its periods are looked up beforehand.
OPENED = 40
LANGUAGES = (("en", 2), ("zh-CN,zh-Hans;q=0.9", 1), ("zh-TW,zh-Hant;q=0.9", 1))
AS_OF_DAYS = ("2023-06-30", "2024-06-30", "2025-02-01")
#: Of about a thousand requests; what is not named here is asked for `OTHERS` times.
OFTEN = {
    "/": 60, "/products": 30, "/products?search": 60, "/products.json?search": 40, "/product/{entity}": 150,
    "/product/{entity}?as_of": 10, "/product/{entity}.json": 10, "/company/{entity}": 20, "/league": 50, "/league?by=source": 10,
    "/league?as_of": 10, "/league.csv": 10, "/movers": 30, "/breakouts": 30, "/figures/{entity}": 30, "/claim/{claim}": 30,
    "/v1/products": 20, "/v1/figures": 20, "/v1/series": 20, "/v1/league": 20, "/v1/why": 20, "/v1/claims": 20, "/v1/sql": 15,
}
OTHERS = 12
#: Not asked for with the others: the page of a cluster asks its scheduler, if there is one.
ENTITY_PATHS = {"/product/{entity}", "/company/{entity}", "/figures/{entity}", "/identity/{entity}"}


def routes_of(root):
    return re.findall(r'Route \{ path: "([^"]+)"', (root / ROUTES).read_text())


def operations_of(root):
    return re.findall(r'^        name: "(\w+)",', (root / OPERATIONS).read_text(), re.MULTILINE)


class Mix:
    """Requests without end: (label, bytes)."""

    def __init__(self, root, port, seed=1, extra=None):
        self.port, self.chance = port, random.Random(f"{seed} mix")
        self.look_around()
        self.makers = self.pages(routes_of(root)) | self.questions(operations_of(root)) | (extra or {})
        weights = [OFTEN.get(label, OTHERS) for label in self.makers]
        self.labels, self.until = list(self.makers), list(itertools.accumulate(weights))

    def look_around(self):
        """What there is to ask for."""
        self.products = self.sql("SELECT entity, name FROM entities WHERE kind = 'product' LIMIT 1000000")
        self.companies = self.sql("SELECT entity, name FROM entities WHERE kind = 'company' LIMIT 10000")
        if not self.products:
            raise measure.ChildFailed("the market has no products to ask for")
        self.chance.shuffle(self.products)
        self.products = self.products[:PRODUCTS_MAX]
        self.zipf = list(itertools.accumulate(1 / rank for rank in range(1, len(self.products) + 1)))
        self.metrics = [row["metric"] for row in self.rows("/v1/metrics?limit=6")]
        self.periods = {metric: [row["period"] for row in self.rows(f"/v1/periods?metric={metric}&limit=24")] for metric in self.metrics}
        self.sources = [row["source"] for row in self.rows("/v1/sources?limit=5")]
        self.claims = [row for product in self.products[:OPENED]
                       for row in self.rows("/v1/claims?" + urlencode({"name": product["entity"], "limit": 5}))]
        self.reports = [row["report"] for row in self.rows("/reports.json")]
        self.plans = [row["plan"] for row in self.rows("/plans.json")]

    def rows(self, path):
        answer = json.loads(load.get(HOST, self.port, path))
        return answer["rows"] if isinstance(answer, dict) else answer

    def sql(self, query):
        return self.rows("/v1/sql?" + urlencode({"query": query, "limit": 100_000}))

    def __iter__(self):
        return self

    def __next__(self):
        label = self.labels[bisect.bisect_right(self.until, self.chance.random() * self.until[-1])]
        return label, self.request(label)

    def each(self, times=1):
        """Every label so many times, for warming up."""
        for _ in range(times):
            for label in self.labels:
                yield label, self.request(label)

    def request(self, label):
        asked = self.makers[label]()
        path, body = asked if isinstance(asked, tuple) else (asked, None)
        languages = [language for language, share in LANGUAGES for _ in range(share)]
        accept = "application/json" if path.startswith("/v1/") else "text/html"
        return load.request_of(HOST, self.port, path, body, accept=accept, accept_language=self.chance.choice(languages))

    def product(self):
        return self.products[bisect.bisect_right(self.zipf, self.chance.random() * self.zipf[-1])]

    def entity(self):
        return self.product()["entity"]

    def name(self):
        return self.product()["name"]

    def beginning(self):
        """What somebody has typed so far."""
        name = self.name()
        return name[:self.chance.randint(2, max(2, len(name)))]

    def scope(self):
        metric = self.chance.choice(self.metrics)
        # The newest month is looked at more often than one of two years ago.
        return {"metric": metric, "period": self.periods[metric][int(len(self.periods[metric]) * self.chance.random() ** 2)]}

    def claim(self):
        return self.chance.choice(self.claims)

    def as_of(self):
        return self.chance.choice(AS_OF_DAYS)

    def pages(self, routes):
        link = lambda path, **query: path + ("?" + urlencode(query) if query else "")
        of_entity = lambda path: lambda: path.replace("{entity}", self.entity())
        known = {path: of_entity(path) for path in ENTITY_PATHS} | {
            "/company/{entity}": lambda: f"/company/{self.chance.choice(self.companies)['entity']}",
            "/league": lambda: link("/league", **self.scope()),
            "/movers": lambda: link("/movers", metric=self.chance.choice(self.metrics), within=self.chance.choice(["2024", "2025"])),
            "/match": lambda: link("/match", name=self.name()),
            "/source": lambda: link("/source", name=self.chance.choice(self.sources)),
            "/report/{report}": lambda: f"/report/{quote(self.chance.choice(self.reports))}",
            "/plans/{plan}": lambda: f"/plans/{quote(self.chance.choice(self.plans))}",
            "/claim/{claim}": lambda: f"/claim/{self.claim()['claim']}",
            "/document/{document}": lambda: (lambda claim: link(f"/document/{claim['document']}", record=claim["record"]))(self.claim()),
        }
        has = {"/company/{entity}": self.companies, "/report/{report}": self.reports, "/plans/{plan}": self.plans}
        made = {}
        for path in routes:
            if not has.get(path, True):
                continue
            if path not in known and "{" in path:
                raise measure.ChildFailed(f"{ROUTES} has {path}, and bench/mix.py does not know what to ask there")
            made[path] = known.get(path, lambda path=path: path)
        return made | {
            "/products?search": lambda: link("/products", search=self.beginning()),
            "/products.json?search": lambda: link("/products.json", search=self.beginning(), limit=8),
            "/product/{entity}.json": lambda: f"/product/{self.entity()}.json",
            "/product/{entity}?as_of": lambda: link(f"/product/{self.entity()}", as_of=self.as_of()),
            "/league?by=source": lambda: link("/league", by="source", **self.scope()),
            "/league?as_of": lambda: link("/league", as_of="2025-02-01", metric=self.chance.choice(self.metrics), period="2024-12"),
            "/league.csv": lambda: link("/league.csv", **self.scope()),
            "/healthz": lambda: "/healthz", "/metrics": lambda: "/metrics", "/digest.atom": lambda: "/digest.atom",
        }

    def questions(self, operations):
        metric = lambda: self.chance.choice(self.metrics)
        about = {
            "products": lambda: {"search": self.beginning(), "limit": 20},
            "figures": lambda: {"name": self.entity(), "limit": 50},
            "series": lambda: {"name": self.name(), "kind": "product", "metric": metric()},
            "league": lambda: {**self.scope(), "limit": 50},
            "why": lambda: self.why(),
            "claims": lambda: {"name": self.entity(), "limit": 50},
            "events": lambda: {"limit": 50},
            "periods": lambda: {"metric": metric()},
            "sql": lambda: {"query": self.chance.choice([
                "SELECT rank, name, value FROM league('{metric}', '{period}') ORDER BY rank LIMIT 20".format(**self.scope()),
                f"SELECT period, value, source FROM series('{self.entity()}', '{metric()}') ORDER BY period",
                f"SELECT count(*) AS n FROM entities WHERE kind = 'product'"])},
        }
        return {f"/v1/{name}": lambda name=name: f"/v1/{name}?" + urlencode(about.get(name, dict)()) for name in operations}

    def why(self):
        claim = self.claim()
        return {"name": claim["entity"], "metric": claim["metric"], "period": claim["period"]}
