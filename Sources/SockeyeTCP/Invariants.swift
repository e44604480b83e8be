// What is always true of a connection, checked in debug builds after every call. A failure here is a bug of the
// engine; no packet can cause it.

import SockeyeWire

extension Connection {
  @inline(__always)
  func checkInvariants() {
    #if DEBUG
      assertInvariants()
    #endif
  }

  #if DEBUG
    private func assertInvariants() {
      guard opening != .closed else { return }
      assert(send.unacknowledged <= send.next, "SND.UNA is not past SND.NXT")
      assert(send.unsent >= 0, "what was sent was written")
      assert(receive.window >= 0, "RCV.NXT stays inside the advertised window")
      assert(receive.buffer.count + receive.window <= receive.buffer.capacity, "the window promised has room")
      if send.flight > 0 && opening == .synchronized && send.next != send.initial {
        switch timers.exclusive {
        case .retransmission, .reordering, .tailLossProbe, .zeroWindowProbe: break
        case .none, .sillyWindowOverride: assertionFailure("outstanding data has a timer")
        }
      }
      if case .finishSent(let at) = send.phase { assert(at + 1 == send.next, "nothing follows our FIN") }
      var edge = receive.next
      // Until our SYN is acknowledged, text that came with the peer's is held where it belongs.
      for piece in receive.reassembly.pieces where send.unacknowledged != send.initial {
        assert(edge < piece.start && piece.start < piece.end, "pieces are apart, in order and not empty")
        edge = piece.end
      }
      assert(receive.reassembly.pieces.count <= Constants.reassemblyRanges, "the number of pieces is bounded")
      if let resend = send.resendNext { assert(resend >= send.unacknowledged && resend < send.next) }
      if agreed.selectiveAcknowledgments && opening == .synchronized { assertLogIsTrue() }
      assert(congestion.congestionWindow > 0, "there is always room for a segment")
    }

    private func assertLogIsTrue() {
      scoreboard.log.assertCountersAreTrue()
      if send.unacknowledged == send.initial { return }
      if scoreboard.log.isEmpty {
        assert(send.flight == 0, "what is outstanding is in the log")
      } else {
        assert(scoreboard.log.start == send.unacknowledged, "the log begins at SND.UNA")
        assert(scoreboard.log[scoreboard.log.count - 1].end == send.next, "the log ends at SND.NXT")
      }
    }
  #endif
}
