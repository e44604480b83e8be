// Holds the options that all channels of a network have. Those of one kind of channel are in its own file.

import NIOCore

extension NetworkChannel {
  final var syncOptions: (any NIOSynchronousChannelOptions)? { SynchronousOptions(channel: self) }

  final func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void>
  {
    guard network.inEventLoop else { return network.submit { try self.setOption0(option, value: value) } }
    return network.makeCompletedFuture { try setOption0(option, value: value) }
  }

  final func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
    guard network.inEventLoop else { return network.submit { try self.getOption0(option) } }
    return network.makeCompletedFuture { try getOption0(option) }
  }

  /// - Throws: `ioOnClosedChannel`, or `operationUnsupported` for options the channel has not got.
  final func setOption0<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
    network.assertInEventLoop()
    guard isOpen else { throw ChannelError.ioOnClosedChannel }
    switch option {
    case is ChannelOptions.Types.AutoReadOption:
      setAutoRead(try cast(value))
    case is ChannelOptions.Types.MaxMessagesPerReadOption:
      let count: UInt = try cast(value)
      guard count > 0 else { throw IOError.invalidArgument("maxMessagesPerRead") }
      maxMessagesPerRead = count
      receiveBuffers.updateCapacity(to: Int(clamping: count))
    case is ChannelOptions.Types.AllocatorOption:
      publish(allocator: try cast(value))
    case is ChannelOptions.Types.RecvAllocatorOption:
      receiveBuffers.recvAllocator = try cast(value)
    default:
      guard try setOwnOption(option, value: value) else { throw ChannelError.operationUnsupported }
    }
  }

  /// - Throws: as `setOption0`.
  final func getOption0<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
    network.assertInEventLoop()
    guard isOpen else { throw ChannelError.ioOnClosedChannel }
    let value: Any?
    switch option {
    case is ChannelOptions.Types.AutoReadOption: value = autoRead
    case is ChannelOptions.Types.MaxMessagesPerReadOption: value = maxMessagesPerRead
    case is ChannelOptions.Types.AllocatorOption: value = allocator
    case is ChannelOptions.Types.RecvAllocatorOption: value = receiveBuffers.recvAllocator
    default: value = try ownOption(option)
    }
    guard let value else { throw ChannelError.operationUnsupported }
    return try cast(value)
  }

  /// A value as an option's type has it.
  final func cast<Wanted>(_ value: Any) throws -> Wanted {
    guard let value = value as? Wanted else { throw ChannelError.operationUnsupported }
    return value
  }
}

/// The options of a channel, for whoever is in its event loop.
private struct SynchronousOptions: NIOSynchronousChannelOptions {
  let channel: NetworkChannel

  func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
    try channel.setOption0(option, value: value)
  }

  func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
    try channel.getOption0(option)
  }
}
