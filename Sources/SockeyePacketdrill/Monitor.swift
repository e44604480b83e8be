// Holds the one lock of a session and the condition that a blocked call sleeps on. It does not hold what the lock guards.

import Glibc

/// A lock with a condition. packetdrill tells from a thread's being asleep that a call blocks, so nothing here spins.
@safe
final class Monitor: @unchecked Sendable {
  // Allocated once, so that the addresses that the C library sees stay what they are.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the lock held.
  func locked<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
    -> Result
  {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Sleeps until somebody says that something has changed; the lock is free meanwhile.
  func wait() {
    unsafe pthread_cond_wait(condition, mutex)
  }

  /// Sleeps until then at the latest, by the system's monotonic clock.
  /// - Returns: whether it was woken before.
  @discardableResult
  func wait(untilMonotonic nanoseconds: UInt64) -> Bool {
    var limit = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    return unsafe pthread_cond_timedwait(condition, mutex, &limit) == 0
  }

  func changed() {
    unsafe pthread_cond_broadcast(condition)
  }

  /// A number for the thread that asks.
  static var currentThread: UInt { UInt(pthread_self()) }

  /// The system's monotonic clock, nanoseconds.
  static var monotonic: UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }
}
