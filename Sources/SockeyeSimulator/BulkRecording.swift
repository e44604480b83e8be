// Holds what a picture of a transfer needs over time, thinned out as it grows, so that it stays small however long the
// run. It draws nothing.

public import SockeyeBytes

/// How a transfer stood at a moment.
public struct BulkSample: Sendable, Equatable {
  public let at: Instant
  /// cwnd, octets.
  public let congestionWindow: Int
  /// Octets sent and not acknowledged.
  public let inFlight: Int
  /// SRTT; nil before the first measurement.
  public let roundTrip: Interval?
  /// The end of what was sent so far, and of what was acknowledged: octets of the stream.
  public let sent: UInt64
  public let acknowledged: UInt64
}

/// A segment that was sent again.
public struct BulkRetransmission: Sendable, Equatable {
  public let at: Instant
  /// Where in the stream it begins, octets.
  public let offset: UInt64
  /// Whether its text reached the receiver without it.
  public let isSpurious: Bool
}

/// Elements in order, every second of which goes whenever there are too many.
public struct ThinnedSeries<Element: Sendable & Equatable>: Sendable, Equatable {
  public private(set) var elements: [Element] = []
  public let limit: Int
  /// Of so many elements offered one is kept.
  public private(set) var stride = 1
  private var passed = 0

  /// - Parameter limit: how many are kept at most; two or more.
  public init(limit: Int) {
    self.limit = max(2, limit)
  }

  /// Offers an element.
  public mutating func append(_ element: Element) {
    passed += 1
    guard passed >= stride else { return }
    passed = 0
    if elements.count >= limit {
      var kept: [Element] = []
      kept.reserveCapacity(limit)
      for index in Swift.stride(from: 0, to: elements.count, by: 2) { kept.append(elements[index]) }
      elements = kept
      stride *= 2
    }
    elements.append(element)
  }
}

/// One transfer over time.
public struct BulkFlowRecording: Sendable, Equatable {
  public internal(set) var samples = ThinnedSeries<BulkSample>(limit: 1500)
  public internal(set) var retransmissions = ThinnedSeries<BulkRetransmission>(limit: 1500)
}

/// All transfers over time.
public struct BulkRecording: Sendable, Equatable {
  public internal(set) var flows: [BulkFlowRecording]
  private let interval: Interval
  private var next = Instant.zero

  init(flows: Int, roundTrip: Interval) {
    self.flows = Array(repeating: BulkFlowRecording(), count: flows)
    interval = max(roundTrip / 16, .microseconds(100))
  }

  /// Whether it is time for a sample.
  func isDue(at now: Instant) -> Bool { now >= next }

  /// Takes a sample of each transfer that isn't over.
  mutating func add(_ samples: [BulkSample?], at now: Instant) {
    for (flow, sample) in samples.enumerated() {
      if let sample { flows[flow].samples.append(sample) }
    }
    next = now + interval
  }
}
