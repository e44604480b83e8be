// Holds a hash table from 64-bit keyed hashes to 32-bit numbers. It holds no keys: the caller compares the
// candidates it is given with what they stand for, so that a key is stored once, in its own record.

/// An open-addressing multimap from a keyed hash to small numbers, at eight bytes a slot.
///
/// Several numbers may stand under one hash. The hash must be keyed with a secret, or an attacker can choose
/// keys that fall into one chain.
struct HashIndex {
  /// A place in a chain: where the next candidate is looked for, and what its slot must say.
  struct Cursor {
    fileprivate var slot: Int
    fileprivate let fingerprint: UInt32
  }

  /// The low half of the hash above, number + 1 below; zero is an empty slot.
  private var slots: [UInt64] = []
  private(set) var count = 0

  /// The bytes held by the table.
  var allocatedBytes: Int { slots.count * MemoryLayout<UInt64>.stride }

  /// Where the candidates for a hash begin.
  func cursor(for hash: UInt64) -> Cursor {
    let fingerprint = UInt32(truncatingIfNeeded: hash)
    return Cursor(slot: home(of: fingerprint), fingerprint: fingerprint)
  }

  /// The next number that may be the one looked for, or nil when there are no more.
  func next(_ cursor: inout Cursor) -> UInt32? {
    guard !slots.isEmpty else { return nil }
    while true {
      let entry = slots[cursor.slot]
      guard entry != 0 else { return nil }
      cursor.slot = (cursor.slot + 1) & (slots.count - 1)
      if Self.fingerprint(of: entry) == cursor.fingerprint { return Self.number(of: entry) }
    }
  }

  /// Adds a number under a hash.
  /// - Parameter number: at most `UInt32.max - 1`.
  mutating func insert(_ number: UInt32, hash: UInt64) {
    // Half full at most: the chains stay short and a search always meets an empty slot.
    if (count + 1) * 2 > slots.count { grow() }
    place(UInt64(UInt32(truncatingIfNeeded: hash)) << 32 | UInt64(number + 1))
    count += 1
  }

  /// Takes a number out from under the hash it was added with; one that isn't there is left alone.
  mutating func remove(_ number: UInt32, hash: UInt64) {
    guard !slots.isEmpty else { return }
    let mask = slots.count - 1
    let fingerprint = UInt32(truncatingIfNeeded: hash)
    let wanted = UInt64(fingerprint) << 32 | UInt64(number + 1)
    var hole = home(of: fingerprint)
    while slots[hole] != wanted {
      if slots[hole] == 0 { return }
      hole = (hole + 1) & mask
    }
    count -= 1
    // Later entries of the chain move up, so that no mark of the removed one is needed.
    var probe = hole
    while true {
      probe = (probe + 1) & mask
      let entry = slots[probe]
      if entry == 0 { break }
      let home = home(of: Self.fingerprint(of: entry))
      if (probe - home) & mask >= (probe - hole) & mask {
        slots[hole] = entry
        hole = probe
      }
    }
    slots[hole] = 0
  }

  private func home(of fingerprint: UInt32) -> Int {
    slots.isEmpty ? 0 : Int(truncatingIfNeeded: fingerprint) & (slots.count - 1)
  }

  private static func fingerprint(of entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry >> 32) }
  private static func number(of entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry) - 1 }

  private mutating func place(_ entry: UInt64) {
    var slot = home(of: Self.fingerprint(of: entry))
    while slots[slot] != 0 {
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = entry
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: 0, count: max(16, old.count * 2))
    for entry in old where entry != 0 {
      place(entry)
    }
  }
}
