// Holds what decides about Fast Open as a Linux host has it: the bits of net.ipv4.tcp_fastopen and the keys of its cookies.
// It does not hold the calls, which are in Session+FastOpen.

import SockeyeBytes
import SockeyeTCP

/// Who may use Fast Open; the bits of net.ipv4.tcp_fastopen.
struct FastOpenUse: OptionSet, Equatable, Sendable {
  let rawValue: Int
  static let client = FastOpenUse(rawValue: 0x1)
  static let server = FastOpenUse(rawValue: 0x2)
  /// Text leaves with a SYN that has no cookie.
  static let clientWithoutCookie = FastOpenUse(rawValue: 0x4)
  /// Text of a SYN without a cookie is taken.
  static let serverWithoutCookie = FastOpenUse(rawValue: 0x200)
  /// A listener need not ask for it.
  static let everyListener = FastOpenUse(rawValue: 0x400)

  /// Those who ask for it by an option or a flag of a call.
  static let whoeverAsks: FastOpenUse = [.client, .server]

  init(rawValue: Int) { self.rawValue = rawValue }

  /// - Returns: nil when the text is no number, decimal or hexadecimal.
  init?(parsing text: some StringProtocol) {
    let number = text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
    guard let number, number >= 0 else { return nil }
    self.init(rawValue: number)
  }
}

/// The key of cookies, and the one before it, as programs and the system's settings write them: four or eight words of 32
/// bits.
struct FastOpenKeys: Equatable, Sendable {
  private let words: [UInt32]

  /// The key of a host that was given none.
  static let none = FastOpenKeys(words: [0, 0, 0, 0])

  private init(words: [UInt32]) { self.words = words }

  /// As a setting has it, in hexadecimal: "01234567-89abcdef-00112233-44556677", with the key before it behind a comma.
  init?(parsing text: some StringProtocol) {
    let keys = text.split(separator: ",", omittingEmptySubsequences: false)
    guard keys.count <= 2 else { return nil }
    var words: [UInt32] = []
    for key in keys {
      let parts = key.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count == 4 else { return nil }
      for part in parts {
        guard part.count <= 8, let word = UInt32(part, radix: 16) else { return nil }
        words.append(word)
      }
    }
    self.init(words: words)
  }

  /// As TCP_FASTOPEN_KEY has it: 16 or 32 octets, each word's lowest first.
  init?(octets: UnsafeRawBufferPointer) {
    guard octets.count == 16 || octets.count == 32 else { return nil }
    self.init(
      words: (0..<octets.count / 4).map { index in
        unsafe UInt32(littleEndian: octets.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
      })
  }

  var octets: [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) } }
  }

  var cookies: SharedFastOpenCookies {
    SharedFastOpenCookies(key: key(at: 0), previous: words.count > 4 ? key(at: 4) : nil)
  }

  private func key(at place: Int) -> HashKey {
    HashKey(
      UInt64(words[place]) | UInt64(words[place + 1]) << 32,
      UInt64(words[place + 2]) | UInt64(words[place + 3]) << 32)
  }
}

extension SystemSettings {
  /// What a kernel allows before anybody has changed it.
  private static var usualFastOpenUse: FastOpenUse { .client }

  /// Nil where the system's settings say nothing of it.
  var fastOpenUse: FastOpenUse? {
    guard use != .never, let text = words("tcp_fastopen").first, let result = FastOpenUse(parsing: text)
    else {
      return nil
    }
    // What somebody has changed was meant.
    return followsAll || result != Self.usualFastOpenUse ? result : nil
  }

  var fastOpenKeys: FastOpenKeys? {
    use == .never ? nil : words("tcp_fastopen_key").first.flatMap { FastOpenKeys(parsing: $0) }
  }
}
