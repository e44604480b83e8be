// Looking for what the path takes without help of ICMP (RFC 4821): when a segment larger than the others may leave, how
// its fate is found out, and what is done when nothing of the present size passes. The arithmetic is PathSearch's.

import SockeyeBytes
import SockeyeWire

/// Whether text is to leave as a probe.
enum ProbeDecision {
  case no
  /// Nothing leaves until the windows have room for the probe.
  case hold
  /// So many octets of text.
  case send(Int)
}

extension Connection {
  /// Octets of the largest packet that is sent, IP header included: what is known or assumed of the path.
  public var pathMTU: Int { pathLimit + ipHeaderLength }

  /// Whether the connection is looking for a larger packet that its path takes.
  public var isSearchingPathMTU: Bool { isSearchingPath }

  var ipHeaderLength: Int { version == .v4 ? 20 : 40 }

  /// Octets of a packet that are not text.
  var packetOverhead: Int { ipHeaderLength + commonHeaderLength + addedOptions }

  /// Octets of the largest packet that is sent and that the peer takes.
  private var largestPacket: Int { segmentLimit + addedOptions + ipHeaderLength }

  /// What is sent at the beginning, and the search for more, if there is to be one.
  mutating func beginPathSearch(_ parameters: OpenParameters) {
    let limit = parameters.pathMTU
    let proven = parameters.provenPathMTU.map { min($0, limit) }
    let size: Int
    switch configuration.pathProbing {
    case .off, .blackHole: size = proven ?? limit
    case .always:
      let base = max(configuration.pathProbingBase, PathSearch.floor(version))
      size = max(proven ?? 0, min(base, limit))
    }
    pathLimit = size - ipHeaderLength
    guard size < limit, configuration.pathProbing != .off else { return }
    startSearch(size: size, limit: limit)
  }

  private mutating func startSearch(size: Int, limit: Int) {
    pathSearch = PathSearch(size: size, limit: limit, base: configuration.pathProbingBase, version: version)
  }

  /// What the peer's SYN says is known now. Without selective acknowledgments nobody can tell that a probe alone was
  /// lost, so there is none.
  mutating func adoptSearchLimits() {
    guard let pathSearch else { return }
    if agreed.selectiveAcknowledgments {
      pathSearch.cap(peerSegmentSize + Constants.headerLength + ipHeaderLength)
    } else {
      // A small size that nobody has found to be necessary would be kept for ever.
      let size = configuration.pathProbing == .always ? pathSearch.limit : pathSearch.size
      pathLimit = size - ipHeaderLength
      self.pathSearch = nil
    }
    if let search = self.pathSearch { isSearchingPath = !search.isOver }
  }

  // MARK: Probes

  /// RFC 4821 §7.4 and §8.2 (4821-2): no loss, no other probe, windows for the probe and enough text behind it for its loss to
  /// be seen.
  ///
  /// - Parameter room: octets that may be in the network.
  borrowing func probeDecision(room: Int, inflight: Int, at now: Instant) -> ProbeDecision {
    guard let pathSearch, let target = pathSearch.target, pathSearch.probe == nil,
      pathSearch.verification == nil, pathSearch.pauseEnd <= now
    else { return .no }
    let length = target - packetOverhead
    let needed = length + Constants.duplicateThreshold * payloadLimit
    guard send.unsent >= needed, send.window >= needed, room >= needed, send.urgentEnd == nil,
      recovery.isOpen, scoreboard.log.sackedSegments == 0, scoreboard.log.lostOctets == 0,
      scoreboard.probe == nil, timers.retransmissions == 0, !receive.hasBlocks,
      agreed.selectiveAcknowledgments, opening == .synchronized
    else { return .no }
    return length <= send.usableWindow && inflight + length <= room ? .send(length) : .hold
  }

  /// A probe left.
  mutating func pathProbeLeft(from start: SequenceNumber, _ length: Int) {
    statistics.pathProbes += 1
    pathSearch?.left(from: start, to: start + length)
  }

  /// SND.UNA has moved.
  mutating func searchAcknowledged() {
    guard let pathSearch else { return }
    if pathSearch.isUnproven {
      pathSearch.isUnproven = false
      notices.insert(.pathMTU)
    }
    if let probe = pathSearch.probe, send.unacknowledged >= probe.end {
      pathSearch.succeeded(next: send.next)
      searchMoved()
    }
    if let verification = pathSearch.verification, send.unacknowledged >= verification.until {
      pathSearch.verified()
    }
    endSearchIfOver()
  }

  /// RFC 4821 §7.6.2 (4821-3): RACK has taken segments for lost. If the probe is all that was, its text leaves again in
  /// segments of the usual size, and that is no congestion (8899-2).
  ///
  /// - Returns: whether it was the probe alone.
  mutating func searchTakesLoss(_ octets: Int, at now: Instant) -> Bool {
    guard let pathSearch, let probe = pathSearch.probe else { return false }
    if probe.isLost {
      // Something else was lost now, be it the copy: nothing is excused any more.
      pathSearch.probeForgotten()
      return false
    }
    let lost = scoreboard.log.lostOctets(from: probe.start, to: probe.end)
    guard lost > 0 else { return false }
    guard recovery.isOpen, lost == scoreboard.log.lostOctets, lost == octets else {
      pathSearch.inconclusive(pause: roundTrip.smoothed ?? roundTrip.timeout, at: now)
      return false
    }
    statistics.pathProbesLost += 1
    // As long as congestion control would need to win back what a loss takes: a window of round trips.
    pathSearch.failed(pause: probePause, at: now)
    var index = 0
    while scoreboard.log.takeUntoldLoss(from: &index) != nil {}
    return true
  }

  /// Octets that count as lost and are no reason for recovery.
  @inline(__always)
  var excusedLoss: Int {
    guard isSearchingPath, let probe = pathSearch?.probe, probe.isLost else { return 0 }
    return scoreboard.log.lostOctets(from: probe.start, to: probe.end)
  }

  private var probePause: Interval {
    (roundTrip.smoothed ?? roundTrip.timeout) * max(1, congestion.congestionWindow / payloadLimit)
  }

  /// Text from here on was sent again, for whatever reason.
  mutating func searchSentAgain(from start: SequenceNumber, to end: SequenceNumber, at now: Instant) {
    guard let probe = pathSearch?.probe, !probe.isLost, start < probe.end, end > probe.start else { return }
    pathSearch?.inconclusive(pause: roundTrip.smoothed ?? roundTrip.timeout, at: now)
  }

  /// The retransmission timer ran out. A size that was raised a moment ago is given up (4821-4), and a probe that was the
  /// first to be missing counts as lost, with a long pause (4821-3). It is congestion all the same.
  mutating func searchTimedOut(at now: Instant) {
    guard let pathSearch else { return }
    if pathSearch.fallBack(pause: probePause * 5, at: now) {
      searchMoved()
    } else if let probe = pathSearch.probe, !probe.isLost {
      if send.unacknowledged == probe.start {
        statistics.pathProbesLost += 1
        pathSearch.failed(pause: probePause * 5, at: now)
      } else {
        pathSearch.inconclusive(pause: probePause, at: now)
      }
    }
    endSearchIfOver()
  }

  // MARK: Black holes

  /// Whether text that times out again is so large, and has timed out so often, that size is to blame (RFC 4821 §7.7).
  ///
  /// The retransmission timer has just run out.
  borrowing func suspectsBlackHole() -> Bool {
    let timeouts = timers.retransmissions + 1
    guard configuration.pathProbing != .off, Int(timeouts) >= configuration.reportedRetransmissions,
      opening == .synchronized, send.unacknowledged != send.initial, send.window > 0,
      pathSearch?.timeoutsAtLowering != timeouts
    else { return false }
    let below = sizeBelow ?? pathMTU
    let oldest = min(payloadLimit, min(send.buffer.count, send.flight))
    return oldest > below - packetOverhead
  }

  private var sizeBelow: Int? {
    if let pathSearch { return pathSearch.sizeBelow }
    let floor = PathSearch.floor(version)
    return PathSearch.size(
      below: largestPacket, base: max(configuration.pathProbingBase, floor), floor: floor)
  }

  /// 4821-5: nothing of the present size passes, and nobody says so.
  mutating func lowerForBlackHole(at now: Instant) {
    statistics.blackHolesFound += 1
    if pathSearch == nil {
      let size = largestPacket
      startSearch(size: size, limit: size)
    }
    pathSearch?.blackHoleFound(timeouts: timers.retransmissions + 1)
    isSearchingPath = true
    searchMoved()
  }

  // MARK: What the host says

  /// What is known of the path is old: more may pass by now (RFC 4821 §7.5, 4821-6).
  ///
  /// - Parameter mtu: what the link takes, octets.
  /// - Returns: whether the connection looks for it; it doesn't if it is not to probe, or can't.
  public mutating func searchPathMTU(upTo mtu: Int) -> Bool {
    guard configuration.pathProbing != .off, agreed.selectiveAcknowledgments, opening == .synchronized else {
      return false
    }
    let limit = min(mtu, peerSegmentSize + Constants.headerLength + ipHeaderLength)
    if let pathSearch {
      pathSearch.restart(limit: max(limit, pathSearch.size))
    } else {
      startSearch(size: min(pathMTU, limit), limit: limit)
    }
    if let pathSearch { isSearchingPath = !pathSearch.isOver }
    return true
  }

  /// An ICMP message, or the host, has told what the path takes.
  ///
  /// - Returns: whether the search makes use of it; otherwise it is to be taken as it is.
  mutating func searchHeard(_ mtu: Int) -> Bool {
    guard let pathSearch else { return false }
    let limit = min(mtu, peerSegmentSize + Constants.headerLength + ipHeaderLength)
    pathSearch.restart(limit: limit)
    isSearchingPath = !pathSearch.isOver
    pathLimit = min(pathSearch.size, mtu) - ipHeaderLength
    return true
  }

  /// Goes by what the search has come to.
  private mutating func searchMoved() {
    guard let pathSearch else { return }
    pathLimit = pathSearch.size - ipHeaderLength
    updateSegmentLimit()
    if !pathSearch.isUnproven { notices.insert(.pathMTU) }
  }

  private mutating func endSearchIfOver() {
    guard let pathSearch, pathSearch.isOver || !agreed.selectiveAcknowledgments && !pathSearch.isUnproven
    else {
      return
    }
    isSearchingPath = false
    notices.insert(.pathMTU)
  }
}
