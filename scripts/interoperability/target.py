"""A host of ours behind a TUN interface, and a packet socket beside the kernel: what goes in is made by hand, and what
comes out is seen before any kernel has thought about it. It holds no checks.
"""

import collections
import json
import random
import re
import socket
import struct
import threading
import time

from scapy.all import ICMP, IP, IPv6, ICMPv6EchoReply, ICMPv6EchoRequest, Raw, conf

import lab

conf.verb = 0

HOST = {"IPv4": "10.34.1.2", "IPv6": "fd34:1::2"}
OURS = {"IPv4": "10.34.1.1", "IPv6": "fd34:1::1"}
OPEN, CLOSED = 3401, 81
# Python has no names for these.
PACKET_OUTGOING, SOL_PACKET, PACKET_STATISTICS = 4, 263, 6
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35


class Target:
    """`sockeye serve` on an interface of its own in a network of its own."""

    def __init__(self):
        self.space = lab.Namespace("target")
        # A router between the packet socket and the host would only send back what the host does not answer.
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.space.run(["sh", "-c", f"echo 0 >/proc/sys/net/{setting}"])
        self.server = self.space.sockeye("serve", "--tun", "sky0", "--address", "10.34.1.2/24", "--address", "fd34:1::2/64",
                                         "--port", str(OPEN), "--mode", "echo", "--statistics", "json")
        if not self.server.says("^listening"):
            raise RuntimeError(self.server.text)
        with self.space.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(("sky0", 3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.marks = random.Random(1)

    def send(self, packet):
        data = bytes(packet)
        kind = 0x86DD if data[:1] and data[0] >> 4 == 6 else 0x0800
        self.socket.sendto(data, ("sky0", kind))

    def received(self, seconds):
        """Packets that the host sends until it is silent for so long."""
        while lab.readable(self.socket, seconds):
            data, address = self.socket.recvfrom(70000)
            if address[2] != PACKET_OUTGOING:
                yield IPv6(data) if data[0] >> 4 == 6 else IP(data)

    def answers(self, packets, version):
        """What the host says to packets. An echo request behind them tells when it has nothing more to say: it takes one
        packet after the other, and answers each before the next."""
        mark = self.marks.randbytes(12)
        for packet in packets:
            self.send(packet)
        if version == "IPv4":
            self.send(IP(src=OURS[version], dst=HOST[version]) / ICMP(type=8, id=7, seq=7) / Raw(mark))
        else:
            self.send(IPv6(src=OURS[version], dst=HOST[version]) / ICMPv6EchoRequest(id=7, seq=7, data=mark))
        found = []
        for packet in self.received(10):
            if ICMP in packet and packet[ICMP].type == 0 and bytes(packet[ICMP].payload) == mark:
                return found
            if ICMPv6EchoReply in packet and packet[ICMPv6EchoReply].data == mark:
                return found
            found.append(packet)
        raise RuntimeError("the host does not answer any more")

    def answers_a_client(self, version, seconds=10):
        """Whether a program is still served."""
        try:
            connection = self.space.dial(HOST[version], OPEN, timeout=seconds)
            connection.sendall(b"still there?")
            answer = connection.recv(100)
            connection.close()
            return answer == b"still there?"
        except OSError:
            return False

    def capture(self):
        return Capture(self.space)

    def end(self):
        """Ends the server. Returns its exit status and its counters."""
        status = self.server.stop()
        found = re.findall(r'^\{.*"event":"statistics".*\}$', self.server.text, re.M)
        self.socket.close()
        self.space.end()
        return status, json.loads(found[-1]) if found else None


Segment = collections.namedtuple(
    "Segment", "time source destination sport dport sequence acknowledgment flags length options")


class Capture:
    """What passes the interface, with the kernel's times, until it is ended. tcpdump would do, but not in a user namespace."""

    def __init__(self, space):
        with space.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(("sky0", 3))
        for name in (socket.SO_RCVBUF, SO_RCVBUFFORCE):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, name, 1 << 26)
            except OSError:
                pass  # Without rights it is as large as the system allows.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.found, self.is_over = [], False
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        # What is there at the end is taken, too.
        while lab.readable(self.socket, 0.1) or not self.is_over:
            if not lab.readable(self.socket, 0):
                continue
            data, ancillary, _, _ = self.socket.recvmsg(200, 100)
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            self.found.append((seconds + nanoseconds / 1e9, data))

    def packets(self):
        """Ends it. Gives time and the first octets of each packet."""
        time.sleep(0.1)
        self.is_over = True
        self.thread.join()
        counts = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.dropped = struct.unpack("II", counts)[1]
        self.socket.close()
        return self.found


def segments(packets):
    """The TCP segments among packets."""
    for when, data in packets:
        if data[0] >> 4 == 4 and data[9] == 6:
            start, source, destination = (data[0] & 15) * 4, data[12:16], data[16:20]
            octets = struct.unpack_from("!H", data, 2)[0] - start
        elif data[0] >> 4 == 6 and data[6] == 6:
            start, source, destination = 40, data[8:24], data[24:40]
            octets = struct.unpack_from("!H", data, 4)[0]
        else:
            continue
        if len(data) < start + 20:
            continue
        sport, dport, sequence, acknowledgment, offset, flags = struct.unpack_from("!HHIIBB", data, start)
        family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
        yield Segment(when, socket.inet_ntop(family, source), socket.inet_ntop(family, destination), sport, dport, sequence,
                      acknowledgment, flags, octets - (offset >> 4) * 4, (offset >> 4) * 4 - 20)


def most_in_a_second(times):
    """The most of so many moments that lie within one second."""
    most, first = 0, 0
    for last, moment in enumerate(times):
        while times[first] < moment - 1:
            first += 1
        most = max(most, last - first + 1)
    return most
