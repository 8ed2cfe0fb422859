"""Results as people read them: bars with their targets, and the Markdown page."""


def seconds(value):
    return f"{value:.2f} s"


def milliseconds(value):
    return f"{value:.1f} ms"


def mebibytes(value):
    return f"{value / (1 << 20):,.0f} MiB"


def bar(name, ours, peer, unit, goal, limit, **more):
    """One line: ours against the peer's, smaller is better; passes at most at `limit` times the peer."""
    ratio = ours / peer if peer else float("inf")
    return {
        "name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio,
        "goal": goal, "limit": limit, "meets_goal": ratio <= goal, "passes": ratio <= limit, **more,
    }


def within(name, ours, other, unit, limit, **more):
    """One line: ours against another's, smaller is better; passes at most at `limit` times the other."""
    ratio = ours / other if other else float("inf")
    return {"name": name, "ours": ours, "peer": other, "unit": unit, "ratio": ratio, "limit": limit,
            "passes": ratio <= limit, **more}


def faster(name, ours, other, unit, least, **more):
    """One line: passes if ours is at least `least` times as fast as the other."""
    speedup = other / ours if ours else float("inf")
    return {"name": name, "ours": ours, "peer": other, "unit": unit, "speedup": speedup, "limit": least,
            "passes": speedup >= least, **more}


def known(name, value, unit, **more):
    """One line that decides nothing."""
    return {**check(name, value, 0, unit, **more), "informative": True}


def check(name, ours, limit, unit, **more):
    """One line without a peer: passes at most at `limit`."""
    return {"name": name, "ours": ours, "unit": unit, "limit": limit, "passes": ours <= limit, **more}


def at_least(name, ours, limit, goal=None, **more):
    """One line: larger is better; passes at least at `limit`. Without a limit it decides nothing."""
    if limit is None:
        return known(name, round(ours, 4), "", **more)
    line = {"name": name, "ours": round(ours, 4), "unit": "", "least": round(limit, 4), "passes": ours >= limit, **more}
    if "peer" in line:
        line["peer"] = round(line["peer"], 4)
    if goal is not None:
        line |= {"goal": round(goal, 4), "meets_goal": ours >= goal}
    return line


def shown(value, unit):
    if value is None:
        return ""
    by_unit = {"s": seconds, "ms": milliseconds, "bytes": mebibytes}
    return by_unit[unit](value) if unit in by_unit else f"{value:,}"


def verdict(line):
    if line.get("informative"):
        return "(informative)"
    if not line["passes"]:
        return "**FAIL**"
    return "pass, goal met" if line.get("meets_goal") else "pass"


def target(line):
    if line.get("informative"):
        return ""
    if "least" in line:
        goal = f" (goal {line['goal']:.3f})" if "goal" in line else ""
        return f"≥ {line['least']:.3f}{goal}"
    if "speedup" in line:
        return f"≥ {line['limit']:.1f}× as fast"
    if "ratio" in line:
        goal = f" (goal {line['goal']:.1f}×)" if "goal" in line else ""
        return f"≤ {line['limit']:.1f}×{goal}"
    return f"≤ {shown(line['limit'], line['unit'])}"


def ratio_shown(line):
    if "speedup" in line:
        return f"{line['speedup']:.2f}× as fast"
    return f"{line['ratio']:.2f}×" if "ratio" in line else ""


def table(section):
    """A section's lines; it may name its two sides otherwise than ours and the peer."""
    ours, peer = section.get("sides", ("ours", "peer"))
    rows = [("what", ours, peer, "ratio", "target", "result")]
    for line in section["lines"]:
        ratio = ratio_shown(line)
        name = line["name"] + (f" — {line['note']}" if line.get("note") else "")
        unit = line["unit"]
        rows.append((name, shown(line["ours"], unit), shown(line.get("peer"), unit), ratio, target(line), verdict(line)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    padded.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(padded)


def peer_versions(versions):
    """Nothing where no peer took part."""
    if "duckdb" not in versions:
        return ""
    return f"DuckDB {versions['duckdb']}, pyarrow {versions.get('pyarrow', '?')}, "


def markdown(results):
    machine, versions = results["machine"], results["versions"]
    parts = [
        "# Bench: latest run",
        "",
        f"{results['finished_at']}, {results['of']}, seed {results['seed']}. "
        f"{machine['processor']}, {machine['cores_used']} of {machine['cores_present']} cores used, "
        f"{machine['memory_bytes'] / (1 << 30):.1f} GiB memory, {machine['system']}; "
        f"load before the run {machine['load_before']:.2f}.",
        "",
        f"Versions: crowsnest {versions.get('crowsnest', '?')} (commit {versions.get('commit', '?')}, "
        f"profile {versions.get('profile', '?')}), {peer_versions(versions)}Python {machine['python']}.",
        "",
        "What is measured and what is not equal between the two sides: [README.md](../README.md).",
    ]
    for section in results["sections"].values():
        parts += ["", f"## {section['title']}", "", table(section)]
        parts += ["", *(f"- {note}" for note in section.get("notes", []))]
    parts += ["", f"**{results['verdict']}**", ""]
    return "\n".join(parts)
