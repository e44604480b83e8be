// Holds forwarding as tasks use it: connections and datagram flows to any address, each decided about before it is answered.
// Flows themselves are in UDPFlow.

import DequeModule
import SockeyeBytes
public import SockeyeStack
public import SockeyeTCP
public import SockeyeWire

/// Somebody behind the network's link wants to talk to somebody who is not this host.
public struct FlowRequest: Sendable, Hashable {
  public enum Transport: Sendable, Hashable {
    case tcp, udp
  }

  public let transport: Transport
  /// Who asks.
  public let source: Endpoint
  /// With whom.
  public let destination: Endpoint
}

/// Takes what a link brings for any address but the host's own: the heart of a transparent proxy, a VPN or a gateway of
/// virtual machines.
///
///     let forwarder = try await network.forward { request in
///       request.destination.port == 25 ? .reset : .accept
///     }
///     for try await connection in forwarder.connections {
///       // `connection.local` is where the client wanted to go.
///     }
///
/// Each request is decided about before anything is answered; the decision may take its time. Listeners and sockets of the
/// host's own addresses go on as ever.
public actor Forwarder {
  /// Keeps the network going.
  private let life: NetworkLife?
  private let state: ForwarderState

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe state.loop.asUnownedSerialExecutor()
  }

  init(_ state: ForwarderState) {
    self.state = state
    life = state.loop.life
  }

  deinit {
    let state = state
    state.loop.execute { state.close() }
  }

  /// Takes nothing more. Connections and flows that were taken stay.
  public func close() {
    state.close()
  }

  private func nextConnection() async throws(NetworkError) -> TCPConnection? {
    while true {
      if let error = state.end { if error == .closed { return nil } else { throw error } }
      if let connection = try state.acceptNow() { return connection }
      guard await state.connectionTakers.wait() else { throw .cancelled() }
    }
  }

  private func nextFlow() async throws(NetworkError) -> UDPFlow? {
    while true {
      if let error = state.end { if error == .closed { return nil } else { throw error } }
      if let flow = state.flowNow() { return flow }
      guard await state.flowTakers.wait() else { throw .cancelled() }
    }
  }

  /// TCP connections that were accepted, as their handshakes are complete. The local end is where the client wanted to go.
  public nonisolated var connections: SocketSequence<TCPConnection> {
    SocketSequence { () async throws(NetworkError) in try await self.nextConnection() }
  }

  /// UDP flows that were accepted.
  public nonisolated var flows: SocketSequence<UDPFlow> {
    SocketSequence { () async throws(NetworkError) in try await self.nextFlow() }
  }
}

extension Network {
  /// Begins to take connections and datagrams for any address that is not the host's own.
  /// - Parameters:
  ///   - backlog: how many connections, and how many flows, may wait to be taken from the forwarder's sequences.
  ///   - flowLimit: how many UDP flows there may be; datagrams that would begin one more are dropped.
  ///   - idleTimeout: after how much silence a UDP flow ends.
  ///   - configuration: that of the connections; nil: as the host's configuration says.
  ///   - decide: what becomes of each connection and each flow, before it is answered. Until it has decided, the client
  ///     waits; it is called for many at a time.
  /// - Throws: `.addressInUse` when the network forwards already.
  public func forward(
    backlog: Int = 128, flowLimit: Int = 4096, idleTimeout: Duration = .seconds(60),
    configuration: TCPConfiguration? = nil, decide: @escaping @Sendable (FlowRequest) async -> OpenDecision
  ) async throws(NetworkError) -> Forwarder {
    try await core.forward(
      backlog: backlog, flowLimit: flowLimit, idleTimeout: Interval(idleTimeout),
      configuration: configuration,
      decide: decide)
  }
}

/// A forwarder, in the loop.
final class ForwarderState: ForwarderHandler, ListenerHandler, DatagramHandler, @unchecked Sendable {
  let loop: NetworkLoop
  let connectionTakers: WaitQueue
  let flowTakers: WaitQueue
  private(set) var end: NetworkError?
  private let forwarder: SockeyeStack.Forwarder
  private let decide: @Sendable (FlowRequest) async -> OpenDecision
  private let backlog: Int
  private let flowLimit: Int
  private let idleTimeout: Interval
  private var flows: [FlowRequest: FlowState] = [:]
  /// Flows that nobody has taken yet.
  private var waiting: Deque<FlowState> = []
  private var buffer = FrameBuffer(capacity: 65_535)

  init(
    _ loop: NetworkLoop, _ forwarder: SockeyeStack.Forwarder, backlog: Int, flowLimit: Int,
    idleTimeout: Interval, decide: @escaping @Sendable (FlowRequest) async -> OpenDecision
  ) {
    self.loop = loop
    self.forwarder = forwarder
    self.backlog = backlog
    self.flowLimit = flowLimit
    self.idleTimeout = idleTimeout
    self.decide = decide
    connectionTakers = WaitQueue(loop)
    flowTakers = WaitQueue(loop)
    loop.handlers.forwarder = self
    loop.handlers.listeners[forwarder.listener] = self
    loop.handlers.datagrams[forwarder.socket] = self
  }

  func close() {
    guard end == nil else { return }
    loop.stack.closeForwarder(at: loop.now)
    loop.handlers.forwarder = nil
    loop.handlers.listeners[forwarder.listener] = nil
    loop.handlers.datagrams[forwarder.socket] = nil
    failed(.closed)
  }

  func failed(_ error: NetworkError) {
    guard end == nil else { return }
    end = error
    connectionTakers.wakeAll()
    flowTakers.wakeAll()
    for flow in flows.values { flow.end() }
    flows = [:]
    waiting = []
  }

  // MARK: TCP

  func asked(_ request: OpenRequestID) {
    guard let tuple = try? loop.stack.endpoints(of: request) else { return }
    let flow = FlowRequest(transport: .tcp, source: tuple.remote, destination: tuple.local)
    decide(flow) { [loop] decision in try? loop.stack.answer(request, with: decision, at: loop.now) }
  }

  /// Asks the user, and does what follows in the loop.
  private func decide(_ flow: FlowRequest, _ then: @escaping @Sendable (OpenDecision) -> Void) {
    let (loop, decide) = (loop, decide)
    Task {
      let decision = await decide(flow)
      loop.execute { then(decision) }
    }
  }

  func acceptable() { connectionTakers.wakeFirst() }

  func acceptNow() throws(NetworkError) -> TCPConnection? {
    try loop.accept(forwarder.listener)
  }

  // MARK: UDP

  func datagramFailed(_ error: PathError, destination: Endpoint) {}

  func datagramArrived() {
    while true {
      let received = try? buffer.fill { output throws(SocketError) in
        try loop.stack.receive(from: forwarder.socket, into: &output)
      }
      guard let datagram = received ?? nil else { return }
      arrived(datagram, Self.copy(buffer))
    }
  }

  private static func copy(_ buffer: borrowing FrameBuffer) -> [UInt8] { [UInt8](buffer.bytes) }

  private func arrived(_ datagram: ReceivedDatagram, _ bytes: [UInt8]) {
    let request = FlowRequest(
      transport: .udp, source: datagram.source,
      destination: Endpoint(address: datagram.destination, port: datagram.destinationPort))
    if let flow = flows[request] { return flow.arrived(bytes) }
    guard flows.count < flowLimit else { return }
    let flow = FlowState(loop, forwarder.socket, request, idleTimeout: idleTimeout) { [weak self] flow in
      self?.forget(flow)
    }
    flows[request] = flow
    flow.arrived(bytes)
    decide(request) { [weak self] decision in self?.decided(flow, decision, datagram) }
  }

  private func decided(_ flow: FlowState, _ decision: OpenDecision, _ first: ReceivedDatagram) {
    switch decision {
    case .accept where waiting.count < backlog && end == nil:
      waiting.append(flow)
      flowTakers.wakeFirst()
    case .accept, .ignore:
      flow.end()
    case .reset:
      if let bytes = flow.first {
        unsafe loop.stack.refuse(first, beginning: bytes.span.bytes, at: loop.now)
      }
      flow.end()
    }
  }

  private func forget(_ flow: FlowState) {
    flows[flow.request] = nil
    waiting.removeAll { $0 === flow }
  }

  func flowNow() -> UDPFlow? { waiting.popFirst().map { UDPFlow($0) } }
}
