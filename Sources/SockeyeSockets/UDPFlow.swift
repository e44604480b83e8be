// Holds a flow of datagrams between two endpoints, one of whom a forwarder speaks for.

import DequeModule
import SockeyeBytes
import SockeyeStack
public import SockeyeWire

/// Datagrams of one client to one destination, for which this network answers.
///
///     for try await datagram in flow {
///       try await flow.send(answer(datagram))
///     }
public actor UDPFlow {
  /// Keeps the network going.
  private let life: NetworkLife?
  private let state: FlowState
  /// Who sends.
  public nonisolated let source: Endpoint
  /// Whom the datagrams are for, in whose name `send` answers.
  public nonisolated let destination: Endpoint

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe state.loop.asUnownedSerialExecutor()
  }

  init(_ state: FlowState) {
    self.state = state
    life = state.loop.life
    source = state.request.source
    destination = state.request.destination
  }

  deinit {
    let state = state
    state.loop.execute { state.end() }
  }

  /// Waits for a datagram.
  /// - Returns: nil when the flow is over: closed, or silent for too long.
  /// - Throws: `.cancelled`.
  public func receive() async throws(NetworkError) -> [UInt8]? {
    while true {
      if let bytes = state.next() { return bytes }
      if state.isOver { return nil }
      guard await state.takers.wait() else { throw .cancelled() }
    }
  }

  /// Sends a datagram to the client, in the destination's name.
  /// - Throws: `.closed` when the flow is over; as `UDPSocket.send`.
  public func send(_ bytes: [UInt8]) throws(NetworkError) {
    try state.send(bytes)
  }

  /// Ends the flow. The client's next datagram begins another one.
  public func close() {
    state.end()
  }
}

extension UDPFlow: AsyncSequence {
  public typealias Element = [UInt8]
  public typealias Failure = NetworkError

  public nonisolated func makeAsyncIterator() -> SocketSequence<[UInt8]>.AsyncIterator {
    SocketSequence.AsyncIterator { () async throws(NetworkError) in try await self.receive() }
  }
}

/// One flow, in the loop.
final class FlowState: @unchecked Sendable {
  let loop: NetworkLoop
  let request: FlowRequest
  let takers: WaitQueue
  private(set) var isOver = false
  private let socket: UDPSocketID
  private let idleTimeout: Interval
  private let forget: (FlowState) -> Void
  private var waiting: Deque<[UInt8]> = []
  private var lastUse: Instant
  private var timer: LoopTimers.Token?

  /// Datagrams that may wait; what comes beyond is lost, as datagrams may be.
  private static let queueLimit = 64

  init(
    _ loop: NetworkLoop, _ socket: UDPSocketID, _ request: FlowRequest, idleTimeout: Interval,
    forget: @escaping (FlowState) -> Void
  ) {
    self.loop = loop
    self.socket = socket
    self.request = request
    self.idleTimeout = idleTimeout
    self.forget = forget
    takers = WaitQueue(loop)
    lastUse = loop.now
    armTimer()
  }

  /// The datagram that has waited longest.
  var first: [UInt8]? { waiting.first }

  func next() -> [UInt8]? { waiting.popFirst() }

  func arrived(_ bytes: [UInt8]) {
    lastUse = loop.now
    if waiting.count == Self.queueLimit { return }
    waiting.append(bytes)
    takers.wakeFirst()
  }

  func send(_ bytes: [UInt8]) throws(NetworkError) {
    if isOver { throw .closed }
    lastUse = loop.now
    do throws(SocketError) {
      try loop.stack.send(
        unsafe bytes.span.bytes, from: socket, as: request.destination, to: request.source, at: loop.now)
    } catch {
      throw NetworkError(error)
    }
  }

  func end() {
    if isOver { return }
    isOver = true
    if let timer { loop.cancel(timer) }
    timer = nil
    forget(self)
    takers.wakeAll()
  }

  private func armTimer() {
    timer = loop.schedule(at: lastUse + idleTimeout) { [weak self] in
      guard let self, !isOver else { return }
      if lastUse + idleTimeout <= loop.now { end() } else { armTimer() }
    }
  }
}
