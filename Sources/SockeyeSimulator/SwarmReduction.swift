// Holds how a random world is made smaller: one thing left out at a time. What is worth leaving out is found by SwarmShrinker.

import SockeyeBytes
import SockeyeTCP

/// One thing left out of a random world; all others keep their numbers, keys and dice.
public enum SwarmReduction: Sendable, Equatable {
  case flow(Int)
  case fault(Int)
  /// Both directions of a link are as they will be when the network has healed.
  case link(Int)
  /// One direction only.
  case direction(Int, LinkDirection)
  /// All applications write, and turn, half as much.
  case halfTheBytes
  /// The applications of a flow do nothing special: no pauses, no pieces, no urgent text.
  case habits(Int)
  /// The settings of an end of a flow are the engine's own.
  case settings(Int, isClient: Bool)

  /// The letter and numbers by which users name it: "f2", "x0", "l3", "d3b", "b", "h1", "s1c".
  public var text: String {
    switch self {
    case .flow(let number): "f\(number)"
    case .fault(let number): "x\(number)"
    case .link(let number): "l\(number)"
    case .direction(let number, let direction): "d\(number)\(direction == .forward ? "f" : "b")"
    case .halfTheBytes: "b"
    case .habits(let number): "h\(number)"
    case .settings(let number, let isClient): "s\(number)\(isClient ? "c" : "s")"
    }
  }

  /// Reads what `text` writes.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    guard let kind = octets.first else { return nil }
    var digits = octets[1...]
    var suffix: UInt8?
    if let last = digits.last, !(0x30...0x39).contains(last) {
      suffix = last
      digits.removeLast()
    }
    var number = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit), number < 10_000 else { return nil }
      number = number * 10 + Int(digit - 0x30)
    }
    if digits.isEmpty != (kind == 0x62) { return nil }
    switch (kind, suffix) {
    case (0x66, nil): self = .flow(number)
    case (0x78, nil): self = .fault(number)
    case (0x6C, nil): self = .link(number)
    case (0x64, 0x66): self = .direction(number, .forward)
    case (0x64, 0x62): self = .direction(number, .backward)
    case (0x62, nil): self = .halfTheBytes
    case (0x68, nil): self = .habits(number)
    case (0x73, 0x63): self = .settings(number, isClient: true)
    case (0x73, 0x73): self = .settings(number, isClient: false)
    case _: return nil
    }
  }
}

extension SwarmPlan {
  /// The world with one thing left out; nil if there is no such thing, or nothing would change.
  public func reduced(by reduction: SwarmReduction) -> SwarmPlan? {
    var plan = self
    switch reduction {
    case .flow(let number):
      guard flows.indices.contains(number) else { return nil }
      plan.flows[number].isDropped = true
    case .fault(let number):
      guard faults.indices.contains(number) else { return nil }
      plan.faults[number].isDropped = true
    case .link(let number):
      guard links.indices.contains(number) else { return nil }
      plan.links[number].forward = links[number].healed
      plan.links[number].backward = links[number].healed
    case .direction(let number, let direction):
      guard links.indices.contains(number) else { return nil }
      switch direction {
      case .forward: plan.links[number].forward = links[number].healed
      case .backward: plan.links[number].backward = links[number].healed
      }
    case .halfTheBytes:
      for index in flows.indices where !flows[index].isDropped {
        plan.flows[index].clientSide.halve()
        plan.flows[index].serverSide.halve()
      }
    case .habits(let number):
      guard flows.indices.contains(number) else { return nil }
      plan.flows[number].clientSide.forgetHabits()
      plan.flows[number].serverSide.forgetHabits()
    case .settings(let number, let isClient):
      guard flows.indices.contains(number) else { return nil }
      if isClient {
        plan.flows[number].clientSide.forgetSettings()
      } else {
        plan.flows[number].serverSide.forgetSettings()
      }
    }
    return plan == self ? nil : plan
  }

  /// The world with several things left out, one after the other; those that change nothing don't count.
  public func reduced(by reductions: [SwarmReduction]) -> SwarmPlan {
    var plan = self
    for reduction in reductions { plan = plan.reduced(by: reduction) ?? plan }
    return plan
  }
}

extension SwarmSide {
  fileprivate mutating func halve() {
    switch rhythm {
    case .free: bytes = bytes / 2
    case .alternating(let mine, let peers, let begins):
      // Fewer turns of the same size.
      let turns = bytes / UInt64(mine)
      bytes = max(1, turns / 2) * UInt64(mine)
      rhythm = .alternating(mine: mine, peers: peers, begins: begins)
    }
    if case .abort(let after) = ending { ending = .abort(after: after / 2) }
  }

  fileprivate mutating func forgetHabits() {
    let plain = SwarmSide(bytes: bytes)
    piece = plain.piece
    pause = plain.pause
    readPiece = plain.readPiece
    readPause = plain.readPause
    readDelay = plain.readDelay
    urgentEvery = plain.urgentEvery
  }

  fileprivate mutating func forgetSettings() {
    let hasFastOpen = tcp.fastOpen
    tcp = TCPConfiguration()
    tcp.fastOpen = hasFastOpen
  }
}
