// Holds the one place where a driver waits: for the tunnel, for signals, for a program's own descriptors, and
// for a point in time. It does not hold what is done afterwards.

import SockeyeBytes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The descriptors that are waited for, in the system's own form.
struct Waiting {
  /// What became ready.
  struct Ready: Equatable {
    let descriptor: Descriptor
    let interest: DescriptorInterest
  }

  private var entries: [pollfd] = []

  /// Says what a descriptor is waited for from now on.
  /// - Parameters:
  ///   - descriptor: what to wait for.
  ///   - interest: nothing takes it off the list, so that even its failing wakes nobody.
  mutating func set(_ descriptor: Descriptor, _ interest: DescriptorInterest) {
    entries.removeAll { $0.fd == descriptor.rawValue }
    if interest.isEmpty { return }
    var events: Int16 = 0
    if interest.contains(.reading) { events |= Int16(POLLIN) }
    if interest.contains(.writing) { events |= Int16(POLLOUT) }
    entries.append(pollfd(fd: descriptor.rawValue, events: events, revents: 0))
  }

  /// Waits until something is ready or the time has come.
  /// - Parameters:
  ///   - limit: when to stop waiting; nil waits for ever. It is met to the millisecond, never early.
  ///   - now: the time.
  /// - Returns: what is ready, in the order in which it was set.
  mutating func wait(until limit: Instant?, now: Instant) throws(SystemError) -> [Ready] {
    let count = try SystemCalls.poll(&entries, milliseconds: Self.milliseconds(from: now, until: limit))
    if count == 0 { return [] }
    return entries.compactMap { entry in
      let failed = entry.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
      var interest: DescriptorInterest = []
      if entry.events & Int16(POLLIN) != 0, failed || entry.revents & Int16(POLLIN) != 0 {
        interest.insert(.reading)
      }
      if entry.events & Int16(POLLOUT) != 0, failed || entry.revents & Int16(POLLOUT) != 0 {
        interest.insert(.writing)
      }
      return interest.isEmpty ? nil : Ready(descriptor: Descriptor(entry.fd), interest: interest)
    }
  }

  /// Rounds up, so that a wait never ends before its time and is then begun again for nothing.
  static func milliseconds(from now: Instant, until limit: Instant?) -> Int32 {
    guard let limit else { return -1 }
    if limit <= now { return 0 }
    let nanoseconds = limit.nanoseconds - now.nanoseconds
    return Int32(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
  }
}
