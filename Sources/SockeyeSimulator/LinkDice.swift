// Holds what a link leaves to chance. Each fault has a generator of its own, so that one more fault leaves the others where
// they strike.

import SockeyeBytes

/// Decides whether something happens that has a probability.
struct FaultDice: Sendable {
  var probability: Probability
  var generator: SeededGenerator

  init(_ probability: Probability, seed: UInt64) {
    self.probability = probability
    generator = SeededGenerator(seed: seed)
  }

  mutating func strikes() -> Bool { strikes(probability) }

  mutating func strikes(_ probability: Probability) -> Bool {
    if probability == .never { return false }
    return generator.next(below: Probability.one) < probability.billionths
  }
}

/// What a link does to the bits of a packet.
struct PacketDamage: Sendable {
  var length: Int
  var flippedBit: Int?
  var isRepaired = false
  var isTruncated = false
}

/// All dice of a link.
struct LinkDice: Sendable {
  private var loss: FaultDice
  var duplication: FaultDice
  private var corruption: FaultDice
  var reordering: FaultDice
  var delays: DelayDraw
  /// Of random early detection.
  let detectionSeed: UInt64
  private var bursts: FaultDice
  private var burstLoss: BurstLoss?
  private var isBad = false
  private var repaired: FaultDice
  private var truncation: FaultDice
  private var scripts: [ScriptedLoss]
  /// How many packets of each script's kind have been seen.
  private var seen: [Int]

  init(_ configuration: LinkConfiguration, seed: UInt64) {
    var seeds = SeededGenerator(seed: seed)
    // In the order in which the faults came to be, so that runs of before are the same runs.
    loss = FaultDice(configuration.loss, seed: seeds.next())
    duplication = FaultDice(configuration.duplication, seed: seeds.next())
    corruption = FaultDice(configuration.corruption, seed: seeds.next())
    reordering = FaultDice(configuration.reordering, seed: seeds.next())
    delays = DelayDraw(seed: seeds.next())
    detectionSeed = seeds.next()
    bursts = FaultDice(.never, seed: seeds.next())
    repaired = FaultDice(configuration.repairedCorruption, seed: seeds.next())
    truncation = FaultDice(configuration.truncation, seed: seeds.next())
    burstLoss = configuration.burstLoss
    scripts = configuration.scriptedLosses
    seen = Array(repeating: 0, count: scripts.count)
  }

  /// Goes by other probabilities from now on.
  mutating func adopt(_ configuration: LinkConfiguration) {
    loss.probability = configuration.loss
    duplication.probability = configuration.duplication
    corruption.probability = configuration.corruption
    reordering.probability = configuration.reordering
    repaired.probability = configuration.repairedCorruption
    truncation.probability = configuration.truncation
    burstLoss = configuration.burstLoss
    if configuration.scriptedLosses != scripts {
      scripts = configuration.scriptedLosses
      seen = Array(repeating: 0, count: scripts.count)
    }
  }

  mutating func strikesByScript(_ traits: PacketTraits) -> Bool {
    var strikes = false
    for index in scripts.indices where traits.isSuperset(of: scripts[index].traits) {
      seen[index] += 1
      let place = seen[index] - scripts[index].from
      if place >= 0, place < scripts[index].count { strikes = true }
    }
    return strikes
  }

  /// Whether a packet gets lost on the wire.
  mutating func loses() -> Bool {
    let isLost = loss.strikes()
    guard let burstLoss else { return isLost }
    if bursts.strikes(isBad ? burstLoss.ends : burstLoss.begins) { isBad.toggle() }
    return bursts.strikes(isBad ? burstLoss.lossWhenBad : burstLoss.lossWhenGood) || isLost
  }

  /// What happens to the bits of a packet that isn't lost.
  mutating func damage(length: Int) -> PacketDamage {
    var damage = PacketDamage(length: length)
    if truncation.strikes() {
      damage.isTruncated = length > 1
      damage.length = length > 1 ? 1 + Int(truncation.generator.next(below: UInt32(clamping: length - 1))) : 1
    }
    if corruption.strikes() {
      damage.flippedBit = Int(corruption.generator.next(below: UInt32(clamping: length * 8)))
    }
    if repaired.strikes() {
      damage.flippedBit = Int(repaired.generator.next(below: UInt32(clamping: length * 8)))
      damage.isRepaired = true
    }
    return damage
  }
}

extension LinkStatistics {
  mutating func count(_ damage: PacketDamage) {
    if damage.isRepaired {
      repairedCorruptions += 1
    } else if damage.flippedBit != nil {
      corrupted += 1
    }
    if damage.isTruncated { truncated += 1 }
  }
}
