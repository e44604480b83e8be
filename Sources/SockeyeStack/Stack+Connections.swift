// Holds the life of the host's TCP records: how connections, handshakes and TIME-WAIT records come, change and
// go. What makes them change is in Stack+Segments, Stack+Transmit and Stack+Sockets.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  // MARK: Connections

  /// Enters a new connection into the tables.
  mutating func begin(_ key: ConnectionKey) {
    budget.charge(ConnectionRecord.footprint)
    index(FlowNumber.of(key), under: connections[key].envelope.tuple)
    readyConnections.append(key.index)
  }

  /// To be called before each change of a connection.
  @inline(__always)
  mutating func prepare(_ key: ConnectionKey) {
    if observing { timersBefore = connections[key].connection.armedTimers }
  }

  /// To be called after each change of a connection: tells, counts and moves what follows from it, and has it
  /// asked what it wants to send.
  mutating func settle(_ key: ConnectionKey) {
    readyConnections.append(key.index)
    note(key)
  }

  /// The same for a connection that will be asked anyhow.
  mutating func note(_ key: ConnectionKey) {
    if budget.isTight { press(key) } else if connections[key].isPressed { relieve(key) }
    connections[key].isBusy = true
    guard connections[key].hasNews || observing else { return }
    let change = connections[key].gather()
    if change.octets != 0 {
      budget.charge(change.octets)
      watchBuffers(of: key)
    }
    if observing { observe(change, of: key) }
    if change.hasNews { connectionNews.append(key.index) }
    if change.settledFastOpen { fastOpenSettled(by: key) }
    if change.foundPathMTU { pathMTUFound(by: key) }
    if !change.transitions.isEmpty { stateChanged(key) }
  }

  private mutating func stateChanged(_ key: ConnectionKey) {
    if let listener = connections[key].fastOpenListener { fastOpenProgressed(key, at: listener) }
    if connections[key].connection.state == .timeWait { enterTimeWait(key) }
    if connections[key].connection.state == .closed { connectionOver(key) }
  }

  // MARK: Buffers of quiet connections

  /// How often buffers are looked at; those that hold nothing are given back after one to two such times of quiet.
  private static var bufferInspection: Interval { .seconds(1) }

  private mutating func watchBuffers(of key: ConnectionKey) {
    guard connections[key].charged > 0 else { return forgetBuffers(key.index) }
    if !bufferedConnections.contains(key.index) {
      bufferedConnections.append(key.index)
      bufferedCount += 1
    }
    if nextBufferInspection == .distantFuture { nextBufferInspection = now + Self.bufferInspection }
  }

  /// Takes back the empty buffers of all connections that were quiet since the last time.
  mutating func inspectBuffers() {
    let last = bufferedConnections.last
    while let index = bufferedConnections.first, let key = connections.key(at: index) {
      if connections[key].isBusy {
        connections[key].isBusy = false
      } else {
        giveBack(key)
      }
      let isEmpty = connections[key].charged == 0
      if isEmpty { forgetBuffers(index) } else { bufferedConnections.rotate() }
      if index == last { break }
    }
    nextBufferInspection = bufferedConnections.isEmpty ? .distantFuture : now + Self.bufferInspection
  }

  // MARK: The end

  /// The connection has ended, or TIME-WAIT has taken over: its four-tuple no longer leads to it.
  private mutating func connectionOver(_ key: ConnectionKey) {
    connectionDeadlines.remove(key.index)
    connections[key].deadline = .distantFuture
    if connections[key].isIndexed {
      connections[key].isIndexed = false
      unindex(FlowNumber.of(key), under: connections[key].envelope.tuple)
      let reason = connections[key].connection.closeReason ?? .finished
      count(reason)
      if observing { observe(.connectionClosed(connections[key].envelope.tuple, reason)) }
    }
    releaseIfDone(key)
  }

  private mutating func count(_ reason: CloseReason) {
    switch reason {
    case .refused, .unreachable: statistics.tcp.failedOpens += 1
    case .reset, .aborted: statistics.tcp.resets += 1
    case .timedOut, .keepAliveTimedOut: statistics.tcp.timedOut += 1
    case .orphaned: statistics.tcp.orphansEnded += 1
    case .finished, .noResources: break
    }
  }

  /// Frees a connection that is over once nobody wants anything of it.
  mutating func releaseIfDone(_ key: ConnectionKey) {
    guard connections[key].connection.state == .closed, case .idle = connections[key].connection.plan(at: now)
    else { return }
    switch connections[key].ownership {
    case .user, .listener: return
    case .leaving: if connections[key].news.contains(.closed) { return }
    case .nobody: break
    }
    let record = connections.remove(key)
    budget.release(ConnectionRecord.footprint + record.charged)
    forgetBuffers(key.index)
    readyConnections.remove(key.index)
    connectionNews.remove(key.index)
    connectionDeadlines.remove(key.index)
  }

  /// A connection that nobody has accepted yet went back to LISTEN: its listener forgets it, and nobody is told
  /// (RFC 9293 §3.10.7.4 MUST-11).
  mutating func forgetUnaccepted(_ key: ConnectionKey) {
    guard case .listener(let listener) = connections[key].ownership else { return }
    connections[key].ownership = .nobody
    listeners[listener].waiting.removeAll { $0 == key }
  }

  // MARK: Handshakes

  /// Takes a handshake out of the tables.
  mutating func removeHandshake(_ key: HandshakeKey) -> HandshakeRecord {
    let record = handshakes.remove(key)
    budget.release(record.charged)
    handshakeOctets -= record.charged
    listeners[record.listener].handshakes -= 1
    unindex(FlowNumber.of(key), under: record.envelope.tuple)
    readyHandshakes.remove(key.index)
    handshakeDeadlines.remove(key.index)
    return record
  }

  /// Gives a handshake up without a connection. Nobody is told.
  mutating func endHandshake(_ key: HandshakeKey, as state: TCPState) {
    let record = removeHandshake(key)
    if observing { observe(.stateChanged(record.envelope.tuple, from: .synReceived, to: state)) }
    // RFC 1122 §4.2.2.13 (b): if the SYN was an old duplicate, the connection goes back to TIME-WAIT.
    if let previous = record.previous, previous.record.expiry > now { insertTimeWait(previous) }
  }

  // MARK: TIME-WAIT

  private mutating func enterTimeWait(_ key: ConnectionKey) {
    let (record, acknowledgment) = connections[key].connection.takeTimeWait(at: now)
    let envelope = connections[key].envelope
    let authenticator = connections[key].authenticator
    connections[key].isIndexed = false
    unindex(FlowNumber.of(key), under: envelope.tuple)
    connections[key].timeWait = insertTimeWait(
      TimeWaitEntry(record: record, envelope: envelope, authenticator: authenticator))
    if let acknowledgment { reply(acknowledgment, envelope, signedBy: authenticator) }
    // What TIME-WAIT leaves behind is over for the user.
    budget.charge(connections[key].gather().octets)
    connectionNews.append(key.index)
  }

  @discardableResult
  private mutating func insertTimeWait(_ entry: TimeWaitEntry) -> TimeWaitKey? {
    // a bound, and whoever is nearest to its end goes first.
    if timeWaits.count >= timeWaits.limit || !budget.hasRoom(TimeWaitEntry.footprint) {
      if let earliest = timeWaitDeadlines.earliest, let key = timeWaits.key(at: earliest.id) {
        statistics.tcp.timeWaitEvictions += 1
        closeTimeWait(key)
      }
    }
    let tuple = entry.envelope.tuple
    let expiry = entry.record.expiry
    guard let key = timeWaits.insert(entry) else { return nil }
    budget.charge(TimeWaitEntry.footprint)
    index(FlowNumber.of(key), under: tuple)
    timeWaitDeadlines.set(key.index, expiry)
    if observing { observe(.timerArmed(tuple, .timeWait, deadline: expiry)) }
    return key
  }

  /// Takes a record out of the tables.
  mutating func removeTimeWait(_ key: TimeWaitKey) {
    unindex(FlowNumber.of(key), under: timeWaits[key].envelope.tuple)
    _ = timeWaits.remove(key)
    budget.release(TimeWaitEntry.footprint)
    timeWaitDeadlines.remove(key.index)
  }

  /// 2 MSL are over.
  mutating func timeWaitOver(_ index: UInt32) {
    guard let key = timeWaits.key(at: index) else { return }
    if observing { observe(.timerFired(timeWaits[key].envelope.tuple, .timeWait)) }
    closeTimeWait(key)
  }

  private mutating func closeTimeWait(_ key: TimeWaitKey) {
    let tuple = timeWaits[key].envelope.tuple
    removeTimeWait(key)
    if observing {
      observe(.stateChanged(tuple, from: .timeWait, to: .closed))
      observe(.connectionClosed(tuple, .finished))
    }
  }
}
