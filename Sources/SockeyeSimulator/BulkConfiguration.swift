// Holds what a bulk transfer is to be: how much, over what path, by which algorithms; and what follows from it for the
// links and the hosts.

public import SockeyeBytes
public import SockeyeTCP

/// How much may wait at the bottleneck.
public enum BottleneckQueue: Sendable, Equatable {
  /// Millionths of the bandwidth-delay product, rate × round trip; at least one packet of the MTU.
  case bandwidthDelay(millionths: UInt64)
  case limit(QueueLimit)
}

/// Which packets the bottleneck's queue turns away before it is full.
public enum BulkDiscipline: Sendable, Equatable {
  case dropTail
  /// Random early detection with thresholds that suit the queue (`RandomEarlyDetection`).
  case randomEarlyDetection
  /// CoDel (RFC 8289): what waits longer than the target for an interval.
  case controlledDelay(target: Interval, interval: Interval)
}

/// One or several transfers from one host to another, each over a connection of its own, through one bottleneck.
///
///     var configuration = BulkConfiguration(bytes: 50_000_000)
///     configuration.loss = .percent(1)
///     let report = BulkSimulation.run(configuration)
public struct BulkConfiguration: Sendable, Equatable {
  /// Octets of each transfer, 1...2^40.
  public var bytes: UInt64
  /// The algorithm of each transfer, 1...256 of them. All begin at the same time.
  public var flows: [CongestionControlAlgorithm] = [TCPConfiguration().congestionControl]
  /// Bits a second in each direction, IP headers counted, 1000...10^12.
  public var bitsPerSecond: UInt64 = 100_000_000
  /// Propagation there and back, without queues and without the time that sending takes, 1 µs...60 s.
  public var roundTrip: Interval = .milliseconds(100)
  /// The queue in each direction.
  public var queue: BottleneckQueue = .bandwidthDelay(millionths: 1_000_000)
  // What goes wrong in the direction of the data.
  public var loss: Probability = .never
  public var burstLoss: BurstLoss?
  public var scriptedLosses: [ScriptedLoss] = []
  public var reordering: Probability = .never
  public var reorderingDelay: Interval = .zero
  public var duplication: Probability = .never
  public var corruption: Probability = .never
  public var repairedCorruption: Probability = .never
  public var truncation: Probability = .never
  public var jitter: Interval = .zero
  public var jitterDistribution = DelayDistribution.uniform
  /// Octets of the largest packet that the path takes; larger ones vanish without a word. Nil: all pass. The hosts' links
  /// take 1500.
  public var pathMTU: Int? = nil
  /// What changes at which time, in order of time: in the direction of the data, and in both.
  public var dataChanges: [LinkChange] = []
  public var changes: [LinkChange] = []
  /// Both directions go down and up by themselves.
  public var flapping: LinkFlapping?
  /// Acknowledgments lost.
  public var reverseLoss: Probability = .never
  /// What the queue of the data's direction does before it is full.
  public var discipline = BulkDiscipline.dropTail
  /// Whether packets that know congestion notification are marked: by drop-tail when half the queue is in use, by the
  /// others in place of being dropped early.
  public var marksCongestion = false
  /// The sender's and the receiver's buffers; nil: `bufferCapacity`, which is no bound on this path.
  public var sendBuffer: BufferBounds?
  public var receiveBuffer: BufferBounds?
  /// Senders spread their segments over the round trip. BBR does so anyway.
  public var isPaced = true
  /// Of the hosts' keys and of all that goes wrong.
  public var seed: UInt64 = 1
  /// Virtual time after which the run is given up.
  public var limit: Interval = .hours(24 * 7)

  /// - Parameter bytes: octets of each transfer.
  public init(bytes: UInt64) {
    self.bytes = bytes
  }

  static let maximumTransmissionUnit = 1500

  /// rate × round trip, octets.
  public var bandwidthDelayProduct: Int {
    let microseconds = UInt64(max(0, roundTrip.nanoseconds)) / 1000
    return Int(clamping: bitsPerSecond / 8 * microseconds / 1_000_000)
  }

  /// The bound of the queue.
  public var queueLimit: QueueLimit {
    switch queue {
    case .limit(let limit): return limit
    case .bandwidthDelay(let millionths):
      let whole = UInt64(bandwidthDelayProduct)
      let bytes = whole / 1_000_000 * millionths + whole % 1_000_000 * millionths / 1_000_000
      return .bytes(max(Int(clamping: bytes), BulkConfiguration.maximumTransmissionUnit))
    }
  }

  /// The bound of the queue, octets.
  private var queueBytes: Int {
    switch queueLimit {
    case .bytes(let bytes): bytes
    case .packets(let packets):
      Int(clamping: UInt64(packets) * UInt64(BulkConfiguration.maximumTransmissionUnit))
    }
  }

  /// The link that the data takes.
  public var dataLink: LinkConfiguration {
    var link = LinkConfiguration(delay: roundTrip - roundTrip / 2)
    link.bitsPerSecond = bitsPerSecond
    link.queueLimit = queueLimit
    applyDiscipline(to: &link)
    link.loss = loss
    link.burstLoss = burstLoss
    link.scriptedLosses = scriptedLosses
    link.reordering = reordering
    link.reorderingDelay = reorderingDelay
    link.duplication = duplication
    link.corruption = corruption
    link.repairedCorruption = repairedCorruption
    link.truncation = truncation
    link.jitter = jitter
    link.jitterDistribution = jitterDistribution
    link.maximumPacket = pathMTU
    link.changes = BulkConfiguration.merged(dataChanges, changes)
    link.flapping = flapping
    return link
  }

  private func applyDiscipline(to link: inout LinkConfiguration) {
    switch (discipline, queueLimit) {
    case (.dropTail, .bytes(let bytes)): if marksCongestion { link.markThreshold = .bytes(bytes / 2) }
    case (.dropTail, .packets(let packets)): if marksCongestion { link.markThreshold = .packets(packets / 2) }
    case (.randomEarlyDetection, _):
      link.discipline = .randomEarlyDetection(RandomEarlyDetection(for: queueLimit, marks: marksCongestion))
    case (.controlledDelay(let target, let interval), _):
      link.discipline = .controlledDelay(
        ControlledDelay(target: target, interval: interval, marks: marksCongestion))
    }
  }

  /// Two lists, each in order of time, as one.
  private static func merged(_ first: [LinkChange], _ second: [LinkChange]) -> [LinkChange] {
    var all: [LinkChange] = []
    var next = 0
    for change in first {
      while next < second.count, second[next].at < change.at {
        all.append(second[next])
        next += 1
      }
      all.append(change)
    }
    return all + second[next...]
  }

  /// The link that the acknowledgments take.
  public var acknowledgmentLink: LinkConfiguration {
    var link = LinkConfiguration(delay: roundTrip / 2)
    link.bitsPerSecond = bitsPerSecond
    link.queueLimit = queueLimit
    link.loss = reverseLoss
    link.maximumPacket = pathMTU
    link.changes = changes
    link.flapping = flapping
    return link
  }

  /// Octets that each buffer of a connection may hold: what is on the path and in its queue, twice, for while a hole is
  /// repaired a round trip's worth more arrives; and a mebibyte. RFC 7323 §2.3 allows no window of more than 2^30.
  public var bufferCapacity: Int {
    let held = UInt64(bandwidthDelayProduct) + UInt64(queueBytes)
    return Int(min(2 * held + (1 << 20), 1 << 30))
  }

  /// The settings of one transfer's two ends: the engine's own, but for the algorithm and the buffers, which are no
  /// bound on this path unless they are given.
  func endpoint(_ algorithm: CongestionControlAlgorithm) -> TCPConfiguration {
    var tcp = TCPConfiguration()
    tcp.sendBuffer = sendBuffer ?? .fixed(bufferCapacity)
    tcp.receiveBuffer = receiveBuffer ?? .fixed(bufferCapacity)
    tcp.congestionControl = algorithm
    tcp.pacing = isPaced
    if marksCongestion { tcp.explicitCongestionNotification = .requested }
    return tcp
  }

  /// What a host may take for all transfers: buffers grow to at most twice their size.
  var memoryBudget: Int {
    let largest = max(bufferCapacity, max(sendBuffer?.maximum ?? 0, receiveBuffer?.maximum ?? 0))
    return Int(clamping: UInt64(largest) * 4 * UInt64(flows.count) + (64 << 20))
  }
}
