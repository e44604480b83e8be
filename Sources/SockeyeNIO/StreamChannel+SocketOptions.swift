// Holds the socket options whose values are structures: SO_LINGER. Those that are numbers are in StreamChannel+Options.

import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension StreamChannel: SocketOptionProvider {
  func unsafeSetSocketOption<Value: Sendable>(
    level: SocketOptionLevel, name: SocketOptionName, value: Value
  ) -> EventLoopFuture<Void> {
    unsafeSetSocketOption(
      level: NIOBSDSocket.OptionLevel(rawValue: CInt(level)), name: NIOBSDSocket.Option(rawValue: name),
      value: value)
  }

  func unsafeSetSocketOption<Value: Sendable>(
    level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option, value: Value
  ) -> EventLoopFuture<Void> {
    network.submit {
      guard self.isOpen else { throw ChannelError.ioOnClosedChannel }
      switch value {
      case let value as linger where level == .socket && name == .so_linger:
        self.settings.linger = value.l_onoff == 0 ? nil : Int(value.l_linger)
      case let value as CInt:
        let option = ChannelOptions.Types.SocketOption(level: level, name: name)
        try self.setOption0(option, value: SocketOptionValue(value))
      default: throw ChannelError.operationUnsupported
      }
    }
  }

  func unsafeGetSocketOption<Value: Sendable>(
    level: SocketOptionLevel, name: SocketOptionName
  ) -> EventLoopFuture<Value> {
    unsafeGetSocketOption(
      level: NIOBSDSocket.OptionLevel(rawValue: CInt(level)), name: NIOBSDSocket.Option(rawValue: name))
  }

  func unsafeGetSocketOption<Value: Sendable>(
    level: NIOBSDSocket.OptionLevel, name: NIOBSDSocket.Option
  ) -> EventLoopFuture<Value> {
    network.submit {
      guard self.isOpen else { throw ChannelError.ioOnClosedChannel }
      if level == .socket, name == .so_linger {
        let seconds = self.settings.linger
        return try self.cast(linger(l_onoff: seconds == nil ? 0 : 1, l_linger: CInt(clamping: seconds ?? 0)))
      }
      let option = ChannelOptions.Types.SocketOption(level: level, name: name)
      return try self.cast(CInt(clamping: try self.getOption0(option)))
    }
  }
}
