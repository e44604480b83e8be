// Holds the writing of TCP options, in the order Linux uses, so that a header's shape gives nothing away.

extension TCPOptions {
  /// Appends `encodedLength` bytes.
  ///
  /// On a SYN: MSS, SACK-permitted, timestamps, NOP, window scale, Fast Open. Else: NOP, NOP, timestamps, NOP, NOP,
  /// SACK. Authentication comes last (RFC 5925 §7.3).
  /// - Returns: the sum of the 32-bit words written, not folded.
  /// - Precondition: `out` has room for `encodedLength` bytes.
  @_lifetime(out: copy out)
  @discardableResult
  public func write(into out: inout OutputRawSpan) -> UInt64 {
    var sum: UInt64 = 0
    if let maximumSegmentSize {
      sum = sum &+ TCPOptions.write(0x0204_0000 | UInt32(maximumSegmentSize), into: &out)
    }
    if let timestamps {
      sum = sum &+ TCPOptions.write(sackPermitted ? 0x0402_080a : OptionKind.alignedTimestamps, into: &out)
      sum = sum &+ TCPOptions.write(timestamps.value, into: &out)
      sum = sum &+ TCPOptions.write(timestamps.echo, into: &out)
    } else if sackPermitted {
      sum = sum &+ TCPOptions.write(0x0101_0402, into: &out)
    }
    if let windowScale {
      sum = sum &+ TCPOptions.write(0x0103_0300 | UInt32(windowScale), into: &out)
    }
    if let fastOpen { return sum &+ fastOpen.write(into: &out) }
    sum = sum &+ writeBlocks(into: &out)
    guard let authentication else { return sum }
    let identifiers = UInt32(authentication.keyID) << 8 | UInt32(authentication.nextKeyID)
    let code = authentication.code
    sum = sum &+ TCPOptions.write(0x1d10_0000 | identifiers, into: &out)
    sum = sum &+ TCPOptions.write(UInt32(truncatingIfNeeded: code.high >> 32), into: &out)
    sum = sum &+ TCPOptions.write(UInt32(truncatingIfNeeded: code.high), into: &out)
    return sum &+ TCPOptions.write(code.low, into: &out)
  }

  @_lifetime(out: copy out)
  private func writeBlocks(into out: inout OutputRawSpan) -> UInt64 {
    let blocks = writtenBlocks
    guard blocks > 0 else { return 0 }
    var sum: UInt64 = 0
    sum = sum &+ TCPOptions.write(0x0101_0500 | UInt32(truncatingIfNeeded: 2 &+ 8 &* blocks), into: &out)
    for index in 0..<blocks {
      let block = sackBlocks[index]
      sum = sum &+ TCPOptions.write(block.left.rawValue, into: &out)
      sum = sum &+ TCPOptions.write(block.right.rawValue, into: &out)
    }
    return sum
  }

  @_lifetime(out: copy out)
  private static func write(_ word: UInt32, into out: inout OutputRawSpan) -> UInt64 {
    out.appendUInt32(word)
    return UInt64(word)
  }
}
