"""Clients and servers that nobody here wrote. A client talks to the kernel's socket of a relay, our stack carries the
connection over the wire to our stack at the other end, and that relay passes it on to the server: both ends of what goes
over the wire are ours, and the programs know nothing of it.
"""

import glob
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess

import lab
from lab import Wire, eventually

WIRES = {
    "clean": ("--rtt 2ms --rate 400mbit --queue 1MB", "cubic"),
    "bad": ("--rtt 20ms --rate 100mbit --queue 500kB --loss 1% --reorder 2%:3ms --both", "bbr"),
}
FULL = {"page": 25_000_000, "copy": 100_000_000, "seconds": 5, "rows": 300_000, "requests": 5000}
# A SYN that gets lost twice in a row costs three seconds.
QUICK = {"page": 3_000_000, "copy": 5_000_000, "seconds": 4, "rows": 20_000, "requests": 500}


class Missing(Exception):
    """Why a program can't be tried here."""


def wanted(*commands):
    for command in commands:
        if not (shutil.which(command) or os.path.exists(f"/usr/sbin/{command}")):
            raise Missing(f"{command} is not installed")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def random_file(path, count):
    with open(path, "wb") as file:
        block = os.urandom(1 << 20)
        for number in range(count >> 20):
            file.write(number.to_bytes(4, "big") + block[4:])
        file.write(os.urandom(count & 0xFFFFF))
    return path


class Trial:
    """A wire, a folder, and the way through two relays."""

    def __init__(self, score, results, wire, sizes):
        path, self.congestion = WIRES[wire]
        self.score, self.results, self.name, self.sizes = score, results, wire, sizes
        self.wire = Wire(path)
        self.near, self.far = self.wire.near, self.wire.far
        self.folder = os.path.join(lab.WORK, f"programs-{wire}")
        os.makedirs(self.folder, exist_ok=True)

    def file(self, *names):
        return os.path.join(self.folder, *names)

    def through(self, port):
        """Makes 127.0.0.1:port at the near end what it is at the far one."""
        if not eventually(lambda: self.listens(port), 30):
            raise Missing(f"nobody listens on port {port}")
        _, stack = self.wire.relay(self.far, "--listen", port, "--to", f"127.0.0.1:{port}", "--congestion", self.congestion)
        self.wire.relay(self.near, "--local", f"127.0.0.1:{port}", "--to", f"{stack['IPv4']}:{port}",
                        "--congestion", self.congestion)

    def listens(self, port):
        try:
            self.far.dial("127.0.0.1", port, timeout=5).close()
            return True
        except OSError:
            return False

    def check(self, program, what, good, detail=""):
        self.results.append({"program": program, "wire": self.name, "what": what, "passed": bool(good)})
        return self.score.check(f"{program}, {self.name} wire: {what}", good, detail)

    def client(self, command, timeout=300, **more):
        return self.near.run(command, check=False, timeout=timeout, **more)

    def end(self):
        self.wire.end()


def nginx(trial):
    wanted("nginx", "curl", "wget")
    page = random_file(trial.file("page"), trial.sizes["page"])
    configuration = trial.file("nginx.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(f"""
            daemon off; master_process off; worker_processes 1; pid {trial.file('nginx.pid')};
            {'user root;' if os.geteuid() == 0 else ''}
            error_log stderr; events {{ worker_connections 100; }}
            http {{ access_log off; client_body_temp_path {trial.file('body')}; proxy_temp_path {trial.file('proxy')};
              fastcgi_temp_path {trial.file('fastcgi')}; uwsgi_temp_path {trial.file('uwsgi')};
              scgi_temp_path {trial.file('scgi')};
              server {{ listen 127.0.0.1:80; root {trial.folder}; }} }}""")
    trial.far.start(["nginx", "-c", configuration, "-p", trial.folder, "-e", "stderr"])
    trial.through(80)
    megabytes = trial.sizes["page"] // 1_000_000
    done = trial.client(["curl", "-sS", "-o", trial.file("got"), "http://127.0.0.1/page"])
    trial.check("curl from nginx", f"{megabytes} MB, equal SHA-256",
                done.returncode == 0 and sha256(trial.file("got")) == sha256(page), done.stderr)
    done = trial.client(["curl", "-sS", "-w", "%{num_connects} ", "-r", "0-99999", *sum(
        [["-o", trial.file(f"part{number}"), "http://127.0.0.1/page"] for number in range(20)], [])])
    with open(page, "rb") as file:
        start = file.read(100_000)
    parts = [open(trial.file(f"part{number}"), "rb").read() for number in range(20) if not done.returncode]
    trial.check("curl from nginx", "20 requests over one kept connection",
                parts == [start] * 20 and done.stdout.split() == ["1"] + ["0"] * 19, done.stdout + done.stderr)
    done = trial.client(["wget", "-q", "-O", trial.file("got2"), "http://127.0.0.1/page"])
    trial.check("wget from nginx", f"{megabytes} MB, equal SHA-256",
                done.returncode == 0 and sha256(trial.file("got2")) == sha256(page), done.stderr)


def http_server(trial):
    wanted("curl")
    os.makedirs(trial.file("www"), exist_ok=True)
    page = random_file(trial.file("www", "page"), trial.sizes["page"] // 5)
    trial.far.start(["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", trial.file("www"), "8000"])
    trial.through(8000)
    done = trial.client(["curl", "-sS", "-o", trial.file("got3"), "http://127.0.0.1:8000/page"])
    trial.check("curl from Python's http.server", f"{trial.sizes['page'] // 5_000_000} MB, equal SHA-256",
                done.returncode == 0 and sha256(trial.file("got3")) == sha256(page), done.stderr)
    done = trial.client(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8000/absent"])
    trial.check("curl from Python's http.server", "what is not there is 404", done.stdout == "404", done.stderr)


def openssh(trial):
    wanted("sshd", "ssh", "scp", "ssh-keygen")
    if not os.access("/run", os.W_OK):
        raise Missing("sshd takes root: it changes its user")
    os.makedirs("/run/sshd", exist_ok=True)
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", trial.file(key)], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
    with open(trial.file("sshd.conf"), "w", encoding="ascii") as file:
        file.write(f"""ListenAddress 127.0.0.1:22\nHostKey {trial.file('host')}\nPidFile none\nUsePAM no
            AuthorizedKeysFile {trial.file('user.pub')}\nStrictModes no\nPermitRootLogin prohibit-password
            PasswordAuthentication no\nSubsystem sftp internal-sftp\n""")
    server = trial.far.start([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", trial.file("sshd.conf")])
    trial.through(22)
    options = ["-i", trial.file("user"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
               "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR", "-F", "/dev/null"]
    done = trial.client(["ssh", *options, "root@127.0.0.1", "echo over; cat; echo out"], input="in\n")
    trial.check("OpenSSH", "a login with a key, and a command", done.stdout == "over\nin\nout\n", done.stderr + server.text)
    source = random_file(trial.file("source"), trial.sizes["copy"])
    done = trial.client(["scp", *options, source, f"root@127.0.0.1:{trial.file('copy')}"])
    megabytes = trial.sizes["copy"] // 1_000_000
    trial.check("OpenSSH", f"scp there, {megabytes} MB, equal SHA-256",
                done.returncode == 0 and sha256(trial.file("copy")) == sha256(source), done.stderr)
    done = trial.client(["scp", *options, f"root@127.0.0.1:{source}", trial.file("copy2")])
    trial.check("OpenSSH", f"scp back, {megabytes} MB, equal SHA-256",
                done.returncode == 0 and sha256(trial.file("copy2")) == sha256(source), done.stderr)
    for name in ("source", "copy", "copy2"):
        os.unlink(trial.file(name)) if os.path.exists(trial.file(name)) else None


def iperf3(trial):
    wanted("iperf3")
    server = trial.far.start("iperf3 -s -p 5201 --forceflush")
    # A connection that says nothing would count as a test: its word is waited for instead.
    trial.listens = lambda port: True
    trial.through(5201)
    del trial.listens
    kinds = [("there", []), ("back", ["-R"]), ("four at once", ["-P", "4"])]
    # With --bidir, which stream is read and which written is told by the order in which the server accepts them. Behind a
    # relay, which takes a connection before it has the next, that is the client's order only where no SYN can be late.
    if trial.name == "clean":
        kinds.append(("both ways", ["--bidir"]))
    for number, (what, options) in enumerate(kinds):
        # It serves one client at a time, and turns others away with a reset.
        eventually(lambda: len(re.findall("^Server listening", server.text, re.M)) > number, 20)
        done = trial.client(["iperf3", "-c", "127.0.0.1", "-J", "-t", trial.sizes["seconds"], *options])
        end = json.loads(done.stdout or "{}").get("end", {})
        octets = end.get("sum_received", {}).get("bytes", 0)
        rate = end.get("sum_received", {}).get("bits_per_second", 0) / 1e6
        trial.check("iperf3", what, done.returncode == 0 and octets > 100_000,
                    f"status {done.returncode} {octets} octets {json.loads(done.stdout or '{}').get('error')} {done.stderr} {server.text[-600:]}")
        print(f"        iperf3, {trial.name} wire, {what}: {rate:.0f} Mbit/s", flush=True)


def redis(trial):
    wanted("redis-server", "redis-cli", "redis-benchmark")
    trial.far.start(["redis-server", "--port", "6379", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                     "--dir", trial.folder])
    trial.through(6379)
    value = os.urandom(500_000).hex()
    done = trial.client("redis-cli -h 127.0.0.1 -x set key", input=value)
    again = trial.client("redis-cli -h 127.0.0.1 --raw get key")
    trial.check("redis", "a value of 1 MB there and back", done.stdout == "OK\n" and again.stdout == value + "\n",
                done.stdout[:200] + done.stderr)
    done = trial.client(["redis-benchmark", "-h", "127.0.0.1", "-n", trial.sizes["requests"], "-c", "20", "-P", "4",
                         "-d", "1000", "-t", "set,get", "--csv"])
    trial.check("redis", f"redis-benchmark, 20 connections, {trial.sizes['requests']} requests",
                done.returncode == 0 and '"SET"' in done.stdout and '"GET"' in done.stdout and "rror" not in done.stdout,
                done.stdout + done.stderr)


def postgresql(trial):
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not found:
        wanted("postgres")
    wanted("psql", "setpriv")
    folder, data = os.path.dirname(found[-1]) if found else "", trial.file("postgres")
    try:
        user = pwd.getpwnam("postgres")
        os.makedirs(data, exist_ok=True)
        os.chmod(lab.WORK, 0o711)
        os.chmod(trial.folder, 0o711)
        os.chown(data, user.pw_uid, user.pw_gid)
    except (KeyError, OSError) as error:
        raise Missing(f"PostgreSQL wants a user of its own: {error}") from error
    who = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    made = subprocess.run([*who, os.path.join(folder, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-N"],
                          capture_output=True, text=True, cwd="/")
    if made.returncode:
        raise Missing(f"initdb: {made.stderr[-300:]}")
    trial.far.start([*who, os.path.join(folder, "postgres"), "-D", data, "-k", data, "-h", "127.0.0.1", "-F"])
    trial.through(5432)
    psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-qAt", "-X"]
    eventually(lambda: trial.client([*psql, "-c", "select 1"]).returncode == 0, 30)
    rows = trial.sizes["rows"]
    done = trial.client([*psql, "-F", " ", "-c", f"select g, md5(g::text) from generate_series(1, {rows}) g"])
    expected = "".join(f"{row} {hashlib.md5(str(row).encode()).hexdigest()}\n" for row in range(1, rows + 1))
    trial.check("PostgreSQL", f"psql: a result of {rows} rows", done.stdout == expected, done.stderr)
    done = trial.client([*psql, "-c", "create table t (n int, m text)", "-c", "copy t from stdin with (delimiter ' ')",
                         "-c", "select count(*), md5(string_agg(m, '' order by n)) from t"], input=expected)
    digest = hashlib.md5("".join(line.split()[1] for line in expected.splitlines()).encode()).hexdigest()
    trial.check("PostgreSQL", f"psql: {rows} rows copied into a table", done.stdout == f"{rows}|{digest}\n", done.stderr)


PROGRAMS = (("nginx, curl, wget", nginx), ("Python's http.server", http_server), ("OpenSSH", openssh),
            ("iperf3", iperf3), ("redis", redis), ("PostgreSQL", postgresql))


def run(score, results, body, name, wire, sizes):
    trial = Trial(score, results, wire, sizes)
    started = len(lab.running)
    try:
        body(trial)
    except Missing as reason:
        score.skip(f"{name}, {wire} wire", reason)
    except (subprocess.TimeoutExpired, RuntimeError, OSError, ValueError) as error:
        trial.check(name, "runs to its end", False, repr(error))
    finally:
        for program in lab.running[started:]:
            program.stop()
        trial.end()
