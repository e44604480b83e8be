// How one connection stands for people, in the manner of `ss -ti`, and for programs, as members of a JSON object. Holds the
// names; the values are in SockeyeTCP, the encoding in JSONText, a host's counters in StatisticsText.

import SockeyeBytes
public import SockeyeTCP
public import SockeyeWire

extension StatisticsText {
  /// Appends a group of lines about one connection, without the counters that are zero.
  public static func append(_ status: ConnectionStatus, _ ends: FourTuple, to sink: inout [UInt8]) {
    sink.append(text: "\(ends.local.description) > \(ends.remote.description):\n")
    line(status.standing, to: &sink)
    line(status.timing, to: &sink)
    line(status.sendingLine, to: &sink)
    line(status.windows, to: &sink)
    if status.sendingTimes.busy > .zero { line(status.sendingTimes.text, to: &sink) }
    for (_, text, value) in status.statistics.counters where value > 0 {
      line(decimal(value) + " " + text, to: &sink)
    }
  }

  private static func line(_ text: String, to sink: inout [UInt8]) {
    sink.append(text: "    ")
    sink.append(text: text)
    sink.append(0x0A)
  }
}

extension TraceJSON {
  /// Appends one line about one connection: `event` is `connection`, with `local`, `remote` and the members that
  /// `appendMembers` writes.
  /// - Parameters:
  ///   - nanoseconds: when the connection stood so.
  ///   - host: the host's name; empty for none.
  public static func append(
    _ status: ConnectionStatus, _ ends: FourTuple, nanoseconds: UInt64, host: String, to sink: inout [UInt8]
  ) {
    sink.openJSON()
    sink.appendJSON("time", nanoseconds)
    if !host.isEmpty { sink.appendJSON("host", host) }
    sink.appendJSON("event", "connection")
    sink.appendJSON("local", ends.local.description)
    sink.appendJSON("remote", ends.remote.description)
    appendMembers(status, to: &sink)
    sink.closeJSON()
    sink.append(0x0A)
  }

  /// Appends the members that tell how a connection stands to an object that is open. Times are nanoseconds, sizes bytes,
  /// rates bytes a second; what is not known is not there.
  public static func appendMembers(_ status: ConnectionStatus, to sink: inout [UInt8]) {
    sink.appendJSON("state", status.state.name)
    sink.appendJSON("congestion", status.congestionControl.name)
    sink.appendJSON("phase", status.recoveryPhase.name)
    for (key, time) in status.times { if let time { sink.appendJSON(key, UInt64(time.nanoseconds)) } }
    for (key, value) in status.sizes { if let value { sink.appendJSON(key, value) } }
    sink.appendJSON("bytes-lost", status.lostSoFar)
    for (key, value) in status.answers { sink.appendJSON(key, value) }
    sink.appendJSON("limit", status.sendingLimit.name)
    sink.openJSON("sending-times")
    for (key, _, time) in status.sendingTimes.parts { sink.appendJSON(key, UInt64(time.nanoseconds)) }
    sink.closeJSON()
    sink.openJSON("counters")
    for (key, _, value) in status.statistics.counters { sink.appendJSON(key, value) }
    sink.closeJSON()
  }
}

extension ConnectionStatus {
  /// State, algorithm and the options agreed on.
  fileprivate var standing: String {
    var text = state.name + ", " + congestionControl.name + " (" + recoveryPhase.name + ")"
    if usesTimestamps { text += ", timestamps" }
    if usesSelectiveAcknowledgments { text += ", SACK" }
    if usesCongestionNotification { text += ", ECN" }
    if fastOpen == .taken { text += ", Fast Open" }
    if usesWindowScaling {
      text += ", window scales \(sendWindowShift) (peer) and \(receiveWindowShift) (ours)"
    }
    if reorderingSeen { text += ", reordering seen" }
    return text
  }

  fileprivate var timing: String {
    var text = ""
    if let smoothedRoundTrip, let roundTripVariation, let minimumRoundTrip {
      text =
        "round trip \(smoothedRoundTrip.description) ± \(roundTripVariation.description), "
        + "at least \(minimumRoundTrip.description); "
    }
    text += "timeout \(retransmissionTimeout.description)"
    if backOffs > 0 { text += ", doubled \(backOffs) times" }
    return text
  }

  fileprivate var sendingLine: String {
    var text = "cwnd \(congestionWindow)"
    // Nothing is as wide as a threshold that no congestion has set yet.
    if slowStartThreshold < 1 << 30 { text += ", ssthresh \(slowStartThreshold)" }
    text += ", outstanding \(outstanding), in flight \(inFlight), unsent \(unsent)"
    if selectivelyAcknowledged > 0 { text += ", SACKed \(selectivelyAcknowledged)" }
    if lost > 0 { text += ", lost \(lost)" }
    if lostSoFar > 0 { text += ", lost so far \(lostSoFar)" }
    if let deliveryRate {
      text += ", delivery rate \(deliveryRate)/s" + (deliveryIsApplicationLimited ? " (application)" : "")
    }
    if let pacingRate { text += ", pacing rate \(pacingRate)/s" }
    return text
  }

  fileprivate var windows: String {
    "peer's window \(sendWindow), ours \(receiveWindow), buffers \(sendBuffer) and \(receiveBuffer), "
      + "segments \(segmentSize) (peer's \(receivedSegmentSize)), path MTU \(pathMTU)"
  }

  fileprivate var times: [(String, Interval?)] {
    [
      ("smoothed-rtt", smoothedRoundTrip), ("rtt-variation", roundTripVariation),
      ("minimum-rtt", minimumRoundTrip), ("retransmission-timeout", retransmissionTimeout),
    ]
  }

  fileprivate var sizes: [(String, Int?)] {
    [
      ("back-offs", backOffs), ("congestion-window", congestionWindow),
      ("slow-start-threshold", slowStartThreshold), ("send-window", sendWindow),
      ("receive-window", receiveWindow), ("outstanding", outstanding), ("in-flight", inFlight),
      ("unsent", unsent), ("selectively-acknowledged", selectivelyAcknowledged), ("lost", lost),
      ("delivery-rate", deliveryRate), ("pacing-rate", pacingRate), ("readable", readable),
      ("send-buffer", sendBuffer), ("receive-buffer", receiveBuffer), ("segment-size", segmentSize),
      ("received-segment-size", receivedSegmentSize), ("announced-segment-size", announcedSegmentSize),
      ("path-mtu", pathMTU), ("send-window-scale", sendWindowShift),
      ("receive-window-scale", receiveWindowShift),
    ]
  }

  fileprivate var answers: [(String, Bool)] {
    [
      ("timestamps", usesTimestamps), ("sack", usesSelectiveAcknowledgments),
      ("window-scaling", usesWindowScaling), ("ecn", usesCongestionNotification),
      ("fast-open", fastOpen == .taken), ("reordering-seen", reorderingSeen),
      ("application-limited", deliveryIsApplicationLimited),
    ]
  }
}

extension SendingTimes {
  /// All of it and the parts, with their keys in JSON and their names for people.
  fileprivate var parts: [(String, String, Interval)] {
    [
      ("busy", "busy", busy), ("application", "application", application),
      ("send-buffer", "send buffer", sendBuffer), ("peer-window", "peer's window", peerWindow),
      ("congestion-window", "congestion window", congestionWindow), ("pacing", "pacing", pacing),
    ]
  }

  fileprivate var text: String {
    var text = "busy \(busy.description)"
    var separator = ", limited by "
    for (_, name, time) in parts.dropFirst() where time > .zero {
      text += separator + name + " \(time.description)"
      separator = ", "
    }
    return text
  }
}

extension Statistics {
  /// The counters with their keys in JSON and what they count, behind the number.
  fileprivate var counters: [(String, String, UInt64)] {
    [
      ("segments-sent", "segments sent", segmentsSent),
      ("segments-received", "segments received", segmentsReceived),
      ("bytes-sent", "bytes sent", bytesSent),
      ("bytes-acknowledged", "bytes acknowledged", bytesAcknowledged),
      ("bytes-received", "bytes received", bytesReceived),
      ("segments-retransmitted", "segments sent again", segmentsRetransmitted),
      ("bytes-retransmitted", "bytes sent again", bytesRetransmitted),
      ("needless-retransmissions", "of these needless, as the peer says", needlessRetransmissions),
      ("retransmission-timeouts", "timeouts", UInt64(retransmissionTimeouts)),
      ("fast-recoveries", "fast recoveries", UInt64(fastRecoveries)),
      ("recoveries-undone", "recoveries and timeouts undone as needless", UInt64(spuriousRecoveries)),
      ("tail-loss-probes", "tail-loss probes", UInt64(tailLossProbes)),
      ("path-probes", "probes of the path MTU", UInt64(pathProbes)),
      ("path-probes-lost", "of these lost", UInt64(pathProbesLost)),
      ("black-holes-found", "times nothing of the segment size passed", UInt64(blackHolesFound)),
      ("duplicate-acknowledgments", "duplicate ACKs", duplicateAcknowledgments),
      ("duplicates-reported", "segments that came twice to the peer", duplicatesReported),
      ("window-probes", "probes of a closed window", UInt64(windowProbes)),
      ("marks-received", "segments received with a mark of congestion", marksReceived),
      ("marks-echoed", "times the peer told of marks", UInt64(marksEchoed)),
      ("segments-out-of-order", "segments received out of order", segmentsOutOfOrder),
      ("segments-dropped", "segments received and not used", segmentsDropped),
    ]
  }
}
