"""What people and programs ask a market's server for: every page of `routes.rs` and every question of `operations.rs`, each
about as often as it is, of many products, in three languages.

Products are drawn by Zipf's law, the well known often and the others now and then, so that some pages were made before
and some were not. To add a page: a line in `of_pages` if its address alone is not enough. One that is new in `routes.rs` is asked
for by its address; where that cannot be it is left out, which is said and counted.
"""

import bisect
import itertools
import re
from urllib.parse import quote

import load
from served import AS_OF_DAYS, DATA_ENDINGS, HOST, PLAIN, Served, data_address, link

ROUTES = "crates/serve/src/routes.rs"
OPERATIONS = "crates/serve/src/api/operations.rs"
LANGUAGES = ("en", "en", "zh-CN,zh-Hans;q=0.9", "zh-TW,zh-Hant;q=0.9")
#: Of about a thousand requests; what is not named here is asked for `OTHERS` times.
OFTEN = {
    "/": 60, "/products": 30, "/products?search": 60, "/products.json?search": 40, "/product/{entity}": 150,
    "/product/{entity}?as_of": 10, "/product/{entity}.json": 10, "/company/{entity}": 20, "/league": 50, "/league?by=source": 10,
    "/league?as_of": 10, "/league.csv": 10, "/movers": 30, "/breakouts": 30, "/figures/{entity}": 30, "/claim/{claim}": 30,
    "/v1/products": 20, "/v1/figures": 20, "/v1/series": 20, "/v1/league": 20, "/v1/why": 20, "/v1/claims": 20, "/v1/sql": 15,
}
OTHERS = 12
COMPARED = (2, 8)
#: What may have no rows in a market that is in order, and why.
MAY_BE_EMPTY = {
    "/account": "nobody has an account", "/users": "nobody has an account", "/views": "nobody saved a view",
    "/collecting": "nothing is collected", "/source": "nothing was collected", "/tenders": "no tenders were imported",
    "/cluster": "there is no cluster", "/record": "no call is old enough", "/v1/record": "no call is old enough",
    "/directions": "claims name no segments, and names no families", "/review": "no pair is unsure", "/audit": "nobody changed anything",
}


def routes_of(root):
    return re.findall(r'Route \{ path: "([^"]+)"', (root / ROUTES).read_text())


def operations_of(root):
    return re.findall(r'^        name: "(\w+)",', (root / OPERATIONS).read_text(), re.MULTILINE)


def route_of(label):
    """The route that a label is one way of asking for."""
    path = label.split("?")[0]
    return next((path.removesuffix(ending) for ending in DATA_ENDINGS if path.endswith(ending)), path)


class NothingThere(Exception):
    """The market has nothing of the kind that a page shows."""


class Mix:
    """Requests without end: (label, bytes)."""

    def __init__(self, root, port, seed, furnished):
        self.served = Served(port, seed, furnished)
        self.chance = self.served.chance
        #: By label, why it is not asked for: the bench does not know how, or the market has nothing of the kind.
        self.unknown, self.nothing = {}, {}
        #: Labels whose rows were looked for and not found, with what was asked.
        self.empty = {}
        paths = [*routes_of(root), *(f"/v1/{name}" for name in operations_of(root))]
        is_there = lambda label: route_of(label) in paths or label in PLAIN
        known, plain = {label: make for label, make in (self.of_pages() | self.of_questions()).items() if is_there(label)}, {}
        for path in paths:
            if path not in known and "{" in path:
                self.unknown[path] = "it takes a parameter that bench/mix.py has no values for"
            elif path not in known:
                plain[path] = lambda path=path: path
        self.makers = {label: make for label, make in (known | plain).items() if self.can_be_asked(label, make, label in plain)}
        weights = [OFTEN.get(label, OTHERS) for label in self.makers]
        self.labels, self.until = list(self.makers), list(itertools.accumulate(weights))

    def can_be_asked(self, label, make, is_plain):
        """Asks once for its rows; what a page answers that is asked for by its address alone may be that this is not enough."""
        try:
            address = make()
        except NothingThere as reason:
            self.nothing[label] = str(reason)
            return False
        try:
            status, said = load.status_of(HOST, self.served.port, address)
        except OSError:
            return True
        if is_plain and status in (400, 404, 405):
            self.unknown[label] = f"{address}: {status}" + ("" if said.startswith("<") else f": {said[:200]}")
            return False
        # Whatever else is wrong with it shows when it is asked for again and again.
        of_rows = data_address(address)
        if status == 200 and of_rows and not self.served.has_rows(of_rows) and label not in MAY_BE_EMPTY:
            self.empty[label] = of_rows
        return True

    def left_out(self):
        """What is not asked for, a line each."""
        return [f"{label}: not known how to ask: {why}" for label, why in self.unknown.items()] + [
            f"{label}: {why}" for label, why in self.nothing.items()]

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
        path = self.makers[label]()
        accept = "application/json" if path.startswith("/v1/") else "text/html"
        return load.request_of(HOST, self.served.port, path, accept=accept, accept_language=self.chance.choice(LANGUAGES))

    def one_of(self, choices, what):
        if not choices:
            raise NothingThere(f"the market has {what}")
        return self.chance.choice(choices)

    def of_pages(self):
        there = self.served
        claim = lambda: self.one_of(there.claims, "no claims")
        of_entity = lambda path: lambda: f"{path}/{there.entity()}"
        scoped = lambda path, **more: lambda: link(path, {**there.scope(), **more})
        return {
            "/product/{entity}": of_entity("/product"), "/identity/{entity}": of_entity("/identity"),
            "/company/{entity}": lambda: f"/company/{self.one_of(there.companies, 'no companies with figures')}",
            "/figures/{entity}": lambda: f"/figures/{self.one_of(there.with_figures, 'no reconciled figures')}",
            "/notes/{entity}": lambda: f"/notes/{self.one_of(there.noted, 'no notes')}",
            "/watch/{list}": lambda: f"/watch/{quote(self.one_of(there.lists, 'no watch-list with figures'))}",
            "/report/{report}": lambda: f"/report/{quote(self.one_of(there.reports, 'no reports'))}",
            "/plans/{plan}": lambda: f"/plans/{quote(self.one_of(there.plans, 'no plans'))}",
            "/claim/{claim}": lambda: f"/claim/{claim()['claim']}",
            "/document/{document}": lambda: (lambda one: link(f"/document/{one['document']}", {"record": one["record"]}))(claim()),
            "/league": scoped("/league"), "/league?by=source": scoped("/league", by="source"),
            "/league.csv": scoped("/league.csv"), "/league.parquet": scoped("/league.parquet"),
            "/league?as_of": lambda: link("/league", self.one_of(there.scopes_then, "no league table of past days")),
            "/movers": lambda: link("/movers", self.one_of(there.spans, "no span in which anybody moved")),
            "/compare": lambda: link("/compare", {"name": there.some(self.chance.randint(*COMPARED))}),
            "/match": lambda: link("/match", {"name": there.product()["name"]}),
            "/source": lambda: link("/source", {"name": self.one_of(there.collected or there.sources, "no sources")}),
            "/digest": lambda: link("/digest", self.one_of(there.digests, "no day of which a digest tells anything")),
            "/products?search": lambda: link("/products", {"search": there.beginning()}),
            "/products.json?search": lambda: link("/products.json", {"search": there.beginning(), "limit": 8}),
            "/product/{entity}.json": lambda: f"/product/{there.entity()}.json",
            "/product/{entity}?as_of": self.product_then,
            **{path: lambda path=path: path for path in PLAIN},
        }

    def product_then(self):
        entity, day = self.one_of(self.served.known_then, "nothing known by " + " or ".join(AS_OF_DAYS))
        return link(f"/product/{entity}", {"as_of": day})

    def of_questions(self):
        there = self.served
        claim = lambda: self.one_of(there.claims, "no claims")
        about = {
            "products": lambda: {"search": there.beginning(), "limit": 20},
            "figures": lambda: {"name": there.entity(), "limit": 50},
            "series": lambda: (lambda one: {"name": one["entity"], "metric": one["metric"]})(claim()),
            "league": lambda: {**there.scope(), "limit": 50},
            "why": lambda: (lambda one: {key: one[of] for key, of in WHY.items()})(claim()),
            "claims": lambda: {"name": there.entity(), "limit": 50},
            "events": lambda: {"limit": 50},
            "periods": lambda: {"metric": there.scope()["metric"]},
            **{name: lambda: {"name": self.one_of(there.plans, "no plans")} for name in ("plan", "curves")},
            "sql": lambda: {"query": self.chance.choice(SQL)(there, claim())},
        }
        return {f"/v1/{name}": lambda name=name, asked=asked: link(f"/v1/{name}", asked()) for name, asked in about.items()}


WHY = {"name": "entity", "metric": "metric", "period": "period"}
#: Selective ones: what reads everything is the part `questions`.
SQL = (
    lambda there, claim: "SELECT rank, name, value FROM league('{metric}', '{period}') ORDER BY rank LIMIT 20".format(**there.scope()),
    lambda there, claim: f"SELECT period, value, source FROM series('{claim['entity']}', '{claim['metric']}') ORDER BY period",
    lambda there, claim: "SELECT count(*) AS n FROM entities WHERE kind = 'product'",
)
