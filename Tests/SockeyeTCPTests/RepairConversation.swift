// Holds the conversation of tests of loss recovery: a path of 100 ms, a peer with SACK, and what is sent again.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

extension Conversation {
  /// A connection over a path of 100 ms, with segments of 1000 octets, of which ten may leave at first.
  ///
  /// - Parameter written: octets that the user writes.
  static func repairing(
    _ written: Int, timestamps: Bool = false, window: UInt16 = 65_535,
    _ change: (inout TCPConfiguration) -> Void = { _ in }
  ) -> Conversation {
    var tcp = TCPConfiguration()
    tcp.congestionControl = .newReno
    change(&tcp)
    let talk = Conversation(tcp: tcp)
    talk.peerWindow = window
    talk.listen()
    talk.receive(
      "S", seq: 0,
      options: .synchronize(
        mss: timestamps ? 1012 : 1000, windowScale: 6, sackPermitted: true, timestamp: timestamps ? 5000 : nil
      ))
    let answer = talk.expect("S.", seq: 0, ack: 1)
    talk.advance(.milliseconds(100))
    if timestamps {
      talk.peerTimestamp = TimestampOption(value: 5100, echo: answer?.header.options.timestamps?.value ?? 0)
    }
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    talk.write(written)
    return talk
  }

  /// The next segment is this text once more, for this reason.
  func expectCopy(
    _ range: Range<Int>, _ cause: RetransmissionCause, _ flags: String = ".", after interval: Interval? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let sent =
      if let interval {
        expect(
          flags, seq: range.lowerBound, length: range.count, after: interval, sourceLocation: sourceLocation)
      } else {
        expect(flags, seq: range.lowerBound, length: range.count, sourceLocation: sourceLocation)
      }
    if case .retransmission(_, _, cause) = sent?.purpose { return }
    Issue.record("sent as \(String(describing: sent?.purpose)), not \(cause)", sourceLocation: sourceLocation)
  }
}
