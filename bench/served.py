"""What a market's server can be asked about: its products, claims, periods, lists and reports, looked up over HTTP beforehand.

Everything that is drawn from here was seen to give rows, so that an empty answer says something of the server and not of the
question. Only the first products are looked at more closely (`OPENED`): there may be 100,000.
"""

import itertools
import json
import random
import time
from urllib.parse import quote, urlencode, urlsplit

import load
import measure

HOST = "127.0.0.1"
PRODUCTS_MAX = 5_000
#: Products of which claims are looked up beforehand; those of which figures are, and companies; those of which it is seen what was
#: known on past days.
OPENED, OPENED_WHOLE, OPENED_AS_OF = 100, 40, 15
COMPANIES_MAX, CHOICES = 300, 20
TRIES, TRY_SECONDS = 5, 2
METRICS_MAX, PERIODS_MAX = 6, 8
AS_OF_DAYS = ("2023-06-30", "2024-06-30", "2025-02-01")
#: Endings of data, each with another form of the same rows.
DATA_ENDINGS = (".csv", ".parquet", ".json")
#: Answers that are no rows.
PLAIN = ("/healthz", "/readyz", "/metrics", "/digest.atom")


def link(path, query=None):
    return path + ("?" + urlencode(query, doseq=True) if query else "")


def data_address(address):
    """The address at which a page or question gives its rows as JSON; `None` for what has no rows."""
    parts = urlsplit(address)
    if parts.path in PLAIN:
        return None
    path = parts.path
    if not path.startswith("/v1/"):
        for ending in DATA_ENDINGS:
            path = path.removesuffix(ending)
        path += ".json"
    return path + (f"?{parts.query}" if parts.query else "")


def rows_of(body):
    answer = json.loads(body)
    return answer["rows"] if isinstance(answer, dict) else answer


class Served:
    """What there is to ask for, and chance. Who has notes, and which bandits there are, is told: HTTP has no list of them."""

    def __init__(self, port, seed, furnished):
        self.port, self.chance, self.noted = port, random.Random(f"{seed} mix"), furnished.noted
        for bandit in furnished.bandits:
            self.choose(bandit)
        self.products = self.named("product")
        if not self.products:
            raise measure.ChildFailed("the market has no products to ask for")
        self.chance.shuffle(self.products)
        self.products = self.products[:PRODUCTS_MAX]
        self.zipf = list(itertools.accumulate(1 / rank for rank in range(1, len(self.products) + 1)))
        companies = (row["entity"] for row in self.named("company")[:COMPANIES_MAX])
        self.companies = list(itertools.islice((entity for entity in companies if self.has_rows(f"/company/{entity}")), OPENED_WHOLE))
        self.look_at_products()
        self.look_at_scopes()
        self.look_at_files()

    def named(self, kind):
        query = f"SELECT entity, name FROM entities WHERE kind = '{kind}' LIMIT 100000"
        return self.rows(link("/v1/sql", {"query": query, "limit": 100_000}))

    def look_at_products(self):
        opened = self.products[:OPENED]
        claims_of = lambda product, **more: self.rows(link("/v1/claims", {"name": product["entity"], "limit": 5, **more}))
        self.claims = [row for product in opened for row in claims_of(product)]
        if not self.claims:
            raise measure.ChildFailed(f"none of {len(opened)} products has a claim to ask for")
        self.known_then = [(product["entity"], day) for product in opened[:OPENED_AS_OF] for day in AS_OF_DAYS
                           if claims_of(product, as_of=day)]
        self.with_figures = [product["entity"] for product in opened[:OPENED_WHOLE]
                             if self.has_rows(f"/figures/{product['entity']}")]

    def look_at_scopes(self):
        """Metrics with the periods that have a league table, newest first, and spans in which somebody moved."""
        self.scopes, self.spans, self.scopes_then = {}, [], []
        for row in self.rows(link("/v1/metrics", {"limit": METRICS_MAX})):
            metric = row["metric"]
            periods = [row["period"] for row in self.rows(link("/v1/periods", {"metric": metric, "limit": PERIODS_MAX}))]
            led = [period for period in periods if self.has_rows(link("/v1/league", {"metric": metric, "period": period, "limit": 1}))]
            if not led:
                continue
            self.scopes[metric] = led
            for year in sorted({period[:4] for period in led}, reverse=True)[:2]:
                if self.has_rows(link("/movers", {"metric": metric, "within": year})):
                    self.spans.append({"metric": metric, "within": year})
            self.scopes_then += self.league_then(metric)
        if not self.scopes:
            raise measure.ChildFailed("no metric of the market has a league table to ask for")

    def league_then(self, metric):
        day = AS_OF_DAYS[-1]
        for row in self.rows(link("/v1/periods", {"metric": metric, "as_of": day, "limit": 2})):
            asked = {"metric": metric, "period": row["period"], "as_of": day}
            if self.has_rows(link("/league", asked)):
                return [asked]
        return []

    def look_at_files(self):
        self.sources = [row["source"] for row in self.rows(link("/v1/sources", {"limit": 20}))]
        self.collected = [source for source in self.sources if self.has_rows(link("/source", {"name": source}))]
        self.reports = [row["report"] for row in self.rows("/reports.json")]
        self.plans = [row["plan"] for row in self.rows("/plans.json")]
        self.lists = [row["list"] for row in self.rows("/watch.json")]
        self.lists = [name for name in self.lists if self.has_rows(f"/watch/{quote(name)}")]
        # Of a market that nobody told anything new for a week, the digest of today is empty.
        days = [{}, *({"as_of": day} for day in reversed(AS_OF_DAYS))]
        self.digests = [asked for asked in days if self.has_rows(link("/digest", asked))]

    # Asking.

    def choose(self, bandit):
        """Some choices, so that its page has what to show."""
        request = load.request_of(HOST, self.port, "/v1/allocate", {"bandit": bandit})
        load.load_requests(HOST, self.port, [(bandit, request)] * CHOICES, 100, 60)

    def rows(self, address):
        """Rows of an answer as JSON; `ChildFailed` where there is none, so that the other parts of a run go on."""
        try:
            return rows_of(load.get(HOST, self.port, address))
        except (ValueError, KeyError, OSError) as error:
            raise measure.ChildFailed(f"looking for what can be asked: {address}: {type(error).__name__}: {error}") from error

    def has_rows(self, address):
        """Whether a page or question has any; not, where there is no such page or question (400, 404)."""
        of_rows = data_address(address)
        for _ in range(TRIES):
            try:
                status, body = load.status_of(HOST, self.port, of_rows)
            except OSError as error:
                status, body = type(error).__name__, ""
            if status in (400, 404):
                return False
            if status == 200:
                return bool(rows_of(body))
            # A server that has much to do says so; that must not pass for a market without rows.
            time.sleep(TRY_SECONDS)
        raise measure.ChildFailed(f"looking for what can be asked: {of_rows}: {status}, {TRIES} times")

    # Drawing.

    def product(self):
        return self.chance.choices(self.products, cum_weights=self.zipf)[0]

    def entity(self):
        return self.product()["entity"]

    def beginning(self):
        """What somebody has typed so far."""
        name = self.product()["name"]
        return name[:self.chance.randint(2, max(2, len(name)))]

    def some(self, count):
        """Entities of different products."""
        found = {}
        while len(found) < min(count, len(self.products)):
            found[self.entity()] = None
        return list(found)

    def scope(self):
        """A metric and a period: the newest month is looked at more often than one of two years ago."""
        metric = self.chance.choice(list(self.scopes))
        periods = self.scopes[metric]
        return {"metric": metric, "period": periods[int(len(periods) * self.chance.random() ** 2)]}
