// Holds an echo over TLS: NIOSSL's handlers on Sockeye's channels, as a server and as a client.

import ArgumentParser
import ExampleSupport
import NIOCore
import NIOSSL
import SockeyeNIO
import SockeyeStack

@main
struct TLSEcho: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tls-echo", abstract: "An echo over TLS, with NIOSSL on Sockeye.",
    subcommands: [Server.self, Client.self])
}

struct Server: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Send back what arrives.")

  @OptionGroup var host: HostOptions
  @Option(help: "The port to listen on.") var port = 4433
  @Option(help: "The server's certificate, a PEM file.") var certificate: String
  @Option(help: "The certificate's private key, a PEM file.") var key: String

  func run() async throws {
    let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
    let context = try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))))
    try await host.withNetwork(1) { network, addresses in
      let bootstrap = NetworkServerBootstrap(network: network).childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), Echo()])
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
    abstract: "Send a message, and print what comes back.")

  @OptionGroup var host: HostOptions
  @Option(help: "Whom to trust: a certificate, a PEM file.") var certificate: String
  @Option(help: "The server's name, as in its certificate.") var name = "sockeye.test"
  @Option(help: "What to send.") var message = "hello"
  @Argument(help: "The server, such as 10.34.2.1:4433.", transform: Endpoint.argument)
  var server: Endpoint

  func run() async throws {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .file(certificate)
    let context = try NIOSSLContext(configuration: configuration)
    let (name, message) = (name, message)
    try await host.withNetwork(2) { network, _ in
      let answer = network.eventLoop.makePromise(of: String.self)
      let channel = try await NetworkClientBootstrap(network: network)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers([
              NIOSSLClientHandler(context: context, serverHostname: name), Caller(message, answer),
            ])
          }
        }
        .connect(host: "\(server.address)", port: Int(server.port)).get()
      say("the answer is: \(try await answer.futureResult.get())")
      try await channel.closeFuture.get()
    }
  }
}

/// Sends back what comes, and reads no faster than it is taken.
final class Echo: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    context.channel.setOption(.autoRead, value: isWritable).whenFailure { _ in }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    say("\(context.remoteAddress?.description ?? "somebody"): \(error)")
    context.close(promise: nil)
  }
}

/// Sends a message, waits until all of it has come back, and hangs up.
final class Caller: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let message: String
  private let answer: EventLoopPromise<String>
  private var received = ByteBuffer()

  init(_ message: String, _ answer: EventLoopPromise<String>) {
    self.message = message
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: message)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var buffer = unwrapInboundIn(data)
    received.writeBuffer(&buffer)
    guard received.readableBytes >= message.utf8.count else { return }
    answer.succeed(String(buffer: received))
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(ChannelError.eof)
    context.fireChannelInactive()
  }
}
