"""What `sockeye relay` promises beside carrying bytes: back-pressure, bounded memory, many connections, plain endings."""

import selectors
import signal
import socket
import time

import lab
from lab import eventually
from matrix import Server, read_all, read_exactly, reset, SERVER_PORT

STACK = {"IPv4": "10.34.1.2", "IPv6": "fd34:1::2"}


class Relayed:
    """A relay in a network of its own, the programs at both of its ends, and checks."""

    def __init__(self, score, results, *arguments, target=SERVER_PORT):
        self.score, self.results = score, results
        self.space = lab.Namespace("relay")
        self.relay = self.space.sockeye("relay", "--tun", "sky0", "--address", "10.34.1.2/24", "--address", "fd34:1::2/64",
                                        "--listen", "7", "--to", f"127.0.0.1:{target}", *arguments)
        if not self.relay.says("^listening"):
            raise RuntimeError(self.relay.text)

    def check(self, what, good, detail=""):
        self.results.append({"what": what, "passed": bool(good)})
        return self.score.check(f"relay: {what}", good, detail)

    def dial(self, version="IPv4"):
        return self.space.dial(STACK[version], 7)

    def end(self):
        status = self.relay.stop()
        self.space.end()
        return status


def nobody_reads(score, results):
    """A program behind the relay that doesn't read stops the client, whatever it has to send, and loses nothing of it."""
    at = Relayed(score, results)
    with at.space.inside():
        listener = socket.create_server(("127.0.0.1", SERVER_PORT))
    client = at.dial()
    server, _ = listener.accept()
    before = at.relay.memory()
    client.setblocking(False)
    sent, quiet = 0, time.monotonic()
    while time.monotonic() < quiet + 1 and sent < 200_000_000:
        try:
            sent += client.send(bytes(1 << 16))
            quiet = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    grown = at.relay.memory() - before
    at.check(f"a program that does not read stops the client (after {sent / 1e6:.1f} MB; the relay took {grown / 1e6:.1f} MB)",
             sent < 50_000_000 and grown < 20_000_000, f"{sent} {grown}")
    client.setblocking(True)
    client.shutdown(socket.SHUT_WR)
    count = read_all(server)[0]
    server.sendall(b"all of it")
    server.close()
    at.check("and gets all of it when it does", count == sent and read_all(client)[0] == 9, f"{count} of {sent}")

    # The other way round: the client does not read, and then its end is reset behind its back.
    client = at.dial()
    server, _ = listener.accept()
    server.setblocking(False)
    sent, quiet = 0, time.monotonic()
    while time.monotonic() < quiet + 1 and sent < 200_000_000:
        try:
            sent += server.send(bytes(1 << 16))
            quiet = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    reset(server)
    try:
        read_all(client)
        heard = "the end of the stream"
    except ConnectionResetError:
        heard = "reset"
    at.check(f"a client that does not read stops the program ({sent / 1e6:.1f} MB), and hears of its reset",
             sent < 50_000_000 and heard == "reset", f"{sent} {heard}")
    listener.close()
    at.check("it ends in order", at.end() == 0, at.relay.text[-500:])


def crowd(score, results, count):
    """Many at once; each is echoed, and the memory comes back."""
    at = Relayed(score, results, "--connections", "2000", "--backlog", "1000")
    server = Server(at.space)
    selector = selectors.DefaultSelector()
    clients, echoed, ended = [], 0, 0
    for number in range(count):
        version = ("IPv4", "IPv6")[number % 2]
        client = at.dial(version)
        client.sendall(b"e\0" + b"%08d" % number + b"number %d" % number)
        selector.register(client, selectors.EVENT_READ, number)
        clients.append(client)
    at.check(f"{count} connections are open at once", eventually(lambda: f"({count} connections)" in at.relay.text))
    full = at.relay.memory()
    while ended < count:
        found = selector.select(20)
        if not found:
            break
        for key, _ in found:
            text = key.fileobj.recv(100)
            if text == b"number %d" % key.data:
                echoed += 1
                key.fileobj.shutdown(socket.SHUT_WR)
            else:
                ended += text == b""
                selector.unregister(key.fileobj)
    at.check(f"each of {count} is echoed and ended ({full / 1e6:.1f} MB)", echoed == ended == count, f"{echoed} {ended}")
    at.check("and none is left", eventually(lambda: at.relay.text.rstrip().endswith("(0 connections)")), at.relay.text[-300:])
    for client in clients:
        client.close()
    server.end()
    at.check("it ends in order after a crowd", at.end() == 0, at.relay.text[-500:])


def limits(score, results):
    at = Relayed(score, results, "--connections", "3")
    server = Server(at.space)
    clients = [at.dial() for _ in range(4)]
    for number, client in enumerate(clients):
        client.sendall(b"e\0" + b"%08d" % number + b"hello")
    first = [read_exactly(client, 5) == b"hello" for client in clients[:3]]
    waits = not lab.readable(clients[3], 0.5)
    clients[0].close()
    at.check("of four clients the fourth waits until one of three has gone",
             all(first) and waits and read_exactly(clients[3], 5) == b"hello", f"{first} {waits}")
    status = at.relay.process.poll()
    at.relay.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    ends = []
    for client in clients[1:]:
        try:
            ends.append(client.recv(1) == b"")
        except ConnectionResetError:
            ends.append("reset")
    at.check("Ctrl-C cuts off who does not end within a second",
             status is None and ends == ["reset"] * 3 and at.relay.wait(10) == 0 and time.monotonic() - began < 5,
             f"{ends} {at.relay.text[-500:]}")
    server.end()
    at.space.end()

    at = Relayed(score, results, target=9)
    try:
        at.dial().recv(1)
        heard = "the end of the stream"
    except ConnectionResetError:
        heard = "reset"
    at.check("where nobody serves the client is reset", heard == "reset" and at.relay.says("Connection refused"),
             f"{heard} {at.relay.text[-300:]}")
    at.end()


def run(score, results, quick):
    nobody_reads(score, results)
    crowd(score, results, 200 if quick else 1000)
    limits(score, results)
