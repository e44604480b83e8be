// Holds the two programs of a first socket course, on async sockets: a server that greets, and a client that answers.
// The same two on NIO are in CourseNIO.

import ArgumentParser
import ExampleSupport
import SockeyeSockets
import SockeyeStack

@main
struct Course: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "course",
    abstract: "The server and the client of a first socket course, on async sockets.",
    subcommands: [Server.self, Client.self])
}

struct Server: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Greet each client, and print what it says.")

  @OptionGroup var host: HostOptions
  @Option(help: "The port to listen on.") var port: UInt16 = 3401

  func run() async throws {
    try await host.withNetwork(1) { network, _ in
      let listener = try await network.listen(port: port)
      say("listening on port \(port)")
      try await withThrowingDiscardingTaskGroup { group in
        // Each client has a task of its own, so nobody waits for anybody else.
        for try await connection in listener {
          group.addTask { await serve(connection) }
        }
      }
    }
  }
}

/// Talks to one client until it has said everything.
func serve(_ connection: TCPConnection) async {
  do throws(NetworkError) {
    say("\(connection.peer) has connected")
    try await connection.write("服务器连接成功!\n")
    for try await chunk in connection.chunks {
      say("\(connection.peer) says: \(String(decoding: chunk, as: UTF8.self))")
    }
    try await connection.finish()
    say("\(connection.peer) has finished")
  } catch {
    // One client's bad end is no reason to leave the others alone.
    say("\(connection.peer) is gone: \(error)")
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
    try await host.withNetwork(2) { network, _ in
      try await network.withConnection(to: server) { connection in
        say("connected from \(connection.local)")
        if let greeting = try await connection.read() {
          say("the server says: \(String(decoding: greeting, as: UTF8.self))")
        }
        try await connection.write(message)
        // Nothing more to say; what the server still has to say arrives all the same.
        try await connection.finish()
        for try await chunk in connection.chunks {
          say("the server says: \(String(decoding: chunk, as: UTF8.self))")
        }
        say("the server has finished")
      }
    }
  }
}
