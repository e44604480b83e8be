// Holds the command line of an echo over gRPC: a server and a client, each on Sockeye or on the system's sockets. The
// service is in EchoService, how gRPC gets its connections from Sockeye in Transports.

import ArgumentParser
import ExampleSupport
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SockeyeStack
// gRPC has endpoints of its own.
import struct SockeyeWire.Endpoint

@main
struct GRPCEcho: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grpc-echo",
    abstract: "An echo over gRPC: server and client, each on Sockeye or on the system's sockets.",
    subcommands: [Server.self, Client.self])
}

struct Server: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Send back each message.")

  @OptionGroup var host: HostOptions
  @Option(help: "The port to listen on.") var port = 50051
  @Option(help: "Listen on the system's own sockets instead, at this address.") var system: String?

  func run() async throws {
    if let system {
      let transport = HTTP2ServerTransport.Posix(
        address: system.contains(":") ? .ipv6(host: system, port: port) : .ipv4(host: system, port: port),
        transportSecurity: .plaintext)
      return try await withThrowingDiscardingTaskGroup { group in
        group.addTask { try await serve(transport) }
        _ = try await transport.listeningAddress
        say("listening on port \(port)")
      }
    }
    try await host.withNetwork(1) { network, addresses in
      try await withThrowingDiscardingTaskGroup { group in
        for address in addresses {
          let transport = HTTP2ServerTransport.Custom(
            listenerFactory: NetworkListener(network: network, address: address, port: port))
          group.addTask { try await serve(transport) }
          _ = await transport.listeningAddress
        }
        say("listening on port \(port)")
      }
    }
  }
}

/// Serves until the transport ends.
func serve(_ transport: some ServerTransport) async throws {
  try await GRPCServer(transport: transport, services: [EchoService()]).serve()
}

struct Client: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send messages, one call each and then all in one call, and print the answers.")

  @OptionGroup var host: HostOptions
  @Flag(help: "Connect by the system's own sockets instead.") var system = false
  @Argument(help: "The server, such as 10.34.2.1:50051.", transform: Endpoint.argument)
  var server: Endpoint
  @Argument(help: "What to send.") var messages = ["hello"]

  func run() async throws {
    if system {
      let (address, port) = ("\(server.address)", Int(server.port))
      return switch server.address {
      case .v4:
        try await call(
          .http2NIOPosix(target: .ipv4(address: address, port: port), transportSecurity: .plaintext))
      case .v6:
        try await call(
          .http2NIOPosix(target: .ipv6(address: address, port: port), transportSecurity: .plaintext))
      }
    }
    try await host.withNetwork(2) { network, _ in
      try await call(.connection(to: server, by: network))
    }
  }

  private func call(_ transport: some ClientTransport) async throws {
    let messages = messages
    try await withGRPCClient(transport: transport) { client in
      for message in messages { say("unary: \(try await EchoService.get(message, by: client))") }
      try await EchoService.update(messages, by: client) { say("stream: \($0)") }
    }
  }
}
