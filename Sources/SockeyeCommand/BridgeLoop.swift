// Holds the loop of `sockeye bridge`: packets from either tunnel go through an emulated link, in real time, and out at
// the other. What a link does to a packet is LinkEmulator's.

import SockeyeBytes
import SockeyeSimulator
import SockeyeTunnel

/// Two tunnels joined by two emulated links.
struct BridgeLoop: ~Copyable {
  /// One direction: its link, and the packets that are on it.
  private struct Direction {
    var link: LinkEmulator
    /// The packets, by ticket; those of free tickets are empty.
    var packets: [[UInt8]] = []
    var free: [Int] = []
    /// What the kernel at the far end did not take.
    var untaken: UInt64 = 0

    init(_ configuration: LinkConfiguration, seed: UInt64) {
      link = LinkEmulator(configuration, seed: seed)
    }

    mutating func offer(_ packet: [UInt8], at now: Instant) {
      if packet.isEmpty { return }
      if free.isEmpty {
        free.append(packets.count)
        packets.append([])
      }
      let ticket = free[free.count - 1]
      let traits = unsafe link.traits(of: packet.span.bytes)
      if case .dropped = link.offer(ticket, length: packet.count, traits: traits, at: now) { return }
      free.removeLast()
      packets[ticket] = packet
    }

    private mutating func forget(_ ticket: Int) {
      packets[ticket] = []
      free.append(ticket)
    }

    /// The next packet that has arrived.
    mutating func next(at now: Instant) -> [UInt8]? {
      let arrival = link.nextArrival(at: now)
      while let drop = link.nextDrop() { forget(drop.ticket) }
      guard let arrival else { return nil }
      var packet = packets[arrival.ticket]
      if !arrival.hasCopyBehind { forget(arrival.ticket) }
      LinkMark.apply(arrival, to: &packet)
      return packet
    }
  }

  private var pair: TunnelPair
  private var directions: [Direction]
  private var frame: FrameBuffer
  /// Packets read from one side before the other, and what has arrived, get their turn.
  private static let packetsAtATime = 32

  /// - Parameters:
  ///   - pair: both tunnels, up.
  ///   - there: the link from the left to the right.
  ///   - back: the link from the right to the left.
  ///   - mtu: octets of the longest packet.
  init(
    _ pair: consuming TunnelPair, there: LinkConfiguration, back: LinkConfiguration, seed: UInt64, mtu: Int
  ) {
    self.pair = pair
    directions = [Direction(there, seed: seed), Direction(back, seed: ~seed)]
    frame = FrameBuffer(capacity: mtu)
  }

  /// What became of the packets of a side's kernel so far, and how many the other kernel did not take.
  func report(from side: TunnelPair.Side) -> (link: LinkStatistics, untaken: UInt64) {
    let direction = directions[Int(side.rawValue)]
    return (direction.link.statistics, direction.untaken)
  }

  func interface(_ side: TunnelPair.Side) -> String { pair.interface(side) }

  /// Runs until somebody asks for an end, or the time is up.
  mutating func run(until end: Instant?) throws {
    while true {
      var isBusy = false
      for side in TunnelPair.Side.allCases {
        try deliver(from: side)
        if try takeIn(from: side) { isBusy = true }
      }
      let now = pair.clock.now()
      if let end, end <= now { return }
      var deadline = end
      if isBusy { deadline = now }
      for direction in directions {
        if let next = direction.link.nextDeadline { deadline = min(deadline ?? next, next) }
      }
      if try pair.wait(until: deadline) != nil { return }
    }
  }

  /// What has arrived goes out at the far end.
  private mutating func deliver(from side: TunnelPair.Side) throws {
    while let packet = directions[Int(side.rawValue)].next(at: pair.clock.now()) {
      // A kernel that takes no packet now loses it, as a full interface queue would.
      if try unsafe pair.write(side.other, packet.span.bytes) != .written {
        directions[Int(side.rawValue)].untaken += 1
      }
    }
  }

  /// - Returns: whether there may be more.
  private mutating func takeIn(from side: TunnelPair.Side) throws -> Bool {
    for _ in 0..<Self.packetsAtATime {
      var result: Result<Tunnel.ReadResult, TunnelError> = .success(.empty)
      frame.fill { output in
        result = Result { () throws(TunnelError) in try pair.read(side, into: &output) }
      }
      if try result.get() == .empty { return false }
      // The time of each packet is the time at which it was found here.
      let now = pair.clock.now()
      let packet = unsafe frame.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
      directions[Int(side.rawValue)].offer(packet, at: now)
    }
    return true
  }
}
