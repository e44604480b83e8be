// Holds a set of descriptors that tells which of them changed, however many there are. It does not wait: its own
// descriptor goes to whoever does, `TunnelDriver.watch` for one.

import SockeyeTunnelShims

/// Descriptors whose changes are told once each (epoll, edge-triggered): what was told as readable stays so until a read
/// finds nothing. Linux only.
package struct ReadinessSet: ~Copyable {
  /// A descriptor that can be read, or written, or is broken. A broken one is told as both, for the next call on it
  /// says how.
  package struct Change {
    package let token: UInt64
    package let isReadable: Bool
    package let isWritable: Bool
    package let hasFailed: Bool
  }

  private let number: Int32
  /// How many changes `take` gives at most; when it gives fewer there are no more.
  package static let changesAtATime = 64

  /// What to wait on: readable while there are changes to take.
  package var descriptor: Descriptor { Descriptor(number) }

  /// - Throws: `SystemError` when the system has none to give.
  package init() throws(SystemError) {
    number = try SystemCalls.check("epoll_create1") { sockeye_epoll_create() }
  }

  deinit { SystemCalls.close(number) }

  /// Tells of a descriptor's changes until it is closed. What is ready already counts as a change.
  /// - Parameters:
  ///   - descriptor: which one.
  ///   - token: what its changes are told under.
  package func add(_ descriptor: Descriptor, token: UInt64) throws(SystemError) {
    _ = try SystemCalls.check("epoll_ctl") { sockeye_epoll_add(number, descriptor.rawValue, token) }
  }

  /// Some of the changes since the last call; call again after as many as there may be.
  package func take() throws(SystemError) -> [Change] {
    var entries = [sockeye_readiness](repeating: sockeye_readiness(), count: Self.changesAtATime)
    let count = try SystemCalls.check("epoll_wait") {
      // The call writes no more entries than the array has.
      unsafe entries.withUnsafeMutableBufferPointer { entries in
        unsafe sockeye_epoll_take(number, entries.baseAddress, Int32(entries.count))
      }
    }
    return entries.prefix(Int(count)).map {
      Change(
        token: $0.token, isReadable: $0.reading != 0, isWritable: $0.writing != 0, hasFailed: $0.failed != 0)
    }
  }
}
