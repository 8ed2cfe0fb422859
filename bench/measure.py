"""Running children and looking at what they used; the machine; the files of a Delta table.

The orchestrator stays small on purpose: a child's peak memory as the kernel counts it is at least what its parent held
when it was started.
"""

import json
import math
import os
import platform
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote


#: A child that holds more is ended: others use this machine too, and the kernel would choose whom to end.
MEMORY_SHARE_MAX = 0.6


class ChildFailed(Exception):
    """A child ended otherwise than well."""


def pin(n_cores):
    """Pins this process, and so its children, to the first cores it may use; gives them."""
    cores = sorted(os.sched_getaffinity(0))[:n_cores]
    os.sched_setaffinity(0, cores)
    return cores


def run(command, timeout_seconds=3600, ok_codes=(0,), env=None):
    """Runs a child to its end: seconds, peak memory (its own), what it printed. `env` is added to our environment."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        child = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
                                 env={**os.environ, **(env or {})})
        status, usage = wait(child, timeout_seconds)
        seconds = time.perf_counter() - start
        out.seek(0)
        errors.seek(0)
        printed, complaint = out.read().decode(), errors.read().decode()
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    if code not in ok_codes:
        raise ChildFailed(f"{' '.join(map(str, command))}\nexit code {code}\n{printed[-2000:]}\n{complaint[-4000:]}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": usage.ru_maxrss * 1024, "stdout": printed}


def wait(child, timeout_seconds):
    """Waits for a child and what it used; ends it at the time limit, or before it takes the machine's memory."""
    deadline = time.monotonic() + timeout_seconds
    limit = total_memory() * MEMORY_SHARE_MAX
    next_look = 0.0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            return status, usage
        now = time.monotonic()
        if now > deadline:
            return end(child, f"took longer than {timeout_seconds} s")
        if now > next_look:
            next_look = now + 0.1
            if resident(child.pid) > limit:
                return end(child, f"held more than {limit / (1 << 30):.1f} GiB, {MEMORY_SHARE_MAX:.0%} of the machine's memory")
        time.sleep(0.005)


def on_cores(cores, command):
    """The command, pinned to cores."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


def has_ended(child):
    """Whether a child has ended, without asking what it used: that can be asked once."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end(child, why):
    """Ends a child and says why."""
    child.kill()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    raise ChildFailed(f"{' '.join(map(str, child.args))}\nwas ended: it {why}")


def resident(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def total_memory():
    return int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0]) * 1024


def read_once(path):
    """Reads a file from start to end, so that its pages are in memory for whoever comes next."""
    with open(path, "rb", buffering=0) as file:
        while file.read(8 << 20):
            pass


def settle():
    """Lets what others left to be written reach the disk before the clock starts."""
    os.sync()


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """The smallest value that at least so much of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def machine(cores):
    """What this was measured on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "cores_used": len(cores),
        "cores_present": os.cpu_count(),
        "memory_bytes": total_memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def delta_files(table):
    """Active data files of a Delta table and their rows, from its log.

    Reads the log's JSON from version 0 on, which the lake keeps; a lake whose log was cut down to a checkpoint is
    refused.
    """
    log = Path(table) / "_delta_log"
    commits = sorted(path for path in log.glob("*.json") if path.stem.isdigit())
    if not commits or int(commits[0].stem) != 0:
        raise ChildFailed(f"{log} does not begin at version 0")
    active = {}
    for commit in commits:
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                stats = json.loads(action["add"].get("stats") or "{}")
                active[action["add"]["path"]] = stats.get("numRecords", 0)
            elif "remove" in action:
                active.pop(action["remove"]["path"], None)
    files = [str(Path(table) / unquote(path)) for path in active]
    return files, sum(active.values())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder_bytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
