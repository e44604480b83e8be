// Holds what a channel's users have written and the stack has not taken yet, the flush mark in it, and the watermarks. It does
// not write.

import NIOCore

/// Writes in their order, those before the mark to be sent.
struct PendingWrites<Message> {
  struct Write {
    var message: Message
    /// Octets that count for the watermarks.
    var octets: Int
    var promise: EventLoopPromise<Void>?
  }

  private var writes = MarkedCircularBuffer<Write>(initialCapacity: 4)
  /// Octets of all of them.
  private(set) var octets = 0
  var waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 32 << 10, high: 64 << 10)
  /// Whether the channel asks for more.
  private(set) var isWritable = true
  /// What the handlers were told last.
  private var toldWritable = true

  var isEmpty: Bool { writes.isEmpty }
  /// Whether something is to be sent.
  var hasFlushed: Bool { writes.hasMark }

  mutating func markFlush() { writes.mark() }

  /// - Returns: whether the channel has just become unwritable, which handlers must be told.
  mutating func append(_ message: Message, octets count: Int, promise: EventLoopPromise<Void>?) -> Bool {
    writes.append(Write(message: message, octets: count, promise: promise))
    octets += count
    guard octets > waterMark.high, isWritable else { return false }
    isWritable = false
    toldWritable = false
    return true
  }

  /// Lends the first one.
  /// - Precondition: there is one.
  mutating func withFirst<Result, Failure: Error>(
    _ body: (inout Write) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(&writes[writes.startIndex])
  }

  /// So many octets of the first one are sent.
  mutating func sent(_ count: Int) {
    writes[writes.startIndex].octets -= count
    left(count)
  }

  /// The first one is sent.
  /// - Returns: whom to tell.
  mutating func removeFirst() -> EventLoopPromise<Void>? {
    let first = writes.removeFirst()
    left(first.octets)
    return first.promise
  }

  private mutating func left(_ count: Int) {
    octets -= count
    if octets < waterMark.low { isWritable = true }
  }

  /// - Returns: whether the channel has become writable and handlers have not been told.
  mutating func tellsWritable() -> Bool {
    guard isWritable, !toldWritable else { return false }
    toldWritable = true
    return true
  }

  /// Takes all of them out.
  /// - Returns: whom to tell that they failed.
  mutating func removeAll() -> [EventLoopPromise<Void>] {
    var promises: [EventLoopPromise<Void>] = []
    while let write = writes.popFirst() {
      if let promise = write.promise { promises.append(promise) }
    }
    octets = 0
    return promises
  }
}
