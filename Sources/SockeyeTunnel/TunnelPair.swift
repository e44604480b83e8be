// Holds two tunnels and the one place where whoever passes packets between them waits: for a packet at either, for a
// request to end, for a point in time. What becomes of the packets is not decided here.

public import SockeyeBytes

/// Two tunnels with one clock, for a program with one thread that joins them.
///
///     var pair = try TunnelPair(left, right)
///     while true {
///       while try pair.read(.left, into: &frame) …
///       if let request = try pair.wait(until: deadline) { … }
///     }
public struct TunnelPair: ~Copyable {
  public enum Side: UInt8, Sendable, CaseIterable {
    case left, right

    public var other: Side { self == .left ? .right : .left }
  }

  /// Tells the times of everything here; it started when the pair was made.
  public let clock = SystemClock()
  private let left: Tunnel
  private let right: Tunnel
  private var signals: SignalPipe

  /// Takes over two tunnels, and SIGINT, SIGTERM and SIGHUP of the process.
  /// - Throws: when the system has no pipe for the signals.
  public init(_ left: consuming Tunnel, _ right: consuming Tunnel) throws(SystemError) {
    signals = try SignalPipe()
    self.left = left
    self.right = right
  }

  /// What the system calls a side's interface.
  public func interface(_ side: Side) -> String { side == .left ? left.interface : right.interface }

  /// Reads one packet that a side's kernel sends, without waiting.
  /// - Parameters:
  ///   - side: which tunnel.
  ///   - frame: gets the packet.
  /// - Throws: `.vanished` when the interface is gone.
  public func read(_ side: Side, into frame: inout OutputRawSpan) throws(TunnelError) -> Tunnel.ReadResult {
    side == .left ? try left.read(into: &frame) : try right.read(into: &frame)
  }

  /// Gives one packet to a side's kernel, without waiting.
  /// - Throws: `.vanished` when the interface is gone.
  public func write(_ side: Side, _ packet: RawSpan) throws(TunnelError) -> Tunnel.WriteResult {
    side == .left ? try left.write(packet) : try right.write(packet)
  }

  /// Waits for a packet at either side, a request to end, or a point in time.
  /// - Parameter limit: when to stop waiting, kept to some ten microseconds; nil waits for ever.
  /// - Returns: the request, if one came.
  public mutating func wait(until limit: Instant?) throws(SystemError) -> EndRequest? {
    var patience: Interval?
    if let limit {
      let now = clock.now()
      patience = limit > now ? limit - now : .zero
    }
    let descriptors = [left.descriptor, right.descriptor, signals.descriptor].map { $0.rawValue }
    try SystemCalls.waitUntilReadable(descriptors, nanoseconds: patience.map { $0.nanoseconds })
    return signals.next()
  }
}
