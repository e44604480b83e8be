// How large a connection's buffers may become: the receive buffer by what the user takes in a round trip, the send buffer
// by the congestion window, both within what is configured and what the host allows. A window that was promised is kept:
// its right edge never moves left (RFC 9293 §3.8.6 SHLD-14).

import SockeyeBytes
import SockeyeWire

extension Connection {
  // MARK: Receiving

  /// The user has read: the receive buffer grows if its size may be what holds the peer back.
  @inline(__always)
  mutating func tuneReceiveBuffer(at now: Instant) {
    if receive.capacity < receive.tuning.maximum { measureReading(at: now) }
  }

  @inline(never)
  private mutating func measureReading(at now: Instant) {
    guard receive.phase == .open, opening == .synchronized else { return }
    let moment = ReceiveMoment(
      read: receive.next - receive.buffer.count, next: receive.next, clock: timestampClock(at: now),
      echo: agreed.timestamps ? timestampEchoed : nil,
      roundTrip: UInt32(clamping: (roundTrip.minimum ?? .zero).nanoseconds / 1_000_000),
      capacity: receive.capacity, segment: receive.largestPayload)
    if let octets = receive.tuning.userRead(moment) { receive.resize(to: min(octets, bufferAllowance)) }
  }

  // MARK: Sending

  /// What the send buffer is to hold when there is more to write: twice the window that can be used, so that there is
  /// always something to send when an ACK comes, within what is set and what the host allows.
  private var wantedSendBuffer: Int {
    let bounds = configuration.sendBuffer
    let limit = min(bounds.maximum, bufferAllowance)
    let capacity = send.buffer.capacity
    if capacity >= limit { return limit }
    let window = min(1 << 29, min(congestion.congestionWindow, send.maximumWindow))
    let goal = min(max(bounds.initial, 2 * window), limit)
    // Small steps would copy the buffer again and again.
    return goal == limit || goal >= capacity + capacity / 4 ? goal : capacity
  }

  /// Room in the send buffer, octets, as large as it may become.
  var sendRoom: Int { max(0, wantedSendBuffer - send.buffer.count) }

  /// The user would write so much, or waits to: the send buffer grows, or shrinks where it is larger than allowed.
  mutating func adjustSendBuffer(for octets: Int) {
    let wanted = wantedSendBuffer
    if octets > send.buffer.free || wanted < send.buffer.capacity { send.buffer.setCapacity(wanted) }
  }

  // MARK: What is set

  /// Fixes the receive buffer; it is not tuned any more. What the peer was promised is kept: a smaller buffer lets the
  /// window close first.
  ///
  /// - Parameter octets: no more than the window scale of our SYN can tell of counts (RFC 7323 §2.3).
  /// - Throws: `ConfigurationError` for a size that no connection can work with; then nothing has changed.
  public mutating func setReceiveBuffer(_ octets: Int) throws(ConfigurationError) {
    var changed = configuration
    changed.receiveBufferCapacity = octets
    try changed.validate()
    configuration = changed
    receive.tuning.maximum = min(octets, 65_535 << Int(receive.windowShift))
    receive.resize(to: min(receive.tuning.maximum, bufferAllowance))
  }

  /// Fixes the send buffer; it is not tuned any more. What was written stays.
  ///
  /// - Throws: `ConfigurationError` for a size that no connection can work with; then nothing has changed.
  public mutating func setSendBuffer(_ octets: Int) throws(ConfigurationError) {
    var changed = configuration
    changed.sendBufferCapacity = octets
    try changed.validate()
    configuration = changed
    send.buffer.setCapacity(min(octets, bufferAllowance))
    if writableWanted, send.buffer.free > 0 {
      writableWanted = false
      notices.insert(.writable)
    }
  }

  // MARK: What the host allows

  /// The host is short of memory: neither buffer is to hold more than this. What is promised and what is held stays; the
  /// windows close as the peer uses them up.
  package mutating func limitBuffers(to octets: Int) {
    if octets == bufferAllowance { return }
    bufferAllowance = octets
    if receive.capacity > octets {
      receive.resize(to: octets)
      receive.tuning.forget()
    }
    if send.buffer.capacity > octets { send.buffer.setCapacity(octets) }
  }

  /// The host has memory again.
  package mutating func liftBufferLimit() {
    bufferAllowance = .max
    let bounds = configuration.receiveBuffer
    if receive.capacity < bounds.initial { receive.resize(to: min(bounds.initial, receive.tuning.maximum)) }
    if send.buffer.capacity < configuration.sendBuffer.initial {
      send.buffer.setCapacity(configuration.sendBuffer.initial)
    }
  }
}
