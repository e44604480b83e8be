// Holds the options of TCP connections' channels, and what the socket options mean to the stack.

import NIOCore
import SockeyeBytes
import SockeyeStack
import SockeyeTCP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The socket options that were set, each nil as long as it wasn't.
struct StreamSettings {
  var noDelay: Bool?
  var keepsAlive: Bool?
  /// Seconds.
  var keepAliveIdle: Int?
  /// Seconds.
  var keepAliveInterval: Int?
  var keepAliveCount: Int?
  /// Octets.
  var sendBuffer: Int?
  /// Octets.
  var receiveBuffer: Int?
  var reusesAddress = false
  /// Seconds; nil: closing does not linger.
  var linger: Int?

  /// Closing throws away what was not sent (SO_LINGER with no time to linger).
  var resetsOnClose: Bool { linger == 0 }

  private var keepAlive: KeepAlive {
    var keepAlive = KeepAlive()
    if let keepAliveIdle { keepAlive.idle = .seconds(keepAliveIdle) }
    if let keepAliveInterval { keepAlive.interval = .seconds(keepAliveInterval) }
    if let keepAliveCount { keepAlive.probes = keepAliveCount }
    return keepAlive
  }

  /// A connection's configuration with what was set here.
  func configuration(_ defaults: TCPConfiguration) -> TCPConfiguration {
    var configuration = defaults
    if let noDelay { configuration.noDelay = noDelay }
    if let keepsAlive { configuration.keepAlive = keepsAlive ? keepAlive : nil }
    if let sendBuffer { configuration.sendBufferCapacity = sendBuffer }
    if let receiveBuffer { configuration.receiveBufferCapacity = receiveBuffer }
    return configuration
  }

  private enum Option {
    case noDelay, keepAlive, keepAliveIdle, keepAliveInterval, keepAliveCount, sendBuffer, receiveBuffer
    case reuseAddress, error
  }

  /// Nil for options that the stack has not got.
  private static func option(_ option: ChannelOptions.Types.SocketOption) -> Option? {
    #if canImport(Darwin)
      let idleTime = TCP_KEEPALIVE
    #else
      let idleTime = TCP_KEEPIDLE
    #endif
    switch (option.optionLevel, option.optionName) {
    case (.tcp, .tcp_nodelay): return .noDelay
    case (.tcp, NIOBSDSocket.Option(rawValue: idleTime)): return .keepAliveIdle
    case (.tcp, NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)): return .keepAliveInterval
    case (.tcp, NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)): return .keepAliveCount
    case (.socket, .so_keepalive): return .keepAlive
    case (.socket, .so_sndbuf): return .sendBuffer
    case (.socket, .so_rcvbuf): return .receiveBuffer
    case (.socket, .so_reuseaddr): return .reuseAddress
    case (.socket, .so_error): return .error
    default: return nil
    }
  }

  /// - Returns: whether there is such an option.
  mutating func set(_ option: ChannelOptions.Types.SocketOption, to value: Int) throws -> Bool {
    switch Self.option(option) {
    case .noDelay: noDelay = value != 0
    case .keepAlive: keepsAlive = value != 0
    case .keepAliveIdle: keepAliveIdle = try positive(value)
    case .keepAliveInterval: keepAliveInterval = try positive(value)
    case .keepAliveCount: keepAliveCount = try positive(value)
    case .sendBuffer: sendBuffer = try positive(value)
    case .receiveBuffer: receiveBuffer = try positive(value)
    case .reuseAddress: reusesAddress = value != 0
    case .error, nil: return false
    }
    return true
  }

  private func positive(_ value: Int) throws -> Int {
    guard value > 0 else { throw IOError.invalidArgument("setsockopt") }
    return value
  }

  /// Nil when there is no such option.
  func value(of option: ChannelOptions.Types.SocketOption, _ defaults: TCPConfiguration) -> SocketOptionValue?
  {
    let configuration = configuration(defaults)
    let times = configuration.keepAlive ?? keepAlive
    switch Self.option(option) {
    case .noDelay: return configuration.noDelay ? 1 : 0
    case .keepAlive: return configuration.keepAlive == nil ? 0 : 1
    case .keepAliveIdle: return SocketOptionValue(clamping: times.idle.nanoseconds / 1_000_000_000)
    case .keepAliveInterval: return SocketOptionValue(clamping: times.interval.nanoseconds / 1_000_000_000)
    case .keepAliveCount: return SocketOptionValue(clamping: times.probes)
    case .sendBuffer: return SocketOptionValue(clamping: configuration.sendBufferCapacity)
    case .receiveBuffer: return SocketOptionValue(clamping: configuration.receiveBufferCapacity)
    case .reuseAddress: return reusesAddress ? 1 : 0
    case .error: return 0
    case nil: return nil
    }
  }
}

extension StreamChannel {
  func setStreamOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws -> Bool {
    switch option {
    case is ChannelOptions.Types.AllowRemoteHalfClosureOption: allowRemoteHalfClosure = try cast(value)
    case is ChannelOptions.Types.WriteBufferWaterMarkOption: writes.waterMark = try cast(value)
    case is ChannelOptions.Types.WriteSpinOption: writeSpinCount = try cast(value)
    case is ChannelOptions.Types.ConnectTimeoutOption: connectTimeout = try cast(value)
    case let option as ChannelOptions.Types.SocketOption:
      return try setSocketOption(option, to: Int(try cast(value) as SocketOptionValue))
    default: return false
    }
    return true
  }

  func streamOption<Option: ChannelOption>(_ option: Option) throws -> Any? {
    switch option {
    case is ChannelOptions.Types.AllowRemoteHalfClosureOption: return allowRemoteHalfClosure
    case is ChannelOptions.Types.WriteBufferWaterMarkOption: return writes.waterMark
    case is ChannelOptions.Types.WriteSpinOption: return writeSpinCount
    case is ChannelOptions.Types.BufferedWritableBytesOption: return writes.octets
    case is ChannelOptions.Types.ConnectTimeoutOption: return connectTimeout as Any
    case let option as ChannelOptions.Types.SocketOption:
      return settings.value(of: option, loop.connectionDefaults)
    default: return nil
    }
  }

  private func setSocketOption(_ option: ChannelOptions.Types.SocketOption, to value: Int) throws -> Bool {
    let before = settings
    guard try settings.set(option, to: value) else { return false }
    guard let id else { return true }
    do throws(SocketError) {
      try apply(changedFrom: before, to: id)
    } catch {
      settings = before
      throw IOError(error, "setsockopt")
    }
    return true
  }

  /// Tells the stack what is different now.
  private func apply(changedFrom before: StreamSettings, to id: ConnectionID) throws(SocketError) {
    let old = before.configuration(loop.connectionDefaults)
    let new = settings.configuration(loop.connectionDefaults)
    let now = loop.now
    if new.noDelay != old.noDelay { try loop.stack.setNoDelay(new.noDelay, of: id, at: now) }
    if new.keepAlive != old.keepAlive { try loop.stack.setKeepAlive(new.keepAlive, of: id, at: now) }
    if let octets = settings.sendBuffer, octets != before.sendBuffer {
      try loop.stack.setSendBuffer(octets, of: id, at: now)
    }
    if let octets = settings.receiveBuffer, octets != before.receiveBuffer {
      try loop.stack.setReceiveBuffer(octets, of: id, at: now)
    }
  }
}
