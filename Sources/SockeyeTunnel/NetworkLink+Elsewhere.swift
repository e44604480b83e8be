// Holds the answer of systems whose tunnels Sockeye doesn't know: a typed error to everything.

#if !os(Linux)
  enum NetworkLink {
    static func openDevice() throws(TunnelError) -> Int32 { throw .unsupportedSystem }
    static func attach(_ descriptor: Int32, name: String) throws(TunnelError) -> String {
      throw .unsupportedSystem
    }
    static func exists(_ name: String) -> Bool { false }
    static func mtu(of name: String) throws(TunnelError) -> Int { throw .unsupportedSystem }
    static func isUp(_ name: String) throws(TunnelError) -> Bool { throw .unsupportedSystem }
    static func isRunning(_ name: String) throws(TunnelError) -> Bool { throw .unsupportedSystem }
    static func configure(_ name: String, _ message: (UInt32) -> NetlinkMessage) throws(TunnelError) {
      throw .unsupportedSystem
    }
    static func interpret(_ error: SystemError, _ name: String) -> TunnelError {
      .system(interface: name, error)
    }
  }
#endif
