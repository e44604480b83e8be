// Settings that no connection can work with are refused, with the nearest value that would do.

import SockeyeBytes
import Testing

@testable import SockeyeTCP

@Suite struct ConfigurationTests {
  /// A change of the defaults that makes them impossible, the field that is to blame, and the nearest value.
  struct Mistake: Sendable, CustomTestStringConvertible {
    let field: ConfigurationError.StaticField
    let value: Int64
    let limit: Int64
    let change: @Sendable (inout TCPConfiguration) -> Void

    var testDescription: String { "\(field) \(value)" }

    init(
      _ field: ConfigurationError.StaticField, _ value: Int64, limit: Int64,
      _ change: @escaping @Sendable (inout TCPConfiguration) -> Void
    ) {
      self.field = field
      self.value = value
      self.limit = limit
      self.change = change
    }

    /// A time, nanoseconds.
    init(
      _ field: ConfigurationError.StaticField, _ value: Interval, limit: Interval,
      _ change: @escaping @Sendable (inout TCPConfiguration) -> Void
    ) {
      self.init(field, value.nanoseconds, limit: limit.nanoseconds, change)
    }
  }

  private static let sizes = [
    Mistake(.maximumSegmentSize, 47, limit: 48) { $0.maximumSegmentSize = 47 },
    Mistake(.maximumSegmentSize, 65_496, limit: 65_495) { $0.maximumSegmentSize = 65_496 },
    Mistake(.pathProbingBase, 67, limit: 68) { $0.pathProbingBase = 67 },
    Mistake(.pathProbingBase, 9_001, limit: 9_000) { $0.pathProbingBase = 9_001 },
    Mistake(.sendBufferCapacity, 0, limit: 1) { $0.sendBuffer.initial = 0 },
    Mistake(.sendBufferCapacity, 99, limit: 100) { $0.sendBuffer = BufferBounds(initial: 100, maximum: 99) },
    Mistake(.sendBufferCapacity, 1 << 30 + 1, limit: 1 << 30) { $0.sendBuffer.maximum = 1 << 30 + 1 },
    Mistake(.receiveBufferCapacity, 0, limit: 1) { $0.receiveBuffer.initial = 0 },
    Mistake(.receiveBufferCapacity, 99, limit: 100) {
      $0.receiveBuffer = BufferBounds(initial: 100, maximum: 99)
    },
    Mistake(.receiveBufferCapacity, 1 << 30 + 1, limit: 1 << 30) { $0.receiveBuffer.maximum = 1 << 30 + 1 },
    Mistake(.keepAliveProbes, 1, limit: 2) { $0.keepAlive = KeepAlive(probes: 1) },
    Mistake(.keepAliveProbes, 1_001, limit: 1_000) { $0.keepAlive = KeepAlive(probes: 1_001) },
    Mistake(.quickAcknowledgments, -1, limit: 0) { $0.quickAcknowledgments = -1 },
    Mistake(.quickAcknowledgments, 256, limit: 255) { $0.quickAcknowledgments = 256 },
    Mistake(.minimumWindowScale, 15, limit: 14) { $0.minimumWindowScale = 15 },
    Mistake(.slowStartLimit, 0, limit: 1) { $0.slowStartLimit = 0 },
    Mistake(.slowStartLimit, 256, limit: 255) { $0.slowStartLimit = 256 },
  ]

  private static let times = [
    Mistake(.delayedAcknowledgment, .milliseconds(500), limit: .milliseconds(499)) {
      $0.delayedAcknowledgment = .milliseconds(500)
    },
    Mistake(.keepAliveIdle, .zero, limit: .milliseconds(1)) { $0.keepAlive = KeepAlive(idle: .zero) },
    Mistake(.keepAliveInterval, .zero, limit: .milliseconds(1)) { $0.keepAlive = KeepAlive(interval: .zero) },
    Mistake(.initialRetransmissionTimeout, .zero, limit: .milliseconds(1)) {
      $0.initialRetransmissionTimeout = .zero
    },
    Mistake(.minimumRetransmissionTimeout, .zero, limit: .milliseconds(1)) {
      $0.minimumRetransmissionTimeout = .zero
    },
    Mistake(.maximumRetransmissionTimeout, .seconds(59), limit: .seconds(60)) {
      $0.maximumRetransmissionTimeout = .seconds(59)
    },
    Mistake(.acceptDeferral, .zero, limit: .milliseconds(1)) { $0.acceptDeferral = .zero },
    Mistake(.acceptDeferral, .hours(2), limit: .hours(1)) { $0.acceptDeferral = .hours(2) },
    Mistake(.orphanTimeout, .zero - .seconds(1), limit: .zero) { $0.orphanTimeout = .zero - .seconds(1) },
    Mistake(.orphanTimeout, .hours(24 * 366), limit: .hours(24 * 365)) {
      $0.orphanTimeout = .hours(24 * 366)
    },
    Mistake(.retransmissionGranularity, .zero, limit: .nanoseconds(1)) {
      $0.retransmissionGranularity = .zero
    },
    Mistake(.userTimeout, .zero, limit: .milliseconds(1)) { $0.userTimeout = .zero },
    Mistake(.connectTimeout, .zero, limit: .milliseconds(1)) { $0.connectTimeout = .zero },
    Mistake(.maximumSegmentLifetime, .minutes(11), limit: .minutes(10)) {
      $0.maximumSegmentLifetime = .minutes(11)
    },
  ]

  @Test(.requirement("MUST-27", "MUST-29", "MUST-40"), arguments: sizes + times)
  func whatCannotBeIsRefused(mistake: Mistake) {
    var configuration = TCPConfiguration()
    mistake.change(&configuration)
    var refused: ConfigurationError?
    do throws(ConfigurationError) { try configuration.validate() } catch { refused = error }
    #expect(refused == ConfigurationError(field: mistake.field, value: mistake.value, limit: mistake.limit))
  }

  @Test func theDefaultsCanBe() throws {
    try TCPConfiguration().validate()
  }
}
