// Holds what a trace can learn about a host: every packet, state and timer, as plain values. How it is printed
// is SockeyeTrace's business; what an application must know stands in SocketEvent.swift.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

/// One thing that happened in a host.
public struct StackObservation: Sendable, Equatable {
  public let at: Instant
  public let kind: Kind

  package init(at: Instant, kind: Kind) {
    self.at = at
    self.kind = kind
  }

  public enum Kind: Sendable, Equatable {
    /// A segment was given to the driver, or to the loopback.
    case segmentSent(SegmentRecord)
    /// A segment arrived and was used, whole or in part.
    case segmentReceived(SegmentRecord)
    /// A segment arrived and was not used.
    case segmentDropped(SegmentRecord, DropReason)
    /// A datagram or a message of UDP, ICMP or another protocol than TCP.
    case datagramSent(DatagramRecord)
    case datagramReceived(DatagramRecord)
    case datagramDropped(DatagramRecord, DropReason)
    /// A frame of which too little could be read to say more.
    case packetDropped(LinkID, length: Int, DropReason)
    /// A connection moved from a state to another. A listener's remote endpoint is unspecified, and so is its
    /// local address when it listens on all.
    case stateChanged(FourTuple, from: TCPState, to: TCPState)
    case timerArmed(FourTuple, TimerKind, deadline: Instant)
    case timerCancelled(FourTuple, TimerKind)
    case timerFired(FourTuple, TimerKind)
    /// A connection is over, TIME-WAIT included.
    case connectionClosed(FourTuple, CloseReason)
  }
}

/// A TCP segment as a trace sees it.
public struct SegmentRecord: Sendable, Equatable {
  /// The two ends, from this host's side, whichever direction the segment took.
  public let tuple: FourTuple
  public let header: TCPHeader
  /// Octets after the header.
  public let payloadLength: Int
  /// Why it was sent; nil for a segment received.
  public let purpose: SegmentPurpose?

  package init(tuple: FourTuple, header: TCPHeader, payloadLength: Int, purpose: SegmentPurpose? = nil) {
    self.tuple = tuple
    self.header = header
    self.payloadLength = payloadLength
    self.purpose = purpose
  }
}

/// A packet of a protocol other than TCP as a trace sees it.
public struct DatagramRecord: Sendable, Equatable {
  public let source: IPAddress
  public let destination: IPAddress
  /// The protocol's number in the IP header.
  public let protocolNumber: UInt8
  public let content: Content
  /// Octets of IP payload.
  public let length: Int

  public enum Content: Sendable, Equatable {
    case udp(sourcePort: UInt16, destinationPort: UInt16)
    case icmp(type: UInt8, code: UInt8)
    /// A fragment, and where in the datagram it stands, octets.
    case fragment(offset: Int, more: Bool)
    case other
  }

  package init(
    source: IPAddress, destination: IPAddress, protocolNumber: UInt8, content: Content, length: Int
  ) {
    self.source = source
    self.destination = destination
    self.protocolNumber = protocolNumber
    self.content = content
    self.length = length
  }
}
