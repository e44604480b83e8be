// Holds a web server of Hummingbird's on Sockeye: how its channels are put onto a network of Sockeye's. What it answers is
// in Site.

import ArgumentParser
import ExampleSupport
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import SockeyeNIO
import SockeyeSockets
import SockeyeStack

@main
struct WebServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "web-server",
    abstract: "A web server of Hummingbird's on Sockeye, over HTTP/1.1, TLS and HTTP/2.")

  @OptionGroup var host: HostOptions
  @Option(help: "The port for HTTP/1.1 in plain text.") var port = 80
  @Option(help: "The port for TLS, with HTTP/2 for those who know it.") var tlsPort = 443
  @Option(help: "The server's certificate, a PEM file; without one there is no TLS.") var certificate: String?
  @Option(help: "The certificate's private key, a PEM file.") var key: String?

  func validate() throws {
    if (certificate == nil) != (key == nil) {
      throw ValidationError("TLS takes both --certificate and --key")
    }
  }

  func run() async throws {
    let logger = Logger(label: "web-server")
    let plain = HTTP1Channel(responder: Site.responder(logger))
    let secure = try secureChannel(logger)
    try await host.withNetwork(1) { network, addresses in
      try await withThrowingDiscardingTaskGroup { group in
        for address in addresses {
          let server = try await listen(plain, network, address, port, logger)
          group.addTask { try await serve(plain, server, logger) }
          if let secure {
            let server = try await listen(secure, network, address, tlsPort, logger)
            group.addTask { try await serve(secure, server, logger) }
          }
        }
        say("listening on port \(port)" + (secure == nil ? "" : ", with TLS on port \(tlsPort)"))
      }
    }
  }

  /// The channel for TLS, which agrees with each client on HTTP/2 or HTTP/1.1.
  private func secureChannel(_ logger: Logger) throws -> HTTP2UpgradeChannel? {
    guard let certificate, let key else { return nil }
    let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
    let tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
    return try HTTP2UpgradeChannel(tlsConfiguration: tls, responder: Site.responder(logger))
  }
}

// Hummingbird's own server listens on the system's sockets. What it does with them is little: it prepares each connection's
// channel and then handles it. Both are open to all, so this does the same with Sockeye's channels.

/// Listens, and lets Hummingbird prepare the channel of each connection.
func listen<Child: ServerChildChannel>(
  _ child: Child, _ network: Network, _ address: IPAddress, _ port: Int, _ logger: Logger
) async throws -> NIOAsyncChannel<Child.Value, Never> {
  try await NetworkServerBootstrap(network: network)
    // A client that has sent its request may close its direction and still get the answer.
    .childChannelOption(.allowRemoteHalfClosure, value: true)
    .bind(host: "\(address)", port: port) { channel in child.setup(channel: channel, logger: logger) }
}

/// Lets Hummingbird handle each connection, until the listener is closed.
func serve<Child: ServerChildChannel>(
  _ child: Child, _ server: NIOAsyncChannel<Child.Value, Never>, _ logger: Logger
) async throws {
  try await withThrowingDiscardingTaskGroup { group in
    try await server.executeThenClose { connections in
      for try await connection in connections {
        group.addTask { await child.handle(value: connection, logger: logger) }
      }
    }
  }
}
