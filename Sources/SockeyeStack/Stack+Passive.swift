// Holds passive opening: what listeners do with segments, handshakes under way, and the cookies sent when there are too
// many of them. The handshake itself is SockeyeTCP's affair, and listening and accepting are in Stack+Opening.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Handshakes

  mutating func handshakeArrival(_ key: HandshakeKey, _ header: TCPHeader, _ payload: RawSpan) {
    let tuple = handshakes[key].envelope.tuple
    let outcome = handshakes[key].handshake.segmentArrived(header, payloadLength: payload.byteCount, at: now)
    switch outcome {
    case .accepted:
      note(nil, tuple, header, payloadLength: payload.byteCount)
    case .dropped(let reason):
      note(reason, tuple, header, payloadLength: payload.byteCount)
    case .reset(let plan):
      // The client's first SYN may have been answered with a cookie, and this handshake be that of its second.
      if handshakes[key].previous == nil, handshakes[key].authenticator == nil,
        cookieArrival(
          at: handshakes[key].listener, tuple, header, payload, over: handshakes[key].envelope.link,
          replacing: key)
      {
        return
      }
      note(.unacceptableAcknowledgment, tuple, header, payloadLength: payload.byteCount)
      reply(plan, handshakes[key].envelope, signedBy: handshakes[key].authenticator)
    case .returnToListen:
      note(nil, tuple, header, payloadLength: payload.byteCount)
      return endHandshake(key, as: .listen)
    case .completed
    where handshakes[key].handshake.waitsForText(
      header, payloadLength: payload.byteCount, at: now):
      note(nil, tuple, header, payloadLength: payload.byteCount)
    case .completed:
      return completeHandshake(key, header, payload)
    }
    readyHandshakes.append(key.index)
  }

  /// The third segment: the handshake becomes a connection, if there is room for one more to wait.
  private mutating func completeHandshake(_ key: HandshakeKey, _ header: TCPHeader, _ payload: RawSpan) {
    let listener = handshakes[key].listener
    guard hasRoomForConnection(at: listener) else {
      return acceptQueueFull(handshakes[key].envelope.tuple, header, payload)
    }
    let record = removeHandshake(key)
    let envelope = record.envelope
    let authenticator = record.authenticator
    begin(
      Connection(completing: record.handshake, at: now), envelope, authenticator, at: listener, header,
      payload)
  }

  /// what is there stays as it is, the client sends again, and by then there may be room.
  private mutating func acceptQueueFull(_ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan) {
    statistics.tcp.acceptOverflows += 1
    note(.acceptQueueFull, tuple, header, payloadLength: payload.byteCount)
  }

  /// Whether one more connection may wait to be accepted.
  func hasRoomForConnection(at listener: ListenerKey) -> Bool {
    !listeners[listener].waiting.isFull && connections.count < connections.limit
      && budget.hasRoom(ConnectionRecord.footprint)
  }

  /// A connection whose handshake is complete joins those that wait to be accepted, and gets the segment that
  /// completed it.
  private mutating func begin(
    _ connection: consuming Connection, _ envelope: Envelope, _ authenticator: SegmentAuthenticator?,
    at listener: ListenerKey, _ header: TCPHeader, _ payload: RawSpan
  ) {
    let unit = pathForConnection(towards: envelope.tuple.remote.address, over: envelope.link).limit
    guard
      let key = connections.insert(
        ConnectionRecord(
          connection: connection, envelope: envelope, ownership: .listener(listener), pathMTU: unit,
          authenticator: authenticator))
    else { return }
    begin(key)
    // What others have learnt of the path since the SYN came.
    if connections[key].connection.pathMTU > unit {
      connections[key].connection.pathMTUChanged(to: unit, at: now)
    }
    listeners[listener].waiting.append(key)
    listenerNews.append(listener.index)
    statistics.tcp.passiveOpens += 1
    connectionArrival(key, header, payload)
  }

  // MARK: Listeners, and nobody

  /// A segment whose four-tuple leads nowhere, or to a TIME-WAIT that may end.
  mutating func strangerArrival(
    _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, _ arrival: Arrival,
    minimumSequence: SequenceNumber?, previous: (key: TimeWaitKey, entry: TimeWaitEntry)?
  ) {
    guard let listener = taker(of: tuple) else {
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
      let link = link(towards: tuple.remote.address) ?? arrival.link
      if cookieArrival(at: listener, tuple, header, payload, over: link, replacing: nil) { return }
      note(.unacceptableAcknowledgment, tuple, header, payloadLength: payload.byteCount)
      refuse(
        plan, tuple, arrival, timeToLive: listeners[listener].timeToLive,
        trafficClass: listeners[listener].trafficClass)
    case .open:
      if forwarding != nil, mustAsk(at: listener, tuple, header, arrival) {
        return note(nil, tuple, header, payloadLength: payload.byteCount)
      }
      synchronizeArrival(
        at: listener, tuple, header, payload, arrival, minimumSequence: minimumSequence, previous: previous)
    }
  }

  private mutating func synchronizeArrival(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, _ arrival: Arrival,
    minimumSequence: SequenceNumber?, previous: (key: TimeWaitKey, entry: TimeWaitEntry)?
  ) {
    switch reception(at: listener, reopens: previous != nil) {
    case .refused(let reason):
      statistics.tcp.synchronizesDropped += 1
      note(reason, tuple, header, payloadLength: payload.byteCount)
    case .cookie:
      note(nil, tuple, header, payloadLength: payload.byteCount)
      sendCookie(at: listener, tuple, header, arrival)
    case .handshake:
      note(nil, tuple, header, payloadLength: payload.byteCount)
      if let previous { removeTimeWait(previous.key) }
      beginHandshake(
        at: listener, tuple, header, payload, arrival, minimumSequence: minimumSequence,
        previous: previous?.entry)
    }
  }

  /// Resets what belongs to nothing.
  mutating func refuse(
    _ plan: SegmentPlan?, _ tuple: FourTuple, _ arrival: Arrival, timeToLive: UInt8, trafficClass: UInt8
  ) {
    guard let plan else { return }
    reply(
      plan,
      Envelope(
        tuple: tuple, link: link(towards: tuple.remote.address) ?? arrival.link, timeToLive: timeToLive,
        trafficClass: trafficClass, flowKey: configuration.keys.identification))
  }

  // MARK: SYN

  /// What becomes of a SYN.
  private enum Reception {
    case handshake
    case cookie
    /// Dropped in silence, for the client sends it again.
    case refused(DropReason)
  }

  /// - Parameter reopens: the SYN would end a TIME-WAIT, which a cookie cannot: its number may lie below the old ones.
  private func reception(at listener: ListenerKey, reopens: Bool) -> Reception {
    if arriving == nil, listeners[listener].configuration.requiresAuthentication {
      return .refused(.missingAuthentication)
    }
    let reason = refusal(by: listener)
    // RFC 5925 §7.2 needs both initial sequence numbers for a key, and a cookie remembers neither.
    if arriving != nil { return reason.map { .refused($0) } ?? .handshake }
    switch configuration.synCookies {
    case .never: return reason.map { .refused($0) } ?? .handshake
    case .automatic: if reason == nil { return .handshake }
    case .always: break
    }
    if reopens { return reason.map { .refused($0) } ?? .handshake }
    // A client whose last segment would find no room is better off without an answer, for then it tries again.
    return hasRoomForConnection(at: listener) ? .cookie : .refused(reason ?? .acceptQueueFull)
  }

  /// Why a listener keeps no further handshake now.
  private func refusal(by listener: ListenerKey) -> DropReason? {
    if listeners[listener].handshakes >= listeners[listener].handshakeLimit { return .backlogFull }
    if handshakes.count >= handshakes.limit { return .backlogFull }
    if !hasRoomForHandshake(HandshakeRecord.footprint) { return .backlogFull }
    return budget.hasRoom(HandshakeRecord.footprint) ? nil : .noMemory
  }

  /// Handshakes have their share of the budget, or a flood of them would leave nothing for connections.
  private func hasRoomForHandshake(_ octets: Int) -> Bool {
    handshakeOctets + octets <= configuration.memoryBudget / 8
  }

  /// How a listener opens a connection.
  private func parameters(
    at listener: ListenerKey, _ tuple: FourTuple, over link: LinkID, initialSequence: SequenceNumber,
    authenticator: SegmentAuthenticator? = nil
  ) -> OpenParameters {
    let path = pathForConnection(towards: tuple.remote.address, over: link)
    var parameters = OpenParameters(
      configuration: listeners[listener].configuration, version: tuple.version,
      initialSequence: initialSequence,
      timestampOffset: initialSequences.timestampOffset(for: tuple), pathMTU: path.limit,
      receiveMTU: interfaces.maximumTransmissionUnit(of: link))
    parameters.provenPathMTU = path.proven
    if authenticator != nil { parameters.addedOptions = AuthenticationOption.length }
    return parameters
  }

  private func envelope(at listener: ListenerKey, _ tuple: FourTuple, over link: LinkID) -> Envelope {
    Envelope(
      tuple: tuple, link: link, timeToLive: listeners[listener].timeToLive,
      trafficClass: listeners[listener].trafficClass, flowKey: configuration.keys.identification)
  }

  private mutating func beginHandshake(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan,
    _ arrival: Arrival, minimumSequence: SequenceNumber?, previous: TimeWaitEntry?
  ) {
    let link = link(towards: tuple.remote.address) ?? arrival.link
    var sequence = initialSequences.initialSequence(for: tuple, at: now)
    // RFC 1122 §4.2.2.13: above every number the old connection used. The distance is kept off the old window.
    if let minimumSequence, sequence <= minimumSequence { sequence = minimumSequence + 65_536 }
    var offered: FastOpenCookie?
    if arriving == nil, previous == nil, header.options.fastOpen != nil || payload.byteCount > 0 {
      switch fastOpenAnswer(at: listener, tuple, header, payloadLength: payload.byteCount) {
      case .none: break
      case .offer(let cookie): offered = cookie
      case .accept(let renewed):
        return beginFastOpen(
          at: listener, tuple, header, payload, over: link, initialSequence: sequence, renewing: renewed)
      }
    }
    // Text that isn't kept the peer sends again.
    let octets = HandshakeRecord.footprint + payload.byteCount
    let held = budget.hasRoom(octets) && hasRoomForHandshake(octets) ? payload.byteCount : 0
    let charged = HandshakeRecord.footprint + held
    let authenticator = arriving
    authenticator?.begin(at: sequence)
    // A cookie's window can't be remembered, so it is what is configured; this one is.
    var listen = parameters(
      at: listener, tuple, over: link, initialSequence: sequence, authenticator: authenticator)
    listen.receiveAllowance = firstBuffer
    guard
      let key = handshakes.insert(
        HandshakeRecord(
          handshake: PassiveHandshake(
            listen: listen, header: header, payload: payload, heldLimit: held, at: now),
          envelope: envelope(at: listener, tuple, over: link), listener: listener, previous: previous,
          charged: charged, authenticator: authenticator))
    else { return }
    handshakes[key].handshake.offeredCookie = offered
    budget.charge(charged)
    handshakeOctets += charged
    listeners[listener].handshakes += 1
    index(FlowNumber.of(key), under: tuple)
    readyHandshakes.append(key.index)
    if observing { observe(.stateChanged(tuple, from: .listen, to: .synReceived)) }
  }

  /// A SYN whose text is taken at once (RFC 7413 §4.2.2): the connection waits to be accepted before its handshake is over.
  private mutating func beginFastOpen(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, over link: LinkID,
    initialSequence: SequenceNumber, renewing cookie: FastOpenCookie?
  ) {
    var listen = parameters(at: listener, tuple, over: link, initialSequence: initialSequence)
    listen.receiveAllowance = firstBuffer
    var handshake = PassiveHandshake(
      listen: listen, header: header, payload: payload, heldLimit: payload.byteCount, at: now)
    handshake.offeredCookie = cookie
    let unit = pathForConnection(towards: tuple.remote.address, over: link).limit
    var record = ConnectionRecord(
      connection: Connection(fastOpening: handshake, at: now),
      envelope: envelope(at: listener, tuple, over: link), ownership: .listener(listener), pathMTU: unit,
      authenticator: nil)
    record.fastOpenListener = listener
    guard let key = connections.insert(record) else { return }
    timersBefore = ArmedTimers()
    begin(key)
    listeners[listener].fastOpen.began()
    listeners[listener].waiting.append(key)
    listenerNews.append(listener.index)
    statistics.tcp.passiveOpens += 1
    statistics.tcp.fastOpensPassive += 1
    settle(key)
  }

  // MARK: Cookies

  /// Answers a SYN and forgets it.
  private mutating func sendCookie(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ arrival: Arrival
  ) {
    let link = link(towards: tuple.remote.address) ?? arrival.link
    let plan = cookies.answer(
      header, tuple: tuple,
      listen: parameters(at: listener, tuple, over: link, initialSequence: SequenceNumber(0)),
      at: now)
    // RFC 4987 §3.6, RFC 6437 §3: the flow label is that of all later packets, for it comes from the four-tuple.
    guard reply(plan, envelope(at: listener, tuple, over: link)) else {
      statistics.tcp.synchronizesDropped += 1
      return
    }
    listeners[listener].cookiesUntil = now + SynCookies.validity
    statistics.tcp.cookiesSent += 1
  }

  /// An ACK that belongs to nothing: it may bring a cookie back. Looked at only while one may be out, so that nobody
  /// can try his luck with a listener that has sent none.
  ///
  /// - Parameter handshake: what is under way between the same two ends; it ends when the cookie is good.
  /// - Returns: false when the segment is to be answered as if there were no cookies.
  private mutating func cookieArrival(
    at listener: ListenerKey, _ tuple: FourTuple, _ header: TCPHeader, _ payload: RawSpan, over link: LinkID,
    replacing handshake: HandshakeKey?
  ) -> Bool {
    guard listeners[listener].cookiesUntil > now else { return false }
    let listen = parameters(at: listener, tuple, over: link, initialSequence: SequenceNumber(0))
    guard let completed = cookies.handshake(completedBy: header, tuple: tuple, listen: listen, at: now) else {
      statistics.tcp.cookiesRefused += 1
      return false
    }
    guard hasRoomForConnection(at: listener) else {
      acceptQueueFull(tuple, header, payload)
      return true
    }
    if let handshake { endHandshake(handshake, as: .listen) }
    cookies.use(header, tuple: tuple)
    statistics.tcp.cookiesAccepted += 1
    if observing { observe(.stateChanged(tuple, from: .listen, to: .synReceived)) }
    begin(
      Connection(completing: completed, at: now), envelope(at: listener, tuple, over: link), nil,
      at: listener,
      header, payload)
    return true
  }
}
