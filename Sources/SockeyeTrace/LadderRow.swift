// What a ladder shows, row by row, before anyone knows how wide the screen is. Built by LadderBuilder,
// drawn by Ladder.

import SockeyeBytes
import SockeyeTCP

/// One row of a ladder.
struct LadderRow: Sendable {
  enum Content: Sendable {
    /// A packet that leaves and arrives, or gets lost, with nothing else happening in between.
    case arrow(flight: Int)
    /// A packet that leaves while other things happen before it arrives; it waits in a lane in the middle.
    case departure(flight: Int, slot: Int)
    /// The other half of a departure.
    case arrival(flight: Int, slot: Int)
    /// A copy that the network made arrives.
    case copy(flight: Int)
    /// Something a host, or its application, does or learns.
    case remark(HostSide, String, TextStyle)
    /// A state changed and no other row says why.
    case change
    case narration(String)
    /// Nothing happens for so long.
    case silence(Interval)
  }

  /// A packet waiting in the middle while this row happens.
  struct Lane: Sendable {
    let flight: Int
    /// Where it stands: 0 is the middle, each step to the right one more.
    let slot: Int
  }

  var content: Content
  /// The timeline's entry that it began with.
  let entry: Int
  /// When the row begins to show, and when it is complete: later only for an arrow, whose packet needs its
  /// time.
  let start: Instant
  var end: Instant
  /// When something happened on each side in this row.
  var leftTime: Instant?
  var rightTime: Instant?
  /// The states the sides came to.
  var leftState: TCPState?
  var rightState: TCPState?
  /// The side that lost its states, with its memory.
  var forgetful: HostSide?
  var lanes: [Lane] = []

  func time(of side: HostSide) -> Instant? {
    switch side {
    case .left: leftTime
    case .right: rightTime
    }
  }

  func state(of side: HostSide) -> TCPState? {
    switch side {
    case .left: leftState
    case .right: rightState
    }
  }

  mutating func set(time: Instant, of side: HostSide) {
    switch side {
    case .left: leftTime = time
    case .right: rightTime = time
    }
  }

  mutating func set(state: TCPState, of side: HostSide) {
    switch side {
    case .left: leftState = state
    case .right: rightState = state
    }
  }
}
