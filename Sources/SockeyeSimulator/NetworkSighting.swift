// Holds what an observer of a world sees: packets as they enter and leave links. What is made of it, captures, checks,
// pictures, is the observer's affair.

public import SockeyeBytes
public import SockeyeTCP
import SockeyeTrace

/// A packet at an end of a link.
public struct NetworkSighting: Sendable {
  public enum Kind: Sendable {
    /// A node gives it to the link. The purpose is that of a segment that a host's stack made.
    case departed(LinkVerdict, purpose: SegmentPurpose?)
    /// The link had taken it, and drops it.
    case dropped(LinkDropCause)
    /// It comes out of the link, as it is now. Not taken: the host is without power, or paused with a full queue.
    case arrived(isIntact: Bool, isTaken: Bool)
  }

  /// The world's time.
  public let at: Instant
  /// The link's number and the direction the packet takes.
  public let link: Int
  public let direction: LinkDirection
  /// The packet that a host or a router made, whatever links it has passed since: copies share it, pieces too.
  public let journey: UInt64
  public let packet: [UInt8]
  public let kind: Kind
}

/// A capture at one end of one link, as pcapng.
///
///     let capture = NetworkCapture(of: link, at: .forward, name: "client")
///     world.observe(capture.note)
///     …
///     file += capture.takeBytes()
public final class NetworkCapture {
  private let link: Int
  private let outbound: LinkDirection
  private let writer: PcapngWriter
  private var bytes: [UInt8] = []

  /// - Parameters:
  ///   - link: where to look.
  ///   - outbound: at which end: what begins here travels in this direction.
  ///   - name: of the interface.
  public init(of link: NetworkLink, at outbound: LinkDirection, name: String) {
    self.link = link.number
    self.outbound = outbound
    writer = PcapngWriter(interfaceName: name)
    writer.appendHeader(to: &bytes)
  }

  /// Looks at a packet.
  public func note(_ sighting: NetworkSighting) {
    guard sighting.link == link else { return }
    switch sighting.kind {
    case .departed(let verdict, let purpose):
      guard sighting.direction == outbound else { return }
      var comment = purpose?.explanation ?? ""
      if case .dropped(let cause) = verdict {
        comment += (comment.isEmpty ? "" : "; ") + cause.explanation
      }
      append(sighting, .outbound, comment)
    case .arrived(let isIntact, let isTaken):
      guard sighting.direction != outbound else { return }
      append(sighting, .inbound, isTaken ? isIntact ? "" : "changed on the way" : "nobody takes it")
    case .dropped: break
    }
  }

  private func append(_ sighting: NetworkSighting, _ direction: Pcapng.Direction, _ comment: String) {
    writer.appendPacket(
      sighting.packet, at: sighting.at, direction: direction, comment: comment, to: &bytes)
  }

  /// Takes what was captured since the last time: the next part of a pcapng file.
  public func takeBytes() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }
}
