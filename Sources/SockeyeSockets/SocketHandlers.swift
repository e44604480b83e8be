// Holds who hears of what happens to sockets. What they do about it is theirs.

package import SockeyeStack
package import SockeyeTCP
package import SockeyeWire

/// Hears of one connection. All calls come in the loop.
package protocol ConnectionHandler: AnyObject {
  /// The handshake is complete.
  func connected()
  /// There may be more to read.
  func readable()
  /// There may be room to write.
  func writable()
  /// Everything written has been acknowledged.
  func drained()
  /// No byte follows those that have arrived.
  func peerFinished()
  /// Both directions are over; the identifier means nothing any more after this call.
  func closed(_ reason: CloseReason)
  /// The network is shutting down: the connection should come to its end soon.
  func shutdownBegins()
  /// The network is gone.
  func failed(_ error: NetworkError)
}

extension ConnectionHandler {
  package func drained() {}
  package func shutdownBegins() {}
}

/// Hears of one listener.
package protocol ListenerHandler: AnyObject {
  /// A connection waits to be accepted.
  func acceptable()
  func failed(_ error: NetworkError)
}

/// Hears of one UDP socket.
package protocol DatagramHandler: AnyObject {
  /// A datagram waits.
  func datagramArrived()
  /// A datagram sent earlier could not be delivered.
  func datagramFailed(_ error: PathError, destination: Endpoint)
  func failed(_ error: NetworkError)
}

/// Hears of connections that somebody asks for with others than the host.
package protocol ForwarderHandler: AnyObject {
  func asked(_ request: OpenRequestID)
  func failed(_ error: NetworkError)
}

/// The handlers of a host's sockets. They are entered and taken out in the loop.
package struct SocketHandlers {
  package var connections: [ConnectionID: any ConnectionHandler] = [:]
  package var listeners: [ListenerID: any ListenerHandler] = [:]
  package var datagrams: [UDPSocketID: any DatagramHandler] = [:]

  package var forwarder: (any ForwarderHandler)?

  package init() {}
}
