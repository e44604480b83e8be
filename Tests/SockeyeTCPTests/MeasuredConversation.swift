// Holds the conversation of tests that look at what a connection knows of its path.

import SockeyeBytes
import SockeyeTCP
import SockeyeTestSupport
import SockeyeWire
import Testing

extension Conversation {
  /// A connection with segments of 1000 octets and a first window of ten of them.
  static func measured(
    sack: Bool = true, window: UInt16 = 60_000, roundTrip: Interval = .milliseconds(100),
    _ change: (inout TCPConfiguration) -> Void = { _ in }
  ) -> Conversation {
    var tcp = TCPConfiguration()
    change(&tcp)
    let talk = Conversation(tcp: tcp)
    talk.peerWindow = window
    talk.listen()
    talk.receive("S", seq: 0, options: .synchronize(mss: 1000, sackPermitted: sack))
    talk.expect("S.", seq: 0, ack: 1)
    talk.advance(roundTrip)
    talk.receive(".", seq: 1, ack: 1)
    talk.accept()
    talk.takeSent()
    return talk
  }
}
