// Holds how a TCP connection's channel reads and writes: bytes are copied once, between the stack's rings and NIO's buffers.

import NIOCore
import SockeyeBytes
import SockeyeStack
import SockeyeTCP

extension StreamChannel {
  // MARK: Reading

  var hasBytes: Bool {
    guard let id, !inputClosed else { return false }
    return (try? loop.stack.readableCount(id)) ?? 0 > 0
  }

  /// What comes after the input was closed would hold the peer up if it stayed.
  func discardInput() {
    guard let id, let count = try? loop.stack.readableCount(id), count > 0 else { return }
    try? loop.stack.discard(count, of: id, at: loop.now)
  }

  func readBytes() throws -> Bool {
    var hasRead = false
    for _ in 0..<maxMessagesPerRead {
      guard isOpen, !inputClosed else { throw ChannelError.eof }
      let (buffer, result) = try receiveBuffers.buffer(allocator: loopAllocator) { buffer in
        try read(into: &buffer)
      }
      switch result {
      case .bytes(let count):
        receiveBuffers.record(actualReadBytes: count)
        readPending = false
        hasRead = true
        pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
        // A buffer that isn't full took the last of it.
        if buffer.writableBytes > 0 { return true }
      case .wouldBlock: return hasRead
      case .endOfStream: throw ChannelError.eof
      }
    }
    return hasRead
  }

  private func read(into buffer: inout ByteBuffer) throws -> ReadResult {
    guard let id else { throw ChannelError.ioOnClosedChannel }
    var result = ReadResult.wouldBlock
    do throws(SocketError) {
      let capacity = max(1, buffer.writableBytes)
      try buffer.writeWithOutputRawSpan(minimumWritableBytes: capacity) { output throws(SocketError) in
        result = try loop.stack.read(id, into: &output, at: loop.now)
      }
    } catch {
      throw IOError(error, "read")
    }
    return result
  }

  func readingFailed(_ error: any Error) -> ReadPass {
    guard case ChannelError.eof = error else {
      pipeline.syncOperations.fireErrorCaught(error)
      close0(error: error, mode: .all, promise: nil)
      return .failed
    }
    guard isActive else { return .endOfStream }
    let keepsOutput = allowRemoteHalfClosure
    pipeline.syncOperations.fireChannelReadComplete()
    if !keepsOutput {
      close0(error: error, mode: .all, promise: nil)
    } else if isOpen {
      inputEnded()
      readPending = false
    }
    return .endOfStream
  }

  // MARK: Writing

  func append(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
    if outputClosed { return fail(promise, ChannelError.outputClosed) }
    let becomesUnwritable =
      switch unwrapData(data, as: IOData.self) {
      case .byteBuffer(let buffer):
        writes.append(StreamWrite(buffer), octets: buffer.readableBytes, promise: promise)
      case .fileRegion(let region):
        writes.append(StreamWrite(region), octets: region.readableBytes, promise: promise)
      }
    if becomesUnwritable {
      writability.store(false, ordering: .relaxed)
      pipeline.syncOperations.fireChannelWritabilityChanged()
    }
  }

  func writable() {
    waitsForRoom = false
    if isActive { sendFlushed() }
  }

  /// Hands what was flushed to the stack as far as it takes it. Handlers that are told meanwhile may flush more.
  func sendFlushed() {
    guard !isFlushing else { return }
    isFlushing = true
    while isOpen, writes.hasFlushed, !waitsForRoom {
      do {
        try writeFlushed()
      } catch {
        writeFailed(error)
        break
      }
      if writes.tellsWritable() { pipeline.syncOperations.fireChannelWritabilityChanged() }
      if isOpen, !writes.hasFlushed { finishOutput() }
    }
    isFlushing = false
  }

  private func writeFlushed() throws {
    while isOpen, writes.hasFlushed {
      if !writes.withFirst({ $0.message.isAtItsEnd }) { try writes.withFirst { try $0.message.readOn() } }
      let (taken, areAll) = try writeFirst()
      writes.sent(taken)
      let isOver = areAll && writes.withFirst { $0.message.isAtItsEnd }
      let promise = isOver ? writes.removeFirst() : nil
      writability.store(writes.isWritable, ordering: .relaxed)
      promise?.succeed(())
      if !areAll {
        waitsForRoom = true
        return
      }
    }
  }

  /// - Returns: how many octets the stack took, and whether those were all at hand.
  private func writeFirst() throws -> (Int, Bool) {
    guard let id else { throw ChannelError.ioOnClosedChannel }
    do throws(SocketError) {
      return try writes.withFirst { first throws(SocketError) in
        let count = first.message.bytes.readableBytes
        if count == 0 { return (0, true) }
        let taken = try loop.stack.write(id, first.message.bytes.readableBytesSpan, at: loop.now)
        first.message.bytes.moveReaderIndex(forwardBy: taken)
        return (taken, taken == count)
      }
    } catch {
      if case .noMemory = error {
        writeLater()
        return (0, false)
      }
      throw IOError(error, "write")
    }
  }

  /// The host's memory is used up by others, who don't tell when they give some back.
  private func writeLater() {
    network.scheduleTask(in: .milliseconds(10)) {
      if self.waitsForRoom { self.writable() }
    }
  }

  /// What has arrived before the connection broke is told first.
  private func writeFailed(_ error: any Error) {
    if isActive, hasBytes {
      var hasRead = false
      while let some = try? readBytes(), some { hasRead = true }
      if hasRead, isActive { pipeline.syncOperations.fireChannelReadComplete() }
    }
    close0(error: error, mode: .all, promise: nil)
  }

  func dropWrites(_ error: any Error) {
    let closing = outputClosing
    outputClosing = nil
    for promise in writes.removeAll() { promise.fail(error) }
    for promise in closing?.promises ?? [] { promise.fail(error) }
  }
}
