"""Detecting: breakouts called in the past beside plain baselines, and forecasts beside StatsForecast, on one market's lists."""

import json

import measure
import report

RUN_SECONDS_MAX = 1800
#: How many times the best baseline's, at least and as a goal.
PRECISION_AT_50_TIMES = 1.5
PRECISION_AT_50_GOAL = 0.45
PRECISION_AT_200_LEAST, PRECISION_AT_200_GOAL = 0.25, 0.40
AVERAGE_PRECISION_TIMES, AVERAGE_PRECISION_TIMES_GOAL = 1.5, 2.5
ECE_MAX = 0.01
BRIER_SKILL_LEAST, BRIER_SKILL_GOAL = 0.03, 0.12


def measure_detecting(run):
    market = run.arguments.detecting_market
    if market is None:
        raise measure.ChildFailed("name a market with --detecting-market DIR; its list with the most claims is tested")
    run.say("backtest")
    asked = ["--from", run.arguments.detecting_from, "--to", run.arguments.detecting_to] if run.arguments.detecting_from else []
    done = measure.run(run.crowsnest("backtest", "--market", market, "--format", "json", "--quiet", *asked), RUN_SECONDS_MAX)
    found = json.loads(done["stdout"]) | {"seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}
    return section(found)


def section(found):
    baselines = found["baselines"]

    def best(name):
        return max(baselines, key=lambda one: baselines[one][name])

    lines, notes = [], []
    for name, least, goal in (
        ("precision_at_50", PRECISION_AT_50_TIMES * baselines[best("precision_at_50")]["precision_at_50"], PRECISION_AT_50_GOAL),
        ("precision_at_200", PRECISION_AT_200_LEAST, PRECISION_AT_200_GOAL),
        ("average_precision", AVERAGE_PRECISION_TIMES * baselines[best("average_precision")]["average_precision"],
         AVERAGE_PRECISION_TIMES_GOAL * baselines[best("average_precision")]["average_precision"]),
    ):
        peer = baselines[best(name)][name]
        lines.append(report.at_least(name.replace("_", " "), found[name], round(least, 3), round(goal, 3), peer=round(peer, 3)))
        low, high = found["intervals"][name] or (None, None)
        notes.append(f"{name}: best baseline {best(name)}; 95 % of draws of origins in blocks between {low:.3f} and {high:.3f}; by the "
                     f"stricter label {found['strict'][name]:.3f}.")
    lines += [
        report.check("expected calibration error", round(found["ece"], 4), ECE_MAX, ""),
        report.at_least("Brier skill", found["brier_skill"], BRIER_SKILL_LEAST, BRIER_SKILL_GOAL),
        report.known("recall at 1 % false alarms", round(found["recall_at_1pct_false_alarms"], 3), ""),
        report.known("median lead time", found["median_lead_time"], "periods"),
        report.known("base rate", round(found["base_rate"], 4), ""),
        report.known("seconds", found["seconds"], "s"),
    ]
    notes.append(f"{found['metric']} by {found['source']}, {found['grain']}s, {found['from']} to {found['to']}: {found['n_origins']} origins, "
                 f"{found['n_candidates']:,} candidates. All baselines are of the same run.")
    return {"title": "Detecting", "sides": ("ours", "best baseline"), "lines": lines, "notes": notes, "found": found}
