// Holds what happens to an arriving TCP segment in the host: checks, and handing it to its connection or TIME-WAIT
// record; handshakes and listeners are in Stack+Passive. What a segment means to a connection is SockeyeTCP's affair.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// Takes a TCP segment whose packet is in order.
  mutating func receiveSegment(_ segment: RawSpan, _ arrival: Arrival) {
    statistics.tcp.segmentsReceived += 1
    // RFC 9293 §3.9.2.3 MUST-57, and not for SYN alone.
    guard !arrival.isBroadcast else {
      statistics.tcp.segmentsDropped += 1
      statistics.tcp.drops[.invalidDestination] += 1
      if observing {
        observeDatagram(arrival, .other, length: segment.byteCount, dropped: .invalidDestination)
      }
      return
    }
    guard let parsed = try? TCPHeader.parse(segment) else {
      return malformed(segment, arrival)
    }
    let tuple = FourTuple(
      local: Endpoint(address: arrival.destination, port: parsed.header.destinationPort),
      remote: Endpoint(address: arrival.source, port: parsed.header.sourcePort))
    if arrival.checksum == .unverified, tookExpectedText(segment, parsed, tuple, arrival) { return }
    // RFC 9293 §3.1 MUST-3.
    if arrival.checksum == .unverified,
      !TCPHeader.hasValidChecksum(segment, source: arrival.source, destination: arrival.destination)
    {
      statistics.tcp.malformed += 1
      statistics.tcp.badChecksums += 1
      // What the header says may be what was damaged, but a trace can show it.
      return note(.badChecksum, tuple, parsed.header, payloadLength: parsed.payload.count)
    }
    if authenticates || parsed.header.options.isAuthenticated,
      let reason = authenticationRefuses(segment, parsed.header, tuple)
    {
      return note(reason, tuple, parsed.header, payloadLength: parsed.payload.count)
    }
    segmentArrived(tuple, parsed.header, segment.extracting(parsed.payload), arrival)
  }

  /// Takes a segment that is in order to what its four-tuple leads to.
  @inline(__always)
  mutating func segmentArrived(
    _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, _ arrival: Arrival
  ) {
    switch flow(tuple) {
    case .connection(let key): connectionArrival(key, header, payload, isMarked: arrival.isMarked)
    case .handshake(let key): handshakeArrival(key, header, payload)
    case .timeWait(let key): timeWaitArrival(key, header, payload, arrival)
    case nil: strangerArrival(tuple, header, payload, arrival, minimumSequence: nil, previous: nil)
    }
  }

  /// The shorter way of most text, whose checksum is looked at while it is copied (MUST-3).
  @inline(__always)
  private mutating func tookExpectedText(
    _ segment: RawSpan, _ parsed: TCPHeader.Parsed, _ tuple: FourTuple, _ arrival: Arrival
  ) -> Bool {
    // What little text there is may as well be summed first.
    guard parsed.payload.count >= 256, !observing, !arrival.isMarked, case .connection(let key) = flow(tuple),
      connections[key].authenticator == nil, hasRoomForData(parsed.payload.count, of: key)
    else { return false }
    var sum = UInt64(connections[key].envelope.pseudoHeaderSum) &+ UInt64(segment.byteCount)
    var offset = 0
    while offset < parsed.payload.lowerBound {
      sum = sum &+ UInt64(segment.uint32(at: offset))
      offset &+= 4
    }
    let folded = UInt32(truncatingIfNeeded: (sum & 0xffff_ffff) &+ (sum >> 32))
    guard
      connections[key].connection.takeExpectedText(
        parsed.header, segment.extracting(parsed.payload), completing: folded, at: now)
    else {
      // A wrong checksum shows when the text lies in the buffer, and that may have grown for it.
      if connections[key].hasNews { note(key) }
      return false
    }
    arrivalEnded(key)
    return true
  }

  /// A connection has taken in a segment.
  @inline(__always)
  private mutating func arrivalEnded(_ key: ConnectionKey) {
    if let until = connections[key].connection.waitsToAcknowledge(at: now) {
      schedule(key, at: until)
      connections[key].connection.restIdle(at: now)
      note(key)
    } else {
      settle(key)
    }
  }

  private mutating func malformed(_ segment: RawSpan, _ arrival: Arrival) {
    statistics.tcp.malformed += 1
    if observing { observeDatagram(arrival, .other, length: segment.byteCount, dropped: .malformed) }
  }

  /// Counts and tells what became of a segment.
  mutating func note(
    _ dropped: DropReason?, _ tuple: FourTuple, _ header: TCPHeader, payloadLength: Int
  ) {
    if let dropped {
      statistics.tcp.segmentsDropped += 1
      statistics.tcp.drops[dropped] += 1
    }
    guard observing else { return }
    let record = SegmentRecord(tuple: tuple, header: header, payloadLength: payloadLength)
    if let dropped { observe(.segmentDropped(record, dropped)) } else { observe(.segmentReceived(record)) }
  }

  // MARK: Connections

  mutating func connectionArrival(
    _ key: ConnectionKey, _ header: TCPHeader, _ payload: RawSpan, isMarked: Bool = false
  ) {
    prepare(key)
    let outcome: ArrivalOutcome
    // What fills a gap before text that is held takes no memory, and gives the user back what that text takes.
    if payload.byteCount > 0 && !hasRoomForData(payload.byteCount, of: key)
      && !connections[key].connection.hasStorage(forTextUpTo: header.sequence + payload.byteCount)
    {
      // The text, and the FIN behind it, wait for better times: the peer sends them again. The ACK counts.
      statistics.tcp.payloadsRefused += 1
      var header = header
      header.flags.remove(.fin)
      outcome = connections[key].connection.segmentArrived(header, payload: RawSpan(), at: now)
    } else {
      outcome = connections[key].connection.segmentArrived(
        header, payload: payload, isMarked: isMarked, at: now)
    }
    if observing || outcome.dropped != nil {
      note(outcome.dropped, connections[key].envelope.tuple, header, payloadLength: payload.byteCount)
    }
    if let reason = outcome.reset,
      let reset = SegmentPlan.reset(answering: header, payloadLength: payload.byteCount, reason: reason)
    {
      reply(reset, connections[key].envelope, signedBy: connections[key].authenticator)
    }
    if outcome.returnedToListen { forgetUnaccepted(key) }
    arrivalEnded(key)
  }

  // MARK: TIME-WAIT

  private mutating func timeWaitArrival(
    _ key: TimeWaitKey, _ header: TCPHeader, _ payload: RawSpan, _ arrival: Arrival
  ) {
    let envelope = timeWaits[key].envelope
    let expiry = timeWaits[key].record.expiry
    let outcome = timeWaits[key].record.segmentArrived(header, payloadLength: payload.byteCount, at: now)
    switch outcome {
    case .dropped(let reason):
      note(reason, envelope.tuple, header, payloadLength: payload.byteCount)
    case .reply(let plan):
      note(nil, envelope.tuple, header, payloadLength: payload.byteCount)
      reply(plan, envelope, signedBy: timeWaits[key].authenticator)
    case .reopen(let minimum):
      // RFC 6191 §2, RFC 1122 §4.2.2.13: a listener may take the SYN; without one, TIME-WAIT goes on.
      let entry = timeWaits[key]
      guard taker(of: envelope.tuple) != nil else {
        return note(.timeWait, envelope.tuple, header, payloadLength: payload.byteCount)
      }
      return strangerArrival(
        envelope.tuple, header, payload, arrival, minimumSequence: minimum, previous: (key, entry))
    }
    let renewed = timeWaits[key].record.expiry
    if renewed != expiry {
      timeWaitDeadlines.set(key.index, renewed)
      if observing { observe(.timerArmed(envelope.tuple, .timeWait, deadline: renewed)) }
    }
  }
}
