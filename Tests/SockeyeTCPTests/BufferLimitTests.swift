// What a host that is short of memory leaves to the buffers of a connection, and what its user sets.

import SockeyeBytes
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyeTCP

@Suite struct BufferLimitTests {
  private func established(_ change: (inout TCPConfiguration) -> Void = { _ in }) -> End {
    var configuration = TCPConfiguration()
    change(&configuration)
    var end = End(configuration)
    _ = end.receive([.syn, .ack], seq: 0, ack: 1, options: .synchronize(windowScale: 4))
    return end
  }

  private func expect(
    _ end: borrowing End, receive: Int, send: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let status = end.connection.status(at: end.now)
    #expect(status.receiveBuffer == receive, sourceLocation: sourceLocation)
    #expect(status.sendBuffer == send, sourceLocation: sourceLocation)
  }

  private func write(_ count: Int, _ end: inout End) throws -> Int {
    let text = [UInt8](repeating: 1, count: count)
    return try end.connection.write(text.span.bytes, at: end.now)
  }

  @Test(.requirement("A-47")) func aShortageLimitsBothBuffersAndItsEndRestoresThem() {
    var end = established()
    expect(end, receive: 64 << 10, send: 128 << 10)
    end.connection.limitBuffers(to: 10_000)
    expect(end, receive: 10_000, send: 10_000)
    end.connection.liftBufferLimit()
    expect(end, receive: 64 << 10, send: 128 << 10)
  }

  @Test(.requirement("A-47")) func whatTheUserSetsCountsWithinWhatThereIs() throws {
    var end = established()
    end.connection.limitBuffers(to: 10_000)
    try end.connection.setReceiveBuffer(50_000)
    try end.connection.setSendBuffer(50_000)
    expect(end, receive: 10_000, send: 10_000)
    end.connection.liftBufferLimit()
    expect(end, receive: 50_000, send: 50_000)
    // And without a shortage at once, be it more than there was.
    try end.connection.setReceiveBuffer(200_000)
    try end.connection.setSendBuffer(200_000)
    expect(end, receive: 200_000, send: 200_000)
    end.connection.limitBuffers(to: 10_000)
    end.connection.liftBufferLimit()
    expect(end, receive: 200_000, send: 200_000)
  }

  @Test func aSendBufferThatIsSetIsNotTunedAnyMore() throws {
    var end = established()
    try end.connection.setSendBuffer(1_000)
    var refused: ConfigurationError?
    do throws(ConfigurationError) { try end.connection.setSendBuffer(0) } catch { refused = error }
    #expect(refused?.field == .sendBufferCapacity)
    let taken = try write(5_000, &end)
    #expect(taken == 1_000)
    expect(end, receive: 64 << 10, send: 1_000)
  }

  /// What the user took while there was memory says nothing of what is taken later.
  @Test func aShortageForgetsWhatWasTakenBefore() {
    var end = established()
    var tuning = end.connection.receive.tuning
    end.connection.limitBuffers(to: 10_000)
    tuning.forget()
    let after = end.connection.receive.tuning
    #expect(after == tuning)
  }

  /// A buffer that held more when memory became short is made smaller once that has been sent, however narrow the window is.
  @Test(.requirement("A-47")) func aBufferThatWasFullShrinksWithTheNextWrite() throws {
    var end = established { $0.sendBuffer = BufferBounds(initial: 4_000, maximum: 100_000) }
    let written = try write(100_000, &end)
    #expect(written == 2 * 14_600)
    end.drain()
    end.connection.limitBuffers(to: 20_000)
    expect(end, receive: 20_000, send: written)
    // The window falls to a segment, and all is acknowledged.
    end.now = end.now + .seconds(3)
    end.drain()
    #expect(end.connection.status(at: end.now).congestionWindow == 1_460)
    while end.connection.status(at: end.now).outstanding > 0 {
      let next = end.connection.send.next - End.start
      _ = end.receive(.ack, seq: 1, ack: next)
    }
    let again = try write(100_000, &end)
    #expect(again == 20_000)
    expect(end, receive: 20_000, send: 20_000)
  }
}
