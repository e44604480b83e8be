"""What `scripts/interop-tun` checks, inside its network namespace. Not to be run by itself.

Each check is a line; the last line is the count. Every wait has a bound.
"""

import hashlib
import os
import re
import select
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

from interop_tools import FAR, KernelServer, SOCKEYE, Tool, WORK, captured, check, eventually, finish, running, serve

GREETING = "服务器连接成功!\n".encode()
MESSAGE = "客户端发送消息啦!"
BULK = 100_000_000
# How each IP version names the ends: serve's stack, connect's stack, this kernel towards connect.
ENDS = {
    "IPv4": ("10.34.1.2", "10.34.2.2", "10.34.2.1"),
    "IPv6": ("fd34:1::2", "fd34:2::2", "fd34:2::1"),
}


def pattern(count):
    """What `serve --mode source` sends."""
    return (bytes(range(251)) * (count // 251 + 1))[:count]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def dial(address, port=3401):
    return socket.create_connection((address, port), timeout=30)


def read_all(connection):
    pieces = []
    while piece := connection.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def name_of(connection):
    """The kernel's end as the server prints it."""
    host, port = connection.getsockname()[:2]
    return re.escape(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


# --- sockeye serve, and the kernel's clients


def conversations(version, server, address):
    connection = dial(address)
    name = name_of(connection)
    check(f"{version}: a client is greeted", connection.recv(100) == GREETING)
    connection.sendall(MESSAGE.encode())
    check(f"{version}: its message is logged with time and endpoint",
          server.says(rf"^\d\d:\d\d:\d\d\.\d{{3}} {name} says: {MESSAGE}$"), server.text)
    connection.shutdown(socket.SHUT_WR)
    check(f"{version}: the end of its stream ends ours", connection.recv(1) == b"")
    check(f"{version}: the end is logged",
          server.says(rf"{name} ended its stream after 25 bytes$") and server.says(rf"{name} closed: "), server.text)

    connection = dial(address)
    name = name_of(connection)
    connection.recv(100)
    connection.sendall(b"about to vanish\n")
    check(f"{version}: another message", server.says(rf"{name} says: about to vanish$"))
    reset(connection)
    check(f"{version}: a reset is told apart from an end",
          server.says(rf"{name} reset the connection: ") and not re.search(rf"{name} ended", server.text))

    try:
        dial(address, 3402)
        check(f"{version}: a closed port refuses", False, "connected")
    except ConnectionRefusedError:
        check(f"{version}: a closed port refuses", True)


def gigabytes(version, address):
    """A gigabyte each way at once, with each of the kernel's algorithms, everything agreed on that there is. What the
    kernel says of its connection in the end: the options, and that it sent nothing twice on a path without loss."""
    with open("/proc/sys/net/ipv4/tcp_ecn", "w", encoding="ascii") as setting:
        setting.write("1")
    piece = os.urandom(1 << 20)
    for algorithm in ("cubic", "bbr"):
        connection = dial(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
        sent, received = hashlib.sha256(), hashlib.sha256()

        def send():
            for number in range(1000):
                block = number.to_bytes(4, "big") + piece[4:]
                sent.update(block)
                connection.sendall(block)

        began = time.monotonic()
        sender = threading.Thread(target=send)
        sender.start()
        count = 0
        while count < 1000 << 20 and (block := connection.recv(1 << 20)):
            received.update(block)
            count += len(block)
        sender.join()
        elapsed = time.monotonic() - began
        check(f"{version}, {algorithm}: 1 GB each way at once, equal SHA-256 ({count * 8 / elapsed / 1e6:.0f} Mbit/s each way)",
              received.digest() == sent.digest(), f"{count} bytes")
        found = subprocess.run(["ss", "-tineH", "dst", f"[{address}]" if ":" in address else address],
                               capture_output=True, text=True).stdout
        words = set(found.split())
        check(f"{version}, {algorithm}: the kernel agreed on timestamps, SACK, ECN and window scaling",
              {"ts", "sack", "ecn", algorithm} <= words and any(word.startswith("wscale:") for word in words), found)
        # A busy machine may answer so late that the kernel probes for a loss (RFC 8985); a D-SACK tells that there was none.
        again = re.search(r"retrans:\d+/(\d+)", found)
        needless = re.search(r"dsack_dups:(\d+)", found)
        check(f"{version}, {algorithm}: and has sent nothing twice that was lost",
              not again or (needless and int(again[1]) <= int(needless[1])), found)
        connection.close()
    with open("/proc/sys/net/ipv4/tcp_ecn", "w", encoding="ascii") as setting:
        setting.write("2")


def crowd(version, server, address, count):
    """Many at once; one of them resets, one says nothing and reads nothing."""
    began = time.monotonic()
    selector = selectors.DefaultSelector()
    greeted, ends, clients = set(), set(), []
    for number in range(count):
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        client.setblocking(False)
        client.connect_ex((address, 3401))
        clients.append(client)
        selector.register(client, selectors.EVENT_READ, number)
    while len(ends) < count - 2 and time.monotonic() < began + 60:
        for key, _ in selector.select(1):
            client, number = key.fileobj, key.data
            data = client.recv(1000)
            if data.startswith(GREETING):
                greeted.add(number)
                if number == 7:
                    selector.unregister(client)
                    reset(client)
                elif number == 8:
                    selector.unregister(client)
                else:
                    client.sendall(f"{version} client {number}\n".encode())
                    client.shutdown(socket.SHUT_WR)
            elif data == b"":
                ends.add(number)
                selector.unregister(client)
    check(f"{version}: {count} clients at once are greeted ({time.monotonic() - began:.1f} s)",
          len(greeted) == count, f"{len(greeted)}")
    wanted = {str(number) for number in range(count)} - {"7", "8"}
    expression = re.compile(rf"says: {version} client (\d+)$", re.M)
    check(f"{version}: every message is logged, whatever two of them do",
          eventually(lambda: set(expression.findall(server.text)) == wanted), server.text[-400:])
    for client in clients:
        client.close()


def echo_bulk(version, address, amount, label):
    data = os.urandom(1 << 20) * (amount >> 20) + os.urandom(amount & 0xFFFFF)
    connection = dial(address)
    began = time.monotonic()

    def send():
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = read_all(connection)
    elapsed = time.monotonic() - began
    sender.join()
    check(f"{version}: {label} each way at once, equal SHA-256 ({amount * 8 / elapsed / 1e6:.0f} Mbit/s each way)",
          digest(received) == digest(data), f"{len(received)} bytes")


def serving():
    for version, (address, _, _) in ENDS.items():
        capture = os.path.join(WORK, f"serve-{version}.pcapng")
        server = serve("--states", "--pcap", capture)
        conversations(version, server, address)
        states = re.findall(r"-> ([A-Z0-9-]+)$", server.text, re.M)
        check(f"{version}: --states shows the passive side's states",
              set(states) >= {"LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"}, states)
        check(f"{version}: Ctrl-C ends the server", server.stop() == 0 and "stopping" in server.text, server.text)
        captured(capture, 20)

        server = serve()
        crowd(version, server, address, 200)
        server.stop()

        server = serve("--mode", "echo")
        stuck = dial(address)
        stuck.setblocking(False)
        try:
            while True:  # until its window, our buffers and the server's are full: it never reads
                stuck.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        echo_bulk(version, address, BULK, "100 MB beside a client that never reads,")
        stuck.close()
        server.stop()

        server = serve("--mode", "echo")
        gigabytes(version, address)
        server.stop()

        capture = os.path.join(WORK, f"echo-{version}.pcapng")
        server = serve("--mode", "echo", "--pcap", capture)
        echo_bulk(version, address, 5_000_000, "5 MB")
        server.stop()
        captured(capture, 5000)
        source(version, address)
        discard(version, address)


def source(version, address):
    server = serve("--mode", "source", "--bytes", "100MB", "--states")
    connection = dial(address)
    began = time.monotonic()
    data = read_all(connection)
    elapsed = time.monotonic() - began
    check(f"{version}: 100 MB to the kernel, equal SHA-256 ({BULK * 8 / elapsed / 1e6:.0f} Mbit/s)",
          digest(data) == digest(pattern(BULK)))
    # The server's stream is over; ours is not.
    connection.sendall(b"x" * 3_000_000)
    connection.close()
    check(f"{version}: what the kernel sends after our FIN arrives",
          server.says("ended its stream after 3000000 bytes") and server.says("closed: received 3000000 bytes"),
          server.text)
    check(f"{version}: the active side's states",
          server.says("-> FIN-WAIT-1$") and server.says("-> FIN-WAIT-2$") and server.says("-> TIME-WAIT$"))
    server.stop()


def discard(version, address):
    server = serve("--mode", "discard")
    connection = dial(address)
    began = time.monotonic()
    connection.sendall(bytes(BULK))
    connection.shutdown(socket.SHUT_WR)
    check(f"{version}: 100 MB from the kernel", connection.recv(1) == b"" and server.says(
        f"ended its stream after {BULK} bytes"))
    print(f"        ({BULK * 8 / (time.monotonic() - began) / 1e6:.0f} Mbit/s)")
    server.stop()


def http():
    body = "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nsockeye"
    server = serve("--port", "80", "--greeting", body)
    for host in ("10.34.1.2", "[fd34:1::2]"):
        answer = subprocess.run(["curl", "-sS", "-m", "10", "-g", f"http://{host}/path"], capture_output=True, text=True)
        check(f"curl http://{host}/", answer.stdout == "sockeye", answer.stderr)
    check("curl's request is logged", server.says("says: GET /path HTTP/1.1$"))
    server.stop()


def echo_requests():
    """The kernel's pings: made by hand, for there may be no ping command."""
    server = serve()
    for version, family, protocol, kind, answer, skip in (
            ("IPv4", socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 20),
            ("IPv6", socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 0)):
        asker = socket.socket(family, socket.SOCK_RAW, protocol)
        asker.settimeout(5)
        payload = os.urandom(1000)
        body = struct.pack("!BBHHH", kind, 0, 0, 77, 1) + payload
        if family == socket.AF_INET:
            total = sum(struct.unpack(f"!{len(body) // 2}H", body))
            total = (total & 0xFFFF) + (total >> 16)
            body = body[:2] + struct.pack("!H", 0xFFFF - (total & 0xFFFF) - (total >> 16)) + body[4:]
        asker.sendto(body, (ENDS[version][0], 0))
        end, found = time.monotonic() + 5, False
        while not found and time.monotonic() < end:
            reply = asker.recv(2000)[skip:]
            found = reply[0] == answer and reply[4:8] == struct.pack("!HH", 77, 1) and reply[8:] == payload
        check(f"{version}: an echo request of the kernel is answered", found)
    server.stop()


# --- sockeye connect and ping, and the kernel's servers


def read_then_answer(connection):
    received = read_all(connection)
    connection.sendall(digest(received).encode())
    return received


def connect_sends(version, host):
    data = os.urandom(1 << 20) * 95 + os.urandom(BULK - (95 << 20))
    path = os.path.join(WORK, "input")
    with open(path, "wb") as file:
        file.write(data)
    kernel = KernelServer(read_then_answer)
    began = time.monotonic()
    with open(path, "rb") as file:
        tool = Tool("connect", host, kernel.port, stdin=file, stdout=subprocess.PIPE)
    output = tool.process.stdout.read()
    elapsed = time.monotonic() - began
    check(f"{version}: connect sends 100 MB, and the answer comes after its FIN ({BULK * 8 / elapsed / 1e6:.0f} Mbit/s)",
          tool.wait() == 0 and output == digest(data).encode(), tool.text)


def connect_receives(version, host):
    data = pattern(BULK)

    def send_then_read(connection):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    kernel = KernelServer(send_then_read)
    began = time.monotonic()
    tool = Tool("connect", host, kernel.port, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    output = tool.process.stdout.read(BULK)
    elapsed = time.monotonic() - began
    tool.process.stdin.write(b"after your FIN")
    tool.process.stdin.close()
    output += tool.process.stdout.read()
    kernel.join(10)
    check(f"{version}: connect receives 100 MB, equal SHA-256 ({BULK * 8 / elapsed / 1e6:.0f} Mbit/s)",
          tool.wait() == 0 and digest(output) == digest(data), f"{len(output)} bytes {tool.text}")
    check(f"{version}: connect sends after the kernel's FIN", kernel.result == b"after your FIN", kernel.result)


def connect_waits_for_its_reader(version, host):
    data = pattern(20_000_000)

    def send_until_full_then_the_rest(connection):
        sent = 0
        connection.setblocking(False)
        try:
            while sent < len(data):
                sent += connection.send(data[sent:sent + (1 << 16)])
        except BlockingIOError:
            time.sleep(0.5)  # nobody reads the tool's output yet, so this stays full
        connection.setblocking(True)
        connection.sendall(data[sent:])
        return sent

    kernel = KernelServer(send_until_full_then_the_rest)
    tool = Tool("connect", host, kernel.port, stdout=subprocess.PIPE)
    time.sleep(1)
    output = tool.process.stdout.read()
    kernel.join(10)
    check(f"{version}: an output that is not read closes the window, and nothing is lost",
          tool.wait() == 0 and output == data and kernel.result < len(data), f"{len(output)} bytes, {kernel.result}")


def connect_says(version, host):
    capture = os.path.join(WORK, f"connect-{version}.pcapng")
    kernel = KernelServer(read_then_answer)
    tool = Tool("connect", host, kernel.port, "--message", MESSAGE, "--states", "--trace", "--pcap", capture,
                stdout=subprocess.PIPE)
    output = tool.process.stdout.read()
    check(f"{version}: connect --message", tool.wait() == 0 and output == digest(MESSAGE.encode()).encode(), tool.text)
    check(f"{version}: --trace and --states stay out of the output", "Flags [S]" in tool.text and
          "SYN-SENT -> ESTABLISHED" in tool.text, tool.text)
    captured(capture, 7)


def ends_of_connections(host, version):
    def reset_after_reading(connection):
        connection.recv(1)
        reset(connection)

    kernel = KernelServer(reset_after_reading)
    tool = Tool("connect", host, kernel.port, "--message", "x")
    check(f"{version}: a reset is status 2", tool.wait() == 2 and "reset the connection" in tool.text, tool.text)
    tool = Tool("connect", host, 9)
    check(f"{version}: a refusal is status 1", tool.wait() == 1 and "refused" in tool.text, tool.text)
    nobody = "10.34.2.99" if version == "IPv4" else "fd34:2::99"
    tool = Tool("connect", nobody, 9, "--timeout", "0.5")
    check(f"{version}: silence is status 3", tool.wait() == 3 and "timed out" in tool.text, tool.text)
    kernel = KernelServer(read_all)
    tool = Tool("connect", host, kernel.port, "--states", stdin=subprocess.PIPE)
    tool.says("-> ESTABLISHED$")
    check(f"{version}: Ctrl-C is status 130", tool.stop() == 130 and "interrupted" in tool.text, tool.text)
    kernel.join(10)
    check(f"{version}: and resets the connection", isinstance(kernel.result, ConnectionResetError), kernel.result)


def unreachable():
    """Routers on the way say so: here the kernel, told to forward and to have no way."""
    for path, value in (("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1")):
        with open(f"/proc/sys/{path}", "w") as file:
            file.write(value)
    subprocess.run(["ip", "route", "add", "unreachable", "10.99.0.0/16"], check=True)
    subprocess.run(["ip", "-6", "route", "add", "unreachable", "fd99::/16"], check=True)
    for address in ("10.99.1.1", "fd99::1"):
        tool = Tool("connect", address, 80, "--timeout", 3)
        status = tool.wait()
        check(f"connect {address}: no way there is status 4", status == 4, f"{status} {tool.text}")
        tool = Tool("ping", address, "--count", 1, "--timeout", 3)
        status = tool.wait()
        check(f"ping {address}: no way there is status 4", status == 4, f"{status} {tool.text}")


def pinging():
    for version, (_, _, host) in ENDS.items():
        capture = os.path.join(WORK, f"ping-{version}.pcapng")
        tool = Tool("ping", host, "--count", 5, "--interval", 0.01, "--size", 4000, "--pcap", capture)
        check(f"{version}: the kernel answers our pings, in fragments",
              tool.wait() == 0 and "5 sent, 5 answered, 0% lost" in tool.text, tool.text)
        captured(capture, 10)


# --- what goes wrong


def trouble():
    server = serve("--tun", "lost0")
    subprocess.run(["ip", "link", "del", "lost0"], check=True)
    check("an interface that is deleted ends the server", server.wait(10) == 74 and "lost0 is gone" in server.text,
          server.text)

    tool = Tool("serve", "--pcap", "/dev/full")
    check("a full disk under --pcap ends it", tool.wait(10) == 74 and "No space left" in tool.text, tool.text)
    tool = Tool("serve", "--pcap", os.path.join(WORK, "no", "such", "folder"))
    check("a capture that can't be made", tool.wait(10) == 73 and "No such file" in tool.text, tool.text)

    tool = Tool("serve", stdout=subprocess.PIPE)
    tool.process.stdout.readline()
    tool.process.stdout.close()
    try:
        connection = dial("10.34.1.2")
    except OSError:
        pass  # It may be gone before it has answered.
    check("an output that is closed ends it", tool.wait(10) == 74 and "nobody reads" in tool.text, tool.text)

    subprocess.run(["ip", "tuntap", "add", "dev", "kept0", "mode", "tun"], check=True)
    server = serve("--tun", "kept0")
    connection = dial("10.34.1.2")
    check("an interface that is there is used", connection.recv(100) == GREETING)
    tool = Tool("serve", "--tun", "kept0")
    check("by one program at a time", tool.wait(10) == 71 and "in use" in tool.text, tool.text)
    check("and Ctrl-C does not wait for clients for ever", server.stop() == 0 and "cut off" in server.text, server.text)
    check("and is kept", subprocess.run(["ip", "link", "show", "kept0"], capture_output=True).returncode == 0)
    subprocess.run(["ip", "link", "del", "kept0"], check=True)
    tool = Tool("serve", "--tun", "lo")
    check("another kind of interface is not", tool.wait(10) == 71 and "not a TUN" in tool.text, tool.text)

    without_rights()


def without_rights():
    """As another user, if that one may run the tool at all, and as a root that may do nothing."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*user, SOCKEYE, "--version"], capture_output=True).returncode:
        print("        (another user can't run the tool from here)")
        user = []
    nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    for who, prefix in (("another user", user), ("root without capabilities", nobody)):
        if not prefix:
            continue
        tool = Tool("serve", prefix=prefix)
        status, lines = tool.wait(10), tool.text.splitlines()
        check(f"{who} is told in two lines what to do",
              status == 77 and len(lines) == 2 and "run sockeye as root" in lines[1] and "unshare -Urn" in lines[1],
              f"{status} {tool.text}")


# --- sockeye bridge, between two kernels

# Runs in the other namespace: answers what comes to port 7 with the time at which it came, and counts until "end" comes.
FAR_END = """
import socket, struct, time
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
end.bind(("10.35.1.2", 7))
print("ready", flush=True)
times = []
while True:
    data, peer = end.recvfrom(2000)
    times.append(time.monotonic())
    if data == b"end":
        if len(times) > 1:
            print(len(times) - 1, times[-2] - times[0], flush=True)
        times = []
    elif data[:4] == b"echo":
        end.sendto(data, peer)
"""


def bridge(*arguments):
    """Joins this network and the other, whose end is 10.35.1.2, and starts what answers there."""
    tool = Tool("bridge", "near0", "far0", *arguments)
    if not tool.says("^joining near0 and far0"):
        check("bridge starts", False, tool.text)
        sys.exit(finish())
    for command in (f"ip link set far0 netns {FAR}", "ip addr add 10.35.1.1/24 dev near0", "ip link set near0 up",
                    f"ip -n {FAR} addr add 10.35.1.2/24 dev far0", f"ip -n {FAR} link set far0 up"):
        subprocess.run(command.split(), check=True)
    far = subprocess.Popen(["ip", "netns", "exec", FAR, "python3", "-c", FAR_END], stdout=subprocess.PIPE, text=True)
    running.append(far)
    far.stdout.readline()
    near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near.connect(("10.35.1.2", 7))
    near.settimeout(5)
    # The first packet finds an interface that has just come up.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        near.send(b"echo")
        try:
            near.settimeout(0.5)
            near.recv(100)
            break
        except OSError:
            continue
    near.settimeout(0.3)
    try:
        while True:
            near.recv(100)
    except OSError:
        pass
    near.settimeout(5)
    return tool, far, near


def counted(near, far):
    """How many packets the far end has counted, and the seconds between the first and the last. "end" may get lost."""
    for _ in range(50):
        near.send(b"end")
        if select.select([far.stdout], [], [], 0.2)[0]:
            count, seconds = far.stdout.readline().split()
            return int(count), float(seconds)
    check("bridge: the far end answers", False)
    sys.exit(finish())


def bridging():
    """What the emulated wire does, as two kernels see it. A busy machine makes all of it later, so that what is told in
    numbers is checked only where that does no harm."""
    tool, far, near = bridge("--rtt", "40ms", "--rate", "20mbit", "--queue", "10p")
    trips = []
    for number in range(50):
        began = time.monotonic()
        near.send(b"echo%d" % number)
        near.recv(100)
        trips.append((time.monotonic() - began) * 1000)
    trips.sort()
    check(f"bridge: a round trip of 40 ms takes {trips[25]:.2f} ms (median; least {trips[0]:.2f})",
          40 <= trips[0] < 42)
    counted(near, far)
    # Twice the rate: the queue drops what is too much. 1278 octets are 1250 of content and the headers.
    began = time.monotonic()
    for number in range(2000):
        near.send(bytes(1250))
        time.sleep(max(0, began + (number + 1) * 1278 * 8 / 40e6 - time.monotonic()))
    time.sleep(0.2)
    count, seconds = counted(near, far)
    rate = (count - 1) * 1278 * 8 / seconds / 1e6
    check(f"bridge: of 40 Mbit/s, 20 come through ({rate:.2f})", 5 < rate < 20.4)
    check("bridge: Ctrl-C ends it with a report", tool.stop() == 0 and "dropped by the full queue" in tool.text, tool.text)
    far.kill()
    subprocess.run(["ip", "-n", FAR, "link", "del", "far0"], capture_output=True)

    tool, far, near = bridge("--rtt", "2ms", "--rate", "1gbit", "--loss", "10%", "--queue", "10000p", "--json")
    counted(near, far)
    for number in range(10_000):
        near.send(b"x" * 100)
        if number % 100 == 0:
            time.sleep(0.002)
    time.sleep(0.2)
    count, _ = counted(near, far)
    # Four standard deviations of a binomial distribution.
    check(f"bridge: a tenth of 10,000 packets is lost ({10_000 - count})", abs(10_000 - count - 1000) < 4 * 30)
    check("bridge: the report is JSON", tool.stop() == 0 and '"there":{' in tool.text, tool.text)
    far.kill()

    tool = Tool("bridge", "near0", "near0")
    check("bridge: an interface is not joined to itself", tool.wait(10) == 64, tool.text)


serving()
bridging()
http()
echo_requests()
for each, (_, _, kernels_address) in ENDS.items():
    connect_sends(each, kernels_address)
    connect_receives(each, kernels_address)
    connect_waits_for_its_reader(each, kernels_address)
    connect_says(each, kernels_address)
    ends_of_connections(kernels_address, each)
pinging()
unreachable()
trouble()
sys.exit(finish())
