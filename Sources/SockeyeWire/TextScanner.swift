// Holds the reading of addresses from text, over UTF-8 bytes: Embedded Swift has no cheap Character work.

/// Walks over the bytes of a text and takes numbers and addresses off its front. Each taker returns nil, and
/// the scanner is of no further use, when the text doesn't fit.
struct TextScanner {
  private let bytes: [UInt8]
  private var index = 0

  /// A text longer than any address with its port is not read at all.
  init(_ text: String) {
    bytes = text.utf8.count <= 128 ? [UInt8](text.utf8) : [0]
  }

  var isAtEnd: Bool { index == bytes.count }

  /// The next byte, left where it is.
  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  /// Takes the byte, if it is the next one.
  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard let next, UInt32(next) == byte.value else { return false }
    index += 1
    return true
  }

  /// Takes a decimal number without leading zeros.
  mutating func number(upTo limit: Int) -> Int? {
    let start = index
    var value = 0
    while let next, next >= 48, next <= 57 {
      if index > start && value == 0 { return nil }
      value = value * 10 + Int(next - 48)
      if value > limit { return nil }
      index += 1
    }
    return index > start ? value : nil
  }

  mutating func ipv4Address() -> IPv4Address? {
    var address: UInt32 = 0
    for place in 0..<4 {
      if place > 0 && !take(".") { return nil }
      guard let number = number(upTo: 255) else { return nil }
      address = address << 8 | UInt32(number)
    }
    return IPv4Address(rawValue: address)
  }

  mutating func ipv6Address() -> IPv6Address? {
    var groups: [UInt16] = []
    var gap: Int?
    if take(":") {
      guard take(":") else { return nil }
      gap = 0
    }
    while groups.count < 8, let next, TextScanner.digit(next) != nil {
      let start = index
      guard let group = hexadecimalGroup() else { return nil }
      if self.next == 46 {
        // An IPv4 address takes the place of the last two groups.
        index = start
        guard groups.count <= 6, let tail = ipv4Address() else { return nil }
        groups.append(UInt16(truncatingIfNeeded: tail.rawValue >> 16))
        groups.append(UInt16(truncatingIfNeeded: tail.rawValue))
        break
      }
      groups.append(group)
      guard take(":") else { break }
      if take(":") {
        if gap != nil { return nil }
        gap = groups.count
      } else if groups.count == 8 || self.next.flatMap(TextScanner.digit) == nil {
        return nil
      }
    }
    return TextScanner.address(groups, gap: gap)
  }

  mutating func ipAddress() -> IPAddress? {
    // A colon within the first five bytes tells the versions apart.
    for offset in 0..<5 where index + offset < bytes.count && bytes[index + offset] == 58 {
      return ipv6Address().map { .v6($0) }
    }
    return ipv4Address().map { .v4($0) }
  }

  private mutating func hexadecimalGroup() -> UInt16? {
    var value: UInt32 = 0
    var digits = 0
    while let next, let digit = TextScanner.digit(next) {
      digits += 1
      if digits > 4 { return nil }
      value = value << 4 | UInt32(digit)
      index += 1
    }
    return digits > 0 ? UInt16(truncatingIfNeeded: value) : nil
  }

  private static func address(_ groups: [UInt16], gap: Int?) -> IPv6Address? {
    // "::" stands for at least one group (RFC 4291 §2.2).
    guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
    let zeros = 8 - groups.count
    var address = IPv6Address.unspecified
    for (place, group) in groups.enumerated() {
      let position = place < gap ?? 8 ? place : place + zeros
      let shifted = UInt64(group) << UInt64(48 - 16 * (position & 3))
      if position < 4 { address.high |= shifted } else { address.low |= shifted }
    }
    return address
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }

  /// The number in lower-case hexadecimal digits, without leading zeros.
  static func hexadecimal(_ value: UInt16) -> String {
    String(value, radix: 16)
  }
}
