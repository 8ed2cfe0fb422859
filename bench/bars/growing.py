"""Growing: made-up firms whose channels are known, experiments where there is nothing to find, bandits; PyMC-Marketing, statsmodels, river."""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys

import measure
import report
from firms import Firm

#: The truth is of spends that are kept up, so both sides are asked for a year, not for a quarter in which the past still acts.
N_PERIODS = 52
COVERED = (0.86, 0.94)
SHARE_OF_BEST_LEAST = 0.97
TIME_MAX = 0.1
AHEAD_LEAST = 0.5
FALSE_POSITIVES_MAX = 0.05
POWER_OFF_MAX = 0.02
EQUAL_MAX = 1e-6
REGRET_MAX = 1.1
ALLOCATIONS_LEAST = 50_000
ALLOCATIONS_OVER_HTTP_LEAST = 5_000
HTTP_SECONDS, HTTP_CONNECTIONS = 15, 32
PUBLIC_CHANNELS = ("tv", "ooh", "print", "facebook", "search")
JUDGED = (0.93, 0.97)
RUN_SECONDS_MAX = 7200


def measure_growing(run):
    python = prepare_peer(run)
    firms = made_up_firms(run, python)
    return section(firms, experiments(run, python), bandits(run, python) | {"http": over_http(run)}, real(run, python))


def prepare_peer(run, name="growing"):
    """An environment of its own: what PyMC-Marketing and gbstats ask for goes neither together nor with the other peers."""
    folder = run.root / f"bench/.venv-{name}"
    requirements = run.root / f"bench/requirements-{name}.txt"
    wanted = requirements.read_text()
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        run.say(f"installing the peers of {name}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def made_up_firms(run, python):
    folder = run.data / "firms"
    folder.mkdir(exist_ok=True)
    found = []
    for seed in range(run.arguments.growing_firms):
        run.say(f"firm {seed + 1} of {run.arguments.growing_firms}")
        firm = Firm(seed)
        table, budget = folder / f"{seed}.csv", sum(firm.present())
        firm.write(table)
        ours = our_plan(run, firm, table, budget)
        best = firm.best(budget)
        of = {"seed": seed, "present": firm.outcome_of(firm.present()) / best, "ours": firm.outcome_of(ours["spend"]) / best,
              "covered": ours["covered"], "seconds": ours["seconds"]}
        if seed < run.arguments.growing_peer_firms:
            of |= peers_plan(run, python, firm, table, budget, best)
        found.append(of)
    return found


def our_plan(run, firm, table, budget):
    path = table.with_suffix(".toml")
    channels = "".join(f'[[channels]]\nname = "{name}"\n' for name in firm.channels)
    path.write_text(f'[history]\nfile = "{table.name}"\noutcome = "outcome"\ncontrols = ["rival"]\n{channels}'
                    f"[model]\nn_held_out = 0\n[plan]\nbudget = {budget * N_PERIODS}\nn_periods = {N_PERIODS}\n")
    done = measure.run(run.crowsnest("grow", "plan", path, "--format", "json", "--quiet"), RUN_SECONDS_MAX)
    plan = json.loads(done["stdout"])
    planned = {own["channel"]: own["planned"] for own in plan["channels"]}
    returns = {own["channel"]: own["roi"] for own in plan["fit"]["channels"]}
    covered = [returns[name]["q05"] <= truth <= returns[name]["q95"] for name, truth in zip(firm.channels, firm.returns)]
    return {"spend": [planned[name] for name in firm.channels], "covered": covered, "seconds": done["seconds"], "gap": plan["gap"]}


def peers_plan(run, python, firm, table, budget, best):
    """Minutes each: kept beside the table for runs after one that was stopped, as long as nothing that it is made of changes."""
    program, kept = run.root / "bench/peer_mmm.py", table.with_suffix(".peer.json")
    made_of = hashlib.sha256(b"".join(path.read_bytes() for path in (program, table, run.root / "bench/requirements-growing.txt"))).hexdigest()
    plan = json.loads(kept.read_text()) if kept.exists() else {}
    if plan.get("made_of") != made_of:
        done = measure.run([python, program, "plan", table, budget, N_PERIODS], RUN_SECONDS_MAX)
        plan = json.loads(done["stdout"].strip().splitlines()[-1]) | {"made_of": made_of}
        kept.write_text(json.dumps(plan) + "\n")
    spends = [plan["spend"][name] for name in firm.channels]
    spends = [spend * budget / sum(spends) for spend in spends]
    covered = [plan["returns"][name][0] <= truth <= plan["returns"][name][2] for name, truth in zip(firm.channels, firm.returns)]
    return {"peer": firm.outcome_of(spends) / best, "peer_covered": covered, "peer_seconds": plan["seconds"]}


def experiments(run, python):
    """False positives of peeking, power against theory, and the same figures as statsmodels."""
    run.say("experiments")
    def ours(*parts):
        return json.loads(measure.run(run.crowsnest("grow", "experiment", *parts, "--format", "json", "--quiet"), RUN_SECONDS_MAX)["stdout"])
    nothing = ours("try", "--experiments", "10000", "--units", "1000", "--effect", "0")
    something = ours("try", "--experiments", "10000", "--units", "200", "--effect", "0.28")
    theory = ours("size", "--difference", "0.28", "--spread", "1", "--units", "200")["power"]
    table = run.data / "units.csv"
    peer = json.loads(measure.run([python, run.root / "bench/peer_statsmodels.py", table])["stdout"])
    read = ours("read", table, "--metric", "revenue", "--metric", "visits")
    mine = {
        "units for shares": ours("size", "--share", "0.05", "--to", "0.055")["units_of_first"],
        "units for means": ours("size", "--difference", "3", "--spread", "10", "--power", "0.9", "--ratio", "2")["units_of_first"],
        "power for means": ours("size", "--difference", "5", "--spread", "10", "--units", "12")["power"],
        "sample ratio p": read["ratio_p"],
    }
    for finding in read["findings"]:
        for what in ("difference", "low", "high", "p", "adjusted_p"):
            mine[f"{finding['metric']} {what}"] = finding[what]
    off = {name: abs(mine[name] - value) / max(1, abs(value)) for name, value in peer.items()}
    off_gbstats = gbstats(run, ours, table)
    return {"nothing": nothing, "something": something, "theory": theory, "off": off, "n_equal": len(off), "off_gbstats": off_gbstats}


def gbstats(run, ours, table):
    """Differences to GrowthBook's figures: means, ratios, what was before taken out, at any time."""
    planned = "5000"
    python = prepare_peer(run, "gbstats")
    theirs = json.loads(measure.run([python, run.root / "bench/peer_gbstats.py", table, planned])["stdout"])
    mine = {}
    def take(name, finding):
        for what, key in (("p", "p"), ("low", "low"), ("high", "high"), ("expected", "difference")):
            mine[f"{name} absolute {what}"] = finding[key]
        mine[f"{name} relative expected"] = finding["relative"]
    plain = ours("read", table, "--metric", "revenue", "--metric", "revenue/visits")["findings"]
    take("mean", plain[0])
    take("ratio", plain[1])
    take("before", ours("read", table, "--metric", "revenue", "--before", "revenue=before")["findings"][0])
    take("sequential", ours("read", table, "--metric", "revenue", "--planned", planned)["findings"][0])
    return {name: abs(mine[name] - value) / max(1, abs(value)) for name, value in theirs.items()}


def bandits(run, python):
    run.say("bandits")
    ours = json.loads(measure.run([run.bin / "bandit"], RUN_SECONDS_MAX)["stdout"])
    peer = json.loads(measure.run([python, run.root / "bench/peer_bandit.py"], RUN_SECONDS_MAX)["stdout"])
    return {"ours": ours, "peer": peer}


def over_http(run, seconds=HTTP_SECONDS, cores="one"):
    """A bandit asked over HTTP by kept-alive connections, the server on one core or on all that are used; then killed, and its log held
    to the answers."""
    run.say("bandits over HTTP")
    market = run.data / "bandits-market"
    shutil.rmtree(market, ignore_errors=True)
    measure.run(run.crowsnest("new", market))
    (market / "bandits").mkdir()
    arms = "".join(f'[[arms]]\nname = "{name}"\n' for name in "abcde")
    (market / "bandits/home.toml").write_text(f"floor = 0.02\nreward_within_hours = 24\n{arms}")
    core = ["taskset", "-c", str(run.cores[0])] if cores == "one" and shutil.which("taskset") else []
    command = [*core, *run.crowsnest("serve", "--listen", "127.0.0.1:0", "--no-collect", "--market", market)]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split("//")[1].split("/")[0]
        load = [run.bin / "allocate", address, "home", "--connections", HTTP_CONNECTIONS, "--seconds", seconds, "--reward-each", 5]
        found = json.loads(measure.run(load, RUN_SECONDS_MAX)["stdout"])
    finally:
        server.kill()
        server.wait()
    shown = json.loads(measure.run(run.crowsnest("grow", "bandit", "show", "home", "--format", "json", "--market", market))["stdout"])[0]
    found["n_in_log"] = sum(arm["n_choices"] for arm in shown["arms"])
    found["n_lost"] = found["n_allocations"] - found["n_errors"] - found["n_in_log"]
    return found


def real(run, python):
    """The public weekly table: how well the last thirteen weeks are predicted without them, and who brought what, beside the peer."""
    table = run.arguments.growing_table
    if table is None:
        return None
    run.say("the public table")
    path = run.data / "simulated-weekly.toml"
    channels = "".join(f'[[channels]]\nname = "{name}"\nspend = "{name}_S"\n' for name in PUBLIC_CHANNELS)
    path.write_text(f'[history]\nfile = "{table.resolve()}"\ndate = "DATE"\noutcome = "revenue"\ncontrols = ["competitor_sales_B", "newsletter"]\n'
                    f'events = ["events"]\n{channels}')
    done = measure.run(run.crowsnest("grow", "fit", path, "--format", "json", "--quiet"), RUN_SECONDS_MAX)
    peer = json.loads(measure.run([python, run.root / "bench/peer_mmm.py", "public", table], RUN_SECONDS_MAX)["stdout"].strip().splitlines()[-1])
    return json.loads(done["stdout"]) | {"whole_seconds": done["seconds"], "peer": peer}


def in_words(low, middle, high):
    return f"{100 * middle:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def beside_peer(fitted):
    """Notes: each channel's share of the public table's revenue and its return, ours and the peer's, with 90 % intervals."""
    whole = sum(part["total"]["mean"] for part in fitted["decomposition"])
    notes = []
    for own in fitted["channels"]:
        ours = [own["contribution"][at] / whole for at in ("q05", "q50", "q95")]
        theirs = fitted["peer"]["shares"][f"{own['channel']}_S"]
        returns, of_peer = own["roi"], fitted["peer"]["returns"][f"{own['channel']}_S"]
        notes.append(f"Public table, {own['channel']}: share of revenue {in_words(*ours)}, the peer's {in_words(*theirs)}; return "
                     f"{returns['q50']:.1f} ({returns['q05']:.1f} to {returns['q95']:.1f}), the peer's {of_peer[1]:.1f} ({of_peer[0]:.1f} to {of_peer[2]:.1f}); "
                     f"our verdict: {own['verdict']}.")
    return notes


def without_points(channel):
    """A channel's findings without the table's own rows, which are not ours to pass on."""
    return {name: value for name, value in channel.items() if name != "points"}


def within(name, value, ends):
    low, high = ends
    return report.at_least(name, value, low) | {"limit": high, "passes": low <= value <= high}


def section(firms, tested, played, fitted):
    ours = [of["ours"] for of in firms]
    covered = [own for of in firms for own in of["covered"]]
    beside = [of for of in firms if "peer" in of]
    lines = [
        within("90 % intervals of returns that hold the true one", sum(covered) / len(covered), COVERED),
        report.at_least("plan's true outcome, share of the best possible, median", statistics.median(ours), SHARE_OF_BEST_LEAST),
        report.known("the present mix's share of the best, median", round(statistics.median(of["present"] for of in firms), 4), ""),
    ]
    if beside:
        ahead = sum(of["ours"] >= of["peer"] for of in beside) / len(beside)
        peer_covered = [own for of in beside for own in of["peer_covered"]]
        lines += [
            report.at_least("firms whose plan is at least as good as the peer's", ahead, AHEAD_LEAST),
            report.known("the peer's share of the best, median", round(statistics.median(of["peer"] for of in beside), 4), ""),
            report.known("the peer's intervals that hold the true return", round(sum(peer_covered) / len(peer_covered), 4), ""),
            report.within("seconds for fit and plan, median", statistics.median(of["seconds"] for of in beside),
                          statistics.median(of["peer_seconds"] for of in beside), "s", TIME_MAX),
        ]
    lines += [
        report.check("experiments with nothing to find, called at any of their looks", tested["nothing"]["share_called"], FALSE_POSITIVES_MAX, ""),
        report.check("power off theory", abs(tested["something"]["share_called_at_the_end"] - tested["theory"]), POWER_OFF_MAX, ""),
        report.check(f"largest difference to statsmodels, {tested['n_equal']} figures", max(tested["off"].values()), EQUAL_MAX, ""),
        report.check(f"largest difference to gbstats, {len(tested['off_gbstats'])} figures", max(tested["off_gbstats"].values()), EQUAL_MAX, ""),
        within("off-policy 95 % intervals that hold the true value, doubly robust", played["ours"]["covered_doubly_robust"], JUDGED),
        within("the same, IPS", played["ours"]["covered_ips"], JUDGED),
        within("the same, SNIPS", played["ours"]["covered_snips"], JUDGED),
        report.at_least("allocations a second on one core", played["ours"]["allocations_per_second"], ALLOCATIONS_LEAST),
        report.at_least("allocations a second over HTTP, server on one core", played["http"]["per_second"], ALLOCATIONS_OVER_HTTP_LEAST),
        report.known("the same: 99 of 100 within", played["http"]["p99_ms"], "ms"),
        report.check("answers that a server killed lost", played["http"]["n_lost"], 0, ""),
    ]
    for kind in ("stationary", "drifting", "delayed"):
        peer = min(played["peer"][kind].values())
        lines.append(report.within(f"regret, {kind}", played["ours"]["regret"][kind], peer, "", REGRET_MAX))
    if fitted:
        held = fitted["held_out"][0]
        lines += [report.within("public table: error of the last 13 weeks, predicted without them", held["error_share"], held["naive_error_share"], "", 1.0),
                  report.known("public table: the peer's error of the last 13 weeks", round(fitted["peer"]["held_out_error_share"], 4), ""),
                  report.known("public table: seconds for the fit", fitted["whole_seconds"], "s"),
                  report.known("public table: seconds for the peer's fit", fitted["peer"]["seconds"], "s")]
    notes = ["The firms are those of bench/firms.py. The best possible is found by trying all divisions of the weekly budget into 400 pieces "
             f"with the true curves, spend kept up; both are asked for {N_PERIODS} weeks. The peer is PyMC-Marketing as its own example sets it up (peer_mmm.py); its plan is scaled to the same budget.",
             "Regret beside the best of river's policies (Thompson, UCB, epsilon-greedy) for each kind, mean of all repetitions. The peer of the "
             "public table's line is the naive prediction: the same week a year before.",
             *(beside_peer(fitted) if fitted else [])]
    return {"title": "Growing", "sides": ("ours", "peer"), "lines": lines, "notes": notes,
            "found": {"firms": firms, "experiments": tested, "bandits": played, "public": fitted and [without_points(own) for own in fitted["channels"]]}}
