"""Packets that no honest host sends, and what the host may answer to each. They are scapy's, most of them one at a time."""

import random

from scapy.all import (ICMP, IP, UDP, IPv6, ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect,
                       ICMPv6PacketTooBig, IPerror, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, IPOption_LSRR, Raw, TCP, TCPerror, fragment)

from target import CLOSED, HOST, OPEN, OURS

SEQUENCE, ACKNOWLEDGMENT = 1_000_000, 5_000_000

# What comes back: nothing; RST, ACK with sequence number 0; RST with the number that was acknowledged; SYN, ACK; ICMP.
NOTHING = []


def reset_acknowledging(octets):
    return [("RA", 0, SEQUENCE + octets)]


RESET_BY_ACKNOWLEDGMENT = [("R", ACKNOWLEDGMENT, None)]


def accepting(octets=1):
    return [("SA", None, SEQUENCE + octets)]


def icmp(kind, code):
    return [("ICMP", kind, code)]


def ip(version, source=None, destination=None, **more):
    source, destination = source or OURS[version], destination or HOST[version]
    return IP(src=source, dst=destination, **more) if version == "IPv4" else IPv6(src=source, dst=destination, **more)


class Ports:
    """Another source port for each packet, so that none meets what an earlier one left."""

    def __init__(self):
        self.last = 20000

    def tcp(self, port, flags, **more):
        self.last += 1
        more.setdefault("ack", ACKNOWLEDGMENT if "A" in flags else 0)
        return TCP(sport=self.last, dport=port, flags=flags, seq=SEQUENCE, **more)


def scans(version, ports):
    """What a scanner sends, to a closed port and to a listener (RFC 9293 §3.10.7.1 and §3.10.7.2)."""
    def to(port, flags):
        return [ip(version) / ports.tcp(port, flags)]
    return [
        ("SYN to a closed port", to(CLOSED, "S"), reset_acknowledging(1)),
        ("FIN to a closed port", to(CLOSED, "F"), reset_acknowledging(1)),
        ("no flags to a closed port", to(CLOSED, ""), reset_acknowledging(0)),
        ("xmas tree to a closed port", to(CLOSED, "FPU"), reset_acknowledging(1)),
        ("ACK to a closed port", to(CLOSED, "A"), RESET_BY_ACKNOWLEDGMENT),
        ("SYN, ACK to a closed port", to(CLOSED, "SA"), RESET_BY_ACKNOWLEDGMENT),
        ("SYN, FIN to a closed port", to(CLOSED, "SF"), reset_acknowledging(2)),
        ("text to a closed port", [ip(version) / ports.tcp(CLOSED, "P") / Raw(b"x" * 10)], reset_acknowledging(10)),
        ("RST to a closed port", to(CLOSED, "R"), NOTHING),
        ("RST, ACK to a closed port", to(CLOSED, "RA"), NOTHING),
        ("all flags to a closed port", to(CLOSED, "FSRPAUEC"), NOTHING),
        ("SYN to a listener", to(OPEN, "S"), accepting()),
        ("FIN to a listener", to(OPEN, "F"), NOTHING),
        ("no flags to a listener", to(OPEN, ""), NOTHING),
        ("xmas tree to a listener", to(OPEN, "FPU"), NOTHING),
        ("text to a listener", [ip(version) / ports.tcp(OPEN, "P") / Raw(b"x" * 10)], NOTHING),
        ("ACK to a listener", to(OPEN, "A"), RESET_BY_ACKNOWLEDGMENT),
        ("SYN, ACK to a listener", to(OPEN, "SA"), RESET_BY_ACKNOWLEDGMENT),
        ("RST to a listener", to(OPEN, "R"), NOTHING),
        ("SYN, RST to a listener", to(OPEN, "SR"), NOTHING),
        ("all flags to a listener", to(OPEN, "FSRPAUEC"), NOTHING),
    ]


def addresses(version, ports):
    """Nobody is to be found at these addresses, so nothing goes there (RFC 9293 §3.9.2.3, RFC 1122 §3.2.1.3)."""
    strange = {
        "IPv4": [("its own (LAND)", HOST[version]), ("broadcast", "255.255.255.255"), ("subnet broadcast", "10.34.1.255"),
                 ("multicast", "224.0.0.1"), ("loopback", "127.0.0.1"), ("no", "0.0.0.0")],
        "IPv6": [("its own (LAND)", HOST[version]), ("multicast", "ff02::1"), ("loopback", "::1"), ("no", "::")],
    }[version]
    others = {
        "IPv4": [("broadcast", "255.255.255.255"), ("subnet broadcast", "10.34.1.255"), ("multicast", "224.0.0.1"),
                 ("another host", "10.34.1.99"), ("loopback", "127.0.0.1")],
        "IPv6": [("multicast", "ff02::1"), ("another host", "fd34:1::99"), ("loopback", "::1")],
    }[version]
    rows = []
    for port, name in ((OPEN, "a listener"), (CLOSED, "a closed port")):
        for what, address in strange:
            segment = TCP(sport=port, dport=port, flags="S", seq=SEQUENCE)
            rows.append((f"SYN to {name} from {what} address", [ip(version, source=address) / segment], NOTHING))
        for what, address in others:
            rows.append((f"SYN to {name}, sent to {what}",
                         [ip(version, destination=address) / ports.tcp(port, "S")], NOTHING))
    for what, address in strange[1:]:
        rows.append((f"a datagram from {what} address",
                     [ip(version, source=address) / UDP(sport=5, dport=9999) / Raw(b"x")], NOTHING))
    for what, address in others:
        rows.append((f"a datagram to nobody's port, sent to {what}",
                     [ip(version, destination=address) / UDP(sport=5, dport=9999) / Raw(b"x")], NOTHING))
    return rows


def broken(version, ports):
    """Segments and datagrams that are not what they say."""
    def cut(packet, octets):
        return [Raw(bytes(packet)[:octets])]
    head = 20 if version == "IPv4" else 40
    syn = ip(version) / ports.tcp(OPEN, "S")
    whole = bytearray(bytes(ip(version) / ports.tcp(OPEN, "S", options=[("MSS", 1460)])))
    rows = [
        ("a bad checksum", [ip(version) / ports.tcp(OPEN, "S", chksum=0x1234)], NOTHING),
        ("a bad checksum, to a closed port", [ip(version) / ports.tcp(CLOSED, "S", chksum=0x1234)], NOTHING),
        ("a data offset of 4", [ip(version) / ports.tcp(OPEN, "S", dataofs=4)], NOTHING),
        ("a data offset beyond the end", [ip(version) / ports.tcp(OPEN, "S", dataofs=15)], NOTHING),
        ("half a TCP header", cut(syn, head + 10), NOTHING),
        ("no TCP header", cut(syn, head), NOTHING),
        ("half an IP header", cut(syn, head // 2), NOTHING),
        ("one octet", cut(syn, 1), NOTHING),
        ("IP version 7", [Raw(bytes([whole[0] & 15 | 0x70]) + bytes(whole[1:]))], NOTHING),
        ("a UDP length beyond the end", [ip(version) / UDP(sport=5, dport=9999, len=500) / Raw(b"x")], NOTHING),
        ("a UDP length of 3", [ip(version) / UDP(sport=5, dport=9999, len=3) / Raw(b"x")], NOTHING),
        ("a datagram with a bad checksum", [ip(version) / UDP(sport=5, dport=9999, chksum=0x1234) / Raw(b"x")], NOTHING),
    ]
    for what, octets in (("zero", 0), ("one", 1), ("beyond the header", 40)):
        options = Raw(bytes([254, octets, 1, 1]))
        segment = bytes(ports.tcp(OPEN, "S", dataofs=6)) + bytes(options)
        # The options end there, and the rest of the segment stands (RFC 9293 §3.1 MUST-7).
        rows.append((f"an option whose length is {what}", [checksummed(version, segment)], accepting()))
    return rows


def checksummed(version, segment):
    """A segment as it stands, with the checksum put right, in a packet."""
    packet = ip(version) / TCP(segment)
    packet[TCP].chksum = None
    return packet


def internet_layer(version, ports):
    """ICMP that nobody asked for, fragments, options and extension headers."""
    return (internet_layer_4 if version == "IPv4" else internet_layer_6)(ports)


def internet_layer_4(ports):
    here, there = OURS["IPv4"], HOST["IPv4"]
    lie = IP(src=there, dst=here) / TCPerror(sport=OPEN, dport=5, seq=1)
    datagram = IP(src=here, dst=there, id=77) / UDP(sport=5, dport=9999) / Raw(b"x" * 3000)
    first, second = fragment(datagram, 1480)[:2]
    overlapping = second.copy()
    overlapping.frag = 100
    return [
        ("a bad IP checksum", [IP(src=here, dst=there, chksum=0x1234) / ports.tcp(OPEN, "S")], NOTHING),
        ("an IP header of 16 octets", [IP(src=here, dst=there, ihl=4) / ports.tcp(OPEN, "S")], NOTHING),
        ("an IP length beyond the end", [IP(src=here, dst=there, len=1400) / ports.tcp(OPEN, "S")], NOTHING),
        ("a datagram to nobody's port", [IP(src=here, dst=there) / UDP(sport=5, dport=9999) / Raw(b"x")], icmp(3, 3)),
        ("an unknown protocol", [IP(src=here, dst=there, proto=253) / Raw(b"x" * 20)], icmp(3, 2)),
        ("an unknown protocol from a multicast address",
         [IP(src="224.0.0.1", dst=there, proto=253) / Raw(b"x" * 20)], NOTHING),
        ("an error about a connection that isn't", [IP(src=here, dst=there) / ICMP(type=3, code=3) / lie], NOTHING),
        ("an error about an error",
         [IP(src=here, dst=there) / ICMP(type=3, code=3) / IPerror(src=there, dst=here, proto=1) / ICMP(type=3)], NOTHING),
        ("a redirect", [IP(src=here, dst=there) / ICMP(type=5, gw="10.34.1.66") / lie], NOTHING),
        ("a source quench", [IP(src=here, dst=there) / ICMP(type=4) / lie], NOTHING),
        ("a timestamp request", [IP(src=here, dst=there) / ICMP(type=13)], NOTHING),
        ("an address mask request", [IP(src=here, dst=there) / ICMP(type=17)], NOTHING),
        ("an unknown ICMP type", [IP(src=here, dst=there) / ICMP(type=200) / Raw(b"x" * 8)], NOTHING),
        ("an echo request to the broadcast address", [IP(src=here, dst="10.34.1.255") / ICMP(type=8)], NOTHING),
        ("an echo request from the broadcast address", [IP(src="10.34.1.255", dst=there) / ICMP(type=8)], NOTHING),
        ("a router advertisement", [IP(src=here, dst=there) / ICMP(type=9)], NOTHING),
        ("a SYN with a source route",
         [IP(src=here, dst=there, options=IPOption_LSRR(routers=["10.34.1.66"])) / ports.tcp(OPEN, "S")], NOTHING),
        ("a first fragment alone", [first], NOTHING),
        ("fragments that overlap", [first, overlapping], NOTHING),
        ("a fragment beyond 65535 octets (ping of death)",
         [IP(src=here, dst=there, id=78, frag=8189, flags=0, proto=1) / Raw(b"x" * 100)], NOTHING),
        ("a TCP header in tiny fragments", fragment(IP(src=here, dst=there, id=79) / ports.tcp(OPEN, "S"), 8), NOTHING),
    ]


def internet_layer_6(ports):
    here, there = OURS["IPv6"], HOST["IPv6"]
    base = IPv6(src=here, dst=there)
    lie = IPv6(src=there, dst=here) / TCP(sport=OPEN, dport=5, seq=1)
    part = Raw(b"x" * 16)
    destination = IPv6ExtHdrDestOpt()
    many = base
    for _ in range(40):
        many = many / IPv6ExtHdrDestOpt()
    return [
        ("a datagram to nobody's port", [base / UDP(sport=5, dport=9999) / Raw(b"x")], icmp(1, 4)),
        ("an unknown next header", [IPv6(src=here, dst=there, nh=253) / part], icmp(4, 1)),
        ("an unknown next header from a multicast address", [IPv6(src="ff02::1", dst=there, nh=253) / part], NOTHING),
        ("a routing header that wants more hops",
         [base / IPv6ExtHdrRouting(type=0, addresses=["fd34:1::66"], segleft=1) / ports.tcp(OPEN, "S")], icmp(4, 0)),
        ("a SYN behind destination options", [base / destination / ports.tcp(OPEN, "S")], accepting()),
        ("a SYN behind forty extension headers", [many / ports.tcp(OPEN, "S")], NOTHING),
        ("hop-by-hop options that are not first", [base / destination / IPv6ExtHdrHopByHop() / ports.tcp(OPEN, "S")],
         icmp(4, 1)),
        ("an unknown option that says: discard",
         [IPv6(src=here, dst=there, nh=60) / Raw(bytes([17, 0, 0x5E, 4, 0, 0, 0, 0]) + bytes(UDP(sport=5, dport=9999)))],
         NOTHING),
        ("an unknown option that says: discard and tell",
         [IPv6(src=here, dst=there, nh=60) / Raw(bytes([17, 0, 0x9E, 4, 0, 0, 0, 0]) + bytes(UDP(sport=5, dport=9999)))],
         icmp(4, 2)),
        ("an error about a connection that isn't", [base / ICMPv6PacketTooBig(mtu=1280) / lie], NOTHING),
        ("a packet too big of 68 octets", [base / ICMPv6PacketTooBig(mtu=68) / lie], NOTHING),
        ("a neighbour solicitation", [base / ICMPv6ND_NS(tgt=there)], NOTHING),
        ("a router advertisement", [base / ICMPv6ND_RA()], NOTHING),
        ("a redirect", [base / ICMPv6ND_Redirect(tgt="fd34:1::66", dst=here)], NOTHING),
        ("an echo request from a multicast address", [IPv6(src="ff02::1", dst=there) / ICMPv6EchoRequest()], NOTHING),
        ("a first fragment alone", [base / IPv6ExtHdrFragment(id=5, m=1, offset=0, nh=17) / part], NOTHING),
        ("fragments that overlap", [base / IPv6ExtHdrFragment(id=6, m=1, offset=0, nh=17) / part,
                                    base / IPv6ExtHdrFragment(id=6, m=0, offset=1, nh=17) / part], NOTHING),
        ("a SYN in a fragment that is all of it",
         [base / IPv6ExtHdrFragment(id=8, m=0, offset=0, nh=6) / ports.tcp(OPEN, "S")], accepting()),
    ]


def mutations(version, count, seed):
    """Good packets with a few octets changed, most with good checksums, some cut. The same seed gives the same packets."""
    dice, ports = random.Random(seed), Ports()
    kinds = ("S", "A", "F", "PA", "R", "SA", "FPU")
    for _ in range(count):
        layer = ip(version) / (
            ports.tcp(dice.choice((OPEN, CLOSED)), dice.choice(kinds),
                      options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("WScale", 7)])
            if dice.random() < 0.8 else UDP(sport=5, dport=9999)) / Raw(dice.randbytes(dice.randrange(64)))
        data = bytearray(bytes(layer))
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.1:
            del data[dice.randrange(1, len(data)):]
        if dice.random() < 0.7:
            repair(data, version)
        yield Raw(bytes(data))


def summed(data):
    """The Internet checksum (RFC 1071)."""
    total = sum(data[0::2]) * 256 + sum(data[1::2])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2, "big")


def repair(data, version):
    """Puts the checksums right of a packet that may be anything, so that it gets further. By hand, for scapy takes it apart
    to know where they are, and stumbles over what it finds."""
    if version == "IPv4":
        start = (data[0] & 15) * 4
        if start < 20 or len(data) < start:
            return
        data[10:12] = bytes(2)
        data[10:12] = summed(data[:start])
        addresses, kind = data[12:20], data[9]
    else:
        start = 40
        if len(data) < start:
            return
        addresses, kind = data[8:40], data[6]
    place = {6: start + 16, 17: start + 6}.get(kind)
    if place is None or len(data) < place + 2:
        return
    data[place:place + 2] = bytes(2)
    pseudo = bytes(addresses) + (len(data) - start).to_bytes(4, "big") + bytes([0, 0, 0, kind])
    data[place:place + 2] = summed(pseudo + bytes(data[start:]))
