// Holds what can be changed and asked of a connection while it lives. What must be known before is in `TCPConfiguration`.

import SockeyeBytes
import SockeyeStack
public import SockeyeTCP

extension TCPConnection {
  /// How the connection stands: its state, windows, round trip, congestion control and counters.
  /// - Throws: how the connection ended.
  public var status: ConnectionStatus {
    get throws(NetworkError) {
      do throws(SocketError) {
        return try loop.stack.status(of: state.id)
      } catch {
        throw state.end ?? NetworkError(error)
      }
    }
  }

  /// The connection's state; CLOSED when it is over.
  public var tcpState: TCPState { loop.stack.state(of: state.id) }

  /// Switches the Nagle algorithm off or on (RFC 9293 §3.7.4). Off, small writes leave at once.
  public func setNoDelay(_ noDelay: Bool) throws(NetworkError) {
    try change { id, now, stack throws(SocketError) in try stack.setNoDelay(noDelay, of: id, at: now) }
  }

  /// Switches keep-alive on, off (nil) or to other times (RFC 9293 §3.8.4).
  public func setKeepAlive(_ keepAlive: KeepAlive?) throws(NetworkError) {
    try change { id, now, stack throws(SocketError) in try stack.setKeepAlive(keepAlive, of: id, at: now) }
  }

  /// Sets how long data may stay unacknowledged; nil: for ever (RFC 9293 §3.8.3).
  public func setUserTimeout(_ timeout: Duration?) throws(NetworkError) {
    let interval = timeout.map { Interval($0) }
    try change { id, now, stack throws(SocketError) in try stack.setUserTimeout(interval, of: id, at: now) }
  }

  /// Fixes the size of the receive buffer, octets.
  public func setReceiveBuffer(_ octets: Int) throws(NetworkError) {
    try change { id, now, stack throws(SocketError) in try stack.setReceiveBuffer(octets, of: id, at: now) }
  }

  /// Fixes the size of the send buffer, octets.
  public func setSendBuffer(_ octets: Int) throws(NetworkError) {
    try change { id, now, stack throws(SocketError) in try stack.setSendBuffer(octets, of: id, at: now) }
  }

  /// Sets the Differentiated Services codepoint, 0...63, of all packets to come (RFC 9293 §3.9.1.9).
  public func setDifferentiatedServices(_ codepoint: UInt8) throws(NetworkError) {
    try change { id, _, stack throws(SocketError) in try stack.setDifferentiatedServices(codepoint, of: id) }
  }

  private func change(
    _ call: (ConnectionID, Instant, inout Stack) throws(SocketError) -> Void
  ) throws(NetworkError) {
    do throws(SocketError) {
      try call(state.id, loop.now, &loop.stack)
    } catch {
      throw state.end ?? NetworkError(error)
    }
  }

  /// Lets a function use the connection, then closes it, or resets it if the function throws.
  nonisolated(nonsending) func use<Result>(
    _ body: (TCPConnection) async throws -> Result
  ) async throws -> Result {
    do {
      let result = try await body(self)
      await close()
      return result
    } catch {
      await abort()
      throw error
    }
  }
}
