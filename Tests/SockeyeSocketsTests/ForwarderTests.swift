// Holds tests of forwarding as tasks use it: a client on one network, and a gateway that answers for everybody.

import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeStack
import SockeyeWire
import Testing

@Suite("a forwarder of tasks")
struct ForwarderTests {
  @Test("accepts, resets and ignores by rule, and answers in the name of whoever was meant")
  func rules() async throws {
    let pair = try Neighbours()
    let forwarder = try await pair.server.forward { request in
      switch request.destination.port {
      case 80: .accept
      case 25: .reset
      default: .ignore
      }
    }
    let served = Task {
      for try await connection in forwarder.connections {
        try await connection.write("you wanted \(connection.local)")
        try await connection.finish()
      }
    }
    let connection = try await pair.client.connect(to: Endpoint(parsing: "93.184.216.34:80")!)
    var text: [UInt8] = []
    for try await chunk in connection.chunks { text += chunk }
    #expect(String(decoding: text, as: UTF8.self) == "you wanted 93.184.216.34:80")
    await #expect(throws: NetworkError.refused) {
      try await pair.client.connect(to: Endpoint(parsing: "93.184.216.34:25")!)
    }
    let ignored = Task { try await pair.client.connect(to: Endpoint(parsing: "93.184.216.34:99")!) }
    try await Task.sleep(for: .milliseconds(20))
    ignored.cancel()
    await #expect(throws: NetworkError.cancelled()) { _ = try await ignored.value }
    await forwarder.close()
    try await served.value
  }

  @Test("datagrams of one client to one destination are a flow")
  func flows() async throws {
    let pair = try Neighbours()
    let forwarder = try await pair.server.forward { request in
      request.destination.port == 53 ? .accept : .reset
    }
    let served = Task {
      for try await flow in forwarder.flows {
        for try await datagram in flow { try await flow.send(datagram.reversed()) }
      }
    }
    let socket = try await pair.client.bindUDP()
    let server = Endpoint(parsing: "8.8.8.8:53")!
    for text in [[1, 2, 3], [4, 5]] as [[UInt8]] {
      try await socket.send(text, to: server)
      let answer = try #require(try await socket.receive())
      #expect(answer.bytes == text.reversed() && answer.source == server)
    }
    await forwarder.close()
    try await served.value
  }
}
