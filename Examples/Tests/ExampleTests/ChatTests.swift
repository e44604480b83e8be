// Holds tests of a chat server under what networks do: loss, reordering, a partition, a guest that vanishes. Time is virtual:
// each test simulates seconds or minutes in milliseconds, the same ones every time.

import Chat
import Foundation
import NIOCore
import NIOExtras
import SockeyeNIO
import SockeyeTesting
import Testing

@Suite("a chat under a bad network")
struct ChatTests {
  @Test("everybody hears everything in order, though every tenth packet is lost and many overtake others")
  func loss() throws {
    let party = try Party(guests: 4, seed: 1, loss: 0.1)
    party.everybodySays(25)
    #expect(party.network.advance(atMost: .seconds(300)) { party.everybodyHasHeard(25) })
    for link in party.links { #expect(link.statistics(.forth).lost > 0) }
  }

  @Test("the same seed gives the same evening, packet for packet")
  func determinism() throws {
    func evening(seed: UInt64) throws -> [[UInt8]] {
      let party = try Party(guests: 3, seed: seed, loss: 0.1)
      party.everybodySays(10)
      party.network.advance(by: .seconds(60))
      return party.links.map { $0.capture() }
    }
    let first = try evening(seed: 7)
    #expect(try evening(seed: 7) == first)
    #expect(try evening(seed: 8) != first)
  }

  @Test("a guest that was cut off for a minute hears what it missed, and the others don't wait for it")
  func partition() throws {
    let party = try Party(guests: 3, seed: 3)
    party.links[0].cut()
    party.guests[1].say("are you there?")
    party.network.advance(by: .seconds(60))
    #expect(party.guests[2].heard == ["guest 1: are you there?"])
    #expect(party.guests[0].heard == [])
    party.links[0].mend()
    #expect(
      party.network.advance(atMost: .seconds(120)) { party.guests[0].heard == ["guest 1: are you there?"] })
  }

  @Test("a guest that resets its connection leaves the room, and the others talk on")
  func reset() throws {
    let party = try Party(guests: 3, seed: 4, loss: 0.05)
    party.guests[0].vanish()
    party.network.advance(by: .seconds(10))
    party.guests[1].say("who was that?")
    #expect(
      party.network.advance(atMost: .seconds(60)) { party.guests[2].heard == ["guest 1: who was that?"] })
    #expect(!party.guests[0].isActive)
  }

  @Test("a guest that doesn't listen is shown out before the room's memory fills, and the others hear on")
  func slowGuest() throws {
    let party = try Party(guests: 3, seed: 5, buffers: 32 << 10)
    party.guests[0].stopListening()
    let tale = String(repeating: "and then ", count: 1000)
    for _ in 0..<40 {
      party.guests[1].say(tale)
      party.network.advance(by: .milliseconds(100))
    }
    party.guests[0].listen()
    #expect(party.network.advance(atMost: .seconds(60)) { !party.guests[0].isActive })
    party.guests[1].say("the end")
    #expect(party.network.advance(atMost: .seconds(60)) { party.guests[2].heard.last == "guest 1: the end" })
  }
}

/// A server and its guests, each at the other end of a link of its own.
private final class Party {
  let network: SimulatedNetwork
  let links: [SimulatedLink]
  private(set) var guests: [Guest] = []

  /// Everybody has arrived when it returns.
  /// - Parameter buffers: octets that each end of a connection keeps for each direction; nil: what is usual.
  init(guests count: Int, seed: UInt64, loss: Double = 0, buffers: Int? = nil) throws {
    let network = SimulatedNetwork(seed: seed)
    self.network = network
    func addHost(_ name: String) -> SimulatedHost {
      network.addHost(name) { configuration in
        guard let buffers else { return }
        configuration.tcp.sendBufferCapacity = buffers
        configuration.tcp.receiveBufferCapacity = buffers
      }
    }
    let server = addHost("server")
    let hosts = (0..<count).map { addHost("guest \($0)") }
    links = hosts.map { host in
      network.link(host, server, delay: .milliseconds(40), loss: loss) { link in
        link.reordering = .percent(20)
        link.reorderingDelay = .milliseconds(15)
      }
    }
    let room = ChatRoom(on: server.network.eventLoop)
    let listening = NetworkServerBootstrap(network: server.network)
      .childChannelInitializer { room.prepare($0) }
      .bind(host: "\(server.addresses[0])", port: 5222)
    let listener = Arrival<any Channel>(listening)
    try #require(network.advance(atMost: .seconds(1)) { listener.value != nil })
    for (number, host) in hosts.enumerated() {
      guests.append(Guest("guest \(number)", host, server))
    }
    try #require(network.advance(atMost: .seconds(60)) { guests.allSatisfy(\.isActive) })
    // The server knows of the last guest when its half of the handshake is over.
    network.advance(by: .seconds(10))
  }

  func everybodySays(_ count: Int) {
    for line in 0..<count {
      for guest in guests { guest.say("line \(line)") }
      network.advance(by: .milliseconds(20))
    }
  }

  /// Whether each guest has heard every line of each other guest, in order and once.
  func everybodyHasHeard(_ count: Int) -> Bool {
    guests.allSatisfy { listener in
      guests.allSatisfy { speaker in
        let lines = listener.heard.filter { $0.hasPrefix(speaker.name + ": ") }
        return lines == (speaker === listener ? [] : (0..<count).map { "\(speaker.name): line \($0)" })
      }
    }
  }
}

/// Somebody at a host of their own.
private final class Guest {
  let name: String
  private let ear = Ear()
  private let channel: Arrival<any Channel>

  init(_ name: String, _ host: SimulatedHost, _ server: SimulatedHost) {
    self.name = name
    let ear = ear
    channel = Arrival(
      NetworkClientBootstrap(network: host.network)
        .connectTimeout(.seconds(60))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers([
              ByteToMessageHandler(LineBasedFrameDecoder()), ear,
            ])
          }
        }
        .connect(host: "\(server.addresses[0])", port: 5222))
  }

  var heard: [String] { ear.lines }
  var isActive: Bool { channel.value?.isActive ?? false }

  func say(_ text: String) {
    channel.value?.writeAndFlush(ByteBuffer(string: "\(name): \(text)\n"), promise: nil)
  }

  func stopListening() { channel.value?.setOption(.autoRead, value: false).whenFailure { _ in } }
  func listen() { channel.value?.setOption(.autoRead, value: true).whenFailure { _ in } }

  /// Breaks off without a farewell: with no time to linger, closing resets.
  func vanish() {
    guard let channel = channel.value, let options = channel as? any SocketOptionProvider else { return }
    options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenSuccess { channel.close(promise: nil) }
  }
}

/// Keeps the lines that a channel brings.
private final class Ear: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  // The simulated network has one thread, the test's.
  private(set) var lines: [String] = []

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lines.append(String(buffer: unwrapInboundIn(data)))
  }
}

/// The value of a future, once it is there. In virtual time nobody can wait for one.
private final class Arrival<Value: Sendable>: @unchecked Sendable {
  // The simulated network has one thread, the test's.
  private(set) var value: Value?

  init(_ future: EventLoopFuture<Value>) {
    future.whenSuccess { [self] in value = $0 }
  }
}
