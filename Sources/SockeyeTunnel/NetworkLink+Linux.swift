// Holds what Linux is asked about an interface and told of it: making a TUN interface or attaching to one
// (TUNSETIFF), its MTU and flags (ioctl), its addresses (routing netlink). It moves no packets: `Tunnel` does.

#if os(Linux)
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  import SockeyeBytes

  /// The interface of a TUN descriptor, and questions to the kernel about it.
  enum NetworkLink {
    /// Where TUN interfaces come from.
    static let devicePath = "/dev/net/tun"

    /// Opens the device.
    /// - Returns: a descriptor that belongs to no interface yet.
    static func openDevice() throws(TunnelError) -> Int32 {
      do {
        return try SystemCalls.open(devicePath)
      } catch {
        switch error.number {
        case ENOENT, ENODEV, ENXIO, ENOTDIR: throw .deviceMissing(error)
        case EACCES, EPERM: throw .deviceForbidden(error)
        default: throw .system(interface: devicePath, error)
        }
      }
    }

    /// Makes an interface, or attaches to the one of that name.
    /// - Parameters:
    ///   - descriptor: an open device.
    ///   - name: the interface's name; a `%d` in it stands for the first number that is free.
    /// - Returns: the name the interface got.
    static func attach(_ descriptor: Int32, name: String) throws(TunnelError) -> String {
      let attachRequest: UInt = 0x4004_54ca  // TUNSETIFF
      let tun: UInt16 = 0x0001  // IFF_TUN: IP packets
      let noPacketInformation: UInt16 = 0x1000  // IFF_NO_PI: nothing in front of them
      var request = InterfaceRequest(name: name)
      request.flags = tun | noPacketInformation
      do {
        try request.perform("TUNSETIFF", attachRequest, on: descriptor)
      } catch {
        switch error.number {
        case EPERM, EACCES: throw .notPermitted(interface: name, error)
        case EBUSY: throw .busy(interface: name)
        // The flags fit, so it is the kind of interface that doesn't.
        case EINVAL: throw .notATunnel(interface: name)
        default: throw .system(interface: name, error)
        }
      }
      return request.name
    }

    /// Whether there is an interface of that name.
    static func exists(_ name: String) -> Bool { unsafe if_nametoindex(name) != 0 }

    /// The largest packet of an interface in bytes.
    static func mtu(of name: String) throws(TunnelError) -> Int {
      var request = InterfaceRequest(name: name)
      try ask(&request, "SIOCGIFMTU", UInt(SIOCGIFMTU))
      return Int(request.number)
    }

    /// Whether packets may pass.
    static func isUp(_ name: String) throws(TunnelError) -> Bool { try flags(of: name) & 0x1 != 0 }  // IFF_UP

    /// Whether the kernel has noticed that packets may pass, which it does some time after it was told.
    static func isRunning(_ name: String) throws(TunnelError) -> Bool {
      try flags(of: name) & 0x40 != 0  // IFF_RUNNING
    }

    private static func flags(of name: String) throws(TunnelError) -> UInt16 {
      var request = InterfaceRequest(name: name)
      try ask(&request, "SIOCGIFFLAGS", UInt(SIOCGIFFLAGS))
      return UInt16(truncatingIfNeeded: request.flags)
    }

    /// Sends a request to the kernel's routing socket and waits for its answer.
    /// - Parameters:
    ///   - message: makes the request out of the interface's number.
    ///   - name: the interface's name.
    static func configure(_ name: String, _ message: (UInt32) -> NetlinkMessage) throws(TunnelError) {
      let index = unsafe if_nametoindex(name)
      if index == 0 { throw .vanished(interface: name) }
      let message = message(index)
      do {
        try send(message)
      } catch {
        throw interpret(error, name)
      }
    }

    private static func send(_ message: NetlinkMessage) throws(SystemError) {
      let routing: Int32 = 0  // NETLINK_ROUTE
      // A socket that isn't bound writes to the kernel, and gets its address from the first write.
      let socket = try SystemCalls.check("socket") {
        systemSocket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), routing)
      }
      defer { SystemCalls.close(socket) }
      try message.bytes.withRawSpan { bytes throws(SystemError) in
        _ = try SystemCalls.write(socket, bytes)
      }
      let reply = try [UInt8](capacity: 4096) { output throws(SystemError) in
        _ = try SystemCalls.read(socket, into: &output)
      }
      let outcome = NetlinkMessage.outcome(of: reply) ?? EPROTO
      if outcome != 0 { throw SystemError(number: outcome, operation: "rtnetlink") }
    }

    /// What an error number of a configuring call means to a person.
    static func interpret(_ error: SystemError, _ name: String) -> TunnelError {
      switch error.number {
      case EPERM: .notPermitted(interface: name, error)
      case ENODEV, ENXIO: .vanished(interface: name)
      default: .system(interface: name, error)
      }
    }

    private static func ask(
      _ request: inout InterfaceRequest, _ operation: String, _ number: UInt
    ) throws(TunnelError) {
      do {
        try askAnySocket(&request, operation, number)
      } catch {
        throw interpret(error, request.name)
      }
    }

    /// Any socket will do to ask about an interface.
    private static func askAnySocket(
      _ request: inout InterfaceRequest, _ operation: String, _ number: UInt
    ) throws(SystemError) {
      let socket = try SystemCalls.check("socket") {
        systemSocket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      }
      defer { SystemCalls.close(socket) }
      try request.perform(operation, number, on: socket)
    }
  }

  private func systemSocket(_ family: Int32, _ kind: Int32, _ number: Int32) -> Int32 {
    socket(family, kind, number)
  }

  /// `struct ifreq`: a name, and then what the request is about.
  private struct InterfaceRequest {
    private static let nameLength = 16  // IFNAMSIZ
    private var bytes = [UInt8](repeating: 0, count: unsafe MemoryLayout<ifreq>.size)

    init(name: String) {
      // The last byte of the name stays zero: it ends it.
      for (offset, byte) in name.utf8.prefix(Self.nameLength - 1).enumerated() { bytes[offset] = byte }
    }

    var name: String {
      String(decoding: bytes.prefix(Self.nameLength).prefix { $0 != 0 }, as: UTF8.self)
    }

    /// `ifr_flags`.
    var flags: UInt16 {
      get {
        unsafe bytes.withUnsafeBytes { unsafe $0.load(fromByteOffset: Self.nameLength, as: UInt16.self) }
      }
      set {
        unsafe bytes.withUnsafeMutableBytes {
          unsafe $0.storeBytes(of: newValue, toByteOffset: Self.nameLength, as: UInt16.self)
        }
      }
    }

    /// `ifr_mtu`.
    var number: Int32 {
      unsafe bytes.withUnsafeBytes { unsafe $0.load(fromByteOffset: Self.nameLength, as: Int32.self) }
    }

    mutating func perform(_ operation: String, _ request: UInt, on descriptor: Int32) throws(SystemError) {
      _ = try SystemCalls.check(operation) {
        unsafe bytes.withUnsafeMutableBytes { bytes in
          guard let start = bytes.baseAddress else { return -1 }
          return unsafe ioctl(descriptor, request, start)
        }
      }
    }
  }
#endif
