"""Whether the soak's verdict tells right from wrong: a made-up day in order passes every line, and each fault fails its own.

    soak_verdict_check.py
"""

import copy
import json
import sys
from collections import Counter
from types import SimpleNamespace as Made

import soak_verdict
import soaked
from faults import Faults

KILL, BEGIN, END = 500.0, 0.0, 1000.0


def in_order():
    """A day in which two alerts were due, and a kill hit just after the first was told by webhook and file."""
    day = soaked.Day(100, 50)
    told = lambda key, at, name: {"key": key, "at": at, "kind": "alerts", "names": [name]}
    line = lambda key, at, name: (at, json.dumps({"id": key, "happenings": [{"name": name}]}))
    feeds = Made(records=lambda number: [{}] * 2)
    claims = {"bench": 10, "Soak panel": 1} | {f"Feed {number}": 2 for number in range(soaked.SOURCES)}
    return Made(
        run=Made(arguments=Made(small=False, soak_rate=10)), day=day, faults=Faults(), drained_in=1.0, n_base=10, last_life=(BEGIN, END),
        files=Made(due=["Aaa", "Bbb"], rows={"a,Soak panel,2026-01-01"}, events={"e,Soak wire"}), feeds=feeds,
        hook=Made(n_unsigned=0, taken=[told("1", KILL - 1, "Aaa"), told("1", KILL + 300, "Aaa"), told("2", 100, "Bbb")]),
        mail=Made(taken=[{"key": "m1", "at": 10, "kind": "mail", "text": "Aaa Bbb"}]),
        file_lines=[line("1", KILL - 1, "Aaa"), line("1", KILL + 300, "Aaa"), line("2", 100, "Bbb")],
        kills=[KILL], fulls=[(200.0, 260.0)], downs=[(KILL, KILL + 3)], stops=[(2.0, 0)], peaks=[1 << 30], disk=Made(is_small=True, why=""),
        answers=[{"label": "/", "at": 50, "until": 50, "status": 200, "from_due_ms": 5.0}, {"label": "/", "at": 230, "until": 231, "status": 503, "from_due_ms": 5.0},
                 {"label": "/", "at": KILL - 20, "until": KILL + 1, "error": "reset"}],
        sql_answers=[{"at": 50, "seconds": 0.1}, {"at": 230, "seconds": 0.1, "error": "no room"}],
        log=[{"outcome": "sent"}], counts={"claims": claims, "events": {"Soak wire": 1}}, checks=[{"state": "ok"}], quarantine=[],
        imports={"done": 2, "killed": 0, "failed on the full disk": 0, "failed": []}, last_collected=[{"outcome": "done"}],
        memory=[(at, 1, 100 << 20, 20) for at in range(1, 41)], asked=Made(unknown={}, left_out=list))


#: What is done to the day, and the line that has to fail of it.
WRONG = [
    ("hook: alerts lost", lambda day: day.hook.taken.pop()),
    ("hook: alerts told in two messages", lambda day: day.hook.taken.append({**day.hook.taken[-1], "key": "3"})),
    ("hook: messages that came again, the same id, without a kill", lambda day: day.kills.clear()),
    ("hook: messages that came again, the same id, without a kill", lambda day: day.hook.taken.append({**day.hook.taken[0], "at": 900})),
    ("mail: alerts lost", lambda day: day.mail.taken.clear()),
    ("file: alerts lost", lambda day: day.file_lines.pop()),
    ("file: messages that came again, the same id, without a kill", lambda day: day.file_lines.append(day.file_lines[-1])),
    ("file: messages that came again, the same id, without a kill", lambda day: day.file_lines.append((0, day.file_lines[-1][1]))),
    ("lines of the alerts' file that are no JSON", lambda day: day.file_lines.append((1, "{"))),
    ("messages given up or waiting at the end", lambda day: day.log.append({"outcome": "waiting"})),
    ("webhooks with a wrong signature", lambda day: setattr(day.hook, "n_unsigned", 1)),
    ("5xx outside the full disk's minute", lambda day: day.answers[1].update(at=300, until=301)),
    ("answers neither 200 nor 5xx", lambda day: day.answers[0].update(status=404)),
    ("requests without an answer while the server was up", lambda day: day.answers[2].update(at=KILL + 30, until=KILL + 31)),
    ("SQL questions that failed, but for stops and the full disk", lambda day: day.sql_answers[1].update(at=300)),
    ("claims from before, off", lambda day: day.counts["claims"].update(bench=9)),
    ("claims missing", lambda day: day.counts["claims"].update({"Soak panel": 0})),
    ("claims too many", lambda day: day.counts["claims"].update({"Feed 3": 4})),
    ("events too many", lambda day: day.counts["events"].update({"Soak wire": 2})),
    ("doctor's checks that fail", lambda day: day.checks.append({"state": "fail", "check": "x", "found": "y"})),
    ("documents in quarantine", lambda day: day.quarantine.append({})),
    ("sources whose last run was not done", lambda day: day.last_collected.append({"outcome": "failed"})),
    ("imports that failed, but for kills and the full disk", lambda day: day.imports["failed"].append("x")),
    ("stops (SIGTERM) that took longer than 30 s or ended badly", lambda day: day.stops.append((2.0, 1))),
    ("memory of the last life: last quarter against the second", lambda day: day.memory.extend([(41, 1, 1 << 30, 20)] * 40)),
    ("full disk not tried: no small disk could be mounted", lambda day: setattr(day.disk, "is_small", False)),
    ("the server ended by itself", lambda day: day.faults.add("server_ended", "x")),
    ("hours that could not be imported even afterwards", lambda day: day.faults.add("not_imported", "x")),
    ("pages and questions not known how to ask", lambda day: day.asked.unknown.update(x="y")),
]


def failing(day):
    lines = soak_verdict.section(day)["lines"]
    return Counter(line["name"] for line in lines if not line.get("informative") and not line["passes"])


def check():
    wrong = [f"a day in order fails: {dict(failing(in_order()))}"] if failing(in_order()) else []
    for name, spoil in WRONG:
        day = copy.deepcopy(in_order())
        spoil(day)
        if not failing(day)[name]:
            wrong.append(f"{name}: does not fail where it has to; what fails: {dict(failing(day))}")
    print("\n".join([*wrong, f"{len(WRONG)} spoiled days, {len(wrong)} judged wrongly"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(check())
