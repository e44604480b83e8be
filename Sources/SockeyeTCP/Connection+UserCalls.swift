// The user's calls: SEND, RECEIVE, CLOSE, ABORT (RFC 9293 §3.10.2 to §3.10.5), and news from IP. STATUS is
// in ConnectionStatus.swift.

import SockeyeBytes
import SockeyeWire

extension Connection {
  // MARK: SEND

  /// Takes as many bytes as the send buffer has room for. Before ESTABLISHED they wait.
  ///
  /// - Returns: How many were taken; when it is fewer than offered, `.writable` is noted later.
  /// - Throws: `.closing` after CLOSE, `.closed` when the connection is over.
  public mutating func write(_ bytes: RawSpan, at now: Instant) throws(ConnectionError) -> Int {
    try checkWritable()
    adjustSendBuffer(for: bytes.byteCount)
    let taken = send.buffer.append(bytes)
    if taken < bytes.byteCount { writableWanted = true }
    if taken > 0, send.flight == 0 { armIdleTimer(at: now) }
    checkInvariants()
    return taken
  }

  /// SEND with the URGENT flag: the bytes go into the stream like others, and the peer's user is told to hurry up to
  /// their end. New programs should not use it (RFC 6093 §5; RFC 9293 SHLD-13).
  public mutating func writeUrgent(_ bytes: RawSpan, at now: Instant) throws(ConnectionError) -> Int {
    let taken = try write(bytes, at: now)
    if taken > 0 { send.markUrgent() }
    return taken
  }

  /// Ends a segment behind what is queued: what is written from now on shares none with it. The stream is the same, and the
  /// peer sees no boundary but where segments begin.
  public mutating func endRecord() { send.markRecordEnd() }

  private func checkWritable() throws(ConnectionError) {
    if opening == .closed { throw .closed(closeReason ?? .finished) }
    switch send.phase {
    case .open: break
    case .finishQueued, .finishSent, .finishAcknowledged: throw .closing
    }
  }

  /// Room in the send buffer, octets.
  public var writableCount: Int { send.phase == .open && opening != .closed ? sendRoom : 0 }

  // MARK: RECEIVE

  /// Moves bytes that are in order to the user.
  ///
  /// - Returns: How many; zero when none is here yet or, if `isAtEndOfStream`, none will come.
  /// - Throws: `.closed` when the connection ended by a reset or a failure and nothing is left to read.
  public mutating func read(into destination: inout OutputRawSpan, at now: Instant) throws(ConnectionError)
    -> Int
  {
    if receive.readingClosed { throw .readingClosed }
    let count = receive.buffer.read(into: &destination)
    if count == 0, opening == .closed, receive.phase == .open, let closeReason {
      throw .closed(closeReason)
    }
    receive.forgetPassedUrgent()
    tuneReceiveBuffer(at: now)
    // Nothing follows a FIN or the end; otherwise the storage is kept for what comes next.
    if receive.phase != .open || opening == .closed { receive.buffer.releaseIfEmpty() }
    checkInvariants()
    return count
  }

  /// Lends the bytes that are in order, in at most two pieces, without taking them; `discard` takes them.
  public func withReadableBytes<Result>(_ body: (RawSpan, RawSpan) -> Result) -> Result {
    receive.buffer.withReadableBytes(body)
  }

  /// Takes bytes that were read where they lay.
  public mutating func discard(_ count: Int, at now: Instant) {
    receive.buffer.discard(count)
    receive.forgetPassedUrgent()
    tuneReceiveBuffer(at: now)
  }

  /// Octets that can be read now.
  public var readableCount: Int { receive.buffer.count }

  /// Octets of buffers in use, both directions.
  public var bufferedBytes: Int {
    send.buffer.allocatedBytes + receive.buffer.allocatedBytes + scoreboard.log.allocatedBytes
  }

  /// Gives back the storage of buffers that hold nothing, and most of it of those that hold little. For whoever sees that
  /// the connection has been quiet for a while: a busy one would only ask for it again with the next segment.
  public mutating func releaseIdleBuffers() {
    send.buffer.trim()
    receive.buffer.trim()
    scoreboard.log.releaseIfEmpty()
  }

  /// The peer has finished and everything it sent has been read.
  public var isAtEndOfStream: Bool { receive.phase != .open && receive.buffer.count == 0 }

  /// Octets between what was read and the urgent mark (RFC 9293 §3.8.5 MUST-33).
  public var urgentAhead: Int { receive.urgentAhead }

  // MARK: CLOSE and ABORT

  /// CLOSE (RFC 9293 §3.10.4): a FIN follows what was written; reading goes on.
  ///
  /// - Throws: `.closing` when it was called before, `.closed` when the connection is over.
  public mutating func finish(at now: Instant) throws(ConnectionError) {
    try checkWritable()
    switch opening {
    case .closed: return
    case .synchronizeSent:
      close(.finished)
    case .synchronizeReceived:
      // RFC 9293 §3.10.4: with nothing queued the FIN leaves at once, otherwise it waits for ESTABLISHED.
      if send.buffer.count == 0 {
        transition {
          $0.send.queueFinish()
          $0.opening = .synchronized
        }
      } else {
        send.queueFinish()
      }
    case .synchronized:
      transition { $0.send.queueFinish() }
      if send.flight == 0 { armIdleTimer(at: now) }
    }
    checkInvariants()
  }

  /// Closes both directions: a FIN follows what was written, and nothing will be read any more. If there is
  /// something unread, or comes later, the peer is told by a RST (RFC 9293 §3.6.1 SHLD-3).
  public mutating func close(at now: Instant) {
    let unread = receive.buffer.count > 0 || !receive.reassembly.isEmpty
    receive.readingClosed = true
    receive.buffer.discard(receive.buffer.count)
    receive.buffer.releaseIfEmpty()
    if unread, receive.phase == .open || send.phase != .finishAcknowledged { return abort(.unreadData) }
    if send.phase == .open { try? finish(at: now) }
    if state == .finWait2 { timers.orphanedAt = now }
  }

  /// ABORT (RFC 9293 §3.10.5): everything queued is dropped and the peer gets a RST where it could have a connection.
  public mutating func abort(at now: Instant) { abort(.aborted) }

  private mutating func abort(_ reason: ResetReason) {
    switch state {
    case .synReceived, .established, .finWait1, .finWait2, .closeWait:
      resetDue = reason
    case .lastAck, .closing:
      // A user that aborts wants its data dropped, and only a RST makes the peer stop asking for it.
      if send.flight > 1 { resetDue = reason }
    case .closed, .listen, .synSent, .timeWait:
      break
    }
    receive.buffer.discard(receive.buffer.count)
    receive.buffer.releaseIfEmpty()
    close(.aborted)
  }

  // MARK: Settings that may change

  /// Switches keep-alive on, off or to other times (RFC 9293 §3.8.4 MUST-24, MUST-27).
  ///
  /// - Throws: `ConfigurationError` for times that no connection can work with; then nothing has changed.
  public mutating func setKeepAlive(_ keepAlive: KeepAlive?) throws(ConfigurationError) {
    var changed = configuration
    changed.keepAlive = keepAlive
    try changed.validate()
    configuration = changed
    timers.keepAliveProbes = 0
  }

  /// Switches the Nagle algorithm (RFC 9293 §3.7.4 MUST-17).
  public mutating func setNoDelay(_ noDelay: Bool) { configuration.noDelay = noDelay }

  /// Holds back what does not fill a segment, for a user that has more to write: text then leaves in full segments, or
  /// when nothing has left for 200 ms, or when the cork is drawn. It goes further than Nagle's rule, which holds text
  /// back only while other text is outstanding.
  public mutating func setCork(_ isCorked: Bool) { self.isCorked = isCorked }

  /// Has the next ACKs of data leave at once, or lets them wait again (RFC 9293 §3.8.6.3 allows either). It is not for
  /// ever: after 16 ACKs the delay applies again, as it did before.
  public mutating func setQuickAcknowledgments(_ isQuick: Bool) {
    acknowledgments.beginQuick(isQuick ? 16 : 0)
  }

  /// Sets R2; nil: for ever (RFC 9293 §3.8.3 MUST-21).
  ///
  /// - Throws: `ConfigurationError` for a time that no connection can work with; then nothing has changed.
  public mutating func setUserTimeout(_ timeout: Interval?) throws(ConfigurationError) {
    var changed = configuration
    changed.userTimeout = timeout
    try changed.validate()
    configuration = changed
  }

  /// Sets R2 for the SYN, counted from the beginning of the attempt; nil: for ever (RFC 9293 §3.8.3 MUST-23).
  ///
  /// - Throws: `ConfigurationError` for a time that no connection can work with; then nothing has changed.
  public mutating func setConnectTimeout(_ timeout: Interval?) throws(ConfigurationError) {
    var changed = configuration
    changed.connectTimeout = timeout
    try changed.validate()
    configuration = changed
  }

  /// Sets how long the connection waits for the peer's FIN when its user is gone.
  ///
  /// - Throws: `ConfigurationError` for a time that no connection can work with; then nothing has changed.
  public mutating func setOrphanTimeout(_ timeout: Interval) throws(ConfigurationError) {
    var changed = configuration
    changed.orphanTimeout = timeout
    try changed.validate()
    configuration = changed
  }

  // MARK: News from IP

  /// Whether a sequence number that an ICMP message quotes is outstanding (RFC 5927 §4).
  public func isInFlight(_ sequence: SequenceNumber) -> Bool {
    sequence >= send.unacknowledged && sequence < send.next
  }

  /// ICMP reports trouble that may pass (RFC 9293 §3.9.2.2 MUST-47, MUST-56).
  public mutating func softErrorArrived() { notices.insert(.softError) }

  /// ICMP says that the peer cannot be reached; meant for SYN-SENT and SYN-RECEIVED, later it is a soft error.
  public mutating func openingFailed(_ reason: CloseReason) {
    switch opening {
    case .synchronizeSent, .synchronizeReceived: close(reason)
    case .synchronized: softErrorArrived()
    case .closed: break
    }
  }

  /// The path takes only packets of `mtu` octets (RFC 1191, RFC 8201). What is outstanding and too large leaves again
  /// in smaller segments, and the congestion window is not reduced for it.
  public mutating func pathMTUChanged(to mtu: Int, at now: Instant) {
    let before = segmentLimit
    if !searchHeard(mtu) { pathLimit = mtu - (version == .v4 ? 20 : 40) }
    updateSegmentLimit()
    if opening == .synchronizeSent, timers.retransmissions == 0, let fastOpen,
      fastOpen.sent + Constants.headerLength > pathLimit
    {
      // The SYN was too large with its text, and a copy has none (7413-5).
      timers.exclusive = .retransmission(now)
    }
    guard segmentLimit < before, send.flight > 0, opening == .synchronized,
      send.unacknowledged != send.initial
    else { return }
    recovery.stopLookingIntoTimeout()
    send.resend(from: send.unacknowledged, cause: .pathMTU)
  }
}
