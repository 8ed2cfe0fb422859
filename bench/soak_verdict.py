"""What a day of use came to: what was told, what was answered, what is in the market, and what the server held."""

import json
from collections import Counter, defaultdict

import faults
import measure
import report
import soaked

STOP_SECONDS_MAX = 30
#: Requests that were on their way when the server was stopped, or that came before it stood again.
SLACK_SECONDS = 2
#: How long after the disk has room again an answer may still be about the full one.
FULL_SLACK_SECONDS = 5
#: A copy of a message is followed by another for a kill when it came so shortly before it: the server had not heard that it was taken.
KILL_SECONDS = 3
#: How late the copy may be seen: the file is looked at twice a second.
SEEN_SECONDS = 1
FLAT = 1.10
CONTENT = ("claims", "events")


def section(soak):
    lines = [*told_lines(soak), *answer_lines(soak), *sql_lines(soak), *market_lines(soak), *server_lines(soak)]
    small = soak.run.arguments.small
    return {"title": "Soak: a day of use in twenty minutes" if not small else "Soak: a small look", "lines": lines, "notes": notes_of(soak)}


def told_lines(soak):
    due = set(soak.files.due)
    lines = [report.known("alerts that were due", len(due), "")]
    if not due:
        lines.append(report.at_least("alerts that were due, at least", 0, 1))
    soak.told = {"hook": told_by_hook(soak), "mail": told_by_mail(soak, due), "file": told_by_file(soak)}
    for channel, messages in soak.told.items():
        by_name = defaultdict(set)
        for message in messages:
            for name in message["names"]:
                by_name[name].add(message["key"])
        lost = sorted(due - set(by_name))
        twice = sorted(name for name, keys in by_name.items() if len(keys) > 1)
        copies = Counter(message["key"] for message in messages)
        repeats = [key for key, n in copies.items() if n > 1]
        unexplained = [key for key in repeats if not is_of_kills(soak.kills, messages, key)]
        for kind, found in (("lost", lost), ("told_twice", twice), ("came_again", unexplained)):
            if found:
                soak.faults.add(kind, f"{channel}: {', '.join(found[:10])}")
        lines += [
            report.check(f"{channel}: alerts lost", len(lost), 0, "", note=f"{len(copies)} messages"),
            report.check(f"{channel}: alerts told in two messages", len(twice), 0, ""),
            report.check(f"{channel}: messages that came again, the same id, without a kill", len(unexplained), 0, ""),
            report.known(f"{channel}: messages that came again, the same id, for a kill", len(repeats) - len(unexplained), ""),
        ]
    given_up = [row for row in soak.log if row["outcome"] != "sent"]
    lines.append(report.check("messages given up or waiting at the end", len(given_up), 0, ""))
    lines.append(report.check("webhooks with a wrong signature", soak.hook.n_unsigned, 0, ""))
    return lines


def told_by_hook(soak):
    return [one for one in soak.hook.taken if one["kind"] == "alerts"]


def told_by_mail(soak, due):
    return [{**one, "names": [name for name in due if name in one["text"]]} for one in soak.mail.taken]


def told_by_file(soak):
    found = []
    for number, (at, line) in enumerate(soak.file_lines, 1):
        try:
            one = json.loads(line)
        except ValueError:
            soak.faults.add("broken_line", f"line {number}: {line[:120]}")
            continue
        names = [happening["name"] for happening in one.get("happenings", [])]
        found.append({"key": one.get("id", str(number)), "at": at, "names": names})
    return found


def is_of_kills(kills, messages, key):
    """Whether each copy of a message but the last came so shortly before a kill that the next is the kill's."""
    copies = sorted(one["at"] for one in messages if one["key"] == key)
    is_before_a_kill = lambda at: any(kill - KILL_SECONDS <= at <= kill + SEEN_SECONDS for kill in kills)
    return all(is_before_a_kill(at) for at in copies[:-1])


def is_within(spans, at, before=0.0, after=0.0):
    return any(begin - before <= at <= end + after for begin, end in spans)


def is_while_full(soak, one):
    """Whether a request began or ended while the disk was full, or just after."""
    return any(is_within(soak.fulls, moment, 1, FULL_SLACK_SECONDS) for moment in (one["at"], one["until"]))


def is_while_down(soak, one):
    """Whether a request began or ended while the server was not there: one that took long may have begun well before."""
    return any(is_within(soak.downs, moment, SLACK_SECONDS, SLACK_SECONDS) for moment in (one["at"], one["until"]))


def answer_lines(soak):
    answers = soak.answers
    wrong = [one for one in answers if one.get("status", 200) >= 500]
    outside = [one for one in wrong if not is_while_full(soak, one)]
    others = [one for one in answers if "status" in one and one["status"] not in (200, 304) and one["status"] < 500]
    silent = [one for one in answers if "error" in one]
    unanswered = [one for one in silent if not is_while_down(soak, one)]
    for kind, found in (("5xx", outside), ("not_200", others), ("no_answer", unanswered)):
        labels = Counter(f"{one['label']}: {one.get('status') or one['error']}" for one in found)
        for label, n in labels.most_common(12):
            soak.faults.add(kind, f"{label} ({n})")
    right = [one["from_due_ms"] for one in answers if one.get("status") == 200]
    return [
        report.check("5xx outside the full disk's minute", len(outside), 0, ""),
        report.known("5xx while the disk was full", len(wrong) - len(outside), ""),
        report.check("answers neither 200 nor 5xx", len(others), 0, ""),
        report.check("requests without an answer while the server was up", len(unanswered), 0, ""),
        report.known("requests without an answer around stops and kills", len(silent) - len(unanswered), ""),
        report.known("pages and questions answered", len(right), ""),
        report.known("p95 of them", measure.percentile(right, 0.95) if right else 0, "ms"),
    ]


def sql_lines(soak):
    failed = [{**one, "until": one["at"] + one["seconds"]} for one in soak.sql_answers if "error" in one]
    outside = [one for one in failed if not is_while_full(soak, one) and not is_while_down(soak, one)]
    for text, n in Counter(one["error"][:200] for one in outside).most_common(5):
        soak.faults.add("sql", f"{text} ({n})")
    return [report.check("SQL questions that failed, but for stops and the full disk", len(outside), 0, ""),
            report.known("SQL questions asked", len(soak.sql_answers), "")]


def expected(soak):
    """Rows by table and source."""
    claims = Counter(row.split(",")[-2] for row in soak.files.rows)
    for number in range(soaked.SOURCES):
        claims[f"Feed {number}"] = len(soak.feeds.records(number))
    return {"claims": claims, "events": Counter(row.split(",")[-1] for row in soak.files.events)}


def market_lines(soak):
    lines, wanted = [], expected(soak)
    base = sum(n for source, n in soak.counts["claims"].items() if source not in wanted["claims"])
    lines.append(report.check("claims from before, off", abs(base - soak.n_base), 0, ""))
    for kind in CONTENT:
        off = {source: soak.counts[kind].get(source, 0) - n for source, n in wanted[kind].items()}
        for source, n in off.items():
            if n:
                soak.faults.add("rows", f"{kind} of {source}: {n:+} of {wanted[kind][source]}")
        lines.append(report.check(f"{kind} missing", -sum(min(0, n) for n in off.values()), 0, "", note=f"of {sum(wanted[kind].values()):,}"))
        lines.append(report.check(f"{kind} too many", sum(max(0, n) for n in off.values()), 0, ""))
    bad = [row for row in soak.checks if row["state"] == "fail"]
    for row in bad:
        soak.faults.add("doctor", f"{row['check']}: {row['found']}")
    for said in soak.imports["failed"]:
        soak.faults.add("import", said)
    outcomes = Counter(row["outcome"] for row in soak.last_collected)
    lines += [
        report.check("doctor's checks that fail", len(bad), 0, "", note=f"of {len(soak.checks)}"),
        report.check("documents in quarantine", len(soak.quarantine), 0, ""),
        report.check("sources whose last run was not done", sum(outcomes.values()) - outcomes["done"], 0, ""),
        report.check("imports that failed, but for kills and the full disk", len(soak.imports["failed"]), 0, ""),
        report.known("imports done", soak.imports["done"], "",
                     note=f"{soak.imports['killed']} killed and done again, {soak.imports['failed on the full disk']} refused by the full disk"),
    ]
    return lines


def server_lines(soak):
    late = [stop for stop in soak.stops if stop[0] > STOP_SECONDS_MAX or stop[1] != 0]
    last = of_last_life(soak)
    quarter = len(last) // 4
    lines = [
        report.check("stops (SIGTERM) that took longer than 30 s or ended badly", len(late), 0, "", note=f"of {len(soak.stops)}"),
        report.known("the longest stop", max((stop[0] for stop in soak.stops), default=0), "s"),
        report.known("kills (SIGKILL) of the server", len(soak.kills), ""),
        report.known("longest from a stop or a kill until it answered again", max((end - begin for begin, end in soak.downs), default=0), "s"),
        report.known("memory, peak of all lives", max(soak.peaks, default=0), "bytes"),
    ]
    if quarter:
        early, end = (median_of(last[at * quarter:(at + 1) * quarter], 2) for at in (1, 3))
        flat = report.within("memory of the last life: last quarter against the second", end, early, "bytes", FLAT)
        files = [int(median_of(last[at * quarter:(at + 1) * quarter], 3)) for at in (1, 3)]
        lines += [flat if not soak.run.arguments.small else {**flat, "informative": True},
                  report.known("files open in the last quarter", files[1], "", note=f"{files[0]} in the second")]
    if not soak.disk.is_small:
        lines.append(report.check("full disk not tried: no small disk could be mounted", 1, 0, "", note=soak.disk.why))
    lines += [report.check(title, soak.faults.count(kind), 0, "") for kind, title in faults.OWN_LINE.items()]
    lines += [report.check("pages and questions not known how to ask", len(soak.asked.unknown), 0, "")]
    return lines


def of_last_life(soak):
    """Samples from the last start to the day's end: what is waited for afterwards is no use."""
    begin, end = soak.last_life
    return [sample for sample in soak.memory if begin < sample[0] <= end]


def median_of(samples, column):
    return measure.median([sample[column] for sample in samples])


def notes_of(soak):
    slope = ""
    last = [(at, held) for at, _, held, _ in of_last_life(soak)]
    if len(last) > 20:
        own = last[len(last) // 4:]
        mean_at, mean_held = sum(at for at, _ in own) / len(own), sum(held for _, held in own) / len(own)
        moved = sum((at - mean_at) * (held - mean_held) for at, held in own) / sum((at - mean_at) ** 2 for at, _ in own)
        slope = f" Memory of the last life moved by {moved * soak.day.hour_seconds / (1 << 20):+.2f} MiB in an hour of the day."
    notes = [
        f"{soak.day.n_hours} hours of {soak.day.hour_seconds:g} s: each brings an import of {soaked.ROWS_OF_AN_HOUR} figures, "
        f"{soaked.MOVES_OF_AN_HOUR} moves and {soaked.TURNS_OF_AN_HOUR} settled rumours, and a figure of each subject of {soaked.SOURCES} sources; "
        f"readers ask {soak.run.arguments.soak_rate} pages and questions a second, a dashboard two of SQL. One message in five is "
        f"refused at first (503), one fetch in nine.{slope}",
        f"Everything was told {soak.drained_in:.0f} s after the day's end. A message that its receiver had when the server was killed comes "
        f"again under its id: that is what the id is for.",
    ]
    if soak.asked.left_out():
        notes.append("Left out: " + "; ".join(soak.asked.left_out()) + ".")
    if soak.faults.all:
        notes.append("Faults:\n```\n" + "\n".join(soak.faults.texts()[:60]) + "\n```")
    return notes
