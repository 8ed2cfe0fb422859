"""Detecting: breakouts called in the past beside plain baselines, forecasts beside StatsForecast's, a million series scored beside
StatsForecast and ruptures, worlds without a signal, and breaks of a whole market."""

import json
import subprocess
import sys

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
HORIZON, FORECASTS_BACK = 6, (6, 12, 18)
MASE_RATIO_MAX, COVERED_80, SERIES_PER_SECOND = 0.97, (0.77, 0.83), 10_000
FLAGGED_MAX, NOISE_MAX = 0.02, 0.25
SCALE_TIMES, SCALE_GIB_MAX, INCREMENT_MAX = 100, 4.0, 0.05


def measure_detecting(run):
    market = run.arguments.detecting_market
    if market is None:
        raise measure.ChildFailed("name a market with --detecting-market DIR; its list with the most claims is tested")
    run.say("backtest")
    asked = ["--from", run.arguments.detecting_from, "--to", run.arguments.detecting_to] if run.arguments.detecting_from else []
    done = measure.run(run.crowsnest("backtest", "--market", market, "--format", "json", "--quiet", *asked), RUN_SECONDS_MAX)
    found = json.loads(done["stdout"]) | {"seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}
    section_of_backtest = section(found)
    python = prepare_peer(run)
    more = {"forecasts": forecasts(run, python, market), "noise": of_bin(run, "noise", "--market", market),
            "breaks": of_bin(run, "breaks", "--market", market), "scale": scale(run, python)}
    section_of_backtest["lines"] += forecast_lines(more["forecasts"]) + world_lines(more) + scale_lines(more["scale"])
    section_of_backtest["found"] |= more
    return section_of_backtest


def prepare_peer(run):
    folder = run.root / "bench/.venv-detecting"
    wanted = (run.root / "bench/requirements-detecting.txt").read_text()
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        run.say("installing the peers of detecting")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", "-r", run.root / "bench/requirements-detecting.txt"], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def of_bin(run, *arguments):
    run.say(f"detecting: {arguments[0]}")
    done = measure.run([run.bin / "detecting", *arguments], RUN_SECONDS_MAX)
    return json.loads(done["stdout"]) | {"whole_seconds": done["seconds"], "peak_bytes": done["peak_bytes"]}


def of_peer(run, python, *arguments):
    run.say(f"detecting: peers, {arguments[0]}")
    return json.loads(measure.run([python, run.root / "bench/peer_forecasts.py", *arguments], RUN_SECONDS_MAX)["stdout"])


def forecasts(run, python, market):
    """From several ends, so that no single break of the market decides."""
    found = []
    for back in FORECASTS_BACK:
        path = run.data / f"forecasts-{back}.csv"
        ours = of_bin(run, "forecasts", "--market", market, "--out", path, "--series", run.arguments.detecting_series, "--back", back)
        found.append(ours | of_peer(run, python, "forecasts", path, HORIZON))
    return found


def forecast_lines(found):
    lines = []
    for one in found:
        peers = {name: said["mase"] for name, said in one.items() if name.startswith("auto_")}
        best = min(peers, key=peers.get)
        of = f"from {one['origin']}"
        ratio = one["ours"] / peers[best]
        low, high = COVERED_80
        lines += [
            report.check(f"forecasts {of}: MASE over the better peer's ({best})", round(ratio, 3), MASE_RATIO_MAX, ""),
            report.at_least(f"forecasts {of}: 80 % intervals hold in", round(one["covered_80"], 3), low),
            report.check(f"forecasts {of}: 80 % intervals hold in", round(one["covered_80"], 3), high, ""),
            report.at_least(f"forecasts {of}: series a second, two cores", round(2 * one["series"] / one["seconds_on_one_core"]), SERIES_PER_SECOND),
        ]
    return lines


def world_lines(found):
    noise, breaks = found["noise"], found["breaks"]
    return [
        report.check("noise: mean probability over the base rate, less 1", round(abs(noise["mean_said"] / noise["base_rate"] - 1), 3), NOISE_MAX, ""),
        report.check("noise: calibration error", round(noise["ece"], 4), ECE_MAX, ""),
        report.check("break of the market: flagged because of it", round(breaks["flagged_because_of_it"], 4), FLAGGED_MAX, ""),
    ]


def scale(run, python):
    sample = run.data / "scale-sample.csv"
    ours = of_bin(run, "scale", "--series", run.arguments.detecting_scale, "--sample", sample)
    return ours | {"peers": of_peer(run, python, "scale", sample)}


def scale_lines(found):
    rate = found["series"] / found["seconds"]
    return [
        report.at_least("scoring: times the rate of AutoETS and ruptures", round(rate / found["peers"]["both_per_second"]), SCALE_TIMES),
        report.check("scoring: peak memory", found["peak_bytes"] / 2**30, SCALE_GIB_MAX, "GiB"),
        report.check("scoring: one more period over the whole", round(found["increment_seconds"] / found["seconds"], 3), INCREMENT_MAX, ""),
        report.known("scoring: seconds", found["seconds"], "s"),
    ]


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
