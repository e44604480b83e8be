// Holds the diagram of RFC 9293 §3.3.2 as a table, written from the RFC and not from the engine, to hold the engine against it.

import SockeyeTCP

/// Which moves between the states of a connection there are.
enum StateDiagram {
  /// Whether a connection may go from one state straight to another: the arrows of Figure 5, RST and ABORT from anywhere, and
  /// what §3.10.7 lets one segment do at once.
  static func allows(_ from: TCPState, _ to: TCPState) -> Bool {
    switch (from, to) {
    // Whatever happened, TCBs are deleted.
    case (_, .closed): true
    case (.closed, .listen), (.closed, .synSent): true
    case (.listen, .synReceived), (.listen, .synSent): true
    case (.synSent, .synReceived), (.synSent, .established): true
    // A RST sends a passive open back (§3.10.7.4, second step); CLOSE with nothing queued (§3.10.4).
    case (.synReceived, .listen), (.synReceived, .established), (.synReceived, .finWait1): true
    case (.established, .finWait1), (.established, .closeWait): true
    // The third: FIN and the ACK of ours in one segment.
    case (.finWait1, .finWait2), (.finWait1, .closing), (.finWait1, .timeWait): true
    case (.finWait2, .timeWait): true
    case (.closing, .timeWait): true
    case (.closeWait, .lastAck): true
    case _: false
    }
  }
}
