// Holds what the system's network settings (sysctl net.ipv4) say of TCP, as far as the engine has a setting for it, so
// that a script's `sysctl` lines have their effect. It does not hold what the flags say, which come first.

import Glibc
import SockeyeBytes
import SockeyeTCP

/// Whether the settings beneath /proc/sys are followed.
enum SystemSettingsUse: Sendable {
  /// All of them where the network namespace has been configured for tests; elsewhere only timestamps, SACK and window
  /// scaling where they are off, and the least number of segments in a piece, which scripts set by themselves.
  case automatic
  case always
  case never
}

/// The settings of a network namespace.
struct SystemSettings {
  /// Where they lie.
  static let directory = "/proc/sys/net/ipv4/"
  let use: SystemSettingsUse

  /// The first number, or word, of a setting; nil when there is none.
  func words(_ name: String) -> [Substring] {
    let file = unsafe open(Self.directory + name, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { _ = close(file) }
    let text = unsafe String(unsafeUninitializedCapacity: 256) { buffer in
      // No setting of interest is longer.
      unsafe max(0, read(file, buffer.baseAddress, buffer.count))
    }
    return text.split(whereSeparator: \.isWhitespace)
  }

  private func number(_ name: String, _ index: Int = 0) -> Int? {
    let words = words(name)
    return index < words.count ? Int(words[index]) : nil
  }

  /// A test's preparations give receive buffers a size of their own; what the kernel starts with are these.
  private var isConfigured: Bool {
    guard let size = number("tcp_rmem", 1) else { return false }
    return size != 131_072 && size != 87_380
  }

  /// Whether all settings count.
  var followsAll: Bool { use == .always || use == .automatic && isConfigured }

  /// Changes what the settings say otherwise than the configuration.
  func apply(to configuration: inout TCPConfiguration) {
    if use == .never { return }
    applySwitches(to: &configuration)
    guard followsAll else { return }
    applyTimes(to: &configuration)
    // A machine that has BBR for all it does has it in a new namespace, too, and nothing that a script may do about it
    // is certain to succeed. Scripts for BBR say so with TCP_CONGESTION, their users with a flag.
    if let name = words("tcp_congestion_control").first,
      let algorithm = CongestionControlAlgorithm(linuxName: String(name)), algorithm != .bbr
    {
      configuration.congestionControl = algorithm
    }
    switch number("tcp_ecn") {
    case 0: configuration.explicitCongestionNotification = .off
    case 1: configuration.explicitCongestionNotification = .requested
    default: break
    }
    if number("tcp_slow_start_after_idle") == 1 { configuration.restartsAfterIdle = true }
    switch number("tcp_mtu_probing") {
    case 1: configuration.pathProbing = .blackHole
    case 2: configuration.pathProbing = .always
    default: break
    }
    if number("tcp_early_retrans") == 0 { configuration.tailLossProbes = false }
  }

  private func applySwitches(to configuration: inout TCPConfiguration) {
    if number("tcp_timestamps") == 0 { configuration.timestamps = false }
    if number("tcp_sack") == 0 { configuration.selectiveAcknowledgments = false }
    if number("tcp_window_scaling") == 0 { configuration.windowScaling = false }
  }

  private func applyTimes(to configuration: inout TCPConfiguration) {
    if let seconds = number("tcp_fin_timeout"), seconds > 0 {
      configuration.orphanTimeout = .seconds(seconds)
    }
    if let retries = number("tcp_syn_retries") {
      configuration.connectTimeout = LinuxDefaults.time(
        ofRetries: retries, from: configuration.initialRetransmissionTimeout,
        ceiling: configuration.maximumRetransmissionTimeout)
    }
    if let retries = number("tcp_retries2") {
      configuration.userTimeout = LinuxDefaults.time(
        ofRetries: retries, from: configuration.minimumRetransmissionTimeout,
        ceiling: configuration.maximumRetransmissionTimeout)
    }
  }

  /// Keep-alive as it is when a socket only switches it on.
  func keepAlive(_ otherwise: KeepAlive) -> KeepAlive {
    guard followsAll else { return otherwise }
    var result = otherwise
    if let idle = number("tcp_keepalive_time") { result.idle = .seconds(idle) }
    if let interval = number("tcp_keepalive_intvl") { result.interval = .seconds(interval) }
    if let probes = number("tcp_keepalive_probes") { result.probes = max(2, probes) }
    return result
  }

  /// How many segments the kernel hands to a link in one piece at least.
  var leastPiece: Int {
    use == .never ? 2 : max(1, number("tcp_min_tso_segs") ?? 2)
  }

  /// From how much unsent text on no socket takes more, octets; nil: no such bound.
  var unsentLowWater: Int? {
    guard use != .never, let number = number("tcp_notsent_lowat"), number < Int(Int32.max) else { return nil }
    return number
  }

  /// The default and the largest size of a buffer, octets.
  func bufferSizes(receiving: Bool) -> (initial: Int, largest: Int)? {
    guard followsAll else { return nil }
    let name = receiving ? "tcp_rmem" : "tcp_wmem"
    guard let initial = number(name, 1), let largest = number(name, 2) else { return nil }
    return (initial, largest)
  }
}

/// What a Linux host does where the engine's own defaults, the RFCs', are otherwise.
enum LinuxDefaults {
  /// The buffers of a host configured for packetdrill's scripts, octets: what a socket starts with, and the most.
  static let receiveBuffer = (initial: 540_000, largest: 15 << 20)
  static let sendBuffer = (initial: 256 << 10, largest: 4 << 20)

  static let keepAlive = KeepAlive(idle: .hours(2), interval: .seconds(75), probes: 9)

  /// A configuration that behaves as scripts written on Linux expect.
  static var configuration: TCPConfiguration {
    var configuration = TCPConfiguration()
    configuration.minimumRetransmissionTimeout = .milliseconds(200)
    configuration.retransmissionGranularity = .milliseconds(200)
    configuration.quickAcknowledgments = 16
    configuration.restartsAfterIdle = false
    configuration.slowStartLimit = nil
    configuration.reducesFromWindow = true
    configuration.timesEveryAcknowledgment = true
    configuration.delaysFinishAcknowledgment = true
    configuration.resetsSilentPeers = true
    configuration.windowProbesCarryText = false
    configuration.nagleIgnoresFullSegments = true
    configuration.pathProbing = .off
    configuration.requiresTimestamps = false
    configuration.explicitCongestionNotification = .accepted
    configuration.sendBufferCapacity = sendBuffer.largest
    configuration.receiveBuffer = BufferBounds(initial: 65_535, maximum: receiveBuffer.largest)
    configuration.connectTimeout = time(
      ofRetries: 5, from: .seconds(1), ceiling: configuration.maximumRetransmissionTimeout)
    configuration.userTimeout = time(
      ofRetries: 15, from: .milliseconds(200), ceiling: configuration.maximumRetransmissionTimeout)
    return configuration
  }

  /// TCP_DEFER_ACCEPT as it is told: Linux keeps it as a number of retries of a SYN,ACK.
  static func deferral(ofSeconds seconds: Int32) -> Int32 {
    var (total, timeout): (Int32, Int32) = (0, 1)
    while total < seconds {
      total += timeout
      timeout = min(timeout * 2, 120)
    }
    return total
  }

  /// How long a segment is sent again when the timer doubles each time: until the time of the retry after the last.
  static func time(ofRetries retries: Int, from timeout: Interval, ceiling: Interval) -> Interval {
    var total = Interval.zero
    var timeout = timeout
    for _ in 0...max(0, min(retries, 127)) {
      total += timeout
      timeout = min(timeout * 2, ceiling)
    }
    return total
  }
}
