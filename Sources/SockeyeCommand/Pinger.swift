// Holds what `sockeye ping` sends, waits for and counts. It does not hold its options (`Ping`).

import SockeyeBytes
import SockeyeStack
import SockeyeTrace
import SockeyeTunnel
import SockeyeWire

/// Asks one host, and keeps the score.
struct Pinger: ~Copyable {
  private var session: Session
  private let options: Ping
  private let identifier = UInt16.random(in: 1...UInt16.max)
  private let payload: [UInt8]
  /// When requests were sent that have not been answered, by number.
  private var waiting: [UInt16: Instant] = [:]
  private var sent = 0
  private var errors = 0
  private var times = RoundTripTimes()
  private var nextRequest: Instant

  init(_ session: consuming Session, _ options: Ping) {
    payload = (0..<options.size).map { UInt8(truncatingIfNeeded: $0) }
    nextRequest = session.driver.now()
    self.session = session
    self.options = options
  }

  mutating func run() throws(Failure) {
    let began = session.driver.now()
    session.console.print("asking \(options.host): \(options.size) bytes of data")
    var isOver = false
    while !isOver {
      let now = session.driver.now()
      if sent < options.count && now >= nextRequest { try send(at: now) }
      switch try session.next(until: nextRequest) {
      case .socket(.echoReply(let reply)): answered(reply)
      case .socket(.echoError(let failure)): failed(failure)
      case .socket, .readable, .writable, .observerStopped: break
      case .timePassed: isOver = sent == options.count
      case .endRequested: isOver = true
      }
      if sent == options.count && waiting.isEmpty { isOver = true }
    }
    summarize(since: began)
    try session.finish()
    if times.count > 0 { return }
    if errors > 0 { throw Failure("\(options.host) can't be reached", status: .unreachable) }
    throw Failure("\(options.host) did not answer", status: .timedOut)
  }

  private mutating func send(at now: Instant) throws(Failure) {
    let sequence = UInt16(truncatingIfNeeded: sent)
    do {
      try payload.withRawSpan { payload throws(SocketError) in
        try session.driver.stack.sendEcho(
          to: options.host, identifier: identifier, sequence: sequence, payload: payload, at: now)
      }
      waiting[sequence] = now
    } catch .queueFull {
      // It passes; this request counts as lost.
    } catch {
      throw Failure("\(options.host): \(error.explanation)", status: .unreachable)
    }
    sent += 1
    nextRequest = now + (sent == options.count ? options.timeout : options.interval)
  }

  private mutating func answered(_ reply: EchoReply) {
    // An answer that comes twice, or from a request of somebody else, is none.
    guard reply.identifier == identifier, let since = waiting.removeValue(forKey: reply.sequence) else {
      return
    }
    let time = session.driver.now() - since
    times.add(time)
    session.console.print(
      "\(reply.payloadLength) bytes from \(reply.source): number \(reply.sequence), "
        + "TTL \(reply.timeToLive), \(time)")
  }

  private mutating func failed(_ failure: EchoFailure) {
    guard failure.identifier == identifier, waiting.removeValue(forKey: failure.sequence) != nil else {
      return
    }
    errors += 1
    session.console.print(
      "\(failure.reporter) reports for number \(failure.sequence): \(failure.error.name)")
  }

  private func summarize(since: Instant) {
    let lost = sent == 0 ? 0 : (sent - times.count) * 100 / sent
    session.console.print(
      "\(options.host): \(sent) sent, \(times.count) answered, \(lost)% lost, "
        + "in \(ClockText.words(session.driver.now() - since))")
    if let summary = times.summary { session.console.print(summary) }
  }
}

/// Round-trip times, summed up.
struct RoundTripTimes {
  private(set) var count = 0
  private var sum = Interval.zero
  private var least = Interval(nanoseconds: .max)
  private var most = Interval.zero

  mutating func add(_ time: Interval) {
    count += 1
    sum += time
    least = min(least, time)
    most = max(most, time)
  }

  /// Nil when there are none.
  var summary: String? {
    count == 0 ? nil : "round trip: least \(least), mean \(sum / count), most \(most)"
  }
}
