// Holds many connections at once that end in every way, and a look at what they leave behind: nothing.

import NIOCore
import SockeyeNIO
import SockeyeSockets
import SockeyeSocketsTestSupport
import SockeyeTunnel
import Testing

@Suite("Crowds of channels")
struct CrowdTests {
  /// How a connection ends, and who does it.
  enum Ending: CaseIterable {
    case clientCloses, childCloses, clientResets, childResets, halves, clientClosesBehindMuch,
      childClosesUnread
    case clientGivesUp
  }

  @Test("hundreds of connections end in every way, and leave nothing behind", .timeLimit(.minutes(10)))
  func endings() async throws {
    let pair = try Neighbours()
    let memory = (await pair.client.memoryUsed(), await pair.server.memoryUsed())
    let play = Play(NetworkStage(pair))
    let remains = Remains()
    for ending in Ending.allCases {
      let (client, child) = parts(ending)
      let server = try await NetworkServerBootstrap(network: pair.server).childChannelInitializer { channel in
        remains.add(channel)
        return play.initializer("child", child)(channel)
      }.bind(host: "10.1.0.2", port: 0).get()
      let address = try #require(server.localAddress)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<40 {
          group.addTask {
            let channel = try? await pair.patientClient.channelInitializer {
              channel in
              remains.add(channel)
              return play.initializer("client", client)(channel)
            }.connect(to: address).get()
            try await channel?.closeFuture.get()
          }
        }
        try await group.waitForAll()
      }
      try await server.close()
    }
    for network in [pair.client, pair.server] {
      while await network.connectionCount() > 0 { try await play.settle() }
      #expect(network.loop.handlers.listeners.isEmpty)
    }
    for _ in 0..<100 where remains.count > 0 { try await play.settle() }
    #expect(remains.count == 0)
    #expect(remains.total >= 2 * 40 * Ending.allCases.count - 40)
    // Records of TIME-WAIT stay for a while; buffers don't.
    let now = (await pair.client.memoryUsed(), await pair.server.memoryUsed())
    #expect(now.0 - memory.0 < 400_000 && now.1 - memory.1 < 400_000)
  }

  private func parts(_ ending: Ending) -> (client: Part, child: Part) {
    let text = String(repeating: "x", count: 5000)
    let much = ByteBuffer(repeating: 1, count: 1 << 20)
    let greeting = Part([.active: { $0.send(text) }]).withoutReads()
    let answering = Part([.received(5000): { $0.send(text) }]).withoutReads()
    switch ending {
    case .clientCloses: return (greeting.with(.received(5000)) { $0.close() }, answering)
    case .childCloses: return (greeting, answering.with(.received(5000)) { $0.close() })
    case .clientResets: return (greeting.with(.received(5000)) { $0.close() }.resetting(), answering)
    case .childResets: return (greeting, answering.with(.received(5000)) { $0.close() }.resetting())
    case .halves:
      return (
        greeting.with(.received(5000)) { $0.close(.output) }.halfClosing(),
        answering.with(.inputClosed) { $0.close(.output) }.halfClosing()
      )
    case .clientClosesBehindMuch:
      return (
        greeting.with(.received(5000)) { scene in
          scene.write(much, "much")
          scene.flush()
          scene.close()
        }, answering
      )
    case .childClosesUnread:
      return (greeting, answering.with(.active) { $0.later { $0.close() } }.withoutAutoRead())
    case .clientGivesUp: return (Part([.registered: { scene in scene.later { $0.close() } }]), answering)
    }
  }
}

/// Channels that still exist.
private final class Remains: Sendable {
  private struct Weak {
    weak var channel: (any Channel)?
  }

  private let channels = Guarded<[Weak]>([])

  func add(_ channel: any Channel) { channels.withLock { $0.append(Weak(channel: channel)) } }

  var total: Int { channels.withLock { $0.count } }
  var count: Int { channels.withLock { $0.count { $0.channel != nil } } }
}
