// Holds what a host of WebAssembly calls to run a random world. scripts/embedded compiles it, worlds.mjs calls it.

import SockeyeSimulator

/// What the world of a seed adds to the digest of many (`SwarmOutcome.contribution`).
@_expose(wasm, "contribution")
@_cdecl("contribution")
public func contribution(of seed: UInt64) -> UInt64 {
  SwarmRun.outcome(of: .drawn(from: seed)).contribution(of: seed)
}
