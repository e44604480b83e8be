// Holds how a receive buffer learns how large it has to be: from what its user takes in a round trip, as the receiver sees
// it (dynamic right-sizing). It opens no window; ReceiveHalf does, and how much memory there is the host knows.

import SockeyeBytes
import SockeyeWire

/// Where the receiving direction stands when the user has read.
struct ReceiveMoment {
  /// The next octet that the user reads, and the next that is expected of the peer.
  var read: SequenceNumber
  var next: SequenceNumber
  /// Our clock of timestamps, milliseconds, and the latest that the peer has echoed; nil without timestamps.
  var clock: UInt32
  var echo: UInt32?
  /// The shortest round trip that the connection has measured for itself, milliseconds.
  var roundTrip: UInt32
  /// What the buffer holds now at most, and the peer's segments, octets.
  var capacity: Int
  var segment: Int
}

struct ReceiveTuning: Sendable, Equatable {
  /// What the buffer never exceeds, octets.
  var maximum: Int
  /// The most that the user has taken in a round trip, octets.
  private var most: Int
  /// The round trip that is being measured: where it began, and when by our clock of timestamps.
  private var readFrom: SequenceNumber
  private var began: UInt32 = 0
  private var hasBegun = false
  /// Without timestamps a round trip is taken to be the shortest time in which a whole window has come, milliseconds; before
  /// one has come, the longest there is.
  private var windowTime = UInt32.max
  private var windowEnd: SequenceNumber
  private var windowBegan: UInt32 = 0

  /// - Parameters:
  ///   - maximum: the bound of the buffer, octets.
  ///   - expected: what a peer may send in its first round trip, octets: to take as much proves no need of more.
  init(maximum: Int, expected: Int, next: SequenceNumber) {
    self.maximum = maximum
    most = max(1, expected)
    readFrom = next
    windowEnd = next
  }

  /// The user has read.
  /// - Returns: how large the buffer is to become, when that is worth a change.
  mutating func userRead(_ moment: ReceiveMoment) -> Int? {
    if moment.echo == nil { measureWindow(moment) }
    guard hasBegun else {
      begin(moment)
      return nil
    }
    guard isRoundTripOver(moment) else { return nil }
    let taken = Int64(moment.read - readFrom)
    begin(moment)
    guard taken > Int64(most) else { return nil }
    // What the sender may have on the way while it takes up the word of it: twice what came now, and some segments for
    // ACKs that are late. A sender in slow start sends more with each round trip, and twice that is twice as much more.
    let steady = 2 * taken + 16 * Int64(moment.segment)
    let wanted = steady + 2 * (steady * min(taken - Int64(most), Int64(most)) / Int64(most))
    most = Int(clamping: min(taken, 1 << 30))
    // Small steps would copy the buffer again and again.
    let room = Int(min(wanted, Int64(maximum)))
    return room > moment.capacity && (room == maximum || room >= moment.capacity + moment.capacity / 4)
      ? room : nil
  }

  private mutating func begin(_ moment: ReceiveMoment) {
    readFrom = moment.read
    began = moment.clock
    hasBegun = true
  }

  /// The buffer was made smaller for want of memory: what was taken before says nothing of what will be.
  mutating func forget() { most = 1 }

  /// With timestamps a round trip is over when the peer echoes a clock later than its beginning.
  private func isRoundTripOver(_ moment: ReceiveMoment) -> Bool {
    if let echo = moment.echo { return Int32(bitPattern: echo &- began) > 0 }
    return moment.clock &- began >= max(windowTime, max(moment.roundTrip, 1))
  }

  private mutating func measureWindow(_ moment: ReceiveMoment) {
    guard moment.next >= windowEnd else { return }
    if windowBegan != 0 { windowTime = min(windowTime, moment.clock &- windowBegan) }
    windowEnd = moment.next + moment.capacity
    // Zero stands for the beginning.
    windowBegan = max(moment.clock, 1)
  }
}
