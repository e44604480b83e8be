"""What the checks of `scripts/interop-tun` and `scripts/examples` are made of: the score, running tools, kernel servers,
captures."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

SOCKEYE, WORK, FAR = sys.argv[1:4]
passed, failures, running = 0, [], []


def check(name, condition, detail=""):
    global passed
    if condition:
        passed += 1
        print(f"ok      {name}", flush=True)
    else:
        failures.append(name)
        print(f"FAILED  {name} {detail}", flush=True)


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Tool:
    """One running program, `sockeye` if no other is named, its output in a file."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, stdout=None, prefix=(), program=SOCKEYE):
        self.path = os.path.join(WORK, f"{len(running)}.log")
        self.log = open(self.path, "wb")
        self.process = subprocess.Popen(
            [*prefix, program, *map(str, arguments)],
            stdin=stdin, stdout=stdout or self.log, stderr=self.log)
        running.append(self.process)

    @property
    def text(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def says(self, expression, seconds=10):
        return eventually(lambda: re.search(expression, self.text, re.M), seconds)

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "no end"

    def stop(self, with_signal=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.wait(10)


def serve(*arguments, **more):
    tool = Tool("serve", *arguments, **more)
    if not tool.says("^listening"):
        check("serve starts", False, tool.text)
        sys.exit(finish())
    return tool


def captured(path, least):
    """tshark and tcpdump find nothing wrong with a capture."""
    command = ["tshark", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
               "-o", "ip.check_checksum:TRUE"]
    # Once in 65,536 segments the kernel writes 0xffff where zero would do as well: the same number in ones' complement
    # (RFC 1071), but tshark complains.
    bad = ("(tcp.checksum.status==0 && tcp.checksum!=0xffff) || ip.checksum.status==0 || udp.checksum.status==0 || "
           "icmp.checksum.status==0 || icmpv6.checksum.status==0 || _ws.malformed")
    found = subprocess.run([*command, "-Y", bad], capture_output=True, text=True)
    every = subprocess.run([*command, "-T", "fields", "-e", "frame.number"], capture_output=True, text=True)
    count = len(every.stdout.split())
    name = os.path.basename(path)
    check(f"tshark: {name}: {count} packets, none malformed, no bad checksum",
          found.returncode == every.returncode == 0 and not found.stdout and count >= least,
          f"(expected {least} packets or more) {found.stdout[:400]} {found.stderr[-400:]}")
    dump = subprocess.run(["tcpdump", "-nr", path], capture_output=True, text=True)
    check(f"tcpdump: {name}: as many packets",
          dump.returncode == 0 and len(dump.stdout.splitlines()) >= count, dump.stderr[-400:])


class KernelServer(threading.Thread):
    """Accepts one connection and does something with it."""

    def __init__(self, behave):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.listener.settimeout(30)
        self.port = self.listener.getsockname()[1]
        self.behave, self.result = behave, None
        self.start()

    def run(self):
        try:
            connection, _ = self.listener.accept()
            connection.settimeout(60)
            self.result = self.behave(connection)
            connection.close()
        except OSError as error:
            self.result = error


def finish(name="interop"):
    for process in running:
        if process.poll() is None:
            process.kill()
    total = passed + len(failures)
    if failures:
        print(f"{name}: {len(failures)} of {total} checks FAILED: {'; '.join(failures)}")
        return 1
    print(f"{name}: all {total} checks passed")
    return 0
