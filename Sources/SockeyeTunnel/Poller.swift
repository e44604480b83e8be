// Holds waiting for many descriptors at once, to the nanosecond: epoll on Linux, poll elsewhere (the place for kqueue).
// `Waiting` is the smaller one, for programs with a thread and a handful of descriptors.

package import SockeyeBytes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
#if os(Linux)
  import SockeyeTunnelShims
#endif

/// A set of descriptors, and the wait for them.
package struct Poller: ~Copyable {
  #if os(Linux)
    private let number: Int32
    private static let eventsAtATime = 16
    private var ready = [sockeye_ready](repeating: sockeye_ready(), count: Poller.eventsAtATime)
  #else
    private var waiting = Waiting()
  #endif

  /// - Throws: `SystemError` when the system has no descriptor to spare.
  package init() throws(SystemError) {
    #if os(Linux)
      number = try SystemCalls.check("epoll_create1") { sockeye_poller_create() }
    #endif
  }

  #if os(Linux)
    deinit {
      SystemCalls.close(number)
    }
  #endif

  /// Says what a descriptor is waited for from now on; nothing takes it off the list.
  package mutating func set(_ descriptor: Descriptor, _ interest: DescriptorInterest) throws(SystemError) {
    #if os(Linux)
      var bits: UInt32 = 0
      if interest.contains(.reading) { bits |= 1 }
      if interest.contains(.writing) { bits |= 2 }
      let number = number
      _ = try SystemCalls.check("epoll_ctl") { sockeye_poller_set(number, descriptor.rawValue, bits) }
    #else
      waiting.set(descriptor, interest)
    #endif
  }

  /// Waits until something is ready, the time has come or a signal came.
  /// - Parameters:
  ///   - limit: when to stop waiting; nil waits for ever.
  ///   - now: the time.
  ///   - body: gets what is ready, one descriptor after the other.
  package mutating func wait(
    until limit: Instant?, now: Instant, _ body: (Descriptor, DescriptorInterest) -> Void
  ) throws(SystemError) {
    #if os(Linux)
      var patience: Int64 = -1
      if let limit { patience = limit <= now ? 0 : Int64(clamping: limit.nanoseconds - now.nanoseconds) }
      let number = number
      let count = unsafe ready.withUnsafeMutableBufferPointer { ready in
        unsafe sockeye_poller_wait(number, ready.baseAddress, Int32(ready.count), patience)
      }
      if count < 0 {
        // A signal is as good a reason to look again as any.
        if SystemCalls.lastErrorNumber == EINTR { return }
        throw SystemError.last("ppoll")
      }
      for entry in ready.prefix(Int(count)) {
        var interest: DescriptorInterest = []
        if entry.interest & 1 != 0 { interest.insert(.reading) }
        if entry.interest & 2 != 0 { interest.insert(.writing) }
        body(Descriptor(entry.descriptor), interest)
      }
    #else
      for entry in try waiting.wait(until: limit, now: now) { body(entry.descriptor, entry.interest) }
    #endif
  }
}
