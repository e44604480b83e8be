"""Network namespaces without names, the wire between them, and running programs in them.

A namespace lives as long as the process that holds it, and that one as long as this: nothing is left behind, however the
run ends. It holds no checks.
"""

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

SOCKEYE = os.environ.get("SOCKEYE", ".build/release/sockeye")
WORK = ""  # A folder for this run, from begin() to end_all().
running = []


def begin():
    global WORK
    WORK = tempfile.mkdtemp(prefix="sockeye-interop-")


def end_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            return found
        time.sleep(0.01)
    return found


class Program:
    """One running program, its output in a file."""

    def __init__(self, command, stdin=subprocess.DEVNULL, env=None):
        self.path = os.path.join(WORK, f"{len(running)}.log")
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=log, stderr=log, env=env,
                                            preexec_fn=end_with_parent)
        self.command = command
        running.append(self)

    @property
    def text(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def says(self, expression, seconds=10):
        def looks():
            return re.search(expression, self.text, re.M) or self.process.poll() is not None
        eventually(looks, seconds)
        return re.search(expression, self.text, re.M)

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end"

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(10)

    def memory(self):
        """Resident memory in octets."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


class Namespace:
    """A network of its own: a loopback and what is moved into it."""

    def __init__(self, name):
        self.name = name
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
                                       stdout=subprocess.PIPE, preexec_fn=end_with_parent)
        self.holder.stdout.readline()
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.run("ip link set lo up")
        for setting in ("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1", "net/ipv6/conf/default/accept_dad=0"):
            path, value = setting.split("=")
            self.run(["sh", "-c", f"echo {value} >/proc/sys/{path}"])

    def command(self, command):
        return ["nsenter", f"--net={self.path}", *(command.split() if isinstance(command, str) else map(str, command))]

    def run(self, command, check=True, timeout=60, **more):
        done = subprocess.run(self.command(command), capture_output=True, text=True, timeout=timeout, **more)
        if check and done.returncode:
            raise RuntimeError(f"{command}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def start(self, command, **more):
        return Program(self.command(command), **more)

    def sockeye(self, *arguments):
        return self.start([SOCKEYE, *arguments])

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are made inside belong to this network. It is this thread alone that is moved."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        here = os.open(self.path, os.O_RDONLY)
        try:
            enter(here)
            yield
        finally:
            enter(before)
            os.close(here)
            os.close(before)

    def dial(self, address, port, algorithm=None, timeout=60):
        with self.inside():
            connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        connection.settimeout(timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if algorithm:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
        connection.connect((address, port))
        return connection

    def end(self):
        self.holder.kill()
        self.holder.wait()


def enter(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    """Two namespaces joined by `sockeye bridge`: near (10.1.1.1, fd01:1::1) and far (10.1.1.2, fd01:1::2). Behind far may
    stand stacks, 10.34.x.2 and fd34:x::2; behind near 10.35.x.2 and fd35:x::2."""

    NEAR = {"IPv4": "10.1.1.1", "IPv6": "fd01:1::1"}
    FAR = {"IPv4": "10.1.1.2", "IPv6": "fd01:1::2"}

    def __init__(self, path):
        self.near, self.far = Namespace("near"), Namespace("far")
        self.bridge = self.far.sockeye("bridge", "a", "b", *path.split(), "--json")
        if not self.bridge.says("^joining a and b"):
            raise RuntimeError(f"the bridge does not start: {self.bridge.text}")
        self.far.run(f"ip link set dev a netns {self.near.holder.pid}")
        for end, device, number, other, behind in ((self.near, "a", 1, 2, 34), (self.far, "b", 2, 1, 35)):
            end.run(f"ip addr add 10.1.1.{number}/24 dev {device}")
            end.run(f"ip addr add fd01:1::{number}/64 dev {device} nodad")
            end.run(f"ip link set dev {device} up txqueuelen 4096")
            end.run(f"ip route add 10.{behind}.0.0/16 via 10.1.1.{other}")
            end.run(f"ip -6 route add fd{behind}::/16 via fd01:1::{other}")
        eventually(lambda: all("fd01" in end.run("ip -6 route show table local").stdout for end in (self.near, self.far)))
        self.programs = []
        self.stacks = {self.near: 0, self.far: 0}

    def relay(self, end, *arguments):
        """Starts a relay with a stack behind an end of the wire.
        Returns the relay and its stack's addresses."""
        self.stacks[end] += 1
        number, network = self.stacks[end], 34 if end is self.far else 35
        relay = end.sockeye(
            "relay", "--tun", f"sky{number}", "--address", f"10.{network}.{number}.2/24",
            "--address", f"fd{network}:{number}::2/64", *arguments)
        if not relay.says("^listening"):
            raise RuntimeError(f"the relay does not start: {relay.text}")
        self.programs.append(relay)
        return relay, {"IPv4": f"10.{network}.{number}.2", "IPv6": f"fd{network}:{number}::2"}

    def end(self):
        """Ends everything. Returns the bridge's report."""
        for program in self.programs:
            program.stop()
        self.bridge.stop()
        self.near.end()
        self.far.end()
        return self.bridge.text


class Score:
    """Counts checks, and prints a line for each."""

    def __init__(self):
        self.passed, self.failures, self.skips = 0, [], []
        self.lock = threading.Lock()

    def check(self, name, condition, detail=""):
        with self.lock:
            if condition:
                self.passed += 1
                print(f"ok      {name}", flush=True)
            else:
                self.failures.append(name)
                print(f"FAILED  {name} {str(detail)[:2000]}", flush=True)
        return bool(condition)

    def skip(self, name, reason):
        self.skips.append(f"{name}: {reason}")
        print(f"skipped {name}: {reason}", flush=True)

    def last_line(self):
        total = self.passed + len(self.failures)
        if self.failures:
            return f"interop: {len(self.failures)} of {total} checks FAILED: {'; '.join(self.failures)}"
        skipped = f", {len(self.skips)} skipped" if self.skips else ""
        return f"interop: all {total} checks passed{skipped}"


def readable(thing, seconds):
    return bool(select.select([thing], [], [], seconds)[0])


def end_all():
    for program in running:
        if program.process.poll() is None:
            program.process.kill()
    shutil.rmtree(WORK, ignore_errors=True)
