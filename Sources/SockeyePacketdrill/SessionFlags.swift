// Holds what `--so_flags` may say, as `key=value,key=value`, and what holds when it says nothing. It does not hold the
// system's settings, which SystemSettings reads.

import Glibc
import SockeyeTCP
import SockeyeWire

/// What the user of packetdrill has asked for.
struct SessionFlags: Sendable, Equatable {
  var clock = SessionClock.Kind.virtual
  /// Our window scale; nil: what the receive buffer needs.
  var windowScale: Int?
  var congestionControl: CongestionControlAlgorithm?
  /// Bound of the MSS that we announce and use, octets.
  var maximumSegmentSize: Int?
  /// Of the link, octets.
  var maximumTransmissionUnit = 1500
  /// What segments are made of that come as one (packetdrill's --mss), octets; nil: each is what it is.
  var receivedSegmentSize: Int?
  /// Addresses of the host beside those of packetdrill's defaults and those that scripts bind to.
  var addresses: [IPAddress] = []
  /// Explicit congestion notification; nil: as the system's settings say, and accepted where they say nothing.
  var congestionNotification: ExplicitCongestionNotification?
  /// Who may use Fast Open, and the keys of its cookies; nil: as the system's settings say.
  var fastOpen: FastOpenUse?
  var fastOpenKeys: FastOpenKeys?
  /// Whether the settings beneath /proc/sys/net/ipv4 are followed.
  var settings = SystemSettingsUse.automatic
  /// Whether the last segment of a burst is pushed, as the kernel's segmentation offload does, and not only the one that
  /// empties the queue (RFC 9293 §3.9.1.2 MUST-61).
  var pushesBursts = true
  /// The engine's own defaults, as the RFCs have them, in place of Linux's.
  var usesEngineDefaults = false

  /// A word of the flags that means nothing.
  struct Unknown: Error, Equatable { let word: String }

  init() {}

  /// - Throws: `Unknown` with the first word that can't be understood.
  init(parsing text: String) throws(Unknown) {
    for word in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
      let parts = word.split(separator: "=", maxSplits: 1)
      let value = parts.count > 1 ? String(parts[1]) : ""
      guard let key = parts.first, take(String(key), value) else { throw Unknown(word: String(word)) }
    }
  }

  /// What packetdrill itself was told, on its command line or in the first lines of a script, as far as a stack must know
  /// it: a kernel would hear of these from the device.
  mutating func takeProgramArguments(_ arguments: [String]) {
    for argument in arguments.flatMap({ $0.hasSuffix(".pkt") ? Self.options(ofScript: $0) : [$0] }) {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "--mss", "-mss": receivedSegmentSize = Int(parts[1])
      case "--mtu", "-mtu": _ = take("mtu", String(parts[1]))
      case "--local_ip", "-local_ip": _ = take("local", String(parts[1]))
      default: break
      }
    }
  }

  /// The options that a script has in it.
  private static func options(ofScript path: String) -> [String] {
    guard let file = unsafe fopen(path, "r") else { return [] }
    defer { unsafe fclose(file) }
    let text = unsafe String(unsafeUninitializedCapacity: 1 << 16) { buffer in
      unsafe fread(buffer.baseAddress, 1, buffer.count, file)
    }
    return text.split(separator: "\n").filter { $0.hasPrefix("--") }.map { line in
      String(line.prefix { !$0.isWhitespace })
    }
  }

  private mutating func take(_ key: String, _ value: String) -> Bool {
    switch (key, value) {
    case ("real", ""), ("time", "real"): clock = .real
    case ("virtual", ""), ("time", "virtual"): clock = .virtual
    case ("defaults", "linux"): usesEngineDefaults = false
    case ("defaults", "rfc"): usesEngineDefaults = true
    case ("push", "burst"): pushesBursts = true
    case ("push", "end"): pushesBursts = false
    case ("sysctl", "auto"): settings = .automatic
    case ("sysctl", "on"): settings = .always
    case ("sysctl", "off"): settings = .never
    case ("ecn", "off"): congestionNotification = .off
    case ("ecn", "accept"): congestionNotification = .accepted
    case ("ecn", "request"): congestionNotification = .requested
    case ("wscale", _): return set(\.windowScale, value, 0...14)
    case ("mss", _): return set(\.maximumSegmentSize, value, 48...65_495)
    case ("mtu", _):
      guard let unit = Int(value), 68...65_535 ~= unit else { return false }
      maximumTransmissionUnit = unit
    case ("congestion", _), ("cc", _):
      guard let algorithm = CongestionControlAlgorithm(linuxName: value) else { return false }
      congestionControl = algorithm
    case ("fastopen", _):
      guard let use = FastOpenUse(parsing: value) else { return false }
      fastOpen = use
    case ("fastopen_key", _):
      guard let keys = FastOpenKeys(parsing: value) else { return false }
      fastOpenKeys = keys
    case ("local", _), ("address", _):
      guard let address = IPAddress(parsing: value) else { return false }
      // A script may name the address of the command line again.
      if !addresses.contains(address) { addresses.append(address) }
    default: return false
    }
    return true
  }

  private mutating func set(
    _ field: WritableKeyPath<SessionFlags, Int?>, _ value: String, _ range: ClosedRange<Int>
  ) -> Bool {
    guard let number = Int(value), range.contains(number) else { return false }
    self[keyPath: field] = number
    return true
  }
}

extension CongestionControlAlgorithm {
  /// The name that TCP_CONGESTION has for an algorithm, and the engine's own.
  init?(linuxName: String) {
    switch linuxName {
    case "reno", "newreno": self = .newReno
    case "cubic": self = .cubic
    case "bbr": self = .bbr
    default: return nil
    }
  }

  var linuxName: String {
    switch self {
    case .newReno: "reno"
    case .cubic: "cubic"
    case .bbr: "bbr"
    }
  }
}
