// Holds what happens to an arriving TCP segment in the host: checks, and handing it to its connection, handshake,
// TIME-WAIT record or listener. What a segment means to a connection is SockeyeTCP's affair.

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
    // RFC 9293 §3.1 MUST-3.
    if arrival.checksum == .unverified,
      !TCPHeader.hasValidChecksum(segment, source: arrival.source, destination: arrival.destination)
    {
      statistics.tcp.malformed += 1
      // What the header says may be what was damaged, but a trace can show it.
      return note(.badChecksum, tuple, parsed.header, payloadLength: parsed.payload.count)
    }
    let payload = segment.extracting(parsed.payload)
    switch flow(tuple) {
    case .connection(let key): connectionArrival(key, parsed.header, payload)
    case .handshake(let key): handshakeArrival(key, parsed.header, payload)
    case .timeWait(let key): timeWaitArrival(key, parsed.header, payload, arrival)
    case nil: strangerArrival(tuple, parsed.header, payload, arrival, minimumSequence: nil, previous: nil)
    }
  }

  private mutating func malformed(_ segment: RawSpan, _ arrival: Arrival) {
    statistics.tcp.malformed += 1
    if observing { observeDatagram(arrival, .other, length: segment.byteCount, dropped: .malformed) }
  }

  /// Counts and tells what became of a segment.
  private mutating func note(
    _ dropped: DropReason?, _ tuple: FourTuple, _ header: TCPHeader, payloadLength: Int
  ) {
    if dropped != nil { statistics.tcp.segmentsDropped += 1 }
    guard observing else { return }
    let record = SegmentRecord(tuple: tuple, header: header, payloadLength: payloadLength)
    if let dropped { observe(.segmentDropped(record, dropped)) } else { observe(.segmentReceived(record)) }
  }

  // MARK: Connections

  mutating func connectionArrival(_ key: ConnectionKey, _ header: TCPHeader, _ payload: RawSpan) {
    prepare(key)
    let outcome: ArrivalOutcome
    if payload.byteCount > 0 && !hasRoomForData(payload.byteCount, of: key) {
      // The text, and the FIN behind it, wait for better times: the peer sends them again. The ACK counts.
      statistics.tcp.payloadsRefused += 1
      var header = header
      header.flags.remove(.fin)
      outcome = connections[key].connection.segmentArrived(header, payload: RawSpan(), at: now)
    } else {
      outcome = connections[key].connection.segmentArrived(header, payload: payload, at: now)
    }
    if observing || outcome.dropped != nil {
      note(outcome.dropped, connections[key].envelope.tuple, header, payloadLength: payload.byteCount)
    }
    if let reason = outcome.reset,
      let reset = SegmentPlan.reset(answering: header, payloadLength: payload.byteCount, reason: reason)
    {
      reply(reset, connections[key].envelope)
    }
    if outcome.returnedToListen { forgetUnaccepted(key) }
    settle(key)
  }

  // MARK: Handshakes

  private mutating func handshakeArrival(_ key: HandshakeKey, _ header: TCPHeader, _ payload: RawSpan) {
    let tuple = handshakes[key].envelope.tuple
    let outcome = handshakes[key].handshake.segmentArrived(header, payloadLength: payload.byteCount, at: now)
    switch outcome {
    case .accepted:
      note(nil, tuple, header, payloadLength: payload.byteCount)
    case .dropped(let reason):
      note(reason, tuple, header, payloadLength: payload.byteCount)
    case .reset(let plan):
      note(.unacceptableAcknowledgment, tuple, header, payloadLength: payload.byteCount)
      reply(plan, handshakes[key].envelope)
    case .returnToListen:
      note(nil, tuple, header, payloadLength: payload.byteCount)
      return endHandshake(key, as: .listen)
    case .completed:
      return completeHandshake(key, header, payload)
    }
    readyHandshakes.append(key.index)
  }

  /// The third segment: the handshake becomes a connection, if there is room for one more to wait.
  private mutating func completeHandshake(_ key: HandshakeKey, _ header: TCPHeader, _ payload: RawSpan) {
    let listener = handshakes[key].listener
    guard !listeners[listener].waiting.isFull, connections.count < connections.limit,
      budget.hasRoom(ConnectionRecord.footprint)
    else {
      // the handshake stays, the client sends again, and by then there may be room.
      statistics.tcp.acceptOverflows += 1
      return note(.acceptQueueFull, handshakes[key].envelope.tuple, header, payloadLength: payload.byteCount)
    }
    let record = removeHandshake(key)
    let unit = interfaces.maximumTransmissionUnit(of: record.envelope.link)
    let envelope = record.envelope
    guard
      let connection = connections.insert(
        ConnectionRecord(
          connection: Connection(completing: record.handshake, at: now), envelope: envelope,
          ownership: .listener(listener), pathMTU: unit))
    else { return }
    begin(connection)
    listeners[listener].waiting.append(connection)
    listenerNews.append(listener.index)
    statistics.tcp.passiveOpens += 1
    connectionArrival(connection, header, payload)
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
      reply(plan, envelope)
    case .reopen(let minimum):
      // RFC 6191 §2, RFC 1122 §4.2.2.13: a listener may take the SYN; without one, TIME-WAIT goes on.
      let record = timeWaits[key].record
      guard listener(at: envelope.tuple.local) != nil else {
        return note(.timeWait, envelope.tuple, header, payloadLength: payload.byteCount)
      }
      return strangerArrival(
        envelope.tuple, header, payload, arrival, minimumSequence: minimum, previous: (key, record))
    }
    let renewed = timeWaits[key].record.expiry
    if renewed != expiry {
      timeWaitDeadlines.set(key.index, renewed)
      if observing { observe(.timerArmed(envelope.tuple, .timeWait, deadline: renewed)) }
    }
  }

  // MARK: Listeners, and nobody

  /// A segment whose four-tuple leads nowhere, or to a TIME-WAIT that may end.
  private mutating func strangerArrival(
    _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, _ arrival: Arrival,
    minimumSequence: SequenceNumber?, previous: (key: TimeWaitKey, record: TimeWaitRecord)?
  ) {
    guard let listener = listener(at: tuple.local) else {
      // RFC 9293 §3.10.7.1.
      note(.noConnection, tuple, header, payloadLength: payload.byteCount)
      return refuse(
        SegmentPlan.reset(answering: header, payloadLength: payload.byteCount), tuple, arrival,
        timeToLive: configuration.timeToLive, trafficClass: 0)
    }
    switch ListenDecision.decide(header, payloadLength: payload.byteCount) {
    case .drop(let reason):
      note(reason, tuple, header, payloadLength: payload.byteCount)
    case .reset(let plan):
      note(.unacceptableAcknowledgment, tuple, header, payloadLength: payload.byteCount)
      refuse(
        plan, tuple, arrival, timeToLive: listeners[listener].timeToLive,
        trafficClass: listeners[listener].trafficClass)
    case .open:
      if let reason = refusal(by: listener) {
        statistics.tcp.synchronizesDropped += 1
        return note(reason, tuple, header, payloadLength: payload.byteCount)
      }
      note(nil, tuple, header, payloadLength: payload.byteCount)
      if let previous { removeTimeWait(previous.key) }
      beginHandshake(
        at: listener, tuple, header, payload, arrival, minimumSequence: minimumSequence,
        previous: previous?.record)
    }
  }

  /// Resets what belongs to nothing.
  private mutating func refuse(
    _ plan: SegmentPlan?, _ tuple: FourTuple, _ arrival: Arrival, timeToLive: UInt8, trafficClass: UInt8
  ) {
    guard let plan else { return }
    reply(
      plan,
      Envelope(
        tuple: tuple, link: link(towards: tuple.remote.address) ?? arrival.link, timeToLive: timeToLive,
        trafficClass: trafficClass, flowKey: configuration.keys.identification))
  }

  /// Why a listener takes no SYN now: dropped in silence, for the client sends it again.
  private func refusal(by listener: ListenerKey) -> DropReason? {
    if listeners[listener].handshakes >= listeners[listener].handshakeLimit { return .backlogFull }
    if handshakes.count >= handshakes.limit { return .backlogFull }
    return budget.hasRoom(HandshakeRecord.footprint) ? nil : .noMemory
  }

  private mutating func beginHandshake(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan,
    _ arrival: Arrival, minimumSequence: SequenceNumber?, previous: TimeWaitRecord?
  ) {
    let link = link(towards: tuple.remote.address) ?? arrival.link
    let unit = interfaces.maximumTransmissionUnit(of: link)
    var sequence = initialSequences.initialSequence(for: tuple, at: now)
    // RFC 1122 §4.2.2.13: above every number the old connection used. The distance is kept off the old window.
    if let minimumSequence, sequence <= minimumSequence { sequence = minimumSequence + 65_536 }
    let parameters = OpenParameters(
      configuration: listeners[listener].configuration, version: tuple.version, initialSequence: sequence,
      timestampOffset: initialSequences.timestampOffset(for: tuple), pathMTU: unit, receiveMTU: unit)
    // Text that isn't kept the peer sends again.
    let held = budget.hasRoom(HandshakeRecord.footprint + payload.byteCount) ? payload.byteCount : 0
    let charged = HandshakeRecord.footprint + held
    let envelope = Envelope(
      tuple: tuple, link: link, timeToLive: listeners[listener].timeToLive,
      trafficClass: listeners[listener].trafficClass, flowKey: configuration.keys.identification)
    guard
      let key = handshakes.insert(
        HandshakeRecord(
          handshake: PassiveHandshake(
            listen: parameters, header: header, payload: payload, heldLimit: held, at: now),
          envelope: envelope, listener: listener, previous: previous, charged: charged))
    else { return }
    budget.charge(charged)
    listeners[listener].handshakes += 1
    index(FlowNumber.of(key), under: tuple)
    readyHandshakes.append(key.index)
    if observing { observe(.stateChanged(tuple, from: .listen, to: .synReceived)) }
  }
}
