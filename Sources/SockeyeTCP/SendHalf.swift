// The sending direction: SND.UNA, SND.NXT, the ring of bytes not yet acknowledged, the peer's window, our FIN
// and urgent mark. Decides nothing; Connection+Transmission does.

import SockeyeBytes
import SockeyeWire

struct SendHalf: ~Copyable {
  /// Bytes written and not yet acknowledged; the first stands at `bufferStart`.
  var buffer: ByteRing
  /// ISS.
  let initial: SequenceNumber
  /// SND.UNA.
  private(set) var unacknowledged: SequenceNumber
  /// SND.NXT: one past the highest sequence number ever sent.
  private(set) var next: SequenceNumber
  /// Where sending again has come to after a timeout; nil when nothing below SND.NXT is to be sent again.
  private(set) var resendNext: SequenceNumber?
  private(set) var resendCause = RetransmissionCause.afterTimeout
  /// SND.WND, octets.
  private(set) var window = 0
  /// MAX.SND.WND, octets: the widest seen (RFC 9293 §3.8.6.2.1, RFC 5961 §5.2).
  private(set) var maximumWindow = 0
  /// SND.WL1 and SND.WL2.
  private var windowSequence = SequenceNumber(0)
  private var windowAcknowledgment = SequenceNumber(0)
  /// Snd.Wind.Shift (RFC 7323 §2.3).
  var windowShift: UInt8 = 0
  private(set) var phase: SendPhase = .open
  /// SND.UP: one past the last urgent octet; nil when all of them are acknowledged.
  private(set) var urgentEnd: SequenceNumber?
  /// Where text ends that shares no segment with what follows, above SND.UNA, in order.
  private(set) var recordEnds: [SequenceNumber] = []

  init(initial: SequenceNumber, capacity: Int) {
    self.initial = initial
    unacknowledged = initial
    next = initial
    buffer = ByteRing(capacity: capacity)
  }

  /// Sequence number of the oldest byte in the ring; the SYN stands before it.
  var bufferStart: SequenceNumber { unacknowledged == initial ? initial + 1 : unacknowledged }
  /// One past the last byte written.
  var queuedEnd: SequenceNumber { bufferStart + buffer.count }
  /// FlightSize, octets; SYN and FIN count one each.
  var flight: Int { next - unacknowledged }
  /// The usable window; negative when the peer has shrunk it (RFC 9293 §3.8.6 MUST-34).
  var usableWindow: Int { (unacknowledged + window) - next }
  /// Whether our FIN is in the sequence space already.
  var finishSequence: SequenceNumber? {
    switch phase {
    case .finishSent(let sequence): sequence
    case .open, .finishQueued, .finishAcknowledged: nil
    }
  }
  /// Octets written and not yet sent, the FIN not counted.
  var unsent: Int {
    switch phase {
    case .open, .finishQueued: next == initial ? buffer.count : queuedEnd - next
    case .finishSent, .finishAcknowledged: 0
    }
  }

  // MARK: The user

  mutating func markUrgent() { urgentEnd = queuedEnd }

  /// What is written from now on begins a segment of its own. Beyond a bound the text is a stream like any other.
  mutating func markRecordEnd() {
    guard buffer.count > 0, recordEnds.last != queuedEnd, recordEnds.count < Constants.recordLimit else {
      return
    }
    recordEnds.append(queuedEnd)
  }

  /// How much of `length` octets from there on lies in one record.
  @inline(__always)
  func withinRecord(_ length: Int, from sequence: SequenceNumber) -> Int {
    if recordEnds.isEmpty { return length }
    guard let end = recordEnds.first(where: { $0 > sequence }) else { return length }
    return min(length, end - sequence)
  }

  func isRecordEnd(_ sequence: SequenceNumber) -> Bool {
    !recordEnds.isEmpty && recordEnds.contains(sequence)
  }

  mutating func queueFinish() {
    if phase == .open { phase = .finishQueued }
  }

  // MARK: Sending

  /// A segment left: everything below `end` is in the sequence space now.
  mutating func sent(upTo end: SequenceNumber, finish: Bool) {
    if end > next { next = end }
    if finish, phase == .finishQueued { phase = .finishSent(at: end - 1) }
  }

  /// What lies behind `end` counts as never sent.
  /// - Precondition: `end` lies between SND.UNA and SND.NXT.
  mutating func rollBack(to end: SequenceNumber) {
    assert(end >= unacknowledged && end <= next, "what was sent can be taken back")
    next = end
  }

  mutating func resend(from sequence: SequenceNumber?, cause: RetransmissionCause) {
    if let sequence, sequence < next {
      resendNext = sequence
      resendCause = cause
    } else {
      resendNext = nil
    }
  }

  // MARK: The peer

  /// SND.UNA moves. Answers how many octets left the ring.
  mutating func acknowledge(_ acknowledgment: SequenceNumber) -> Int {
    let start = bufferStart
    let data = max(0, min(acknowledgment - start, buffer.count))
    buffer.discard(data)
    if let finish = finishSequence, acknowledgment > finish { phase = .finishAcknowledged }
    unacknowledged = acknowledgment
    if let resendNext {
      resend(from: SequenceNumber.later(resendNext, acknowledgment), cause: resendCause)
    }
    if let urgentEnd, acknowledgment >= urgentEnd { self.urgentEnd = nil }
    if !recordEnds.isEmpty { recordEnds.removeAll { $0 <= acknowledgment } }
    return data
  }

  /// Sets the window without looking at WL1 and WL2, as the handshake does.
  mutating func setWindow(_ octets: Int, sequence: SequenceNumber, acknowledgment: SequenceNumber) {
    window = octets
    if octets > maximumWindow { maximumWindow = octets }
    windowSequence = sequence
    windowAcknowledgment = acknowledgment
  }

  /// RFC 9293 §3.10.7.4, fifth step: an old segment must not bring back an old window.
  ///
  /// One that acknowledges more than all before is newer than they are, though it may repeat text with lower numbers: to move
  /// SND.UNA and to leave SND.WND would move the window's right edge beyond what the peer has ever offered (SHLD-14).
  mutating func updateWindow(_ octets: Int, sequence: SequenceNumber, acknowledgment: SequenceNumber) {
    if windowAcknowledgment < acknowledgment || windowSequence < sequence
      || windowSequence == sequence && windowAcknowledgment <= acknowledgment
    {
      setWindow(octets, sequence: sequence, acknowledgment: acknowledgment)
    }
  }
}
