// Holds sockets of the kernel, the other end of the tunnel in these tests.

#if os(Linux)
  import Glibc
  import Testing

  /// A UDP socket of the kernel in the thread's network namespace. Waits for two seconds at most.
  struct KernelSocket: ~Copyable {
    private let descriptor: Int32
    private let isV6: Bool

    init(v6: Bool, boundTo port: UInt16) throws {
      isV6 = v6
      descriptor = socket(v6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      try #require(descriptor >= 0)
      var wait = timeval(tv_sec: 2, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
      let bound = withSocketAddress(v6 ? "::" : "0.0.0.0", port, v6: v6) { bind(descriptor, $0, $1) }
      try #require(bound == 0, "bind: \(String(cString: strerror(errno)))")
    }

    deinit { close(descriptor) }

    func send(_ text: String, to address: String, port: UInt16) throws {
      let bytes = Array(text.utf8)
      let sent = withSocketAddress(address, port, v6: isV6) { target, length in
        sendto(descriptor, bytes, bytes.count, 0, target, length)
      }
      try #require(sent == bytes.count, "sendto: \(String(cString: strerror(errno)))")
    }

    func receive() throws -> String {
      var bytes = [UInt8](repeating: 0, count: 2048)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      try #require(count >= 0, "recv: \(String(cString: strerror(errno)))")
      return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
  }

  /// A TCP connection of the kernel. It begins to connect when it is made; reading waits for two seconds at most.
  struct KernelConnection: ~Copyable {
    let descriptor: Int32

    init(to address: String, port: UInt16) throws {
      let v6 = address.contains(":")
      descriptor = socket(v6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      try #require(descriptor >= 0)
      // Connecting must not wait: who answers runs on this very thread.
      let flags = fcntl(descriptor, F_GETFL, 0)
      _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
      let began = withSocketAddress(address, port, v6: v6) { connect(descriptor, $0, $1) }
      try #require(began == 0 || errno == EINPROGRESS, "connect: \(String(cString: strerror(errno)))")
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws {
      let bytes = Array(text.utf8)
      let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      try #require(count == bytes.count, "send: \(String(cString: strerror(errno)))")
    }

    /// What has come, or "" at the end of the stream.
    func receive() throws -> String {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, 2000)
      var bytes = [UInt8](repeating: 0, count: 2048)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      try #require(count >= 0, "recv: \(String(cString: strerror(errno)))")
      return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// Ends our stream alone.
    func shutDown() throws {
      try #require(shutdown(descriptor, Int32(SHUT_WR)) == 0)
    }
  }

  private func withSocketAddress<R>(
    _ address: String, _ port: UInt16, v6: Bool, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) -> R {
    if v6 {
      var target = sockaddr_in6()
      target.sin6_family = sa_family_t(AF_INET6)
      target.sin6_port = port.bigEndian
      inet_pton(AF_INET6, address, &target.sin6_addr)
      return withUnsafePointer(to: target) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &target.sin_addr)
    return withUnsafePointer(to: target) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
#endif
