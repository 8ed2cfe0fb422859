"""The lake after a played month, against what was served: lost, there twice, wrong vintages, quarantine.

It adds and changes nothing and asks nobody: it is given the log and rows, and counts.

What a source said is known from its server's log: every answer that was handed over whole, with the moment whose state
it tells. Whether an answer reached the journal is known too, but for those that a stop of the program
followed within `OPEN_SECONDS`, and those that were asked for again at once, as a client does that got nothing; the lake may have or
lack these, and everything else it has to have exactly. A figure whose source tells when it said it is known from then
on; one whose source does not, from when it was fetched.
"""

import bisect
import csv
import functools
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

import played as playing
from played import DAY, HOUR, SUBJECTS

#: How long before a stop an answer may have been served and not be in the journal, and how much later than it was
#: served it may count as known; seconds of the machine's clock.
OPEN_SECONDS = 6.0
LATER_SECONDS = 6.0
#: Asked for again within this time of the played clock: the first answer may not have been taken.
AGAIN_WITHIN = 3 * HOUR
EXAMPLES_MAX = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the server's log."""
    number: int
    page: int
    since: int
    until: int | None
    what: str
    state: float
    at: float
    sha: str


@dataclass(frozen=True, slots=True)
class Served:
    """One figure as it was served: from `at` on, and whether it surely came in."""
    state: float
    at: float
    value: int
    told: float | None
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the lake."""
    known: float
    said: float | None
    value: float
    document: str


class Faults:
    """What is wrong, by kind of fault, with examples."""

    def __init__(self, played):
        self.played, self.n, self.by_kind, self.examples = played, Counter(), defaultdict(Counter), defaultdict(list)

    def add(self, fault, number, words):
        self.n[fault] += 1
        source = self.played.sources[number]
        self.by_kind[fault][source.kind] += 1
        if self.by_kind[fault][source.kind] <= 2 and len(self.examples[fault]) < EXAMPLES_MAX:
            self.examples[fault].append(f"{source.name} ({source.kind}): {words}")


class Judge:
    """Holds a month's log, lake, and the moments at which the program was stopped beside each other."""

    def __init__(self, played, log, stops, speed):
        self.played, self.stops, self.longest = played, sorted(stops), 0.0
        self.open, self.later = OPEN_SECONDS * speed, LATER_SECONDS * speed
        self.faults = Faults(played)
        self.lines = read_log(log)
        self.page = functools.lru_cache(maxsize=1 << 16)(lambda number, *asked: played.sources[number].page(*asked)[0])
        self.served, self.n_open = self.served_figures()

    def is_calm(self, line):
        """Whether it was served after the month: the server's clock stood still then."""
        return line.at == self.played.end

    def is_near_stop(self, line):
        if self.is_calm(line):
            return False
        place = bisect.bisect_left(self.stops, line.at - self.later / 4)
        return place < len(self.stops) and self.stops[place] <= line.at + self.open

    def served_figures(self):
        """By source, subject and day, in order; and how many answers may or may not have come in."""
        served, n_open = defaultdict(list), 0
        asked_again = self.asked_again()
        for place, line in enumerate(self.lines):
            source = self.played.sources[line.number]
            counts = {"whole"} | ({"unchanged"} if source.kind == "snapshot" else set())
            counts |= {"bad"} if source.kind == "retyped" else set()
            if line.what not in counts:
                continue
            is_sure = not self.is_near_stop(line) and place not in asked_again
            n_open += not is_sure
            for about, day, value, told in self.page(line.number, line.state, line.since, line.page, line.until):
                key = (line.number, about, day)
                served[key].append(Served(line.state, line.at, value, told, is_sure))
        return served, n_open

    def asked_again(self):
        last, found = {}, set()
        for place, line in enumerate(self.lines):
            # After the month nobody is stopped or waits in vain, and the same is asked several times on purpose.
            if line.what not in ("whole", "bad") or self.is_calm(line):
                continue
            about = (line.number, line.page, line.since)
            if about in last and line.at - self.lines[last[about]].at < AGAIN_WITHIN:
                found.add(last[about])
            last[about] = place
        return found

    def claims(self, rows):
        """The lake's claims by source, subject and day, as they became known."""
        found = defaultdict(list)
        for row in rows:
            key = key_of(row["subject"], row["period"])
            said = moment(row["said_at"]) if row["said_at"] else None
            found[key].append(Claim(moment(row["known_at"]), said, float(row["value"]), row["document"]))
        for claims in found.values():
            claims.sort(key=lambda claim: (claim.known, claim.said or 0))
        return found

    def judge_claims(self, claims):
        for key in claims.keys() | self.served.keys():
            served = self.served.get(key, [])
            had = claims.get(key, [])
            self.judge_each(key, served, had)
            self.judge_vintages(key, served, had)
            self.judge_latest(key, served, had)
        self.judge_promised(claims)

    def judge_each(self, key, served, had):
        """Each claim was served, and is there once."""
        tells = self.played.sources[key[0]].tells
        seen, before = set(), None
        for claim in had:
            of = [one for one in served if self.is_of(claim, one, tells)]
            if not of:
                self.faults.add("claims that nobody served", key[0], f"{about(key)}: {claim.value:.0f}, known {text(claim.known)}")
            elif not tells:
                self.longest = max(self.longest, min(abs(claim.known - one.at) for one in of))
            is_again = (claim.value, claim.said) in seen if tells else before == claim.value
            if is_again:
                self.faults.add("duplicated", key[0], f"{about(key)}: {claim.value:.0f} again, known {text(claim.known)}")
            seen.add((claim.value, claim.said))
            before = claim.value

    def is_of(self, claim, one, tells):
        if claim.value != one.value:
            return False
        if tells:
            return claim.said == one.told
        return one.state - 1 <= claim.known <= one.at + self.later

    def judge_vintages(self, key, served, had):
        """What surely came in is there, as often as it was another value than before."""
        tells = self.played.sources[key[0]].tells
        for group in groups(served, tells):
            if any(one.is_sure for one in group) and not any(self.is_of(claim, one, tells) for claim in had for one in group):
                first = group[0]
                self.faults.add("vintages lost", key[0], f"{about(key)}: {first.value}, served {text(first.at)}")

    def judge_latest(self, key, served, had):
        if not served:
            return
        tells = self.played.sources[key[0]].tells
        may_be = admissible(sorted(served, key=lambda one: one.told) if tells else served)
        found = had[-1].value if had else None
        if found is None and None not in may_be:
            self.faults.add("lost", key[0], f"{about(key)}: served {len(served)} times, last {text(served[-1].at)}")
        elif found not in may_be:
            self.faults.add("wrong in force", key[0], f"{about(key)}: {found} instead of {shown(may_be)}")

    def judge_promised(self, claims):
        """What came out within the days that the source's file promises to revisit came in, whoever asked."""
        for source in self.played.sources:
            first = self.played.first_day - 3
            for day in range(first, playing.day_of(self.played.end)):
                if source.kind == "snapshot":
                    continue
                for place in range(SUBJECTS):
                    key = (source.number, place, day)
                    said = [one for one in source.figure(place, day) if one[0] <= self.played.end]
                    due = [n for n, (at, _) in enumerate(said) if source.kind == "daily" or day >= source.promised_from(at)]
                    had = claims.get(key, [])
                    if due and (not had or had[-1].value not in {value for _, value in said[due[-1]:]}):
                        words = f"{about(key)}: {had[-1].value if had else None} instead of {said[due[-1]][1]}"
                        self.faults.add("published and promised, but not in force", source.number, words)

    def judge_day(self, day, rows):
        """The values in force at the end of a day are those that had been served by then."""
        end = (day + 1) * DAY
        found = {key_of(row["subject"], row["period"]): float(row["value"]) for row in rows}
        for key in found.keys() | self.served.keys():
            may_be = self.known_by(key, end)
            if found.get(key) not in may_be:
                words = f"{about(key)} as of {playing.day_text(day)}: {found.get(key)} instead of {shown(may_be)}"
                self.faults.add("wrong vintages", key[0], words)
        return len(found)

    def known_by(self, key, end):
        served = self.served.get(key, [])
        if self.played.sources[key[0]].tells:
            return admissible(sorted((one for one in served if one.told < end), key=lambda one: one.told))
        open_at_end = [one for one in served if one.state < end <= one.at + self.later]
        before = [one for one in served if one.at + self.later < end]
        return admissible(before) | {one.value for one in open_at_end}

    def judge_quarantine(self, rows, claims):
        """Each document in quarantine was not as it should be, and each that was not is there."""
        bad = {line.sha: line for line in self.lines if line.what in ("bad", "excuse")}
        held = Counter(row["document"] for row in rows)
        for row in rows:
            if row["document"] not in bad:
                number = int(row["source"].rsplit(" ", 1)[-1])
                self.faults.add("quarantines without reason", number, f"{row['slot']}: {row['reason']}; {row['differences']}")
        for line in self.bad_for_sure():
            if line.sha not in held:
                self.faults.add("quarantines missing", line.number, f"served {text(line.at)}")
        for number in self.excused_twice():
            if playing.sha256(playing.EXCUSE) not in held:
                self.faults.add("quarantines missing", number, "a page for people")
        kept_out = {sha for sha, line in bad.items() if self.played.sources[line.number].kind != "retyped"}
        for key, had in claims.items():
            for claim in had:
                if claim.document in kept_out:
                    self.faults.add("claims of bad documents", key[0], f"{about(key)}: {claim.value:.0f}")
        return sum(n - 1 for n in held.values())

    def bad_for_sure(self):
        """Answers of changed shape that have to be in quarantine: not those that were asked for again, since the second
        answer is the one that is kept; nor those after the month, when what was retyped has been accepted."""
        again = self.asked_again()
        for place, line in enumerate(self.lines):
            if line.what == "bad" and place not in again and not self.is_near_stop(line) and not self.is_calm(line):
                yield line

    def excused_twice(self):
        n = Counter(line.number for line in self.lines if line.what == "excuse" and not self.is_near_stop(line))
        return [number for number, times in n.items() if times >= 2]

    def judge_runs(self, rows):
        """A run that never ended was killed."""
        outcomes = Counter()
        for row in rows:
            outcomes[row["outcome"]] += 1
            if row["outcome"] != "running":
                continue
            began = moment(row["started_at"])
            if not any(began <= stop for stop in self.stops):
                number = int(row["source"].rsplit(" ", 1)[-1])
                self.faults.add("runs that neither ended nor were killed", number, f"began {text(began)}")
        return outcomes


def groups(served, tells):
    """Served figures that make one claim: the same said at the same moment, or the same value again and again."""
    found = []
    by_told = {}
    for one in served:
        if tells:
            if one.told not in by_told:
                by_told[one.told] = []
                found.append(by_told[one.told])
            by_told[one.told].append(one)
        elif found and found[-1][-1].value == one.value:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def admissible(served):
    """What may be in force after these: the last that surely came in, or one after it that may have; `None` is nothing."""
    may_be = set()
    for one in reversed(served):
        may_be.add(one.value)
        if one.is_sure:
            return may_be
    return may_be | {None}


def read_log(path):
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if len(row) == 8]
    return [Line(int(number), int(page), int(since), int(until) if until else None, what, float(state), float(at), sha)
            for number, page, since, until, what, state, at, sha in rows]


def key_of(subject, period):
    _, number, letter = subject.split(" ")
    return int(number), "abcdefgh".index(letter), playing.day_number(period)


@functools.lru_cache(maxsize=1 << 16)
def moment(words):
    return datetime.fromisoformat(words.replace("Z", "+00:00")).timestamp()


def text(at):
    return playing.moment_text(at)


def about(key):
    number, place, day = key
    return f"{'abcdefgh'[place]} {playing.day_text(day)}"


def shown(may_be):
    return " or ".join(sorted(str(value) for value in may_be))
