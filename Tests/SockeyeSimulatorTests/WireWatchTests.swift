// Shows that each rule of the wire is found broken where it is, and only there.

import SockeyeBytes
import SockeyeTCP
import SockeyeTrace
import SockeyeWire
import Testing

@testable import SockeyeSimulator

@Suite struct WireWatchTests {
  /// A connection whose segments are written by hand; all of them arrive unless it is said that they don't.
  private struct Pair {
    var watch = WireWatch()
    private let client = Endpoint(address: .v4(IPv4Address(rawValue: 0x0A00_0001)), port: 1000)
    private let server = Endpoint(address: .v4(IPv4Address(rawValue: 0x0A00_0002)), port: 80)
    // Near the end of the sequence space, so that everything wraps.
    private let starts: (client: UInt32, server: UInt32) = (0xFFFF_FFF0, 0xFFFF_FF00)

    enum Side { case client, server }

    /// - Returns: the rule that was broken.
    mutating func send(
      _ side: Side, _ flags: TCPFlags, seq: UInt32, ack: UInt32 = 0, length: Int = 0, window: UInt16 = 1000,
      scale: UInt8? = nil, blocks: [Range<UInt32>] = [], arrives: Bool = true, purpose: SegmentPurpose? = nil
    ) -> String? {
      var options = TCPOptions()
      options.windowScale = scale
      let (own, other) = side == .client ? (starts.client, starts.server) : (starts.server, starts.client)
      for block in blocks {
        _ = options.sackBlocks.append(
          SACKBlock(
            left: SequenceNumber(other &+ block.lowerBound), right: SequenceNumber(other &+ block.upperBound))
        )
      }
      let header = TCPHeader(
        sourcePort: side == .client ? 1000 : 80, destinationPort: side == .client ? 80 : 1000,
        sequence: SequenceNumber(own &+ seq), acknowledgment: SequenceNumber(other &+ ack), flags: flags,
        window: window, options: options)
      let segment = FlightSegment(
        source: side == .client ? client : server, destination: side == .client ? server : client,
        header: header, payload: 40..<(40 + length))
      let rule = watch.departed(segment, purpose: purpose)
      if arrives { watch.arrived(segment) }
      return rule.map { "\($0)" }
    }

    /// The handshake, with windows of a thousand, or of so many units of a scale.
    init(scale: UInt8? = nil) {
      #expect(send(.client, .syn, seq: 0, scale: scale) == nil)
      #expect(send(.server, [.syn, .ack], seq: 0, ack: 1, scale: scale) == nil)
      #expect(send(.client, .ack, seq: 1, ack: 1) == nil)
    }
  }

  @Test func anOrdinaryConversationBreaksNoRule() {
    var pair = Pair(scale: 3)
    #expect(pair.send(.server, .ack, seq: 1, ack: 1) == nil)
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 500) == nil)
    #expect(pair.send(.client, .ack, seq: 501, ack: 1, length: 500, arrives: false) == nil)
    #expect(pair.send(.client, .ack, seq: 1001, ack: 1, length: 500) == nil)
    #expect(pair.send(.server, .ack, seq: 1, ack: 501, window: 990, blocks: [1001..<1501]) == nil)
    #expect(pair.send(.client, .ack, seq: 501, ack: 1, length: 500) == nil)
    #expect(pair.send(.server, .ack, seq: 1, ack: 1501, length: 8000, window: 990) == nil)
    #expect(pair.send(.client, [.ack, .fin], seq: 1501, ack: 8001) == nil)
    #expect(pair.send(.server, [.ack, .fin], seq: 8001, ack: 1502) == nil)
    #expect(pair.send(.client, .ack, seq: 1502, ack: 8002) == nil)
  }

  @Test func numbersThatWereNeverSentAreMissed() {
    var pair = Pair()
    #expect(
      pair.send(.client, .ack, seq: 2, ack: 1, length: 1)
        == "a segment leaves out numbers that were never sent")
  }

  @Test func nothingFollowsAFinish() {
    var pair = Pair()
    #expect(pair.send(.client, [.ack, .fin], seq: 1, ack: 1, length: 10) == nil)
    #expect(pair.send(.client, .ack, seq: 12, ack: 1, length: 1) == "something follows a FIN")
  }

  @Test func theWindowIsNotExceeded() {
    var pair = Pair()
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 1000) == nil)
    #expect(pair.send(.client, .ack, seq: 1001, ack: 1, length: 1) == "a segment goes beyond the window")
    // A probe may carry an octet, and may leave again.
    var other = Pair()
    #expect(other.send(.client, .ack, seq: 1, ack: 1, length: 1000) == nil)
    #expect(
      other.send(.client, .ack, seq: 1001, ack: 1, length: 1, purpose: .zeroWindowProbe(count: 1)) == nil)
    #expect(other.send(.client, .ack, seq: 1001, ack: 1, length: 1) == nil)
    #expect(other.send(.client, .ack, seq: 1001, ack: 1, length: 2) == "a segment goes beyond the window")
  }

  @Test func aWindowThatHasNotArrivedIsNotUsed() {
    var pair = Pair()
    #expect(pair.send(.server, .ack, seq: 1, ack: 1, window: 2000, arrives: false) == nil)
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 1001) == "a segment goes beyond the window")
  }

  @Test func windowsAreScaledButInSyns() {
    var pair = Pair(scale: 2)
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 1000) == nil)
    #expect(pair.send(.client, .ack, seq: 1001, ack: 1, length: 1) == "a segment goes beyond the window")
    var other = Pair(scale: 2)
    #expect(other.send(.server, .ack, seq: 1, ack: 1) == nil)
    #expect(other.send(.client, .ack, seq: 1, ack: 1, length: 4000) == nil)
    #expect(other.send(.client, .ack, seq: 4001, ack: 1, length: 1) == "a segment goes beyond the window")
  }

  @Test func whatHasNotComeIsNotAcknowledged() {
    var pair = Pair()
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 10, arrives: false) == nil)
    #expect(pair.send(.server, .ack, seq: 1, ack: 2) == "an acknowledgment of what has not come")
    var other = Pair()
    #expect(other.send(.client, .ack, seq: 1, ack: 1, length: 10, arrives: false) == nil)
    #expect(other.send(.client, .ack, seq: 11, ack: 1, length: 10) == nil)
    #expect(
      other.send(.server, .ack, seq: 1, ack: 1, blocks: [10..<21])
        == "a selective acknowledgment of what has not come")
  }

  @Test func acknowledgmentsDoNotGoBack() {
    var pair = Pair()
    #expect(pair.send(.client, .ack, seq: 1, ack: 1, length: 10) == nil)
    #expect(pair.send(.server, .ack, seq: 1, ack: 11, window: 990) == nil)
    #expect(pair.send(.server, .ack, seq: 1, ack: 6, window: 995) == "an acknowledgment goes back")
  }

  @Test func theRightEdgeDoesNotMoveBackBeyondRounding() {
    var pair = Pair()
    #expect(pair.send(.server, .ack, seq: 1, ack: 1, window: 999) == "the window's right edge moves back")
    var scaled = Pair(scale: 4)
    #expect(scaled.send(.server, .ack, seq: 1, ack: 1, window: 1000) == nil)
    #expect(scaled.send(.client, .ack, seq: 1, ack: 1, length: 1) == nil)
    #expect(scaled.send(.server, .ack, seq: 1, ack: 2, window: 999) == nil, "15 octets are rounding")
    #expect(scaled.send(.server, .ack, seq: 1, ack: 2, window: 998) == "the window's right edge moves back")
  }

  @Test func resetsBreakNoRule() {
    var pair = Pair()
    #expect(pair.send(.server, .rst, seq: 5000) == nil)
  }
}
