// Holds the channel of a UDP socket.

import NIOCore
import SockeyeBytes
import SockeyeSockets
import SockeyeStack
import SockeyeWire

/// A UDP socket. Handlers read and write `AddressedEnvelope<ByteBuffer>`; once it is connected they may write `ByteBuffer`.
final class DatagramChannel: NetworkChannel, @unchecked Sendable {
  private var id: UDPSocketID?
  /// Whom the socket is connected to: nobody else is heard or written to.
  private var peer: Endpoint?
  private var mayHaveDatagrams = false
  private var tellsPacketInfo = false
  private var reusesAddress = false
  private var writeSpinCount: UInt = 16

  private var writes = PendingWrites<Message>()
  private var isFlushing = false
  /// The stack keeps as many datagrams as it will.
  private var waitsForRoom = false

  private struct Message {
    let data: ByteBuffer
    let destination: Endpoint
  }

  init(_ network: NetworkEventLoop, for target: SocketAddress) {
    super.init(
      network, for: target, receiveAllocator: FixedSizeRecvByteBufferAllocator(capacity: 2048))
  }

  // MARK: Binding and connecting

  override func bind0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    guard isRegistered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    do {
      guard let endpoint = address.listenEndpoint else { throw IOError.unsupportedAddress("bind") }
      try bind(endpoint)
    } catch {
      return fail(promise, error)
    }
    activate(promise)
  }

  private func bind(_ endpoint: ListenEndpoint) throws {
    guard id == nil else { throw IOError.invalidArgument("bind") }
    if loop.isShuttingDown { throw EventLoopError.shutdown }
    do throws(SocketError) {
      let id = try loop.stack.bind(endpoint)
      self.id = id
      loop.handlers.datagrams[id] = self
      publish(local: try loop.stack.endpoint(of: id).socketAddress)
    } catch {
      throw IOError(error, "bind")
    }
  }

  override func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
    guard isOpen else { return fail(promise, ChannelError.ioOnClosedChannel) }
    guard isRegistered else { return fail(promise, ChannelError.inappropriateOperationForState) }
    do {
      guard let endpoint = address.endpoint else { throw IOError.unsupportedAddress("connect") }
      if id == nil { try bind(ListenEndpoint(address: .unspecified(endpoint.address.version), port: 0)) }
      peer = endpoint
    } catch {
      pendingConnect = promise
      return close0(error: error, mode: .all, promise: nil)
    }
    // What was written before was meant for whomever it was addressed to.
    for write in writes.removeAll() { write.fail(IOError.alreadyConnected("connect")) }
    publish(remote: address)
    if phase == .registered { activate(promise) } else { promise?.succeed(()) }
  }

  override func releaseSocket() {
    guard let id else { return }
    self.id = nil
    loop.handlers.datagrams[id] = nil
    try? loop.stack.close(id)
  }

  // MARK: Reading

  override var hasReadable: Bool { mayHaveDatagrams }

  override func readMessages() throws -> Bool {
    var hasRead = false
    for _ in 0..<maxMessagesPerRead {
      guard isOpen, let id else { return hasRead }
      let (buffer, datagram) = try receiveBuffers.buffer(allocator: loopAllocator) { buffer in
        try receive(from: id, into: &buffer)
      }
      guard let datagram else {
        mayHaveDatagrams = false
        return hasRead
      }
      if let peer, peer != datagram.source { continue }
      receiveBuffers.record(actualReadBytes: buffer.readableBytes)
      readPending = false
      hasRead = true
      let envelope = AddressedEnvelope(
        remoteAddress: SocketAddress(datagram.source), data: buffer, metadata: metadata(of: datagram))
      pipeline.syncOperations.fireChannelRead(NIOAny(envelope))
    }
    return hasRead
  }

  private func receive(from id: UDPSocketID, into buffer: inout ByteBuffer) throws -> ReceivedDatagram? {
    var datagram: ReceivedDatagram?
    do throws(SocketError) {
      try buffer.writeWithOutputRawSpan(minimumWritableBytes: buffer.writableBytes) {
        output throws(SocketError) in
        datagram = try loop.stack.receive(from: id, into: &output)
      }
    } catch {
      throw IOError(error, "recvmsg")
    }
    return datagram
  }

  private func metadata(of datagram: ReceivedDatagram) -> AddressedEnvelope<ByteBuffer>.Metadata? {
    guard tellsPacketInfo else { return nil }
    let port = localAddress?.port ?? 0
    return AddressedEnvelope.Metadata(
      ecnState: .transportNotCapable,
      packetInfo: NIOPacketInfo(
        destinationAddress: SocketAddress(datagram.destination, port: UInt16(truncatingIfNeeded: port)),
        interfaceIndex: loop.link.number))
  }

  override func readFailed(_ error: any Error) -> ReadPass {
    pipeline.syncOperations.fireErrorCaught(error)
    close0(error: error, mode: .all, promise: nil)
    return .failed
  }

  // MARK: Writing

  override func bufferWrite(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    let message: Message
    do {
      message = try self.message(data)
    } catch {
      return fail(promise, error)
    }
    if writes.append(message, octets: message.data.readableBytes, promise: promise) {
      writability.store(false, ordering: .relaxed)
      pipeline.syncOperations.fireChannelWritabilityChanged()
    }
  }

  private func message(_ data: NIOAny) throws -> Message {
    guard let envelope = tryUnwrapData(data, as: AddressedEnvelope<ByteBuffer>.self) else {
      guard let peer else { throw DatagramChannelError.WriteOnUnconnectedSocketWithoutAddress() }
      return Message(data: unwrapData(data, as: ByteBuffer.self), destination: peer)
    }
    if let remote = remoteAddress, envelope.remoteAddress != remote {
      throw DatagramChannelError.WriteOnConnectedSocketWithInvalidAddress(
        envelopeRemoteAddress: envelope.remoteAddress, connectedRemoteAddress: remote)
    }
    guard let destination = envelope.remoteAddress.endpoint else {
      throw IOError.unsupportedAddress("sendmsg")
    }
    return Message(data: envelope.data, destination: destination)
  }

  override func markFlush() { writes.markFlush() }

  override func flushNow() {
    guard !isFlushing else { return }
    isFlushing = true
    while isOpen, writes.hasFlushed, !waitsForRoom {
      sendFirst()
      if writes.tellsWritable() { pipeline.syncOperations.fireChannelWritabilityChanged() }
    }
    isFlushing = false
  }

  private func sendFirst() {
    guard let id else { return }
    var failure: (any Error)?
    do throws(SocketError) {
      try writes.withFirst { first throws(SocketError) in
        let message = first.message
        try loop.stack.send(message.data.readableBytesSpan, from: id, to: message.destination, at: loop.now)
      }
    } catch {
      switch error {
      case .queueFull, .noMemory: return sendLater()
      case .datagramTooLong: failure = ChannelError.writeMessageTooLarge
      case .noRoute, .invalidRemoteAddress: failure = ChannelError.writeHostUnreachable
      default: failure = IOError(error, "sendmsg")
      }
    }
    // One datagram that cannot be sent is no hindrance to the next.
    let promise = writes.removeFirst()
    writability.store(writes.isWritable, ordering: .relaxed)
    if let failure { promise?.fail(failure) } else { promise?.succeed(()) }
  }

  /// The link takes what waits before this loop's next turn, unless it is full itself.
  private func sendLater() {
    waitsForRoom = true
    let resume: @Sendable () -> Void = {
      self.waitsForRoom = false
      if self.isActive { self.flushNow() }
    }
    if loop.isHolding { network.scheduleTask(in: .milliseconds(1), resume) } else { network.execute(resume) }
  }

  override func failWrites(_ error: any Error) {
    for promise in writes.removeAll() { promise.fail(error) }
  }

  // MARK: Options

  override func setOwnOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws -> Bool {
    switch option {
    case is ChannelOptions.Types.WriteBufferWaterMarkOption: writes.waterMark = try cast(value)
    case is ChannelOptions.Types.WriteSpinOption: writeSpinCount = try cast(value)
    case is ChannelOptions.Types.ReceivePacketInfo: tellsPacketInfo = try cast(value)
    case let option as ChannelOptions.Types.SocketOption where option.isReuseAddress:
      // A port is free as soon as its socket is closed.
      reusesAddress = try cast(value) as SocketOptionValue != 0
    default: return false
    }
    return true
  }

  override func ownOption<Option: ChannelOption>(_ option: Option) throws -> Any? {
    switch option {
    case is ChannelOptions.Types.WriteBufferWaterMarkOption: writes.waterMark
    case is ChannelOptions.Types.WriteSpinOption: writeSpinCount
    case is ChannelOptions.Types.BufferedWritableBytesOption: writes.octets
    case is ChannelOptions.Types.ReceivePacketInfo: tellsPacketInfo
    case let option as ChannelOptions.Types.SocketOption where option.isReuseAddress:
      (reusesAddress ? 1 : 0) as SocketOptionValue
    default: nil
    }
  }
}

extension ChannelOptions.Types.SocketOption {
  fileprivate var isReuseAddress: Bool { optionLevel == .socket && optionName == .so_reuseaddr }
}

// MARK: News

extension DatagramChannel: DatagramHandler {
  func datagramArrived() {
    mayHaveDatagrams = true
    readable()
  }

  func datagramFailed(_ error: PathError, destination: Endpoint) {
    // As of the system's sockets: only who is connected hears of it.
    guard isActive, destination == peer else { return }
    pipeline.syncOperations.fireErrorCaught(IOError.undelivered(error))
  }

  func failed(_ error: NetworkError) {
    close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
  }
}

extension DatagramChannel: CustomStringConvertible {
  var description: String {
    "DatagramChannel { active = \(isActive), localAddress = \(localAddress.debugDescription), "
      + "remoteAddress = \(remoteAddress.debugDescription) }"
  }
}
