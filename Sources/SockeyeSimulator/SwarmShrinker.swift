// Holds the search for a small world that still fails. How a world is made smaller is in SwarmReduction, what failing means is
// said by the caller.

/// Finds what can be left out of a world that fails.
public enum SwarmShrinker {
  /// A world that fails with as little in it as leaving out one thing at a time can find.
  ///
  /// - Parameters:
  ///   - plan: a world that fails.
  ///   - limit: how many worlds are tried at most.
  ///   - fails: whether a smaller world still fails; it runs the world.
  /// - Returns: what was left out, in order.
  public static func shrink(
    _ plan: SwarmPlan, limit: Int = 400, fails: (SwarmPlan, [SwarmReduction]) -> Bool
  ) -> [SwarmReduction] {
    var kept = plan
    var reductions: [SwarmReduction] = []
    var tried = 0
    var hasChanged = true
    while hasChanged {
      hasChanged = false
      for candidate in candidates(for: kept) {
        while tried < limit, let smaller = kept.reduced(by: candidate) {
          tried += 1
          guard fails(smaller, reductions + [candidate]) else { break }
          kept = smaller
          reductions.append(candidate)
          hasChanged = true
        }
        if tried >= limit { return reductions }
      }
    }
    return reductions
  }

  /// What might be left out, the largest first.
  private static func candidates(for plan: SwarmPlan) -> [SwarmReduction] {
    var candidates: [SwarmReduction] = []
    for index in plan.flows.indices.reversed() { candidates.append(.flow(index)) }
    for index in plan.links.indices { candidates.append(.link(index)) }
    for index in plan.faults.indices { candidates.append(.fault(index)) }
    for index in plan.links.indices {
      candidates += [.direction(index, .forward), .direction(index, .backward)]
    }
    candidates.append(.halfTheBytes)
    for index in plan.flows.indices where !plan.flows[index].isDropped {
      candidates += [.habits(index), .settings(index, isClient: true), .settings(index, isClient: false)]
    }
    return candidates
  }
}
