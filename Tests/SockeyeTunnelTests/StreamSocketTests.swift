// The kernel's sockets as a relay sees them, and the set that tells of their changes, over a loopback of the test's own.

#if os(Linux)
  import Glibc
  import SockeyeBytes
  import SockeyeWire
  import Testing

  @testable import SockeyeTunnel

  @Suite(.serialized) struct StreamSocketTests {
    @Test(arguments: ["127.0.0.1:34014", "[::1]:34014"])
    func aConnectionIsToldOfReadAndEnded(_ place: String) throws {
      let endpoint = try #require(Endpoint(parsing: place))
      let listener = try StreamSocket.listening(on: endpoint, backlog: 4)
      #expect(try listener.accept() == nil)
      let client = try StreamSocket.connecting(to: endpoint)
      let (server, from) = try #require(try listener.accept())
      #expect(from.address == endpoint.address && from.port != 0)
      #expect(client.takeError() == nil)

      #expect(try client.descriptor.write("hello") == 5)
      client.finish()
      #expect(try text(from: server) == "hello")
      #expect(try result(of: server) == .endOfFile)
      #expect(try server.descriptor.write("after your end") == 14)
      #expect(try text(from: client) == "after your end")
      #expect(try result(of: client) == .wouldBlock)
    }

    @Test func aResetIsAnErrorAtTheOtherEnd() throws {
      let endpoint = try #require(Endpoint(parsing: "127.0.0.1:34015"))
      let listener = try StreamSocket.listening(on: endpoint, backlog: 4)
      let client = try StreamSocket.connecting(to: endpoint)
      var server: StreamSocket? = try #require(try listener.accept()).socket
      server?.resetAtEnd()
      server = nil
      #expect(client.takeError()?.number == ECONNRESET)
    }

    @Test func nobodyThereIsToldByTheSet() throws {
      let endpoint = try #require(Endpoint(parsing: "127.0.0.1:9"))
      let set = try ReadinessSet()
      let client = try StreamSocket.connecting(to: endpoint)
      try set.add(client.descriptor, token: 9)
      let changes = try set.take()
      #expect(changes.map(\.token) == [9] && changes.allSatisfy(\.hasFailed))
      #expect(client.takeError()?.number == ECONNREFUSED)
    }

    @Test func aChangeIsToldOnce() throws {
      let endpoint = try #require(Endpoint(parsing: "127.0.0.1:34016"))
      let listener = try StreamSocket.listening(on: endpoint, backlog: 4)
      let set = try ReadinessSet()
      try set.add(listener.descriptor, token: 1)
      #expect(try set.take().filter(\.isReadable).isEmpty)
      let client = try StreamSocket.connecting(to: endpoint)
      #expect(try set.take().filter(\.isReadable).map(\.token) == [1])
      #expect(try set.take().isEmpty)
      let server = try #require(try listener.accept()).socket
      try set.add(server.descriptor, token: 2)
      #expect(try set.take().map(\.isWritable) == [true])
      #expect(try client.descriptor.write("x") == 1)
      #expect(try set.take().map(\.token) == [2])
      #expect(try set.take().isEmpty)
    }

    private func result(of socket: StreamSocket) throws -> Descriptor.ReadResult {
      var buffer = FrameBuffer(capacity: 100)
      return try buffer.fill { output in try socket.descriptor.read(into: &output) }
    }

    private func text(from socket: StreamSocket) throws -> String {
      var buffer = FrameBuffer(capacity: 100)
      _ = try buffer.fill { output in try socket.descriptor.read(into: &output) }
      return String(decoding: Array(buffer.bytes), as: UTF8.self)
    }
  }

  extension Descriptor {
    fileprivate func write(_ text: String) throws -> Int {
      try Array(text.utf8).withRawSpan { bytes in try write(bytes) }
    }
  }
#endif
