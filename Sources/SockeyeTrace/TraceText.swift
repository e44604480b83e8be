// One line of text an observation, in the manner of tcpdump, with the reason behind it. Holds no diagrams
// (Ladder) and no words of its own for reasons (Explanation).

import SockeyeBytes
public import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// Prints observations as lines like tcpdump's:
///
///     0.020000 client < 10.0.0.2.3401 > 10.0.0.1.49152: Flags [S.], seq 1391, ack 1, win 65535, length 0
///     1.000000 client > 10.0.0.1.49152 > 10.0.0.2.3401: Flags [S], seq 7, length 0 (retransmission 1, …)
///
/// Sequence numbers are printed relative to each side's initial one, except where that isn't known.
public struct TraceText: Sendable {
  /// Whether sequence numbers count from the connection's initial ones.
  public var relativeSequenceNumbers: Bool
  /// Whether timers are printed.
  public var showsTimers: Bool
  /// Named in each line; empty for none.
  public var host: String
  private var numbering = SequenceNumbering()

  public init(host: String = "", relativeSequenceNumbers: Bool = true, showsTimers: Bool = false) {
    self.host = host
    self.relativeSequenceNumbers = relativeSequenceNumbers
    self.showsTimers = showsTimers
  }

  /// Appends the observation's line, with its line break; nothing for a kind that is switched off.
  public mutating func append(_ observation: StackObservation, to sink: inout [UInt8]) {
    switch observation.kind {
    case .segmentSent(let record):
      begin(observation.at, mark: ">", &sink)
      append(record, sent: true, to: &sink)
      parenthesize(record.purpose?.explanation ?? "", &sink)
    case .segmentReceived(let record):
      begin(observation.at, mark: "<", &sink)
      append(record, sent: false, to: &sink)
    case .segmentDropped(let record, let reason):
      begin(observation.at, mark: "<", &sink)
      append(record, sent: false, to: &sink)
      parenthesize("dropped: " + reason.explanation, &sink)
    case .datagramSent(let record):
      begin(observation.at, mark: ">", &sink)
      sink.append(text: record.summary)
    case .datagramReceived(let record):
      begin(observation.at, mark: "<", &sink)
      sink.append(text: record.summary)
    case .datagramDropped(let record, let reason):
      begin(observation.at, mark: "<", &sink)
      sink.append(text: record.summary)
      parenthesize("dropped: " + reason.explanation, &sink)
    case .packetDropped(let link, let length, let reason):
      begin(observation.at, mark: "<", &sink)
      sink.append(text: "link \(link.number): packet of \(length) bytes")
      parenthesize("dropped: " + reason.explanation, &sink)
    case .stateChanged(let tuple, let from, let to):
      begin(observation.at, mark: "*", &sink)
      sink.append(text: "\(tuple.summary): \(from.name) -> \(to.name)")
    case .timerArmed(let tuple, let timer, let deadline):
      guard showsTimers else { return }
      begin(observation.at, mark: "*", &sink)
      sink.append(text: "\(tuple.summary): \(timer.name) timer in \((deadline - observation.at).description)")
    case .timerCancelled(let tuple, let timer):
      guard showsTimers else { return }
      begin(observation.at, mark: "*", &sink)
      sink.append(text: "\(tuple.summary): \(timer.name) timer off")
    case .timerFired(let tuple, let timer):
      guard showsTimers else { return }
      begin(observation.at, mark: "*", &sink)
      sink.append(text: "\(tuple.summary): \(timer.name) timer fired")
    case .connectionClosed(let tuple, let reason):
      begin(observation.at, mark: "*", &sink)
      sink.append(text: "\(tuple.summary): \(reason.explanation)")
    }
    sink.append(0x0A)
  }

  /// The time in seconds with six digits after the point, the host, and a mark: `>` sent, `<` received, `*`
  /// inside.
  private func begin(_ at: Instant, mark: String, _ sink: inout [UInt8]) {
    sink.append(decimal: at.nanoseconds / 1_000_000_000)
    sink.append(0x2E)
    sink.append(decimal: at.nanoseconds / 1_000 % 1_000_000, width: 6)
    sink.append(0x20)
    if !host.isEmpty { sink.append(text: host + " ") }
    sink.append(text: mark + " ")
  }

  private func parenthesize(_ text: String, _ sink: inout [UInt8]) {
    if !text.isEmpty { sink.append(text: " (" + text + ")") }
  }

  private mutating func append(_ record: SegmentRecord, sent: Bool, to sink: inout [UInt8]) {
    let source = sent ? record.tuple.local : record.tuple.remote
    let destination = sent ? record.tuple.remote : record.tuple.local
    var bases = SequenceNumbering.Bases()
    if relativeSequenceNumbers {
      numbering.note(record.header, from: source, to: destination)
      bases = numbering.bases(of: record.header, from: source, to: destination)
    }
    sink.append(
      text: record.header.summary(
        source: source.address, destination: destination.address, payloadLength: record.payloadLength,
        sequenceBase: bases.sequence, acknowledgmentBase: bases.acknowledgment))
  }
}

extension FourTuple {
  /// Both endpoints, local first, such as "10.0.0.1:49152 10.0.0.2:3401".
  package var summary: String { local.description + " " + remote.description }
}

extension DatagramRecord {
  /// Source, destination and what is known of the content.
  package var summary: String {
    let ends = source.description + " > " + destination.description + ": "
    switch content {
    case .udp(let sourcePort, let destinationPort):
      return ends + "UDP \(sourcePort) > \(destinationPort), length \(length)"
    case .icmp(let type, let code):
      return ends
        + "\(source.version == .v4 ? "ICMP" : "ICMPv6") type \(type), code \(code), length \(length)"
    case .fragment(let offset, let more):
      return ends + "fragment at \(offset)\(more ? ", more follow" : ", the last"), length \(length)"
    case .other:
      return ends + "protocol \(protocolNumber), length \(length)"
    }
  }
}
