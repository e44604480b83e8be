"""How well `sockeye bridge` keeps what it was told: delay, rate and loss at 100 Mbit/s between two kernels."""

import json
import math
import re
import socket
import statistics
import struct
import threading
import time

import lab
from lab import Wire, eventually

SO_RCVBUFFORCE = 33  # Python has no name for it.
# What is promised for a machine that has nothing else to do.
DELAY_BOUND, RATE_BOUND = 0.3, 2.0


def trips(wire, count, interval):
    """Round-trip times in ms, as ping measures them."""
    done = wire.near.run(["ping", "-n", "-c", count, "-i", interval, "-s", "56", wire.FAR["IPv4"]], check=False,
                         timeout=60 + count * interval * 2)
    return sorted(float(one) for one in re.findall(r"time=([\d.]+) ms", done.stdout))


def delay(score, results, count):
    for load in (0, 50):
        wire = Wire("--rtt 40ms --rate 100mbit")
        stop = threading.Event()
        loader = threading.Thread(target=send_evenly, args=[wire, load, stop])
        try:
            trips(wire, 5, 0.1)
            if load:
                loader.start()
            times = trips(wire, count, 0.01)
        finally:
            stop.set()
            if load:
                loader.join()
            wire.end()
        if len(times) < count * 0.99:
            score.check("accuracy: delay", False, f"{len(times)} of {count} pings answered")
            continue
        median, high = statistics.median(times), times[int(len(times) * 0.99)]
        what = f"under a load of {load} Mbit/s" if load else "idle"
        results.append({"what": "delay", "load": load, "told": 40.0, "median": median, "p99": high,
                        "least": times[0], "most": times[-1]})
        # Each way has its half of the error.
        score.check(f"accuracy: 20 ms each way, {what}: {median / 2:.2f} ms (median; 99 % within {high / 2:.2f} ms)",
                    0 <= median / 2 - 20 < DELAY_BOUND, times[:3] + times[-3:])


def send_evenly(wire, megabits, stop):
    """Datagrams of 1250 octets at a rate, until told to stop."""
    with wire.near.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((wire.FAR["IPv4"], 9))
    began, number = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - began) * megabits * 1e6 / 8 / 1278)
        while number < due:
            number += 1
            try:
                sender.send(bytes(1250))
            except OSError:
                pass  # Nobody listens there, and the far kernel says so.
        time.sleep(0.001)


def rate(score, results, seconds):
    wire = Wire("--rtt 10ms --rate 100mbit --queue 500kB")
    stop = threading.Event()
    try:
        with wire.far.inside():
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("0.0.0.0", 9))
        receiver.settimeout(5)
        loader = threading.Thread(target=send_evenly, args=[wire, 112, stop])
        loader.start()
        time.sleep(1)  # By then the queue is full, and the link never idle.
        while lab.readable(receiver, 0):
            receiver.recv(2000)
        began = last = None
        count = 0
        while began is None or last < began + seconds:
            receiver.recv(2000)
            last = time.monotonic()
            if began is None:
                began = last
            else:
                count += 1
        stop.set()
        loader.join()
        # 1250 octets and the headers of UDP and IP.
        through = count * 1278 * 8 / (last - began) / 1e6
        results.append({"what": "rate", "told": 100.0, "measured": through})
        score.check(f"accuracy: of 112 Mbit/s, {through:.2f} come through where 100 may", abs(through - 100) < RATE_BOUND)
        server = wire.far.start("iperf3 -s --forceflush")
        eventually(lambda: server.text.count("Server listening") > 0)
        done = wire.near.run(["iperf3", "-c", wire.FAR["IPv4"], "-t", seconds, "-O", "2", "-J"], check=False, timeout=60)
        goodput = json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e6
        results.append({"what": "goodput", "told": 100 * 1448 / 1500, "measured": goodput})
        score.check(f"accuracy: two kernels' CUBIC brings {goodput:.1f} Mbit/s of at most 96.5 over it", 90 < goodput < 96.6)
    finally:
        stop.set()
        wire.end()


def loss(score, results, count):
    wire = Wire("--rtt 2ms --rate 100mbit --loss 1% --queue 10000p")
    try:
        with wire.far.inside():
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
            except OSError:
                pass  # Without rights it is as large as the system allows.
            receiver.bind(("0.0.0.0", 7))
        with wire.near.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect((wire.FAR["IPv4"], 7))
        receiver.settimeout(2)
        seen = set()

        def listen():
            try:
                while True:
                    seen.add(receiver.recv(200))
            except OSError:
                pass

        listener = threading.Thread(target=listen)
        listener.start()
        began = time.monotonic()
        for number in range(count):
            sender.send(struct.pack("!I", number) + bytes(96))
            if number % 20 == 0:
                time.sleep(max(0, began + number / 10_000 - time.monotonic()))
        listener.join()
        lost = count - len(seen)
        # 99.9 % of all runs of an exact one lie within 3.29 standard deviations of a binomial distribution.
        width = 3.29 * math.sqrt(count * 0.01 * 0.99)
        results.append({"what": "loss", "told": 0.01, "measured": lost / count, "count": count, "width": width / count})
        score.check(f"accuracy: of {count} packets {lost / count * 100:.2f} % are lost "
                    f"(1 % ± {width / count * 100:.2f} with 99.9 % confidence)", abs(lost - count * 0.01) < width)
    finally:
        wire.end()


def run(score, results, quick=False):
    delay(score, results, 200 if quick else 1000)
    rate(score, results, 3 if quick else 10)
    loss(score, results, 20_000 if quick else 100_000)
