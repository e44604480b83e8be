// Holds a TCP socket of the kernel, for programs that stand between it and a stack: opening, ending, resetting. Reading
// and writing are those of any descriptor.

package import SockeyeWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A TCP socket of the kernel that never waits. Closed at the end of its life.
package final class StreamSocket {
  /// The socket as a descriptor, open for as long as this value lives.
  package let descriptor: Descriptor

  private init(_ number: Int32) { descriptor = Descriptor(number) }

  deinit { SystemCalls.close(descriptor.rawValue) }

  /// A socket that takes connections.
  /// - Parameters:
  ///   - endpoint: the address (`0.0.0.0` and `::` are all) and port.
  ///   - backlog: how many connections may wait to be accepted.
  /// - Throws: `SystemError`, such as EADDRINUSE.
  package static func listening(on endpoint: Endpoint, backlog: Int) throws(SystemError) -> StreamSocket {
    let socket = try open(endpoint.address.version)
    // Connections that a former run left in TIME-WAIT are no reason to refuse the port.
    try socket.set(SOL_SOCKET, SO_REUSEADDR, Int32(1))
    if endpoint.address.version == .v6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, Int32(1)) }
    unsafe try socket.withAddress(of: endpoint, "bind") { unsafe bind($0, $1, $2) }
    _ = try SystemCalls.check("listen") { listen(socket.descriptor.rawValue, Int32(clamping: backlog)) }
    return socket
  }

  /// A socket that begins to connect. It is writable once that has come to an end; `takeError` tells to which.
  /// - Throws: `SystemError` when not even that is possible.
  package static func connecting(to endpoint: Endpoint) throws(SystemError) -> StreamSocket {
    let socket = try open(endpoint.address.version)
    try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
    do {
      unsafe try socket.withAddress(of: endpoint, "connect") { unsafe connect($0, $1, $2) }
    } catch  where error.number == EINPROGRESS {
      return socket
    }
    return socket
  }

  /// The next connection that waits.
  /// - Returns: its socket and the client; nil when none waits.
  /// - Throws: `SystemError`, such as EMFILE. The connection waits on.
  package func accept() throws(SystemError) -> (socket: StreamSocket, client: Endpoint)? {
    while true {
      var storage = sockaddr_storage()
      let number = unsafe withUnsafeMutablePointer(to: &storage) { storage in
        // A storage has room for the address of any family.
        unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
          return unsafe acceptConnection(descriptor.rawValue, address, &length)
        }
      }
      if number >= 0 {
        let socket = StreamSocket(number)
        try socket.prepare()
        try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        return (socket, Self.endpoint(storage))
      }
      switch errno {
      case EAGAIN, EWOULDBLOCK: return nil
      // A client that went away before it was accepted is nobody's trouble (accept(2)).
      case EINTR, ECONNABORTED: continue
      default: throw SystemError.last("accept")
      }
    }
  }

  /// What went wrong with the connection, once; nil when nothing did.
  package func takeError() -> SystemError? {
    var number: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    let result = unsafe getsockopt(descriptor.rawValue, SOL_SOCKET, SO_ERROR, &number, &length)
    if result < 0 { return SystemError.last("getsockopt") }
    return number == 0 ? nil : SystemError(number: number, operation: "connection")
  }

  /// Ends our stream after what was written; reading goes on.
  package func finish() {
    _ = shutdown(descriptor.rawValue, Int32(SHUT_WR))
  }

  /// Makes the end of the socket's life a reset.
  package func resetAtEnd() {
    let atOnce = linger(l_onoff: 1, l_linger: 0)
    try? set(SOL_SOCKET, SO_LINGER, atOnce)
  }

  // MARK: Making

  #if os(Linux)
    private static let streamKind = Int32(SOCK_STREAM.rawValue)
  #else
    private static let streamKind = SOCK_STREAM
  #endif

  private static func open(_ version: IPVersion) throws(SystemError) -> StreamSocket {
    let family = version == .v4 ? AF_INET : AF_INET6
    let opened = StreamSocket(try SystemCalls.check("socket") { socket(family, streamKind, 0) })
    try opened.prepare()
    return opened
  }

  private func prepare() throws(SystemError) {
    try SystemCalls.setNonBlocking(descriptor.rawValue)
    _ = try SystemCalls.check("fcntl") { fcntl(descriptor.rawValue, F_SETFD, FD_CLOEXEC) }
  }

  private func set<Value>(_ level: Int32, _ name: Int32, _ value: Value) throws(SystemError) {
    var value = value
    _ = try SystemCalls.check("setsockopt") {
      // Numbers and the system's own structures are all that options are set to.
      unsafe withUnsafeBytes(of: &value) {
        unsafe setsockopt(descriptor.rawValue, level, name, $0.baseAddress, socklen_t($0.count))
      }
    }
  }
}

// MARK: Addresses in the system's form

extension StreamSocket {
  private func withAddress(
    of endpoint: Endpoint, _ name: String,
    _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(SystemError) {
    switch endpoint.address {
    case .v4(let address):
      var form = sockaddr_in()
      form.sin_family = sa_family_t(AF_INET)
      form.sin_port = endpoint.port.bigEndian
      form.sin_addr.s_addr = address.rawValue.bigEndian
      unsafe try perform(form, name, call)
    case .v6(let address):
      var form = sockaddr_in6()
      form.sin6_family = sa_family_t(AF_INET6)
      form.sin6_port = endpoint.port.bigEndian
      let halves = (address.high.bigEndian, address.low.bigEndian)
      unsafe withUnsafeMutableBytes(of: &form.sin6_addr) { bytes in
        unsafe withUnsafeBytes(of: halves) { unsafe bytes.copyMemory(from: $0) }
      }
      unsafe try perform(form, name, call)
    }
  }

  private func perform<Form>(
    _ form: Form, _ name: String, _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(SystemError) {
    _ = try SystemCalls.check(name) {
      unsafe withUnsafePointer(to: form) { form in
        // The system looks at the family first, and then at as many bytes as the family has.
        unsafe form.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          unsafe call(descriptor.rawValue, address, socklen_t(MemoryLayout<Form>.size))
        }
      }
    }
  }

  private static func endpoint(_ storage: sockaddr_storage) -> Endpoint {
    unsafe withUnsafeBytes(of: storage) { bytes in
      // The family says which of the two forms the storage holds; both are smaller than it.
      if Int32(storage.ss_family) == AF_INET6 {
        let form = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
        let halves = unsafe withUnsafeBytes(of: form.sin6_addr) { half in
          unsafe (
            half.loadUnaligned(as: UInt64.self), half.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          )
        }
        let address = IPv6Address(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
        return Endpoint(address: .v6(address), port: UInt16(bigEndian: form.sin6_port))
      }
      let form = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
      let address = IPv4Address(rawValue: UInt32(bigEndian: form.sin_addr.s_addr))
      return Endpoint(address: .v4(address), port: UInt16(bigEndian: form.sin_port))
    }
  }
}

// Inside the class the C function's name means its own member; this gives it another name.
private func acceptConnection(
  _ number: Int32, _ address: UnsafeMutablePointer<sockaddr>, _ length: UnsafeMutablePointer<socklen_t>
) -> Int32 {
  unsafe accept(number, address, length)
}
