// The two small phases, one a direction, whose product with the opening is the RFC's state. Checked cell by
// cell against RFC 9293 §3.3.2 and §3.10; nonsense such as "FIN sent before the handshake" cannot be written.

import SockeyeWire

/// How far the opening has come.
enum Opening: UInt8, Sendable {
  case synchronizeSent
  /// After a simultaneous open or from a listener; which of the two stands in the connection (MUST-11).
  case synchronizeReceived
  case synchronized
  case closed
}

/// Our direction.
enum SendPhase: Sendable, Equatable {
  case open
  /// CLOSE was called; the FIN waits for the data before it.
  case finishQueued
  case finishSent(at: SequenceNumber)
  case finishAcknowledged
}

/// The peer's direction.
enum ReceivePhase: Sendable, Equatable {
  case open
  /// The peer's FIN was taken in order. `afterClose`: our CLOSE had been called before, which tells CLOSING
  /// from LAST-ACK when both directions have their FIN.
  case finished(afterClose: Bool)
}

/// The RFC's state of a connection.
func connectionState(_ opening: Opening, _ send: SendPhase, _ receive: ReceivePhase) -> TCPState {
  switch opening {
  case .closed: return .closed
  case .synchronizeSent: return .synSent
  case .synchronizeReceived: return .synReceived
  case .synchronized:
    switch (send, receive) {
    case (.open, .open): return .established
    case (.open, .finished): return .closeWait
    // RFC 9293 §3.10.4: FIN-WAIT-1 at once, whether or not data still has to go before the FIN.
    case (.finishQueued, .open), (.finishSent, .open): return .finWait1
    case (.finishAcknowledged, .open): return .finWait2
    // RFC 9293 §3.10.4, CLOSE-WAIT: LAST-ACK when the FIN leaves.
    case (.finishQueued, .finished(afterClose: false)): return .closeWait
    case (.finishSent, .finished(afterClose: false)): return .lastAck
    case (.finishQueued, .finished(afterClose: true)), (.finishSent, .finished(afterClose: true)):
      return .closing
    // From LAST-ACK the connection is closed by the same ACK, so what remains is TIME-WAIT.
    case (.finishAcknowledged, .finished): return .timeWait
    }
  }
}
