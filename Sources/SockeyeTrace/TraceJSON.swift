// One JSON object a line for programs. The keys are a promise: new ones may come, none changes its meaning.
// Holds the schema; the encoding is in JSONText.

public import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// Prints observations and timelines as JSON lines.
///
/// Every line has `time` (nanoseconds since the start of the trace's clock) and `event`. Lines about one
/// host have `host`. The events and their keys:
///
/// - `segment-sent`: `local`, `remote`, `flags`, `seq`, `ack`, `window`, `length`, `mss`?, `purpose`, `reason`?
/// - `segment-received`: the same without `purpose` and `reason`
/// - `segment-dropped`: the same with `reason`
/// - `datagram-sent`, `datagram-received`: `source`, `destination`, `protocol`, `length`, `summary`
/// - `datagram-dropped`: the same and `reason`
/// - `packet-dropped`: `link`, `length`, `reason`
/// - `state-changed`: `local`, `remote`, `from`, `to`
/// - `timer-armed`: `local`, `remote`, `timer`, `deadline` (nanoseconds)
/// - `timer-cancelled`, `timer-fired`: `local`, `remote`, `timer`
/// - `connection-closed`: `local`, `remote`, `reason`
/// - `packet-departed`: `packet`, `from` (a host), `fate` (`delivered`, `lost`, `corrupted`, `copy`),
///   `arrival`?, `copy-of`?, `delayed`?
/// - `packet-arrived`: `packet`, `at` (a host), `dropped`?
/// - `application`: `act`, and `endpoint`, `port`, `length`, `text` or `reason` as it needs
/// - `host-died`, `host-restarted`
/// - `remark`: `text`
/// - `statistics`: `host-counters`, `ip`, `tcp`, `udp`, `icmp`, each an object
/// - `connection`: `local`, `remote`, `state`, and how it stands (see `appendMembers`)
/// - `narration`: `text`, and no `host`
///
/// Sequence numbers are absolute. `flags` are as tcpdump prints them, such as `[S.]` for SYN and ACK.
public enum TraceJSON {
  /// Appends one line for an observation.
  /// - Parameter host: the name of the host that made it; empty for none.
  public static func append(_ observation: StackObservation, host: String, to sink: inout [UInt8]) {
    sink.openJSON()
    sink.appendJSON("time", observation.at.nanoseconds)
    if !host.isEmpty { sink.appendJSON("host", host) }
    switch observation.kind {
    case .segmentSent(let record):
      sink.append(segment: record, event: "segment-sent")
      if let purpose = record.purpose {
        sink.appendJSON("purpose", purpose.key)
        sink.appendJSON(reason: purpose.explanation)
      }
    case .segmentReceived(let record): sink.append(segment: record, event: "segment-received")
    case .segmentDropped(let record, let reason):
      sink.append(segment: record, event: "segment-dropped")
      sink.appendJSON(reason: reason.explanation)
    case .datagramSent(let record): sink.append(datagram: record, event: "datagram-sent")
    case .datagramReceived(let record): sink.append(datagram: record, event: "datagram-received")
    case .datagramDropped(let record, let reason):
      sink.append(datagram: record, event: "datagram-dropped")
      sink.appendJSON(reason: reason.explanation)
    case .packetDropped(let link, let length, let reason):
      sink.appendJSON("event", "packet-dropped")
      sink.appendJSON("link", link.number)
      sink.appendJSON("length", length)
      sink.appendJSON(reason: reason.explanation)
    case .stateChanged(let tuple, let from, let to):
      sink.append(tuple: tuple, event: "state-changed")
      sink.appendJSON("from", from.name)
      sink.appendJSON("to", to.name)
    case .timerArmed(let tuple, let timer, let deadline):
      sink.append(tuple: tuple, event: "timer-armed")
      sink.appendJSON("timer", timer.name)
      sink.appendJSON("deadline", deadline.nanoseconds)
    case .timerCancelled(let tuple, let timer):
      sink.append(tuple: tuple, event: "timer-cancelled")
      sink.appendJSON("timer", timer.name)
    case .timerFired(let tuple, let timer):
      sink.append(tuple: tuple, event: "timer-fired")
      sink.appendJSON("timer", timer.name)
    case .connectionClosed(let tuple, let reason):
      sink.append(tuple: tuple, event: "connection-closed")
      sink.appendJSON(reason: reason.explanation)
    }
    sink.closeJSON()
    sink.append(0x0A)
  }

  /// Appends a whole timeline, a line an entry.
  public static func append(_ timeline: Timeline, to sink: inout [UInt8]) {
    for entry in timeline.entries { append(entry, of: timeline, to: &sink) }
  }

  private static func append(_ entry: TimelineEntry, of timeline: Timeline, to sink: inout [UInt8]) {
    if case .observed(let side, let observation) = entry.kind {
      append(observation, host: timeline.name(of: side), to: &sink)
      return
    }
    sink.openJSON()
    sink.appendJSON("time", entry.at.nanoseconds)
    switch entry.kind {
    case .observed: break
    case .departed(let number): sink.append(departure: timeline.flights[number], of: timeline)
    case .arrived(let number):
      let flight = timeline.flights[number]
      sink.appendJSON("event", "packet-arrived")
      sink.appendJSON("packet", number)
      sink.appendJSON("at", timeline.name(of: flight.from.other))
      if let verdict = flight.verdict { sink.appendJSON("dropped", verdict.explanation) }
    case .application(let side, let act):
      sink.appendJSON("host", timeline.name(of: side))
      sink.appendJSON("event", "application")
      sink.append(act: act)
    case .died(let side):
      sink.appendJSON("host", timeline.name(of: side))
      sink.appendJSON("event", "host-died")
    case .restarted(let side):
      sink.appendJSON("host", timeline.name(of: side))
      sink.appendJSON("event", "host-restarted")
    case .remarked(let side, let text):
      sink.appendJSON("host", timeline.name(of: side))
      sink.appendJSON("event", "remark")
      sink.appendJSON("text", text)
    case .narrated(let text):
      sink.appendJSON("event", "narration")
      sink.appendJSON("text", text)
    }
    sink.closeJSON()
    sink.append(0x0A)
  }
}

extension Array where Element == UInt8 {
  fileprivate mutating func append(tuple: FourTuple, event: String) {
    appendJSON("event", event)
    appendJSON("local", tuple.local.description)
    appendJSON("remote", tuple.remote.description)
  }

  fileprivate mutating func append(segment record: SegmentRecord, event: String) {
    append(tuple: record.tuple, event: event)
    let header = record.header
    appendJSON("flags", header.flags.description)
    appendJSON("seq", UInt64(header.sequence.rawValue))
    appendJSON("ack", UInt64(header.acknowledgment.rawValue))
    appendJSON("window", UInt64(header.window))
    appendJSON("length", record.payloadLength)
    if let size = header.options.maximumSegmentSize { appendJSON("mss", UInt64(size)) }
  }

  fileprivate mutating func append(datagram record: DatagramRecord, event: String) {
    appendJSON("event", event)
    appendJSON("source", record.source.description)
    appendJSON("destination", record.destination.description)
    appendJSON("protocol", UInt64(record.protocolNumber))
    appendJSON("length", record.length)
    appendJSON("summary", record.summary)
  }

  fileprivate mutating func appendJSON(reason: String) {
    if !reason.isEmpty { appendJSON("reason", reason) }
  }

  fileprivate mutating func append(departure flight: Flight, of timeline: Timeline) {
    appendJSON("event", "packet-departed")
    appendJSON("packet", flight.number)
    appendJSON("from", timeline.name(of: flight.from))
    switch flight.fate {
    case .delivered: appendJSON("fate", "delivered")
    case .lost: appendJSON("fate", "lost")
    case .corrupted: appendJSON("fate", "corrupted")
    case .copy(let original):
      appendJSON("fate", "copy")
      appendJSON("copy-of", original)
    }
    if flight.fate != .lost { appendJSON("arrival", flight.arrival.nanoseconds) }
    if flight.extraDelay > .zero { appendJSON("delayed", UInt64(flight.extraDelay.nanoseconds)) }
  }

  fileprivate mutating func append(act: ApplicationAct) {
    switch act {
    case .listen(let port):
      appendJSON("act", "listen")
      appendJSON("port", UInt64(port))
    case .connect(let endpoint):
      appendJSON("act", "connect")
      appendJSON("endpoint", endpoint.description)
    case .accept(let endpoint):
      appendJSON("act", "accept")
      appendJSON("endpoint", endpoint.description)
    case .write(let bytes): append(bytes: bytes, act: "write")
    case .read(let bytes): append(bytes: bytes, act: "read")
    case .endOfStream: appendJSON("act", "end-of-stream")
    case .finish: appendJSON("act", "finish")
    case .close: appendJSON("act", "close")
    case .abort: appendJSON("act", "abort")
    case .closed(let reason):
      appendJSON("act", "closed")
      appendJSON(reason: reason.explanation)
    case .failed(let error):
      appendJSON("act", "failed")
      appendJSON(reason: error.explanation)
    }
  }

  private mutating func append(bytes: [UInt8], act: String) {
    appendJSON("act", act)
    appendJSON("length", bytes.count)
    if let text = PayloadText.text(bytes) { appendJSON("text", text) }
  }
}
