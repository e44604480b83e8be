// Holds the two programs of a first socket course, on SwiftNIO: a server that greets, and a client that answers. What they
// do with a channel is in Handlers; the same two on async sockets are in Course.

import ArgumentParser
import ExampleSupport
import NIOCore
import SockeyeNIO
import SockeyeStack

@main
struct CourseNIO: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "course-nio",
    abstract: "The server and the client of a first socket course, on SwiftNIO.",
    subcommands: [Server.self, Client.self])
}

struct Server: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Greet each client, and print what it says.")

  @OptionGroup var host: HostOptions
  @Option(help: "The port to listen on.") var port = 3401

  func run() async throws {
    try await host.withNetwork(1) { network, addresses in
      // NIO listens on one address; `::` would stand for all of IPv6, `0.0.0.0` for all of IPv4.
      let bootstrap = NetworkServerBootstrap(network: network)
        // A client that has said everything may still listen.
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Greeter())
          }
        }
      var listeners: [any Channel] = []
      for address in addresses {
        listeners.append(try await bootstrap.bind(host: "\(address)", port: port).get())
      }
      say("listening on port \(port)")
      for listener in listeners { try await listener.closeFuture.get() }
    }
  }
}

struct Client: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect, print what the server says, and say something.")

  @OptionGroup var host: HostOptions
  @Option(help: "What to say.") var message = "客户端发送消息啦!"
  @Argument(help: "The server, such as 10.34.2.1:3401.", transform: Endpoint.argument)
  var server: Endpoint

  func run() async throws {
    let message = message
    try await host.withNetwork(2) { network, _ in
      let channel = try await NetworkClientBootstrap(network: network)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Answerer(message))
          }
        }
        .connect(host: "\(server.address)", port: Int(server.port)).get()
      try await channel.closeFuture.get()
    }
  }
}
