"""Grown markets: generated and imported slice by slice, so that the claims file never needs room for all of them."""

import json
import shutil
import time
import tomllib

import measure

#: What a claim takes on the disk while files are brought together (the old ones and the new ones), and what questions
#: that are given little memory may spill.
ROW_BYTES = 75
SPARE_BYTES = 4 << 30
SLOW_SECONDS_MAX = 4 * 3600
BUILT_IN_METRICS = "crates/model/data/metrics.toml"


class NoRoom(measure.ChildFailed):
    """The disk is too small for a market."""


def paths(run, n_rows):
    market = run.data / f"grown-{n_rows}-{run.arguments.seed}"
    return market, run.data / f"{market.name}.done"


def market(run, n_rows):
    """A grown market of about so many rows and the facts of it; made if it is not there."""
    folder, done = paths(run, n_rows)
    if not (done.exists() and folder.exists()):
        done.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        check_room(run, n_rows)
        done.write_text(json.dumps(make(run, folder, n_rows), indent=1) + "\n")
    return folder, json.loads(done.read_text())


def check_room(run, n_rows):
    wanted, free = n_rows * ROW_BYTES + SPARE_BYTES, shutil.disk_usage(run.data).free
    if wanted > free:
        raise NoRoom(f"{n_rows:,} claims need about {wanted / 1e9:.0f} GB of disk, {free / 1e9:.0f} GB are free")


def make(run, folder, n_rows):
    start = time.monotonic()
    n_slices = -(-n_rows // run.arguments.slice_rows)
    imports, n_distinct = [], 0
    for number in range(1, n_slices + 1):
        run.say(f"{folder.name}: slice {number} of {n_slices}")
        csv, told = generate(run, n_rows, f"{number}/{n_slices}")
        if number == 1:
            measure.run(run.crowsnest("new", folder))
            write_metrics(run, folder, told["grown"]["further_metrics"])
        imports.append(import_slice(run, folder, csv))
        n_distinct += told["written"]["n_distinct"]
    run.say(f"{folder.name}: bringing small files together")
    optimized = upkeep(run, folder, "optimize", "--vacuum", "0")
    upkeep(run, folder, "vacuum", "--hours", "0")
    files, n_there = measure.delta_files(folder / "lake/claims")
    if n_there != n_distinct:
        raise measure.ChildFailed(f"{folder.name}: {n_distinct:,} different rows were imported, {n_there:,} are there")
    return {
        "n_rows": n_there, "n_files": len(files), "n_bytes": measure.folder_bytes(folder / "lake"), **told["grown"],
        "n_products": told["written"]["n_products"], "n_mentions": told["written"]["n_mentions"],
        "made_seconds": time.monotonic() - start,
        "import_seconds": [one["seconds"] for one in imports],
        "import_peak_bytes": max(one["peak_bytes"] for one in imports),
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
