// Holds one transfer of a bulk run: what its two applications have done, and what an observer of the wire knows of its
// segments. The hosts, the links and time are BulkSimulation's.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeWire

/// The text of one direction of a connection, as somebody sees it who sees the wire and knows the fate of each packet.
struct WireText: Sendable {
  /// The sequence number of the first octet, once the SYN was seen.
  private var first: SequenceNumber?
  /// The end of what was sent so far, octets of the stream.
  private(set) var sent: UInt64 = 0
  /// What has reached the receiver, or is on its way and will.
  private(set) var reaching = StreamCoverage()
  /// What has reached it.
  private var arrived = StreamCoverage()
  private(set) var segments: UInt64 = 0
  private(set) var retransmitted: UInt64 = 0
  private(set) var spurious: UInt64 = 0
  private(set) var refused: UInt64 = 0

  mutating func synchronize(_ sequence: SequenceNumber) { first = sequence + 1 }

  /// A segment with text leaves.
  /// - Returns: its place in the stream; nil when it belongs to no stream that was opened.
  func place(of sequence: SequenceNumber, count: Int) -> Range<UInt64>? {
    guard let first else { return nil }
    // Counted from the furthest octet, so that streams may be longer than the sequence space.
    let distance = sequence - (first + Int(truncatingIfNeeded: sent & 0xFFFF_FFFF))
    let start = Int64(sent) + Int64(distance)
    return start < 0 ? nil : UInt64(start)..<(UInt64(start) + UInt64(count))
  }

  /// Counts a segment, before its fate is known.
  /// - Returns: whether it was sent before, and if so whether it was needless.
  mutating func count(_ range: Range<UInt64>) -> (isCopy: Bool, isSpurious: Bool) {
    segments += 1
    let isCopy = range.lowerBound < sent
    let isSpurious = isCopy && reaching.contains(range)
    if isCopy { retransmitted += 1 }
    if isSpurious { spurious += 1 }
    sent = max(sent, range.upperBound)
    return (isCopy, isSpurious)
  }

  /// The segment will arrive unharmed.
  mutating func willArrive(_ range: Range<UInt64>) { reaching.insert(range) }

  /// A segment that was on its way will not arrive.
  mutating func willNotArrive(_ range: Range<UInt64>) { reaching.remove(range) }

  /// It has arrived, and the receiver had no room for it.
  mutating func wasRefused(_ range: Range<UInt64>) {
    refused += 1
    reaching.remove(range)
  }

  /// It has arrived, and the receiver keeps it.
  /// - Returns: how many of its octets were not there.
  mutating func hasArrived(_ range: Range<UInt64>) -> UInt64 { arrived.insert(range) }
}

/// One transfer.
final class BulkFlow {
  let number: Int
  let algorithm: CongestionControlAlgorithm
  let pattern: BulkPattern
  let total: UInt64
  let sender: ConnectionID
  var receiver: ConnectionID?
  var text = WireText()
  /// Octets that the sender's stack has taken.
  private(set) var written: UInt64 = 0
  private var isConnected = false
  private var hasFinished = false
  /// Octets that the receiver's application has read.
  private(set) var delivered: UInt64 = 0
  /// When the last of them was read.
  private(set) var deliveredAt: Instant?
  /// The sender's connection at its end.
  private(set) var status: ConnectionStatus?
  private(set) var isOver = false
  private(set) var failure: BulkFailure?

  init(number: Int, algorithm: CongestionControlAlgorithm, total: UInt64, sender: ConnectionID) {
    self.number = number
    self.algorithm = algorithm
    self.total = total
    self.sender = sender
    pattern = BulkPattern(flow: number)
  }

  // MARK: The sending application

  func connected(on stack: inout Stack, at now: Instant) {
    isConnected = true
    write(to: &stack, at: now)
  }

  /// Writes as much as the stack takes, and then the end.
  func write(to stack: inout Stack, at now: Instant) {
    if isOver { return }
    do throws(SocketError) {
      while written < total {
        let count = Int(min(UInt64(BulkPattern.longestPiece), total - written))
        let taken = try writePiece(count, to: &stack, at: now)
        written += UInt64(taken)
        if taken < count { return }
      }
      // CLOSE before the handshake is done would call the transfer off (RFC 9293 §3.10.4).
      if isConnected, !hasFinished {
        hasFinished = true
        try stack.finish(sender, at: now)
      }
    } catch {
      end(.refused, stack)
    }
  }

  private func writePiece(_ count: Int, to stack: inout Stack, at now: Instant) throws(SocketError) -> Int {
    let bytes = pattern.bytes
    let start = BulkPattern.start(of: written)
    return try stack.write(sender, bytes.rawSpan.extracting(start..<(start + count)), at: now)
  }

  // MARK: The receiving application

  /// Reads all there is and compares it with what was written.
  func read(from stack: inout Stack, at now: Instant) {
    guard let receiver, failure == nil else { return }
    let already = delivered
    let result = try? stack.withReadableBytes(receiver) { front, back in
      let isRight =
        pattern.matches(front, at: already)
        && pattern.matches(back, at: already + UInt64(front.byteCount))
      return (count: front.byteCount + back.byteCount, isRight: isRight)
    }
    guard let result, result.count > 0 else { return }
    if !result.isRight { failure = .wrongContent(at: already) }
    try? stack.discard(result.count, of: receiver, at: now)
    delivered += UInt64(result.count)
    if delivered > total { failure = .wrongContent(at: total) }
    if delivered == total { deliveredAt = now }
  }

  // MARK: The end

  /// Notes why the transfer is over, and how the sender's connection stood.
  func end(_ reason: BulkFailure?, _ stack: borrowing Stack) {
    if isOver { return }
    isOver = true
    if failure == nil, deliveredAt == nil { failure = reason ?? .closed(.finished) }
    status = try? stack.status(of: sender)
  }

  func report(start: Instant, end: Instant) -> BulkFlowReport {
    BulkFlowReport(
      algorithm: algorithm, delivered: delivered, elapsed: (deliveredAt ?? end) - start,
      segments: text.segments, retransmitted: text.retransmitted, spurious: text.spurious,
      refused: text.refused, status: status,
      failure: failure)
  }
}
