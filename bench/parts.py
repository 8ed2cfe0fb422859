"""The parts of a cluster as processes of this machine, each pinned to cores, and what they used."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time

import measure

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


class Part:
    """A scheduler or an executor."""

    def __init__(self, command, port, cores, env, log):
        self.address, self.cores, self.log = f"127.0.0.1:{port}", cores, log
        self.peak_bytes, self.ended_by_itself = 0, False
        command = [str(part) for part in measure.on_cores(cores, command)]
        with open(log, "wb") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        try:
            self.wait_until_it_listens(port)
        except measure.ChildFailed:
            self.end(signal.SIGKILL)
            raise

    def wait_until_it_listens(self, port):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and not measure.has_ended(self.child):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise measure.ChildFailed(f"{self.child.args}\nnothing listens at {self.address}\n{self.said()}")

    def said(self):
        return self.log.read_text(errors="replace")[-2000:]

    def end(self, how=signal.SIGTERM):
        """Ends it and notes what it used; that it is killed, or ends badly when it is asked to, is no failure here."""
        if self.child.returncode is not None:
            return
        self.ended_by_itself = measure.has_ended(self.child)
        # Not the child's own method: that would ask how it ended, which can be asked once.
        os.kill(self.child.pid, how)
        try:
            status, usage = measure.wait(self.child, STOP_SECONDS_MAX)
        except measure.ChildFailed:
            return
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self.peak_bytes = usage.ru_maxrss * 1024


class Cluster:
    """A scheduler, and one executor of one thread for each of the cores."""

    def __init__(self, run, cores, common_cores):
        self.run, self.cores, self.common_cores = run, cores, common_cores
        self.folder = run.data / "cluster"
        self.env = {**run.cluster_env(), "CROWSNEST_CLUSTER_SECRET": secrets.token_hex(32)}
        self.ended, self.lost = [], []
        self.executors = []

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        try:
            self.scheduler = self.start(self.common_cores, "scheduler")
            for core in self.cores:
                self.executors.append(self.start_executor(core))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, kind=None, failure=None, *_):
        for part in self.executors:
            self.end(part)
        if hasattr(self, "scheduler"):
            self.end(self.scheduler)
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(failure, measure.ChildFailed) and self.lost:
            raise measure.ChildFailed("\n".join([str(failure), *self.lost])) from failure

    def start(self, cores, kind, *more):
        port = measure.free_port()
        command = self.run.crowsnest("cluster", kind, "--listen", f"127.0.0.1:{port}", *more)
        return Part(command, port, cores, self.env, self.folder / f"{kind}-{port}.log")

    def start_executor(self, core):
        work = self.folder / f"work-{time.monotonic_ns()}"
        return self.start([core], "executor", "--scheduler", self.scheduler.address, "--threads", "1",
                          "--memory", self.run.arguments.executor_memory, "--work-dir", work)

    def end(self, part, how=signal.SIGTERM):
        if part in self.ended:
            return
        part.end(how)
        self.ended.append(part)
        if part.ended_by_itself:
            self.lost.append(f"{part.log.stem} ended by itself, code {part.child.returncode} (below 0: a signal): "
                             f"{part.said().strip()}")

    def replace(self, index):
        """Kills an executor and starts another one in its place."""
        victim = self.executors[index]
        self.end(victim, signal.SIGKILL)
        self.executors[index] = self.start_executor(victim.cores[0])

    def options(self):
        """How the command is told to ask this cluster."""
        found = ["--cluster", self.scheduler.address]
        from_rows = self.run.arguments.cluster_from_rows
        return found if from_rows is None else [*found, "--cluster-from-rows", from_rows]

    def peak_bytes(self):
        """The most that any executor held; known once they have ended."""
        return max((part.peak_bytes for part in self.ended if part is not self.scheduler), default=0)
