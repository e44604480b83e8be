// A host's counters for people, in the manner of `netstat -s`, and for programs, as one JSON line. Holds their names; the
// counters are in SockeyeStack, the encoding in JSONText.

public import SockeyeStack
import SockeyeTCP

/// One counter as it is printed.
private struct CounterLine {
  /// Its key in JSON.
  let key: String
  /// What it counts, behind the number.
  let text: String
  let value: UInt64

  init(_ key: String, _ text: String, _ value: UInt64) {
    self.key = key
    self.text = text
    self.value = value
  }
}

/// Prints a host's counters.
public enum StatisticsText {
  /// Appends a group of lines for each protocol, without the counters that are zero.
  public static func append(_ statistics: HostStatistics, _ occupancy: HostOccupancy, to sink: inout [UInt8])
  {
    append("host", statistics.hostLines + occupancy.lines, to: &sink)
    append("ip", statistics.ip.lines, to: &sink)
    append("tcp", statistics.tcp.lines, to: &sink)
    for reason in DropReason.allCases where statistics.tcp.drops[reason] > 0 {
      sink.append(text: "        ")
      sink.append(decimal: statistics.tcp.drops[reason])
      sink.append(text: " dropped: \(reason.explanation)\n")
    }
    append("udp", statistics.udp.lines, to: &sink)
    append("icmp", statistics.icmp.lines, to: &sink)
  }

  private static func append(_ name: String, _ lines: [CounterLine], to sink: inout [UInt8]) {
    sink.append(text: "\(name):\n")
    for line in lines where line.value > 0 {
      sink.append(text: "    ")
      sink.append(decimal: line.value)
      sink.append(text: " \(line.text)\n")
    }
  }
}

extension TraceJSON {
  /// Appends one line with all of a host's counters: `event` is `statistics`, and `host-counters`, `ip`, `tcp`, `udp` and
  /// `icmp` are objects with a number for each key. `tcp` has `dropped`, whose keys are the reasons of `segment-dropped`.
  /// - Parameters:
  ///   - nanoseconds: when the counters stood so.
  ///   - host: the host's name; empty for none.
  public static func append(
    _ statistics: HostStatistics, _ occupancy: HostOccupancy, nanoseconds: UInt64, host: String,
    to sink: inout [UInt8]
  ) {
    sink.openJSON()
    sink.appendJSON("time", nanoseconds)
    if !host.isEmpty { sink.appendJSON("host", host) }
    sink.appendJSON("event", "statistics")
    append("host-counters", statistics.hostLines + occupancy.lines, to: &sink)
    append("ip", statistics.ip.lines, to: &sink)
    sink.openJSON("tcp")
    appendMembers(statistics.tcp.lines, to: &sink)
    sink.openJSON("dropped")
    for reason in DropReason.allCases { sink.appendJSON(reason.explanation, statistics.tcp.drops[reason]) }
    sink.closeJSON()
    sink.closeJSON()
    append("udp", statistics.udp.lines, to: &sink)
    append("icmp", statistics.icmp.lines, to: &sink)
    sink.closeJSON()
    sink.append(0x0A)
  }

  private static func append(_ key: String, _ lines: [CounterLine], to sink: inout [UInt8]) {
    sink.openJSON(key)
    appendMembers(lines, to: &sink)
    sink.closeJSON()
  }

  private static func appendMembers(_ lines: [CounterLine], to sink: inout [UInt8]) {
    for line in lines { sink.appendJSON(line.key, line.value) }
  }
}

extension HostStatistics {
  fileprivate var hostLines: [CounterLine] {
    [
      CounterLine("frames-received", "frames received", framesReceived),
      CounterLine("frames-sent", "frames sent", framesSent),
      CounterLine("frames-looped", "frames over the loopback", framesLooped),
    ]
  }
}

extension HostOccupancy {
  fileprivate var lines: [CounterLine] {
    [
      CounterLine("connections", "connections now", UInt64(connections)),
      CounterLine("handshakes", "handshakes under way now", UInt64(handshakes)),
      CounterLine("time-waits", "connections in TIME-WAIT now", UInt64(timeWaits)),
      CounterLine("listeners", "listeners now", UInt64(listeners)),
      CounterLine("datagram-sockets", "datagram sockets now", UInt64(datagramSockets)),
      CounterLine("memory-used", "bytes of memory used", UInt64(memoryUsed)),
      CounterLine("memory-budget", "bytes of memory may be used", UInt64(memoryBudget)),
    ]
  }
}

extension HostStatistics.IPCounters {
  fileprivate var lines: [CounterLine] {
    [
      CounterLine("malformed", "malformed packets", malformed),
      CounterLine("martian", "packets with impossible addresses", martian),
      CounterLine("not-for-us", "packets for other hosts", notForUs),
      CounterLine("unknown-protocol", "packets of unknown protocols", unknownProtocol),
      CounterLine("fragments-received", "fragments received", fragmentsReceived),
      CounterLine("reassembled", "datagrams put together", reassembled),
      CounterLine("fragments-dropped", "fragments given up", fragmentsDropped),
      CounterLine("fragments-sent", "fragments sent", fragmentsSent),
      CounterLine("no-route", "times there was no route", noRoute),
    ]
  }
}

extension HostStatistics.TCPCounters {
  fileprivate var lines: [CounterLine] {
    [
      CounterLine("active-opens", "connections begun here", activeOpens),
      CounterLine("passive-opens", "connections taken by listeners", passiveOpens),
      CounterLine("failed-opens", "connects refused or never answered", failedOpens),
      CounterLine("resets", "connections reset", resets),
      CounterLine("timed-out", "connections timed out", timedOut),
      CounterLine("orphans-ended", "connections whose peer never finished", orphansEnded),
      CounterLine("segments-received", "segments received", segmentsReceived),
      CounterLine("segments-sent", "segments sent", segmentsSent),
      CounterLine("segments-retransmitted", "segments sent again", segmentsRetransmitted),
      CounterLine("retransmission-timeouts", "of these for a timeout", retransmissionTimeouts),
      CounterLine("tail-loss-probes-sent", "tail-loss probes", tailLossProbesSent),
      CounterLine("path-probes-sent", "probes of path MTUs", pathProbesSent),
      CounterLine("malformed", "malformed segments", malformed),
      CounterLine("bad-checksums", "of these with a wrong checksum", badChecksums),
      CounterLine("resets-sent", "resets sent", resetsSent),
      CounterLine("resets-suppressed", "resets left out by the rate limit", resetsSuppressed),
      CounterLine("window-probes-sent", "probes of closed windows", windowProbesSent),
      CounterLine("keep-alives-sent", "keep-alive probes", keepAlivesSent),
      CounterLine("challenges-sent", "challenge ACKs", challengesSent),
      CounterLine("handshakes-abandoned", "handshakes never completed", handshakesAbandoned),
      CounterLine("synchronizes-dropped", "SYNs dropped for want of room", synchronizesDropped),
      CounterLine("cookies-sent", "SYN cookies sent", cookiesSent),
      CounterLine("cookies-accepted", "SYN cookies that came back", cookiesAccepted),
      CounterLine("cookies-refused", "wrong, old or used SYN cookies", cookiesRefused),
      CounterLine("accept-overflows", "handshakes held back by a full accept queue", acceptOverflows),
      CounterLine("time-wait-evictions", "TIME-WAIT records thrown out early", timeWaitEvictions),
      CounterLine("payloads-refused", "payloads refused for want of memory", payloadsRefused),
      CounterLine("fast-opens-active", "connects whose SYN's text was taken", fastOpensActive),
      CounterLine("fast-opens-passive", "SYNs taken with their text", fastOpensPassive),
      CounterLine("fast-open-cookies-refused", "wrong or old Fast Open cookies", fastOpenCookiesRefused),
      CounterLine("fast-open-overflows", "SYNs whose text was left for the bound", fastOpenOverflows),
      CounterLine("path-mtus-lowered", "times a path MTU was lowered", pathMTUsLowered),
      CounterLine("path-mtus-raised", "times a larger path MTU was tried again", pathMTUsRaised),
      CounterLine("segments-dropped", "segments not used", segmentsDropped),
    ]
  }
}

extension HostStatistics.UDPCounters {
  fileprivate var lines: [CounterLine] {
    [
      CounterLine("datagrams-received", "datagrams received", datagramsReceived),
      CounterLine("datagrams-sent", "datagrams sent", datagramsSent),
      CounterLine("malformed", "malformed datagrams", malformed),
      CounterLine("no-port", "datagrams to ports that nobody has bound", noPort),
      CounterLine("overflows", "datagrams that a socket had no room for", overflows),
    ]
  }
}

extension HostStatistics.ICMPCounters {
  fileprivate var lines: [CounterLine] {
    [
      CounterLine("messages-received", "messages received", messagesReceived),
      CounterLine("messages-sent", "messages sent", messagesSent),
      CounterLine("malformed", "malformed messages", malformed),
      CounterLine("echo-requests-answered", "echo requests answered", echoRequestsAnswered),
      CounterLine("errors-ignored", "errors about nothing of ours", errorsIgnored),
      CounterLine("errors-accepted", "errors about connections or sockets", errorsAccepted),
      CounterLine("suppressed", "messages left out by the rate limit", suppressed),
    ]
  }
}
