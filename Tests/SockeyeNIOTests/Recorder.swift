// Holds the handler that writes down what a channel tells its handlers, and does at certain moments what a part says.

import NIOCore
import SockeyeTunnel

/// What happened to one channel, in order.
final class Transcript: Sendable {
  private let lines = Guarded<[String]>([])

  func note(_ line: String) { lines.withLock { $0.append(line) } }

  /// Without what the operating system leaves to chance: into how many reads a stream falls, and how many read-completes
  /// stand in a row or between two reads.
  var events: [String] {
    var result: [String] = []
    for line in lines.withLock({ $0 }) {
      if line == "readComplete", result.last == "readComplete" { continue }
      let isRead = Self.isRead(line)
      if isRead, result.last == "readComplete", result.dropLast().last.map(Self.isRead) == true {
        result.removeLast()
      }
      if isRead, let last = result.last, line.hasPrefix("read "), last.hasPrefix("read ") {
        result[result.count - 1] = last + line.dropFirst("read ".count)
      } else {
        result.append(line)
      }
    }
    return result.map { Self.abbreviated($0) }
  }

  private static func isRead(_ line: String) -> Bool {
    line.hasPrefix("read ") || line.hasPrefix("datagram ")
  }

  /// As it was told.
  var raw: [String] { lines.withLock { $0 } }

  private static func abbreviated(_ line: String) -> String {
    line.utf8.count > 200 ? "\(line.prefix(40))… (\(line.utf8.count))" : line
  }
}

/// When a part acts. Each moment counts the first time it comes.
enum Moment: Hashable, Sendable {
  case added, registered, active, readComplete, inputClosed, outputClosed, inactive, unregistered, error
  case writable, unwritable, accepted, event
  /// So many octets have come in all.
  case received(Int)
}

/// What somebody does at the moments of a channel.
struct Part: Sendable {
  typealias Action = @Sendable (Scene) throws -> Void
  var prepare: @Sendable (any Channel) throws -> Void = { _ in }
  var actions: [Moment: Action] = [:]
  /// Whether the octets that come are written down; their number may be chance's.
  var recordsReads = true
  /// Whether it is written down when the channel becomes writable and unwritable.
  var recordsWritability = true

  init(_ actions: [Moment: Action] = [:]) { self.actions = actions }

  func preparing(_ prepare: @escaping @Sendable (any Channel) throws -> Void) -> Part {
    var part = self
    part.prepare = prepare
    return part
  }

  func halfClosing() -> Part {
    preparing { try $0.syncOptions?.setOption(.allowRemoteHalfClosure, value: true) }
  }

  func withoutAutoRead() -> Part {
    preparing { try $0.syncOptions?.setOption(.autoRead, value: false) }
  }

  func withoutReads() -> Part {
    var part = self
    part.recordsReads = false
    return part
  }
}

/// A moment, with the means to act.
struct Scene {
  let context: ChannelHandlerContext
  let transcript: Transcript

  var channel: any Channel { context.channel }

  func note(_ line: String) { transcript.note(line) }

  /// A promise whose end is written down.
  func promise(_ name: String) -> EventLoopPromise<Void> {
    let promise = context.eventLoop.makePromise(of: Void.self)
    let transcript = transcript
    promise.futureResult.whenComplete { transcript.note("\(name): \(described($0))") }
    return promise
  }

  func write(_ text: String) { write(ByteBuffer(string: text), "write \(text.prefix(12))") }

  func write(_ buffer: ByteBuffer, _ name: String) {
    context.write(NIOAny(buffer), promise: promise(name))
  }

  func write(_ region: FileRegion, _ name: String) {
    context.write(NIOAny(region), promise: promise(name))
  }

  func flush() { context.flush() }

  func send(_ text: String) {
    write(text)
    flush()
  }

  func close(_ mode: CloseMode = .all) {
    context.close(mode: mode, promise: promise("close \(mode)"))
  }

  /// Does something after what is under way.
  func later(_ action: @escaping @Sendable (Scene) throws -> Void) {
    let (context, transcript) = (context.loopBound, transcript)
    self.context.eventLoop.execute {
      try? action(Scene(context: context.value, transcript: transcript))
    }
  }
}

func described(_ result: Result<Void, any Error>) -> String {
  switch result {
  case .success: "done"
  case .failure(let error): described(error)
  }
}

func described(_ error: any Error) -> String {
  switch error {
  case let error as IOError: "errno \(error.errnoCode)"
  case let error as ChannelError: "\(error)"
  default: "\(type(of: error)).\(error)"
  }
}

/// Writes down what it hears.
final class Recorder: ChannelInboundHandler {
  typealias InboundIn = NIOAny

  private let transcript: Transcript
  private let part: Part
  private var past: Set<Moment> = []
  private var octets = 0

  init(_ transcript: Transcript, _ part: Part) {
    self.transcript = transcript
    self.part = part
  }

  private func at(_ moment: Moment, _ context: ChannelHandlerContext) {
    guard past.insert(moment).inserted, let action = part.actions[moment] else { return }
    do {
      try action(Scene(context: context, transcript: transcript))
    } catch {
      transcript.note("thrown: \(described(error))")
    }
  }

  private func note(_ line: String, _ context: ChannelHandlerContext) {
    transcript.note("\(line)\(context.channel.isActive ? "" : ", inactive")")
  }

  func handlerAdded(context: ChannelHandlerContext) {
    note("added", context)
    at(.added, context)
  }

  func handlerRemoved(context: ChannelHandlerContext) { note("removed", context) }

  func channelRegistered(context: ChannelHandlerContext) {
    note("registered", context)
    at(.registered, context)
    context.fireChannelRegistered()
  }

  func channelUnregistered(context: ChannelHandlerContext) {
    note("unregistered", context)
    at(.unregistered, context)
    context.fireChannelUnregistered()
  }

  func channelActive(context: ChannelHandlerContext) {
    note("active", context)
    at(.active, context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    note("inactive", context)
    at(.inactive, context)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if let buffer = context.channel._channelCore.tryUnwrapData(data, as: ByteBuffer.self) {
      if part.recordsReads { transcript.note("read \(String(buffer: buffer))") }
      arrived(buffer.readableBytes, context)
    } else if let envelope = context.channel._channelCore.tryUnwrapData(
      data, as: AddressedEnvelope<ByteBuffer>.self)
    {
      let info = envelope.metadata?.packetInfo == nil ? "" : ", with its destination"
      transcript.note("datagram \(String(buffer: envelope.data))\(info)")
      arrived(envelope.data.readableBytes, context)
    } else {
      transcript.note("accepted")
      at(.accepted, context)
    }
    context.fireChannelRead(data)
  }

  private func arrived(_ count: Int, _ context: ChannelHandlerContext) {
    octets += count
    for case .received(let wanted) in part.actions.keys where octets >= wanted {
      at(.received(wanted), context)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if part.recordsReads { transcript.note("readComplete") }
    at(.readComplete, context)
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    if part.recordsWritability { transcript.note(isWritable ? "writable" : "unwritable") }
    at(isWritable ? .writable : .unwritable, context)
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed:
      note("inputClosed", context)
      at(.inputClosed, context)
    case ChannelEvent.outputClosed:
      note("outputClosed", context)
      at(.outputClosed, context)
    default:
      transcript.note("event \(event)")
      at(.event, context)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    transcript.note("error \(described(error))")
    at(.error, context)
    context.fireErrorCaught(error)
  }
}
