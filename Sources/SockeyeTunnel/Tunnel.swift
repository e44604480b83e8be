// Holds a TUN interface: attaching, configuring, reading and writing its packets. It does not hold a stack,
// nor wait for anything: `TunnelDriver` does both.

public import SockeyeWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One end of a link whose other end is this computer's own kernel. IP packets go through it, without a
/// frame around them.
///
///     var tunnel = try Tunnel(name: "sockeye0", mtu: 1500)
///     try tunnel.addHostAddress(AddressPrefix(parsing: "10.34.1.1/24")!)
///     try tunnel.bringUp()
///
/// The interface is gone when the value's life ends, unless it was there before (`ip tuntap add`).
public struct Tunnel: ~Copyable {
  /// What the system calls the interface.
  public let interface: String
  /// Its largest packet, in bytes.
  public let mtu: Int
  /// Whether the interface was there before, and will be afterwards.
  public let isPersistent: Bool
  /// What to wait on for packets. Reading it by other means than `read(into:)` loses packets.
  public let descriptor: Descriptor

  /// How many packets the kernel may hold for us. Its own default of 500 is less than a window that many
  /// connections, or one fast one, fill in a burst.
  private static let queueLength = 4096

  /// Makes a TUN interface, or attaches to one that is there.
  /// - Parameters:
  ///   - name: what it is to be called; a `%d` stands for the first number that is free.
  ///   - mtu: its largest packet in bytes (68 to 65535); nil is 1500, or what an interface that is there has.
  /// - Throws: `TunnelError`.
  public init(name: String = "sockeye%d", mtu: Int? = nil) throws(TunnelError) {
    try Self.validate(name: name, mtu: mtu)
    let existed = NetworkLink.exists(name)
    let attached = try Self.attach(name, mtu: mtu, existed: existed)
    isPersistent = existed
    interface = attached.interface
    self.mtu = attached.mtu
    descriptor = Descriptor(attached.descriptor)
  }

  /// Checks what `init` takes, without making anything.
  /// - Parameters:
  ///   - name: what an interface is to be called.
  ///   - mtu: its largest packet in bytes; nil is always right.
  /// - Throws: `.invalidName` or `.invalidMTU`.
  public static func validate(name: String, mtu: Int?) throws(TunnelError) {
    if !isValidName(name) { throw .invalidName(name) }
    if let mtu, !(68...65535).contains(mtu) { throw .invalidMTU(mtu) }
  }

  private static func attach(
    _ name: String, mtu: Int?, existed: Bool
  ) throws(TunnelError) -> (interface: String, mtu: Int, descriptor: Int32) {
    let descriptor = try NetworkLink.openDevice()
    do {
      let interface = try NetworkLink.attach(descriptor, name: name)
      if let mtu { return (interface, mtu, descriptor) }
      return (interface, existed ? try NetworkLink.mtu(of: interface) : 1500, descriptor)
    } catch {
      SystemCalls.close(descriptor)
      throw error
    }
  }

  deinit {
    SystemCalls.close(descriptor.rawValue)
  }

  /// Gives the kernel's end an address, in addition to those it has.
  /// - Parameter address: the address and how many bits of it this link's addresses share.
  /// - Throws: `TunnelError`, such as `.addressRefused` where IPv6 is switched off.
  public func addHostAddress(_ address: AddressPrefix) throws(TunnelError) {
    do {
      try NetworkLink.configure(interface) { index in
        .addAddress(Self.networkBytes(address.address), prefixLength: address.length, index: index)
      }
    } catch .system(let interface, let error) {
      throw .addressRefused(interface: interface, address, error)
    }
  }

  /// Lets packets pass. Does nothing to an interface that was there, is up, and has the right MTU.
  /// - Throws: `TunnelError`.
  public func bringUp() throws(TunnelError) {
    if isPersistent, try NetworkLink.isUp(interface), try NetworkLink.mtu(of: interface) == mtu { return }
    let (mtu, queueLength) = (mtu, isPersistent ? nil : Self.queueLength)
    try NetworkLink.configure(interface) { index in
      .bringUp(index: index, mtu: mtu, queueLength: queueLength)
    }
    // The kernel notices a link that comes up when it gets to it, within a second, and until then its IPv6 drops
    // what it has to send there: the first packet of a program would go unanswered.
    for _ in 0..<Self.readinessChecks where try !NetworkLink.isRunning(interface) {
      var nothing: [pollfd] = []
      _ = try? SystemCalls.poll(&nothing, milliseconds: 10)
    }
  }

  /// How often, 10 ms apart, a new link is looked at. One that does not come up by then is used all the same.
  private static let readinessChecks = 150

  /// What `read(into:)` found.
  public enum ReadResult: Equatable, Sendable {
    /// A packet of so many bytes.
    case packet(Int)
    /// No packet is there now.
    case empty
  }

  /// Reads one packet, without waiting.
  /// - Parameter frame: gets the packet; a packet longer than its free capacity is cut, so give it room for
  ///   the MTU.
  /// - Throws: `.vanished` when the interface is gone.
  public func read(into frame: inout OutputRawSpan) throws(TunnelError) -> ReadResult {
    do {
      let count = try SystemCalls.read(descriptor.rawValue, into: &frame)
      return count == 0 ? .empty : .packet(count)
    } catch {
      if error.wouldBlock { return .empty }
      throw interpret(error)
    }
  }

  /// What became of a packet that was written.
  public enum WriteResult: Equatable, Sendable {
    case written
    /// The kernel takes none now: write it again when the descriptor is writable.
    case full
    /// The interface is down, or the kernel takes no such packet. It is lost, as on any link.
    case lost
  }

  /// Writes one packet, without waiting.
  /// - Parameter packet: an IPv4 or IPv6 packet of at most the MTU.
  /// - Throws: `.vanished` when the interface is gone.
  public func write(_ packet: RawSpan) throws(TunnelError) -> WriteResult {
    do {
      _ = try SystemCalls.write(descriptor.rawValue, packet)
      return .written
    } catch {
      switch error.number {
      case EAGAIN: return .full
      // EIO: the interface is down. ENOBUFS, ENOMEM: no memory for it now. EINVAL: no IP packet, which is
      // our mistake, but not the end of the link.
      case EIO, ENOBUFS, ENOMEM, EINVAL: return .lost
      default: throw interpret(error)
      }
    }
  }

  private func interpret(_ error: SystemError) -> TunnelError {
    // EBADFD: the interface was deleted and the descriptor belongs to none any more.
    Self.goneNumbers.contains(error.number)
      ? .vanished(interface: interface) : .system(interface: interface, error)
  }

  #if os(Linux)
    private static let goneNumbers = [EBADFD, ENODEV, ENXIO, EBADF, EIO]
  #else
    private static let goneNumbers = [ENODEV, ENXIO, EBADF, EIO]
  #endif

  /// An address as packets hold it.
  private static func networkBytes(_ address: IPAddress) -> [UInt8] {
    switch address {
    case .v4(let address):
      (0..<4).map { UInt8(truncatingIfNeeded: address.rawValue >> (24 - 8 * $0)) }
    case .v6(let address):
      [address.high, address.low].flatMap { half in
        (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) }
      }
    }
  }

  /// Whether the kernel takes the name (`dev_valid_name`).
  static func isValidName(_ name: String) -> Bool {
    (1...15).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x2f && $0 != 0x3a && $0 != 0x7f }
  }
}
