"""Input that means no good, from tools that others wrote: scapy's odd packets, nmap's scans, hping3's floods. The host goes
on serving, holds no more memory than before, and says nothing that a scanner should not hear.

What is asserted is seen on the interface, not in the tools' prose. All of it stays in a network of its own.
"""

import shutil

from scapy.all import ICMP, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, IP, IPv6, TCP

import odd_packets
from programs import Missing
from target import CLOSED, HOST, OPEN, Target, most_in_a_second, segments

# Growth that an allocator may keep after a flood as large as one before it.
MEMORY_SLACK = 4 << 20
FIN, SYN, RST, ACK = 1, 2, 4, 16
# What StackConfiguration allows in a second, and a second's worth at once.
RESETS, ECHOES, ERRORS = 1000, 1000, 100


class Attack:
    """A target, and the checks that every attack ends with."""

    def __init__(self, score, results, name):
        self.score, self.results, self.name = score, results, name
        self.target = Target()

    def check(self, what, good, detail=""):
        self.results.append({"attack": self.name, "what": what, "passed": bool(good)})
        return self.score.check(f"{self.name}: {what}", good, detail)

    def serves(self, when):
        for version in HOST:
            self.check(f"a client is served over {version} {when}", self.target.answers_a_client(version))

    def end(self):
        self.serves("afterwards")
        status, counters = self.target.end()
        self.check("the host ends in order", status == 0 and counters is not None, f"{status} {self.target.server.text[-500:]}")
        return counters or {}


def as_seen(packet):
    """An answer in the form of the expectations of odd_packets."""
    for layer in (ICMP, ICMPv6DestUnreach, ICMPv6ParamProblem, ICMPv6PacketTooBig):
        if packet.haslayer(layer):
            return ("ICMP", packet[layer].type, packet[layer].code)
    if packet.haslayer(TCP):
        return (str(packet[TCP].flags), packet[TCP].seq, packet[TCP].ack)
    return (packet.summary(), None, None)


def matches(seen, wanted):
    return len(seen) == len(wanted) and all(
        want is None or got == want for one, other in zip(seen, wanted) for got, want in zip(one, other))


def odd(attack):
    for version in HOST:
        ports = odd_packets.Ports()
        for title, part in (("scans", odd_packets.scans), ("impossible addresses", odd_packets.addresses),
                            ("broken packets", odd_packets.broken), ("the internet layer", odd_packets.internet_layer)):
            rows, wrong = part(version, ports), []
            for name, packets, wanted in rows:
                seen = [as_seen(packet) for packet in attack.target.answers(packets, version)]
                if not matches(seen, wanted):
                    wrong.append(f"{name}: {seen} instead of {wanted}")
            attack.check(f"{version}: {title}: {len(rows)} kinds of packets get the answers of the RFCs", not wrong,
                         "; ".join(wrong))


def mutated(attack, count):
    for version in HOST:
        before, answers, most = attack.target.server.memory(), 0, 0
        batch = []
        for number, packet in enumerate(odd_packets.mutations(version, count, seed=1)):
            batch.append(packet)
            if len(batch) == 50 or number == count - 1:
                got = attack.target.answers(batch, version)
                answers += len(got)
                most = max([most] + [len(bytes(answer)) for answer in got])
                batch = []
        attack.check(f"{version}: {count} packets with changed octets: no more answers than packets, none longer than 1280 octets",
                     answers <= count and most <= 1280, f"{answers} {most}")
        # Handshakes that some of them began are kept for a while.
        attack.check(f"{version}: memory stays", attack.target.server.memory() - before < MEMORY_SLACK,
                     f"{before} to {attack.target.server.memory()}")


# What nmap's scans may hear: from a closed port, from a listener. RST, ACK answers what acknowledges nothing.
SCANS = {
    "-sS": (SYN, RST | ACK, SYN | ACK),
    "-sF": (FIN, RST | ACK, None),
    "-sN": (0, RST | ACK, None),
    "-sX": (FIN | 8 | 32, RST | ACK, None),
    "-sA": (ACK, RST, RST),
}


def nmap(attack, ports):
    if not shutil.which("nmap"):
        raise Missing("nmap is not installed")
    target = attack.target
    before = target.server.memory()
    for version, address in HOST.items():
        for scan, (flags, closed, listening) in SCANS.items():
            capture = target.capture()
            done = target.space.run(["nmap", *(["-6"] if version == "IPv6" else []), scan, "-Pn", "-n", "-e", "sky0",
                                     "--max-rate", "500", "--max-retries", "1", "-p", f"1-{ports},{OPEN}", address],
                                    check=False, timeout=120)
            found = list(segments(capture.packets()))
            probes = [one for one in found if one.destination == address and one.flags == flags]
            answers = [one for one in found if one.source == address]
            wrong = [one for one in answers if one.flags != (listening if one.sport == OPEN else closed)]
            wrong += [one for one in answers if one.length]
            quiet = listening is None and any(one.sport == OPEN for one in answers)
            reached = {one.dport for one in probes}
            answered = {one.sport for one in answers}
            attack.check(
                f"nmap {scan}, {version}: {len(reached)} ports: each closed one answers "
                f"{'RST, ACK' if closed & ACK else 'RST'}, the listener {named(listening)}, once a probe and without text",
                done.returncode == 0 and len(reached) == ports + 1 and not wrong and not quiet
                and answered >= reached - {OPEN} and (listening is None or OPEN in answered)
                and not capture.dropped and len(answers) <= len(probes) + repeats(answers),
                f"{done.stdout[-300:]} {done.stderr[-300:]} {len(probes)} {len(answers)} {wrong[:3]} {reached - answered}")
        detect(attack, version, address, ports)
    attack.check("nmap: memory stays", target.server.memory() - before < MEMORY_SLACK, f"{before} to {target.server.memory()}")


def named(flags):
    return {None: "nothing", SYN | ACK: "SYN, ACK", RST: "RST"}[flags]


def repeats(answers):
    """SYN, ACKs that were sent again because the answer was no ACK."""
    synchronizes = [one for one in answers if one.flags == SYN | ACK]
    return len(synchronizes) - len({(one.sport, one.dport, one.sequence) for one in synchronizes})


def detect(attack, version, address, ports):
    """nmap's guess at the system: odd options and flags, to the listener and to a closed port, and ICMP."""
    capture = attack.target.capture()
    done = attack.target.space.run(["nmap", *(["-6"] if version == "IPv6" else []), "-O", "--max-os-tries", "1", "-Pn", "-n", "-e",
                                    "sky0", "--max-rate", "500", "-p", f"{CLOSED},{OPEN}", address], check=False, timeout=120)
    found = list(segments(capture.packets()))
    probes = [one for one in found if one.destination == address]
    answers = [one for one in found if one.source == address]
    # For one pair of ports the number goes with the clock (RFC 6528); between pairs there must be no rule.
    numbers = list({one.dport: one.sequence for one in answers if one.flags & SYN}.values())
    steps = {(after - before) % (1 << 32) for before, after in zip(numbers, numbers[1:])}
    attack.check(f"nmap -O, {version}: the host answers only in kind, and its sequence numbers keep no step",
                 done.returncode == 0 and len(probes) >= 10 and len(numbers) >= 6 and len(steps) == len(numbers) - 1
                 and all(one.flags & (SYN | RST) and not one.length for one in answers),
                 f"{done.stderr[-300:]} {len(probes)} {[(one.sport, one.flags, one.sequence, one.length) for one in answers]}")


def flood(attack, name, arguments, count):
    """A flood of so many packets, 20,000 a second at most. Gives what was seen of it on the interface."""
    capture = attack.target.capture()
    done = attack.target.space.start(["hping3", "-q", "-i", "u50", "-c", str(count), *arguments, HOST["IPv4"]])
    served = attack.target.answers_a_client("IPv4")
    status = done.wait(120)
    packets = capture.packets()
    address = bytes(map(int, HOST["IPv4"].split(".")))
    inward = sum(1 for _, data in packets if data[16:20] == address)
    attack.check(f"hping3: {name}: a client is served during it", served)
    if status not in (0, 1) or inward + capture.dropped < count * 0.9:
        attack.check(f"hping3: {name}: runs", False, f"{status} {inward} {capture.dropped} {done.text[-300:]}")
    return packets, [(when, data) for when, data in packets if data[12:16] == address]


def floods(attack, count):
    if not shutil.which("hping3"):
        raise Missing("hping3 is not installed")
    server = attack.target.server
    listener, closed = ["-p", str(OPEN)], ["-p", str(CLOSED)]

    _, answers = flood(attack, "LAND", ["-S", "-a", HOST["IPv4"], "-s", str(OPEN), "-k", *listener], count)
    silent(attack, "LAND", answers)
    _, answers = flood(attack, "xmas trees to a listener", ["-F", "-P", "-U", *listener], count)
    silent(attack, "xmas trees to a listener", answers)
    _, answers = flood(attack, "fragments", ["-x", "-d", "64", "--rand-source", *listener], count)
    silent(attack, "fragments", answers)

    # The first flood fills what is bounded: tables, handshakes. Later ones find it full.
    flood(attack, "SYNs from anywhere", ["-S", "--rand-source", *listener], count)
    before = server.memory()
    for again in ("again", "a third time"):
        _, answers = flood(attack, f"SYNs from anywhere, {again}", ["-S", "--rand-source", *listener], count)
    resets = [one for one in segments(answers) if one.flags & RST]
    attack.check("hping3: SYNs from anywhere: answered by SYN, ACK alone", answers and not resets, resets[:3])

    _, answers = flood(attack, "SYNs to a closed port", ["-S", "--rand-source", *closed], count)
    within_limit(attack, "SYNs to a closed port", "RST", RESETS, [
        one.time for one in segments(answers) if one.flags & RST and one.sport == CLOSED])
    _, answers = flood(attack, "datagrams to a closed port", ["-2", *closed], count)
    within_limit(attack, "datagrams to a closed port", "errors", ERRORS,
                 [when for when, data in answers if data[9] == 1 and data[20] == 3])
    _, answers = flood(attack, "echo requests", ["-1"], count)
    within_limit(attack, "echo requests", "replies", ECHOES,
                 [when for when, data in answers if data[9] == 1 and data[20] == 0])

    after = server.memory()
    attack.check(f"hping3: memory stays ({before / 1e6:.1f} MB before five floods of {count}, {after / 1e6:.1f} MB after)",
                 after - before < MEMORY_SLACK, f"{before} {after}")


def within_limit(attack, name, what, limit, times):
    most = most_in_a_second(times)
    # A second's worth may go at once, and comes back within the second; a tenth more for the time between the host's clock
    # and the interface's.
    attack.check(f"hping3: {name}: {limit} {what} a second, and as many at once ({most} in the fullest second)",
                 0 < most <= 2 * limit + limit // 10)


def silent(attack, name, answers):
    """A client that is served meanwhile is all that may be heard. A SYN can only be the flood's: the host opens none."""
    heard = [one for one in segments(answers) if one.flags != SYN
             and (one.sport != OPEN or one.destination != "10.34.1.1" or one.flags & RST)]
    others = [data for _, data in answers if data[9] != 6]
    attack.check(f"hping3: {name}: not answered", not heard and not others, f"{heard[:3]} {others[:3]}")


def run(score, results, name, quick):
    attack = Attack(score, results, name)
    try:
        if name == "odd packets":
            odd(attack)
        elif name == "changed packets":
            mutated(attack, 1000 if quick else 20_000)
        elif name == "scans":
            nmap(attack, 100 if quick else 1000)
        else:
            floods(attack, 5000 if quick else 20_000)
    except Missing as reason:
        score.skip(name, reason)
    except Exception as error:  # Whatever scapy makes of it, the count at the end must tell.
        attack.check("runs to its end", False, f"{error!r} {attack.target.server.text[-1000:]}")
    attack.end()


NAMES = ("odd packets", "changed packets", "scans", "floods")
