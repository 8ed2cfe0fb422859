"""What the played sources say, and when: a thousand small publishers that misbehave in known ways, by seed.

Nothing here has a clock, opens a connection or remembers anything: a seed, a source and a moment give the answer, so
that whoever judges the lake can say again what the server said. Moments are seconds since 1970-01-01 UTC by the played
clock; days are numbers of days since then.

A source has four subjects and one figure a day for each. A figure comes out in the hours after its day, or late, and
may be restated once, taken back (100, 120, 100) and said again (100, 120, 100, 120). Kinds of source, of each forty:

| kind | of 40 | what it does |
|---|---|---|
| plain | 10 | answers at once; one in five is fetched every six hours |
| slow | 4 | takes up to 0.4 s of the machine's time, in pieces; one answer in twenty longer than `timeout_seconds` |
| limited | 5 | ten to a host: 429 with `Retry-After` of 20 s, and now and then of 20 minutes, in seconds or as a date |
| flaky | 5 | 500, 502, 503, resets, half bodies with and without a length; dead for some hours twice |
| renamed | 2 | for some days `value` is called `amount`; then as before |
| retyped | 2 | from some day on, near the end, `value` is a text |
| excused | 1 | for some hours a page for people with status 200 |
| grown | 1 | from some day on there are more fields: no reason for quarantine |
| repeating | 3 | the second page says what the first said |
| ahead | 3 | its clock and its days are ahead of the world's: `Date`, `published_at`, figures of tomorrow |
| snapshot | 2 | tells the state of the day on which it is asked, the same on two days |
| daily | 2 | one address for each day |

Half of them tell when they said a figure (`published_at`, read as `said_on`), a third give an `ETag`, and they take
turns with six ways of paging.
"""

import functools
import hashlib
import json
import random
from datetime import date, datetime, timedelta, timezone

DAY = 86_400
HOUR = 3_600
EPOCH = date(1970, 1, 1)
SUBJECTS = 4
PAGE_SIZE = 12
HISTORY_DAYS = 10
KINDS = (["plain"] * 10 + ["slow"] * 4 + ["limited"] * 5 + ["flaky"] * 5 + ["renamed"] * 2 + ["retyped"] * 2 + ["excused"]
         + ["grown"] + ["repeating"] * 3 + ["ahead"] * 3 + ["snapshot"] * 2 + ["daily"] * 2)
PAGINGS = ("none", "size", "empty", "cursor", "link", "address")
#: How far a source that is ahead has its clock.
AHEAD_SECONDS = 5 * HOUR
EXCUSE = b"<!doctype html><html><title>Back soon</title><body>We are working on it.</body></html>"


def day_of(moment):
    return int(moment // DAY)


def day_text(day):
    return (EPOCH + timedelta(days=day)).isoformat()


def day_number(text):
    return (date.fromisoformat(text) - EPOCH).days


def moment_text(moment):
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Played:
    """A month of sources: `first_day` to the day before `first_day + n_days`."""

    def __init__(self, seed, n_sources, first_day, n_days):
        self.seed, self.first_day, self.n_days = seed, first_day, n_days
        self.begin, self.end = first_day * DAY, (first_day + n_days) * DAY
        self.sources = [Source(self, number) for number in range(n_sources)]

    def chance(self, *about):
        return random.Random(f"{self.seed} {' '.join(map(str, about))}")


class Source:
    """One publisher."""

    def __init__(self, played, number):
        self.played, self.number = played, number
        self.kind = KINDS[number % len(KINDS)]
        self.name = f"Source {number:04}"
        self.paging = PAGINGS[(number + number // len(KINDS)) % len(PAGINGS)]
        if self.kind == "repeating" and self.paging == "none":
            self.paging = "size"
        if self.kind in ("daily", "snapshot"):
            self.paging = "none"
        self.tells = self.kind == "ahead" or (number % 2 == 1 and self.kind not in ("daily", "snapshot"))
        self.has_etag = number % 3 == 0
        self.days_revisited = 3 + number % 4
        self.host = self.address_of(number)
        self.spell = self.chosen_spell()
        self.dead = self.dead_spells() if self.kind == "flaky" else []
        self.figure = functools.lru_cache(maxsize=None)(self.figure)

    def address_of(self, number):
        """An address of this machine's own network for each, or for each ten that share one."""
        group = number // 100 * 100 + 90 if self.kind == "limited" else number
        return f"127.{1 + group // 62_500}.{1 + group // 250 % 250}.{1 + group % 250}"

    def chosen_spell(self):
        """From when to when it is not as it was."""
        played, chance = self.played, self.played.chance(self.number, "spell")
        # What stays as it becomes comes late: each of its documents has to be accepted by hand.
        share = chance.uniform(0.8, 0.93) if self.kind == "retyped" else chance.uniform(0.3, 0.55)
        begin = played.begin + share * played.n_days * DAY
        length = {"renamed": chance.uniform(0.1, 0.2) * played.n_days * DAY, "excused": chance.uniform(6, 40) * HOUR}
        if self.kind in ("retyped", "grown"):
            return begin, float("inf")
        return (begin, begin + max(length[self.kind], 20 * HOUR)) if self.kind in length else (0, 0)

    def dead_spells(self):
        chance = self.played.chance(self.number, "dead")
        begins = [self.played.begin + chance.uniform(0.05, 0.9) * self.played.n_days * DAY for _ in range(2)]
        return [(begin, begin + chance.uniform(4, 30) * HOUR) for begin in begins]

    def is_in_spell(self, moment):
        return self.spell[0] <= moment < self.spell[1]

    def is_dead(self, moment):
        return any(begin <= moment < end for begin, end in self.dead)

    def subject(self, place):
        return f"Figure {self.number:04} {'abcdefgh'[place]}"

    def figure(self, place, day):
        """What is said of one day, as (published, value), in order."""
        # The state of a snapshot is the same for two days: the same bytes then say something about another day.
        chance = self.played.chance(self.number, place, day // 2 if self.kind == "snapshot" else day)
        first, other = chance.randrange(1_000, 900_000), chance.randrange(1_000, 900_000)
        if self.kind == "snapshot":
            return ((day * DAY, first),)
        if self.kind == "daily":
            return (((day - 1) * DAY, first),)
        at = self.first_published(chance, day)
        said = [(at, first)]
        if chance.random() < 0.15:
            for value, share in ((other, 1), (first, 0.5), (other, 0.4)):
                if chance.random() >= share:
                    break
                at += round(chance.uniform(0.8, 1.8) * DAY)
                said.append((at, value))
        return tuple(said)

    def first_published(self, chance, day):
        at = day * DAY - 10 * HOUR if self.kind == "ahead" else (day + 1) * DAY
        at += round(chance.uniform(0, 6 * HOUR))
        late = chance.random()
        if late < 0.06:
            at += chance.randint(1, self.days_revisited - 1) * DAY
        elif late < 0.07:
            # Later than anybody promised to look: it comes in only if it is asked for by chance.
            at += (self.days_revisited + chance.randint(2, 4)) * DAY
        return at

    def promised_from(self, published):
        """The first day for which something that comes out then has to come in."""
        day = day_of(published) - self.days_revisited
        return day + 2 if self.kind == "ahead" else day

    def told(self, published):
        """When it says that it said something; `None` if it does not tell."""
        if not self.tells:
            return None
        return published + (AHEAD_SECONDS if self.kind == "ahead" else 0)

    def said(self, now, since, until=None):
        """What it says of days from `since`, as (place, day, value, told), by day."""
        if self.kind == "snapshot":
            since = until = day_of(now)
        until = day_of(now) + 1 if until is None else until
        found = []
        for day in range(since, until + 1):
            for place in range(SUBJECTS):
                out = [said for said in self.figure(place, day) if said[0] <= now]
                if out:
                    published, value = out[-1]
                    found.append((place, day, value, self.told(published)))
        return found

    def page(self, now, since, number, until=None):
        """The records of a page, from 1, and whether others follow."""
        found = self.said(now, since, until)
        if self.paging == "none":
            return found, False
        block = max(0, number - 2) if self.kind == "repeating" else number - 1
        begin = block * PAGE_SIZE
        return found[begin:begin + PAGE_SIZE], begin + PAGE_SIZE < len(found)

    def record(self, said, form):
        """One record as it is written: `form` is good, renamed, retyped or grown."""
        place, day, value, told = said
        record = {"name": self.subject(place)}
        if self.kind not in ("snapshot", "daily"):
            record["day"] = day_text(day)
        record["amount" if form == "renamed" else "value"] = str(value) if form == "retyped" else value
        if told is not None:
            record["published_at"] = moment_text(told)
        if form == "grown":
            record |= {"note": "as counted", "extra": {"method": 2, "panel": [1, 2]}}
        return record

    def form(self, now):
        return self.kind if self.kind in ("renamed", "retyped", "grown") and self.is_in_spell(now) else "good"

    def body(self, records, form, **beside):
        return json.dumps({"data": [self.record(said, form) for said in records], **beside}, separators=(",", ":")).encode()

    def schedule(self):
        minute, hour = self.number * 7 % 60, 2 + self.number * 13 % 20
        every_six_hours = self.kind == "plain" and self.number % 5 == 0
        return f"{minute} 2-21/6 * * *" if every_six_hours else f"{minute} {hour} * * *"

    def card(self, port):
        """Its file in the market."""
        place = f"http://{self.host}:{port}/{self.number}"
        url = {"daily": f"{place}/{{day}}"}.get(self.kind, f"{place}/figures")
        period = "_day" if self.kind in ("snapshot", "daily") else "day"
        lines = [
            f'name = "{self.name}"', f'note = "{self.kind}, pages: {self.paging}"', "", "[collect]", 'connector = "http_json"',
            f'schedule = "{self.schedule()}"', "requests_per_minute = 6000", "allow_private_addresses = true",
            f"timeout_seconds = {2 if self.kind == 'slow' else 30}", "", "[options]", f'url = "{url}"', 'records = ".data[]"',
            f"days = {HISTORY_DAYS}",
        ]
        if self.kind == "daily":
            lines.append("daily = true")
        elif self.kind == "snapshot":
            lines.append("is_snapshot = true")
        else:
            lines += [f"days_revisited = {self.days_revisited}", 'cursor = "[.data[].day] | max"', 'query = { since = "{since}" }']
        lines += self.paging_lines()
        lines += ["", "[map.constants]", 'metric = "downloads"', "", "[map.columns]", 'subject = "name"',
                  f'period = "{period}"', 'value = "value"']
        return "\n".join(lines + (['said_on = "published_at"'] if self.tells else [])) + "\n"

    def paging_lines(self):
        kinds = {
            "size": ['kind = "page"', 'parameter = "page"', f"size = {PAGE_SIZE}"],
            "empty": ['kind = "page"', 'parameter = "page"'],
            "cursor": ['kind = "cursor"', 'parameter = "after"', 'next = ".meta.next"'],
            "link": ['kind = "link"'],
            "address": ['kind = "address"', 'next = ".links.next"'],
        }
        return ["", "[options.paging]", *kinds[self.paging]] if self.paging in kinds else []


def sha256(body):
    return hashlib.sha256(body).hexdigest()
