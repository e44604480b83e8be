// Holds a UDP socket as tasks use it.

import SockeyeBytes
public import SockeyeStack
public import SockeyeWire

/// A datagram with where it came from.
public struct Datagram: Sendable, Equatable {
  /// Who sent it.
  public var source: Endpoint
  /// Which of this host's addresses it came to.
  public var destination: IPAddress
  public var bytes: [UInt8]

  public init(source: Endpoint, destination: IPAddress, bytes: [UInt8]) {
    self.source = source
    self.destination = destination
    self.bytes = bytes
  }
}

/// A UDP socket (RFC 768).
///
///     for try await datagram in socket {
///       try await socket.send(datagram.bytes, to: datagram.source)
///     }
///
/// Datagrams wait in a queue of bounded length (`StackConfiguration.socketQueueLimit`); what comes beyond is lost, as
/// datagrams may be.
public actor UDPSocket {
  /// Keeps the network going.
  private let life: NetworkLife?
  private let state: DatagramState
  /// Where it is bound; the port is the one the host chose if none was given.
  public nonisolated let endpoint: ListenEndpoint

  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe state.loop.asUnownedSerialExecutor()
  }

  init(_ state: DatagramState, endpoint: ListenEndpoint) {
    self.state = state
    life = state.loop.life
    self.endpoint = endpoint
  }

  deinit {
    let state = state
    state.loop.execute { state.close() }
  }

  /// Waits for a datagram.
  /// - Returns: nil when the socket was closed.
  /// - Throws: `.cancelled`, or how the network ended.
  public func receive() async throws(NetworkError) -> Datagram? {
    while true {
      if let error = state.end { if error == .closed { return nil } else { throw error } }
      if let datagram = try state.receiveNow() { return datagram }
      guard await state.takers.wait() else { throw .cancelled() }
    }
  }

  /// Sends a datagram. One that is larger than the link's MTU leaves in fragments.
  /// - Throws: `.invalid` with `datagramTooLong` above 65,507 octets (IPv4) or 65,527 (IPv6); `.noBuffers` when too many
  ///   wait to be sent; `.unreachable`; `.closed`.
  public func send(_ bytes: [UInt8], to peer: Endpoint) throws(NetworkError) {
    if let error = state.end { throw error }
    do throws(SocketError) {
      try state.loop.stack.send(
        unsafe bytes.span.bytes, from: state.id, to: peer, at: state.loop.now)
    } catch {
      throw NetworkError(error)
    }
  }

  /// Frees the port; what waits is lost, and calls that wait end.
  public func close() {
    state.close()
  }
}

extension UDPSocket: AsyncSequence {
  public typealias Element = Datagram
  public typealias Failure = NetworkError

  public nonisolated func makeAsyncIterator() -> SocketSequence<Datagram>.AsyncIterator {
    SocketSequence.AsyncIterator { () async throws(NetworkError) in try await self.receive() }
  }
}

/// One UDP socket, in the loop.
final class DatagramState: DatagramHandler, @unchecked Sendable {
  let loop: NetworkLoop
  let id: UDPSocketID
  let takers: WaitQueue
  private(set) var end: NetworkError?
  private var buffer = FrameBuffer(capacity: 65_535)

  init(_ loop: NetworkLoop, _ id: UDPSocketID) {
    self.loop = loop
    self.id = id
    takers = WaitQueue(loop)
    loop.handlers.datagrams[id] = self
  }

  func datagramArrived() { takers.wakeFirst() }

  func datagramFailed(_ error: PathError, destination: Endpoint) {
    // As with sockets that are not connected: the next datagram may go elsewhere.
  }

  func failed(_ error: NetworkError) {
    end = error
    takers.wakeAll()
  }

  func receiveNow() throws(NetworkError) -> Datagram? {
    do throws(SocketError) {
      let received = try buffer.fill { output throws(SocketError) in
        try loop.stack.receive(from: id, into: &output)
      }
      guard let received else { return nil }
      return Datagram(source: received.source, destination: received.destination, bytes: Self.copy(buffer))
    } catch {
      throw NetworkError(error)
    }
  }

  private static func copy(_ buffer: borrowing FrameBuffer) -> [UInt8] { [UInt8](buffer.bytes) }

  func close() {
    guard end == nil else { return }
    try? loop.stack.close(id)
    loop.handlers.datagrams[id] = nil
    failed(.closed)
  }
}
