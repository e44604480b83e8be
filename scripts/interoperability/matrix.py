"""The matrix: we connect or listen, over IPv4 or IPv6, on a path clean or bad, against the kernel's algorithms.

Our end is `sockeye relay`: what it takes from the wire goes on to a socket of the kernel behind it, so that the same
Python program stands at both ends, and everything it sees went through our TCP and the kernel's over the wire.
"""

import hashlib
import os
import socket
import struct
import threading
import time

from lab import Wire, eventually, readable

ROLES = ("we connect", "we listen")
VERSIONS = ("IPv4", "IPv6")
# Faults strike both directions. The rate keeps a single transfer from taking all of a machine that has other work.
PATHS = {
    "clean": "--rtt 2ms --rate 400mbit --queue 1MB",
    "1 % loss": "--rtt 10ms --rate 200mbit --queue 500kB --loss 1% --both",
    "5 % reordering": "--rtt 10ms --rate 200mbit --queue 500kB --reorder 5%:3ms --both",
    "50 ms": "--rtt 50ms --rate 200mbit --queue 1bdp",
}
ALGORITHMS = ("cubic", "reno", "bbr")
FULL = {"bytes": 20_000_000, "connections": 500}
QUICK = {"bytes": 2_000_000, "connections": 25}
# Each value of each axis at least once.
QUICK_WORLDS = (("we listen", "IPv4", "clean"), ("we connect", "IPv6", "1 % loss"),
                ("we listen", "IPv6", "5 % reordering"), ("we connect", "IPv4", "50 ms"))
SERVER_PORT, RELAY_PORT = 7007, 7


def read_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += piece
    return bytes(data)


def read_all(connection):
    digest, count = hashlib.sha256(), 0
    while piece := connection.recv(1 << 18):
        digest.update(piece)
        count += len(piece)
    return count, digest.hexdigest()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_reset(connection):
    """A reset that gets lost is not sent again by itself: who waits for one has to say something now and then, as any
    program does that wants to know."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if readable(connection, 0.3):
            return connection.recv(100)
        connection.send(b".")
    return "no reset"


class Server:
    """Does with each connection what its first byte says. The byte after it is the algorithm to answer with."""

    def __init__(self, namespace):
        with namespace.inside():
            self.listener = socket.create_server(("::", SERVER_PORT), family=socket.AF_INET6, dualstack_ipv6=True,
                                                 backlog=128)
        self.seen = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        connection.settimeout(180)
        tag = None
        try:
            what, algorithm, tag = struct.unpack("!BB8s", read_exactly(connection, 10))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, ALGORITHMS[algorithm].encode())
            self.seen[tag] = getattr(self, f"serve_{chr(what)}")(connection)
            connection.close()
        except (OSError, EOFError) as error:
            self.seen[tag] = error

    def serve_e(self, connection):
        """Echo until the end of the stream."""
        while piece := connection.recv(1 << 18):
            connection.sendall(piece)
        return "ended"

    def serve_h(self, connection):
        """Half-close by the client: what it sent is answered after its end, with as much again."""
        count, digest = read_all(connection)
        connection.sendall(digest.encode())
        connection.sendall(bytes(count))
        return digest

    def serve_s(self, connection):
        """Half-close by us: the client speaks after our end."""
        connection.sendall(b"x" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    def serve_r(self, connection):
        """The client resets."""
        connection.sendall(b"!")
        return wait_for_reset(connection)

    def serve_R(self, connection):
        """We reset."""
        read_exactly(connection, 1)
        reset(connection)
        return "reset"

    def end(self):
        self.listener.close()


class Cell:
    """One connection after the other against one algorithm in one world."""

    def __init__(self, server, dial, algorithm, sizes):
        self.server, self.dial, self.sizes = server, dial, sizes
        self.algorithm = ALGORITHMS.index(algorithm)

    def open(self, what):
        tag = os.urandom(8)
        connection = self.dial()
        connection.sendall(struct.pack("!BB8s", ord(what), self.algorithm, tag))
        return connection, tag

    def seen(self, tag, seconds=60):
        eventually(lambda: tag in self.server.seen, seconds)
        return self.server.seen.get(tag)

    def bulk(self):
        """The same number of bytes each way at once. Returns the rate of each, in Mbit/s."""
        count = self.sizes["bytes"]
        data = os.urandom(1 << 20) * (count >> 20) + os.urandom(count & 0xFFFFF)
        began = time.monotonic()
        connection, tag = self.open("e")
        connection.settimeout(180)

        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = read_all(connection)
        sender.join()
        elapsed = time.monotonic() - began
        connection.close()
        good = received == (count, hashlib.sha256(data).hexdigest()) and self.seen(tag) == "ended"
        return good, f"{count * 8 / elapsed / 1e6:.0f} Mbit/s", f"{received} {self.seen(tag)}"

    def half_close(self):
        text = os.urandom(200_000)
        digest = hashlib.sha256(text).hexdigest()
        connection, tag = self.open("h")
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = read_exactly(connection, 64)
        rest = read_all(connection)[0]
        connection.close()
        first = answer.decode() == digest and rest == len(text) and self.seen(tag) == digest

        connection, tag = self.open("s")
        count, _ = read_all(connection)
        connection.sendall(text)
        connection.close()
        second = count == 100_000 and self.seen(tag) == (len(text), digest)
        return first and second, "", f"{answer} {rest} {count} {self.seen(tag)}"

    def resets(self):
        connection, tag = self.open("r")
        read_exactly(connection, 1)
        reset(connection)
        seen = self.seen(tag)

        connection, tag = self.open("R")
        try:
            connection.sendall(b"!")
            second = wait_for_reset(connection)
        except ConnectionError as error:
            second = error
        connection.close()
        # A send after the reset is told of a broken pipe.
        return isinstance(seen, ConnectionError) and isinstance(second, ConnectionError), "", f"{seen!r} {second!r}"

    def row(self):
        count = self.sizes["connections"]
        began, bad = time.monotonic(), []
        for number in range(count):
            message = b"%d\n" % number
            try:
                connection, _ = self.open("e")
                connection.sendall(message)
                answer = read_exactly(connection, len(message))
                connection.shutdown(socket.SHUT_WR)
                if answer != message or connection.recv(1):
                    bad.append((number, answer))
                connection.close()
            except (OSError, EOFError) as error:
                bad.append((number, repr(error)))
        elapsed = time.monotonic() - began
        return not bad, f"{elapsed / count * 1000:.0f} ms each", bad[:5]

    WORK = (("bulk", bulk), ("half-close", half_close), ("reset", resets), ("in a row", row))


def dialler(wire, role, version, algorithm):
    """What opens a connection over the wire, and at which end the server stands."""
    if role == "we listen":
        _, stack = wire.relay(wire.far, "--listen", RELAY_PORT, "--to", f"127.0.0.1:{SERVER_PORT}")
        return lambda algorithm: wire.near.dial(stack[version], RELAY_PORT, algorithm)
    host = wire.NEAR[version]
    target = f"[{host}]:{SERVER_PORT}" if ":" in host else f"{host}:{SERVER_PORT}"
    wire.relay(wire.far, "--local", "127.0.0.1:7000", "--to", target)
    return lambda algorithm: wire.far.dial("127.0.0.1", 7000)


def run_world(score, role, version, path, sizes, record):
    """All algorithms at once over the same wire, each its work one after the other."""
    wire = Wire(PATHS[path])
    try:
        server = Server(wire.far if role == "we listen" else wire.near)
        dial = dialler(wire, role, version, None)

        def cell(algorithm):
            work = Cell(server, lambda: dial(algorithm), algorithm, sizes)
            for name, body in Cell.WORK:
                title = f"{role}, {version}, {path}, {algorithm}: {title_of(name, sizes)}"
                try:
                    good, figure, detail = body(work)
                except Exception as error:  # A thread that ended without a word would look like success.
                    good, figure, detail = False, "", repr(error)
                score.check(f"{title}{f' ({figure})' if figure else ''}", good, detail)
                record(role, version, path, algorithm, name, good, figure)

        threads = [threading.Thread(target=cell, args=[algorithm]) for algorithm in ALGORITHMS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.end()
    finally:
        wire.end()


def title_of(name, sizes):
    return {"bulk": f"{sizes['bytes'] // 1_000_000} MB each way, equal SHA-256",
            "in a row": f"{sizes['connections']} connections in a row"}.get(name, name)


def worlds(quick):
    if quick:
        return list(QUICK_WORLDS)
    return [(role, version, path) for role in ROLES for version in VERSIONS for path in PATHS]
