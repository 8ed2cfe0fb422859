"""Grown markets: generated and imported slice by slice, so that the claims file never needs room for all of them. Where that was
broken off, it goes on with the next slice."""

import json
import shutil
import time
import tomllib

import measure

#: What a claim takes on the disk while files are brought together (the old ones and the new ones, or these and the rows by name),
#: and what questions that are given little memory may spill.
ROW_BYTES = 70
SPARE_BYTES = 4 << 30
SLOW_SECONDS_MAX = 4 * 3600
BUILT_IN_METRICS = "crates/model/data/metrics.toml"


class NoRoom(measure.ChildFailed):
    """The disk is too small for a market."""


def paths(run, n_rows):
    market = run.data / f"grown-{n_rows}-{run.arguments.seed}"
    return market, run.data / f"{market.name}.done"


def drop(run, n_rows):
    """Removes a market, to make room for a larger one."""
    folder, done = paths(run, n_rows)
    done.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def market(run, n_rows):
    """A grown market of about so many rows and the facts of it; made if it is not there."""
    folder, done = paths(run, n_rows)
    if not (done.exists() and folder.exists()):
        done.unlink(missing_ok=True)
        check_room(run, folder, n_rows)
        done.write_text(json.dumps(make(run, folder, n_rows), indent=1) + "\n")
    return folder, json.loads(done.read_text())


def check_room(run, folder, n_rows):
    there = measure.folder_bytes(folder) if folder.exists() else 0
    wanted, free = n_rows * ROW_BYTES - there + SPARE_BYTES, shutil.disk_usage(run.data).free
    if wanted > free:
        raise NoRoom(f"{n_rows:,} claims need about {wanted / 1e9:.0f} GB more of disk, {free / 1e9:.0f} GB are free")


def slices_done(run, folder, n_slices):
    """What the slices so far told and took, by number; an import that was broken off added nothing, or all."""
    kept = folder / "slices.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    if not known or known["of"] != [n_slices, run.arguments.slice_rows]:
        shutil.rmtree(folder, ignore_errors=True)
        known = {"of": [n_slices, run.arguments.slice_rows], "slices": []}
    return kept, known


def make(run, folder, n_rows):
    n_slices = -(-n_rows // run.arguments.slice_rows)
    kept, known = slices_done(run, folder, n_slices)
    for number in range(len(known["slices"]) + 1, n_slices + 1):
        start = time.monotonic()
        run.say(f"{folder.name}: slice {number} of {n_slices}")
        csv, told = generate(run, n_rows, f"{number}/{n_slices}")
        if number == 1:
            measure.run(run.crowsnest("new", folder))
            write_metrics(run, folder, told["grown"]["further_metrics"])
        imported = import_slice(run, folder, csv)
        known["told"] = told
        known["slices"].append({"seconds": imported["seconds"], "peak_bytes": imported["peak_bytes"],
                                "n_distinct": told["written"]["n_distinct"], "made_seconds": time.monotonic() - start})
        kept.write_text(json.dumps(known) + "\n")
    start, told, slices = time.monotonic(), known["told"], known["slices"]
    n_distinct = sum(one["n_distinct"] for one in slices)
    run.say(f"{folder.name}: bringing small files together")
    optimized = upkeep(run, folder, "optimize", "--vacuum", "0")
    upkeep(run, folder, "vacuum", "--hours", "0")
    files, n_there = measure.delta_files(folder / "lake/claims")
    if n_there != n_distinct:
        raise measure.ChildFailed(f"{folder.name}: {n_distinct:,} different rows were imported, {n_there:,} are there")
    return {
        "n_rows": n_there, "n_files": len(files), "n_bytes": measure.folder_bytes(folder / "lake"), **told["grown"],
        "n_products": told["written"]["n_products"], "n_mentions": told["written"]["n_mentions"],
        "made_seconds": time.monotonic() - start + sum(one["made_seconds"] for one in slices),
        "import_seconds": [one["seconds"] for one in slices],
        "import_peak_bytes": max(one["peak_bytes"] for one in slices),
        "optimize_seconds": optimized["seconds"], "optimize_peak_bytes": optimized["peak_bytes"],
    }


def generate(run, n_rows, part):
    csv = run.data / "slice.csv"
    done = measure.run([run.bin / "generate", "--grown", "--rows", n_rows, "--seed", run.arguments.seed,
                        "--slice", part, "--out", csv])
    return csv, json.loads(done["stdout"])


def import_slice(run, folder, csv):
    """Imports a slice; then neither it nor its copy in the archive is needed: the bench opens no documents."""
    command = run.crowsnest("import", csv, "--source", "bench", "--quiet", "--market", folder)
    done = measure.run(command, timeout_seconds=SLOW_SECONDS_MAX)
    csv.unlink()
    (csv.parent / f"{csv.name}.json").unlink()
    shutil.rmtree(folder / "raw", ignore_errors=True)
    return done


def upkeep(run, folder, *task):
    return measure.run(run.crowsnest("lake", *task, "--quiet", "--market", folder), timeout_seconds=SLOW_SECONDS_MAX)


def write_metrics(run, folder, further):
    """The market's own metrics, each like one of the built-in ones."""
    built_in = tomllib.loads((run.root / BUILT_IN_METRICS).read_text())
    blocks = []
    for name, like in further:
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in built_in[like].items()]
        blocks.append("\n".join([f"[{name}]", *lines]))
    if blocks:
        (folder / "metrics.toml").write_text("\n\n".join(blocks) + "\n")


def in_words(facts):
    return (f"{facts['n_rows']:,} claims in {facts['n_files']} files ({facts['n_bytes'] / 1e9:.2f} GB of tables), "
            f"{facts['n_months']} months, {6 + len(facts['further_metrics'])} metrics, {facts['n_products']:,} products, "
            f"{facts['n_mentions']:,} mentions; imported in {sum(facts['import_seconds']):.0f} s in "
            f"{len(facts['import_seconds'])} slices (peak {facts['import_peak_bytes'] / (1 << 20):,.0f} MiB), files brought "
            f"together in {facts['optimize_seconds']:.0f} s (peak {facts['optimize_peak_bytes'] / (1 << 20):,.0f} MiB)")
