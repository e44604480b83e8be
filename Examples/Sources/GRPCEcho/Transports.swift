// Holds how gRPC gets its connections from Sockeye: a listener for its server, a connection for its client.

import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOCore
import SockeyeNIO
import SockeyeSockets
import SockeyeStack
// gRPC has endpoints of its own.
import struct SockeyeWire.Endpoint

/// Where a server of gRPC's takes connections to a network of Sockeye's.
struct NetworkListener: HTTP2ServerTransport.ListenerFactory {
  let network: Network
  let address: IPAddress
  let port: Int

  var eventLoopGroup: any EventLoopGroup { network.eventLoop }

  func makeListeningChannel(
    listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
    connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
  ) async throws -> NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never> {
    try await NetworkServerBootstrap(network: network)
      .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
      .bind(host: "\(address)", port: port) { channel in
        connectionConfigurator.configure(channel: channel, tls: .none)
      }
  }
}

extension ClientTransport where Self == HTTP2ClientTransport.WrappedChannel {
  /// A connection of a network's for a client of gRPC's. It is not opened again when it ends.
  static func connection(to server: Endpoint, by network: Network) async throws -> Self {
    try await .wrapping { configure in
      try await NetworkClientBootstrap(network: network)
        .connect(host: "\(server.address)", port: Int(server.port)) { channel in configure(channel) }
    }
  }
}
