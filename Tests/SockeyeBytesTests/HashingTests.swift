// Shows SipHash against its published vectors, and the seeded generator against its published algorithm.

import SockeyeBytes
import Testing

@Suite struct HashingTests {
  /// The key of the published vectors: bytes 00 to 0f.
  let key = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

  /// The published vectors hash the bytes 00, 01, 02, …; those of whole words, and of words and four bytes.
  @Test func thePublishedVectors() {
    #expect(SipHash(key: key).finish() == 0x726f_db47_dd0e_0e31)
    var hash = SipHash(key0: key.word0, key1: key.word1)
    #expect(hash.finish(tail: 0x0302_0100) == 0xcf27_94e0_2771_87b7)
    hash.absorb(0x0706_0504_0302_0100)
    #expect(hash.finish() == 0x93f5_f579_9a93_2462)
    #expect(hash.finish(tail: 0x0b0a_0908) == 0x751e_8fbc_860e_e5fb)
    hash.absorb(0x0f0e_0d0c_0b0a_0908)
    #expect(hash.finish() == 0x3f2a_cc7f_57c2_9bdb)
    #expect(SipHash.hash(of: 0x0706_0504_0302_0100, key: key) == 0x93f5_f579_9a93_2462)
    let two = SipHash.hash(of: 0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, key: key)
    #expect(two == 0x3f2a_cc7f_57c2_9bdb)
  }

  @Test func aSeedFixesTheNumbers() {
    var generator = SeededGenerator(seed: 0)
    // splitmix64 of 0, then xoshiro256**.
    #expect(generator.next() == 0x99ec_5f36_cb75_f2b4)
    var again = SeededGenerator(seed: 7)
    var same = SeededGenerator(seed: 7)
    var other = SeededGenerator(seed: 8)
    let numbers = (0..<100).map { _ in again.next() }
    #expect(numbers == (0..<100).map { _ in same.next() })
    #expect(numbers != (0..<100).map { _ in other.next() })
    #expect(Set(numbers).count == 100)
  }
  @Test(arguments: [UInt32(1), 2, 3, 6, 1000, 0x8000_0001, .max])
  func boundedNumbersAreEvenlySpread(_ bound: UInt32) {
    var generator = SeededGenerator(seed: UInt64(bound))
    var counts = [0, 0, 0]
    for _ in 0..<6000 {
      let number = generator.next(below: bound)
      #expect(number < bound)
      counts[Int(UInt64(number) * 3 / UInt64(bound))] += 1
    }
    if bound >= 3 && bound != 1000 { for count in counts { #expect((1850...2150).contains(count)) } }
    if bound == 1 { #expect(counts == [6000, 0, 0]) }
  }
}
