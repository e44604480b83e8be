"""What `scripts/examples` checks, inside its network namespace. Not to be run by itself.

Each check is a line; the last line is the count. Every wait has a bound.
"""

import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

from interop_tools import FAR as APPS
from interop_tools import SOCKEYE as PROGRAMS
from interop_tools import KernelServer, Tool, WORK, check, eventually, finish

BULK = 100_000_000
GREETING = "服务器连接成功!\n"
MESSAGE = "客户端发送消息啦!"
CERTIFICATE, KEY = os.path.join(WORK, "certificate.pem"), os.path.join(WORK, "key.pem")
# The programs' servers are 10.34.1.2, their clients 10.34.2.2, this kernel .1 of both.
SERVERS = {"IPv4": "10.34.1.2", "IPv6": "fd34:1::2"}
KERNEL = {"IPv4": "10.34.2.1", "IPv6": "fd34:2::1"}


def program(name, *arguments, **more):
    return Tool(*arguments, program=os.path.join(PROGRAMS, name), **more)


def server(name, *arguments, ready="^listening"):
    """Starts a program and waits until it is ready."""
    tool = program(name, *arguments)
    if not tool.says(ready):
        check(f"{name} starts", False, tool.text)
        sys.exit(finish("examples"))
    return tool


def stop(name, tool):
    """Ends a program as Ctrl-C does."""
    status = tool.stop()
    check(f"{name}: Ctrl-C shuts the network down, and the program ends in order", status == 0 and tool.says("^stopping$"),
          f"{status} {tool.text}")


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def pattern(count):
    return (bytes(range(251)) * (count // 251 + 1))[:count]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def exchange(connection, data):
    """Sends and receives at the same time, as many octets as were sent."""
    sender = threading.Thread(target=lambda: connection.sendall(data))
    sender.start()
    received = bytearray()
    while len(received) < len(data) and (piece := connection.recv(1 << 16)):
        received += piece
    sender.join(30)
    return bytes(received)


# --- the socket course


def course(name):
    tool = server(name, "server")
    for version, address in SERVERS.items():
        with socket.create_connection((address, 3401), timeout=10) as connection:
            greeting = connection.recv(100).decode()
            connection.sendall(MESSAGE.encode())
            connection.shutdown(socket.SHUT_WR)
            rest = connection.recv(100)
        check(f"{name} server: greets the kernel's client, hears it and finishes ({version})",
              greeting == GREETING and rest == b"" and tool.says(rf"says: {MESSAGE}$") and tool.says("has finished$"),
              tool.text)

    def talk(connection):
        connection.sendall(b"welcome")
        heard = connection.recv(100)
        end = connection.recv(100)
        connection.sendall(b"goodbye")
        return heard, end

    for version, address in KERNEL.items():
        kernel = KernelServer(talk)
        client = program(name, "client", at(address, kernel.port), "--message", "good day")
        status = client.wait()
        kernel.join(10)
        check(f"{name} client: talks with the kernel's server, which answers after its FIN ({version})",
              status == 0 and kernel.result == (b"good day", b"") and client.says("says: welcome$")
              and client.says("says: goodbye$") and client.says("^the server has finished$"),
              f"{status} {kernel.result} {client.text}")

    # The kernel routes between the two interfaces.
    client = program(name, "client", at(SERVERS["IPv4"], 3401))
    check(f"{name} client and server: talk with each other",
          client.wait() == 0 and client.says(f"says: {GREETING}") and tool.says("10.34.2.2:[0-9]+ has finished$"),
          client.text + tool.text)
    stop(f"{name} server", tool)


def without_root():
    tool = program("course", "server", prefix=("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))
    check("without root a program says what to do", tool.wait() not in (0, "no end") and "run this with sudo" in tool.text,
          tool.text)


# --- Hummingbird


def curl(*arguments):
    """What curl receives: status and version, how much, its digest, and how long it took."""
    began = time.monotonic()
    process = subprocess.Popen(
        ["curl", "-sS", "-g", "-m", "400", "--cacert", CERTIFICATE, "--resolve", f"sockeye.test:443:{SERVERS['IPv4']}",
         "-w", "%{stderr}%{http_code} HTTP/%{http_version}", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    hashed, count = hashlib.sha256(), 0
    while piece := process.stdout.read(1 << 18):
        hashed.update(piece)
        count += len(piece)
    told = process.stderr.read().decode()
    process.wait()
    return told, count, hashed.hexdigest(), time.monotonic() - began


def web_server():
    tool = server("web-server", "--certificate", CERTIFICATE, "--key", KEY)
    text = digest(b"Hummingbird on Sockeye\n")
    expected = digest(pattern(BULK))
    ways = [
        ("HTTP/1.1", "200 HTTP/1.1", [], f"http://{SERVERS['IPv4']}"),
        ("HTTP/1.1, IPv6", "200 HTTP/1.1", [], f"http://[{SERVERS['IPv6']}]"),
        ("HTTP/1.1 over TLS", "200 HTTP/1.1", ["--http1.1"], "https://sockeye.test"),
        ("HTTP/2 over TLS", "200 HTTP/2", ["--http2"], "https://sockeye.test"),
    ]
    upload = os.path.join(WORK, "upload")
    data = os.urandom(1 << 20) * 10
    with open(upload, "wb") as file:
        file.write(data)
    for name, status, arguments, url in ways:
        told, _, found, _ = curl(*arguments, f"{url}/")
        check(f"Hummingbird, {name}: curl gets the page", told == status and found == text, told)
        told, count, found, elapsed = curl(*arguments, f"{url}/bytes/{BULK}")
        check(f"Hummingbird, {name}: curl gets 100 MB with the right SHA-256 ({count / elapsed / 1e6:.0f} MB/s)",
              told == status and count == BULK and found == expected, f"{told} {count} octets")
        told, count, found, elapsed = curl(*arguments, "--data-binary", f"@{upload}", f"{url}/echo")
        check(f"Hummingbird, {name}: 10 MB that are sent come back the same ({count / elapsed / 1e6:.0f} MB/s each way)",
              told == status and found == digest(data), f"{told} {count} octets")
    told, *_ = curl(f"http://{SERVERS['IPv4']}/nothing")
    check("Hummingbird: what there isn't is not found", told == "404 HTTP/1.1", told)
    crowd()
    stop("Hummingbird", tool)


def crowd():
    """Twenty downloads at once, and one that is broken off."""
    url, size = f"http://{SERVERS['IPv4']}/bytes/3000000", 3_000_000
    with socket.create_connection((SERVERS["IPv4"], 80), timeout=10) as connection:
        connection.sendall(f"GET /bytes/{BULK} HTTP/1.1\r\nHost: sockeye.test\r\n\r\n".encode())
        connection.recv(1000)
    results = []
    threads = [threading.Thread(target=lambda: results.append(curl(url))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(400)
    check("Hummingbird: twenty downloads at once, after one that was broken off",
          [result[2] for result in results] == [digest(pattern(size))] * 20, results)


# --- TLS


def tls_echo():
    tool = server("tls-echo", "server", "--certificate", CERTIFICATE, "--key", KEY)
    context = ssl.create_default_context(cafile=CERTIFICATE)
    data = os.urandom(1 << 20) * 5
    for version, address in SERVERS.items():
        with socket.create_connection((address, 4433), timeout=30) as connection:
            with context.wrap_socket(connection, server_hostname="sockeye.test") as secure:
                # One thread at a time may use a session of OpenSSL's, so the pieces go one after the other.
                received = b""
                for start in range(0, len(data), 1 << 14):
                    piece = data[start:start + (1 << 14)]
                    secure.sendall(piece)
                    while len(received) < start + len(piece) and (more := secure.recv(1 << 14)):
                        received += more
        check(f"tls-echo server: 5 MB from OpenSSL come back ({version})", received == data, f"{len(received)} {tool.text}")
    shown = subprocess.run(
        ["openssl", "s_client", "-brief", "-connect", "10.34.1.2:4433", "-CAfile", CERTIFICATE, "-verify_return_error"],
        input=b"", capture_output=True, timeout=30).stderr.decode()
    check("tls-echo server: openssl s_client verifies it, by TLS 1.3", "TLSv1.3" in shown and "Verification: OK" in shown,
          shown)
    client = program("tls-echo", "client", at(SERVERS["IPv4"], 4433), "--certificate", CERTIFICATE, "--message", "both")
    check("tls-echo client and server: talk with each other", client.wait() == 0 and client.says("^the answer is: both$"),
          client.text + tool.text)
    stop("tls-echo server", tool)

    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(CERTIFICATE, KEY)

    def echo(connection):
        with accepting.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(secure.recv(100))
            return secure.recv(100)

    for version, address in KERNEL.items():
        kernel = KernelServer(echo)
        client = program("tls-echo", "client", at(address, kernel.port), "--certificate", CERTIFICATE)
        check(f"tls-echo client: an OpenSSL server echoes ({version})",
              client.wait() == 0 and client.says("^the answer is: hello$"), client.text)
    kernel = KernelServer(echo)
    client = program("tls-echo", "client", at(KERNEL["IPv4"], kernel.port), "--certificate", CERTIFICATE,
                     "--name", "somebody.else")
    check("tls-echo client: a server of another name is not trusted",
          client.wait() not in (0, "no end") and "answer" not in client.text, client.text)


# --- gRPC


def grpc_calls(name, *arguments):
    client = program("grpc-echo", "client", *arguments, "one", "two", "three")
    status = client.wait()
    lines = [f"{kind}: {word}" for kind in ("unary", "stream") for word in ("one", "two", "three")]
    check(f"grpc-echo: {name}", status == 0 and client.text.splitlines() == lines, f"{status} {client.text}")


def grpc_echo():
    tool = server("grpc-echo", "server")
    for version, address in SERVERS.items():
        grpc_calls(f"a client on the kernel's sockets, a server on Sockeye ({version})", at(address, 50051), "--system")
    grpc_calls("client and server on Sockeye", at(SERVERS["IPv4"], 50051))
    stop("grpc-echo server", tool)
    for version, address in (("IPv4", "0.0.0.0"), ("IPv6", "::")):
        tool = server("grpc-echo", "server", "--system", address)
        grpc_calls(f"a client on Sockeye, a server on the kernel's sockets ({version})", at(KERNEL[version], 50051))
        tool.stop()


# --- the proxy


def in_apps(*command, **more):
    return subprocess.run(["ip", "netns", "exec", APPS, *command], capture_output=True, text=True, **more)


def web(address, port, body):
    """A web server of the kernel's, outside."""
    listener = socket.create_server((address, port))

    def answer(connection):
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def run():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()


def egress_proxy():
    subprocess.run(["ip", "address", "add", "203.0.113.1/32", "dev", "lo"], check=True)
    body = os.urandom(1 << 20) * 20
    for port in (80, 25, 99):
        web("203.0.113.1", port, body)
    tool = server(
        "egress-proxy", "--tun", "egress0", "--rule", "deny 203.0.113.0/24:25", "--rule", "ignore 203.0.113.0/24:99",
        "--rule", "allow 203.0.113.0/24", ready="^forwarding")
    subprocess.run(["ip", "link", "set", "egress0", "netns", APPS], check=True)
    for command in ("address add 10.34.1.1/24 dev egress0", "link set egress0 up", "route add default dev egress0"):
        subprocess.run(["ip", "-n", APPS, *command.split()], check=True)

    path = os.path.join(WORK, "body")
    found = in_apps("curl", "-sS", "-m", "60", "-o", path, "http://203.0.113.1/")
    with open(path, "rb") as file:
        received = file.read()
    check("egress-proxy: what is allowed gets through, 20 MB with the right SHA-256", digest(received) == digest(body),
          found.stderr + tool.text)
    check("egress-proxy: and is logged with what it carried",
          tool.says(r"^allow tcp 10\.34\.1\.1:\d+ > 203\.0\.113\.1:80$")
          and tool.says(rf"^closed 10\.34\.1\.1:\d+ > 203\.0\.113\.1:80: \d+ octets out, {len(body) + 45} back$"), tool.text)
    found = in_apps("curl", "-sS", "-m", "20", "http://203.0.113.1:25/")
    check("egress-proxy: what is denied is refused at once (curl's status 7)",
          found.returncode == 7 and tool.says(r"^deny tcp .* > 203\.0\.113\.1:25$"), found.stderr + tool.text)
    found = in_apps("curl", "-sS", "-m", "3", "http://203.0.113.1:99/")
    check("egress-proxy: what is ignored gets no answer (curl's status 28)",
          found.returncode == 28 and tool.says(r"^ignore tcp .* > 203\.0\.113\.1:99$"), found.stderr + tool.text)
    found = in_apps("curl", "-sS", "-m", "20", "http://198.51.100.1/")
    check("egress-proxy: what no rule fits is denied", found.returncode == 7 and tool.says(r"^deny tcp .* > 198\.51\.100\.1:80$"),
          found.stderr + tool.text)
    found = in_apps("curl", "-sS", "-m", "20", "http://203.0.113.1:81/")
    check("egress-proxy: where nobody listens outside, the connection breaks",
          found.returncode in (7, 52, 56) and tool.says(r"^broken .* > 203\.0\.113\.1:81: "),
          f"{found.returncode} {found.stderr} {tool.text}")
    stop("egress-proxy", tool)


def main():
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as setting:
        setting.write("1")
    without_root()
    course("course")
    course("course-nio")
    tls_echo()
    grpc_echo()
    web_server()
    egress_proxy()
    return finish("examples")


sys.exit(main())
