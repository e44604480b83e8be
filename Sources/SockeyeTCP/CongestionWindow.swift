// Holds cwnd, ssthresh and what NewReno and CUBIC do to them alike: the initial window, slow start, the window after a
// timeout, after idleness and after a loss that was none. How a window grows in congestion avoidance and by how much it
// shrinks is the algorithms' own.

import SockeyeBytes
import SockeyeWire

/// The congestion window and all that goes with it. Octets throughout.
struct CongestionWindow: Sendable, Equatable {
  /// Beyond this no window of the peer's can go (RFC 7323 §2.3).
  static let limit = 1 << 30

  /// cwnd.
  private(set) var size: Int
  /// ssthresh. Arbitrarily high until congestion is met (RFC 5681 §3.1).
  private(set) var threshold = Self.limit
  /// IW.
  private(set) var initial: Int
  /// SMSS.
  private(set) var segment: Int
  private(set) var validation = CongestionWindowValidation()
  private let growthLimit: Int?
  private let reducesFromWindow: Bool
  private var hyStart = HyStart()
  private var round = RoundMark()
  /// A timer has run out: what is sent now may be a repetition, which says less about the path.
  private var timerRanOut = false
  /// Octets delivered since the connection began or began again after idleness, and whether a loss was met before
  /// they made up a whole initial window.
  private var deliveredSinceStart = 0
  private var initialWindowLost = false
  private var checkpoint: Checkpoint?

  private struct Checkpoint: Sendable, Equatable {
    var size: Int
    var threshold: Int
    var timerRanOut: Bool
    var initialWindowLost: Bool
  }

  /// - Parameters:
  ///   - segment: SMSS, octets.
  ///   - synchronizeLost: The SYN or SYN,ACK had to be sent again; then the first window is one segment
  ///     (RFC 5681 §3.1).
  ///   - growthLimit: L, by how many segments an ACK may widen the window in slow start; nil: by all that it acknowledges.
  ///   - reducesFromWindow: `TCPConfiguration.reducesFromWindow`.
  init(
    segment: Int, synchronizeLost: Bool, growthLimit: Int? = 2, reducesFromWindow: Bool = false
  ) {
    self.segment = segment
    self.reducesFromWindow = reducesFromWindow
    self.growthLimit = growthLimit
    initial = Self.initialWindow(segment: segment)
    size = synchronizeLost ? segment : initial
  }

  /// IW = min(10 SMSS, max(2 SMSS, 14600)) (RFC 6928 §2).
  private static func initialWindow(segment: Int) -> Int {
    min(10 * segment, max(2 * segment, 14_600))
  }

  var isInSlowStart: Bool { size < threshold }

  // MARK: Growing

  /// Takes note of an ACK. Answers whether the window may grow for it: outside of recovery, and only a window that was
  /// used says something about the path (RFC 7661 §4.3, RFC 9438 §5.8).
  mutating func observe(_ sample: AcknowledgmentSample, at now: Instant) -> Bool {
    deliveredSinceStart = min(deliveredSinceStart + sample.newlyAcknowledged, Self.limit)
    let roundEnded = round.ended(by: sample)
    validation.observe(sample, roundEnded: roundEnded, window: size, at: now)
    if validation.isOverdue(at: now) {
      // RFC 7661 §4.4.3: so long without use, a part of the window is taken away.
      threshold = max(threshold, size - size / 4)
      size = max(size / 2, min(initial, size))
      validation.beganAnew(at: now)
    }
    guard !sample.isRecovering else { return false }
    if isInSlowStart, threshold == Self.limit {
      hyStart.observe(sample.roundTrip, roundEnded: roundEnded)
      if hyStart.isFinished { threshold = size }
    }
    return validation.isLimiting(window: size, segment: segment, inSlowStart: isInSlowStart)
  }

  /// Slow start. An ACK counts for no more than L segments, so that a lost or a dividing ACK makes no burst and gains
  /// nothing: 2 before the first timeout and 1 after it (RFC 3465 §2.2, §2.3), which is less than the 8 that RFC 9406
  /// §4.3 allows, unless the configuration says otherwise.
  mutating func growInSlowStart(by octets: Int) {
    let counted = growthLimit.map { min(octets, (timerRanOut ? 1 : $0) * segment) } ?? octets
    size = min(size + counted / hyStart.growthDivisor, threshold)
  }

  /// Congestion avoidance: the algorithm's own growth.
  mutating func grow(to octets: Int) {
    size = min(max(size, octets), Self.limit)
  }

  /// The window as an algorithm computes it that follows a model of the path and no rule of growth.
  mutating func set(to octets: Int) {
    size = min(max(octets, segment), Self.limit)
  }

  // MARK: Shrinking

  /// FlightSize as a loss is to be reckoned with: of a window that was not used for a while, what the path is known to
  /// have carried (RFC 7661 §4.4.1).
  func loadAtLoss(flight: Int) -> Int {
    // RFC 9438 §4.6 lets cwnd stand in for it: it grows only while it is used.
    reducesFromWindow ? max(size, flight) : validation.loadAtLoss(flight: flight)
  }

  /// A loss: cwnd and ssthresh fall to `octets`, no lower than two segments (RFC 5681 §3.1 (4)).
  mutating func reduce(to octets: Int) {
    save()
    threshold = max(octets, 2 * segment)
    size = threshold
    shrunk()
  }

  /// A mark of the path instead of a loss: the same, but cwnd goes down to one segment (RFC 3168 §6.1.2), and it is no
  /// mistake that could turn out later.
  mutating func reduceForMark(to octets: Int) {
    threshold = max(octets, 2 * segment)
    size = max(octets, segment)
    shrunk()
    checkpoint = nil
  }

  /// RFC 5681 §3.1: the loss window is one segment; ssthresh falls only the first time for the same segment.
  ///
  /// - Parameter octets: What ssthresh falls to; nil when the timer ran out again.
  mutating func collapse(threshold octets: Int?) {
    if let octets {
      save()
      threshold = max(octets, 2 * segment)
    }
    size = segment
    timerRanOut = true
    shrunk()
  }

  private mutating func shrunk() {
    // RFC 9406 §4.2: whatever the signal, it was the first slow start's last.
    hyStart.finish()
    validation.windowShrank()
    if deliveredSinceStart < initial { initialWindowLost = true }
  }

  /// Recovery is over: cwnd is ssthresh, or as much of it as may leave in one burst, from where slow start lifts it.
  mutating func recoveryEnded(bound octets: Int) {
    size = max(min(threshold, octets), segment)
  }

  // MARK: Idleness, undoing, segment size

  /// RW = min(IW, cwnd) (RFC 5681 §4.1); where the initial window was more than the path could take, with the smaller
  /// initial window of RFC 3390 (RFC 6928 §2).
  var restartSize: Int {
    let start = initialWindowLost ? min(4 * segment, max(2 * segment, 4_380)) : initial
    return min(start, size)
  }

  mutating func restart() {
    size = restartSize
    deliveredSinceStart = 0
    validation.restarted()
  }

  private mutating func save() {
    checkpoint = Checkpoint(
      size: size, threshold: threshold, timerRanOut: timerRanOut, initialWindowLost: initialWindowLost)
  }

  /// The last loss was none (RFC 4015 §3.2, RFC 9438 §4.9.2). Answers false when there is nothing to take back.
  mutating func undo() -> Bool {
    guard let saved = checkpoint else { return false }
    checkpoint = nil
    guard size < saved.size else { return false }
    size = saved.size
    threshold = saved.threshold
    timerRanOut = saved.timerRanOut
    initialWindowLost = saved.initialWindowLost
    if threshold == Self.limit { hyStart = HyStart() }
    return true
  }

  /// RFC 5681 §4.1 end (5681-12), RFC 8201 §5.4: keep the number of segments.
  mutating func segmentSizeChanged(to octets: Int) {
    size = max(octets, Int(clamping: Int64(size / segment) * Int64(octets)))
    if threshold < Self.limit {
      threshold = min(Int(clamping: Int64(threshold / segment) * Int64(octets)), Self.limit - 1)
    }
    segment = octets
    initial = Self.initialWindow(segment: octets)
    checkpoint = nil
  }

  /// RFC 4821 §7.9, RFC 8899 §3 (4821-4, 8899-2): larger packets are no reason to have more octets in the network.
  mutating func segmentGrew(to octets: Int) {
    size = max(size, octets)
    segment = octets
    initial = Self.initialWindow(segment: octets)
    checkpoint = nil
  }

  // MARK: Pacing

  /// Octets a second that spread a window over less than a round trip, so that pacing never holds the window back:
  /// twice the rate in slow start, where the window doubles, and 1.2 times in congestion avoidance.
  func pacingRate(smoothedRoundTrip: Interval) -> Int {
    let nanoseconds = UInt64(max(smoothedRoundTrip.nanoseconds, 1))
    let octets = isInSlowStart ? UInt64(size) * 2 : UInt64(size) * 6 / 5
    return Int(clamping: octets * 1_000_000_000 / nanoseconds)
  }
}

/// Marks the rounds: one ends when what was the last octet sent at its beginning is acknowledged (RFC 9406 §4.2).
struct RoundMark: Sendable, Equatable {
  private var end: SequenceNumber?

  /// Whether an ACK ends a round. With nothing outstanding the next begins with the ACK of what is sent then.
  mutating func ended(by sample: AcknowledgmentSample) -> Bool {
    let isIdle = sample.acknowledgment == sample.next
    guard let mark = end, sample.acknowledgment < mark else {
      let ended = end != nil
      end = isIdle ? nil : sample.next
      return ended
    }
    return false
  }
}
