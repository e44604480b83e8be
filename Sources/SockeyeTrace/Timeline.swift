// What happened between two hosts, in order: packets on the wire, what the hosts' engines observed, what
// applications did. A recording, made by whoever drives the hosts; the ladder, JSON and pcapng renderers
// read it.

public import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
public import SockeyeWire

/// One of the two hosts of a timeline.
public enum HostSide: UInt8, Sendable, CaseIterable {
  case left, right

  public var other: HostSide {
    switch self {
    case .left: .right
    case .right: .left
    }
  }
}

/// A packet on its way from one host to the other.
public struct Flight: Sendable {
  /// What the network does to it.
  public enum Fate: Sendable, Equatable {
    case delivered
    /// It never arrives.
    case lost
    /// It arrives with the byte at this offset changed.
    case corrupted(offset: Int)
    /// A second copy, made by the network, of the flight with this number.
    case copy(of: Int)
  }

  /// Its place in `Timeline.flights`.
  public let number: Int
  public let from: HostSide
  /// The packet as it was sent.
  public let packet: [UInt8]
  public let departure: Instant
  /// When it arrives, if it does.
  public let arrival: Instant
  public package(set) var fate: Fate
  /// How much later than usual the network delivers it.
  public let extraDelay: Interval
  /// Its ends, source first, and header; nil for what isn't TCP.
  public let segment: FlightSegment?
  /// Why it was sent; nil for a hand-made packet.
  public let purpose: SegmentPurpose?
  /// Why the receiver did not use it; nil when it did, or when it hasn't arrived.
  public var verdict: DropReason? = nil

  public init(
    number: Int, from: HostSide, packet: [UInt8], departure: Instant, arrival: Instant, fate: Fate,
    extraDelay: Interval, segment: FlightSegment?, purpose: SegmentPurpose?
  ) {
    self.number = number
    self.from = from
    self.packet = packet
    self.departure = departure
    self.arrival = arrival
    self.fate = fate
    self.extraDelay = extraDelay
    self.segment = segment
    self.purpose = purpose
  }
}

/// The TCP segment inside a flight.
public struct FlightSegment: Sendable {
  public let source: Endpoint
  public let destination: Endpoint
  public let header: TCPHeader
  /// Where its payload stands in the packet.
  public let payload: Range<Int>

  public init(source: Endpoint, destination: Endpoint, header: TCPHeader, payload: Range<Int>) {
    self.source = source
    self.destination = destination
    self.header = header
    self.payload = payload
  }

  /// Reads the TCP segment out of an IPv4 or IPv6 packet; nil for anything else.
  public init?(packet: [UInt8]) {
    guard let segment = FlightSegment.parse(packet.rawSpan) else { return nil }
    self = segment
  }

  private static func parse(_ packet: RawSpan) -> FlightSegment? {
    guard !packet.isEmpty else { return nil }
    let source: IPAddress
    let destination: IPAddress
    let range: Range<Int>
    switch packet.byte(at: 0) >> 4 {
    case 4:
      guard let ip = try? IPv4Header.parse(packet), ip.header.protocolNumber == IPProtocol.tcp else {
        return nil
      }
      (source, destination) = (.v4(ip.header.source), .v4(ip.header.destination))
      range = ip.payload
    case 6:
      guard let ip = try? IPv6Header.parse(packet), ip.protocolNumber == IPProtocol.tcp else { return nil }
      (source, destination) = (.v6(ip.header.source), .v6(ip.header.destination))
      range = ip.payload
    case _:
      return nil
    }
    guard let tcp = try? TCPHeader.parse(packet.extracting(range)) else { return nil }
    return FlightSegment(
      source: Endpoint(address: source, port: tcp.header.sourcePort),
      destination: Endpoint(address: destination, port: tcp.header.destinationPort), header: tcp.header,
      payload: (range.lowerBound + tcp.payload.lowerBound)..<(range.lowerBound + tcp.payload.upperBound))
  }
}

/// What an application did, or learned from its sockets.
public enum ApplicationAct: Sendable, Equatable {
  case listen(port: UInt16)
  case connect(to: Endpoint)
  case accept(from: Endpoint)
  case write([UInt8])
  case read([UInt8])
  /// Reading found the peer's end of stream.
  case endOfStream
  /// CLOSE: nothing more is written; what the peer sends is still read.
  case finish
  /// Reading and writing given up in order.
  case close
  case abort
  /// The connection is over, as the engine tells.
  case closed(CloseReason)
  /// A call was refused.
  case failed(SocketError)
}

/// One thing that happened.
public struct TimelineEntry: Sendable {
  public enum Kind: Sendable {
    /// What a host's engine tells of itself.
    case observed(HostSide, StackObservation)
    /// A packet left its host, or was made by the network: its number in `Timeline.flights`.
    case departed(Int)
    /// A packet arrived.
    case arrived(Int)
    case application(HostSide, ApplicationAct)
    /// A host lost power: it neither sends nor receives.
    case died(HostSide)
    /// A host started again, remembering nothing.
    case restarted(HostSide)
    /// A hand-made peer's own words about what it does.
    case remarked(HostSide, String)
    /// The story told beside the protocol.
    case narrated(String)
  }

  public let at: Instant
  public let kind: Kind

  public init(at: Instant, kind: Kind) {
    self.at = at
    self.kind = kind
  }
}

/// A recording of two hosts and the wire between them.
public struct Timeline: Sendable {
  /// A host's name and address as drawn.
  public struct HostLabel: Sendable {
    public let name: String
    public let address: IPAddress

    public init(name: String, address: IPAddress) {
      self.name = name
      self.address = address
    }
  }

  public let title: String
  public let left: HostLabel
  public let right: HostLabel
  /// Where displayed time begins: a world may start at any point of its hosts' clocks.
  public let start: Instant
  /// Whether the ladder prints sequence numbers as they are instead of from 0 on.
  public var showsAbsoluteSequenceNumbers = false
  public var entries: [TimelineEntry] = []
  public var flights: [Flight] = []

  public init(title: String, left: HostLabel, right: HostLabel, start: Instant) {
    self.title = title
    self.left = left
    self.right = right
    self.start = start
  }

  public func label(of side: HostSide) -> HostLabel {
    switch side {
    case .left: left
    case .right: right
    }
  }

  /// A host's name.
  public func name(of side: HostSide) -> String { label(of: side).name }

  /// When the last thing happened.
  public var end: Instant { entries.last?.at ?? start }
}

extension Flight {
  /// The payload's bytes; none for what isn't TCP.
  public var payload: [UInt8] {
    guard let segment else { return [] }
    return Array(packet[segment.payload])
  }
}
