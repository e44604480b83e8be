// Shows the hash table against a dictionary, with good hashes and with bad ones.

import SockeyeBytes
import Testing

@Suite struct KeyedTableTests {
  @Test(arguments: [1, 2, 16, 1 << 20])
  func behavesLikeADictionary(_ distinctHashes: UInt64) {
    var generator = SeededGenerator(seed: distinctHashes)
    var table = KeyedTable<Int, String>(limit: 300)
    var model: [Int: String] = [:]
    let key = HashKey(1, 2)
    func hash(_ value: Int) -> UInt64 { SipHash.hash(of: UInt64(value), key: key) % distinctHashes }
    for step in 0..<8000 {
      let candidate = Int.random(in: 0..<500, using: &generator)
      if Int.random(in: 0..<5, using: &generator) < 3 {
        let fits = model[candidate] != nil || model.count < 300
        #expect(table.insert(candidate, "\(step)", hash: hash(candidate)) == fits)
        if fits { model[candidate] = "\(step)" }
      } else {
        #expect(table.remove(candidate, hash: hash(candidate)) == model.removeValue(forKey: candidate))
      }
      #expect(table.count == model.count)
    }
    for candidate in 0..<500 { #expect(table.find(candidate, hash: hash(candidate)) == model[candidate]) }
    var seen: [Int: String] = [:]
    table.forEachEntry { seen[$0] = $1 }
    #expect(seen == model)
  }

  @Test func anEmptyTableHoldsNothing() {
    var table = KeyedTable<Int, Int>(limit: 0)
    #expect(table.find(1, hash: 0) == nil)
    #expect(table.remove(1, hash: 0) == nil)
    #expect(table.insert(1, 1, hash: 0) == false)
    #expect(table.count == 0)
  }
}
