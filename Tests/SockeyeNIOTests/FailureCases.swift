// Holds the cases of the comparison about connections that break or never come about, and about listeners.

import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Part {
  /// Closing resets the connection.
  func resetting() -> Part {
    let before = prepare
    return preparing { channel in
      try before(channel)
      guard let provider = channel as? any SocketOptionProvider else {
        throw ChannelError.operationUnsupported
      }
      _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }
  }
}

extension Case {
  static let failing: [Case] = [
    Case(
      "the peer resets", client: Part([.active: { $0.send("hello") }]),
      child: Part([.received(5): { $0.close() }]).resetting()),
    Case(
      "the peer resets behind text, and nobody reads",
      client: Part([.active: { $0.send("hello") }]).withoutAutoRead(),
      child: Part([
        .received(5): {
          $0.send("world")
          $0.later { $0.close() }
        }
      ]).resetting()),
    Case(
      "the peer resets, and half-closing is allowed",
      client: Part([.active: { $0.send("hello") }]).halfClosing(),
      child: Part([.received(5): { $0.close() }]).resetting()),
    Case(
      "the peer closes without having read all",
      client: Part([.active: { $0.send("hello") }]),
      child: Part([
        .active: { $0.context.read() },
        .received(2): { $0.close() },
      ]).preparing { channel in
        try channel.syncOptions?.setOption(.autoRead, value: false)
        try channel.syncOptions?.setOption(
          .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2))
        try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
      }),
    Case(
      "closing when the error is told",
      client: Part([.active: { $0.send("hello") }, .error: { $0.close() }]),
      child: Part([.received(5): { $0.close() }]).resetting()),
    Case(
      "the peer resets a half-closed connection",
      client: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ]), child: Part([.inputClosed: { $0.close() }]).halfClosing().resetting()),
    Case("nobody listens") { play in
      let listening = try await play.listen(child: Part())
      let address = listening.channel.localAddress
      try await listening.channel.close()
      try await play.settle()
      do {
        _ = try await play.connect(Part(), to: address).get()
      } catch {
        play.transcript("connecting").note("\(described(error))")
      }
      try await play.settle()
    },
    Case("nobody answers in time") { play in
      let address = try await play.stage.deafAddress()
      do {
        _ = try await play.connect(Part(), to: address, timeout: .milliseconds(50)).get()
      } catch {
        play.transcript("connecting").note("\(described(error))")
      }
      try await play.settle()
    },
    Case("nobody answers within the channel's own time") { play in
      let address = try await play.stage.deafAddress()
      do {
        _ = try await play.connect(.with(.connectTimeout, .milliseconds(50)), to: address).get()
      } catch {
        play.transcript("connecting").note("\(described(error))")
      }
      try await play.settle()
    },
    Case("connecting before the bootstrap does") { play in
      let listening = try await play.listen(child: Part())
      guard let address = listening.channel.localAddress else { return }
      let client = Part([
        .registered: { scene in
          scene.channel.connect(to: address, promise: scene.promise("again"))
        }
      ])
      let channel = try? await play.connect(client, to: address).get()
      try await channel?.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
      // Whether the listener had the connection before it was given up is chance's.
      play.ignore(["child", "server"])
    },
    Case(
      "registering and connecting what is active",
      client: Part([
        .active: { scene in
          scene.channel.register(promise: scene.promise("register"))
          scene.later { $0.close() }
        }
      ]),
      child: Part([
        .active: { scene in
          guard let address = scene.channel.remoteAddress else { return }
          scene.channel.connect(to: address, promise: scene.promise("connect"))
        }
      ])),
    Case("a listener closes, and its connections stay") { play in
      let listening = try await play.listen(child: Part([.received(5): { $0.send("world") }]))
      let client = Part([.event: { $0.send("hello") }, .received(5): { $0.close() }])
      let channel = try await play.connect(client, to: listening.channel.localAddress).get()
      var children = listening.children.makeAsyncIterator()
      let child = await children.next()
      try await listening.channel.close()
      channel.pipeline.fireUserInboundEventTriggered("go")
      try await channel.closeFuture.get()
      try await child?.closeFuture.get()
      try await play.settle()
    },
    Case("a listener winds down, and its connections stay") { play in
      let listening = try await play.listen(child: Part([.received(5): { $0.send("world") }]))
      let client = Part([.event: { $0.send("hello") }, .received(5): { $0.close() }])
      let channel = try await play.connect(client, to: listening.channel.localAddress).get()
      var children = listening.children.makeAsyncIterator()
      let child = await children.next()
      listening.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
      try await listening.channel.closeFuture.get()
      channel.pipeline.fireUserInboundEventTriggered("go")
      try await channel.closeFuture.get()
      try await child?.closeFuture.get()
      try await play.settle()
    },
    Case("a connection's initializer fails") { play in
      struct Unwanted: Error {}
      let listening = try await play.listen(child: Part().preparing { _ in throw Unwanted() })
      let channel = try await play.connect(Part(), to: listening.channel.localAddress).get()
      try await channel.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
    },
    Case("the client's initializer fails") { play in
      struct Unwanted: Error {}
      let listening = try await play.listen(child: Part())
      do {
        _ = try await play.connect(
          Part().preparing { _ in throw Unwanted() }, to: listening.channel.localAddress
        ).get()
      } catch {
        play.transcript("connecting").note("\(described(error))")
      }
      try await play.settle()
      try await listening.channel.close()
    },
    Case("the port is taken") { play in
      let listening = try await play.listen(child: Part())
      do {
        _ = try await play.stage.bind(
          port: listening.channel.localAddress?.port ?? 0,
          server: play.initializer("second", Part()), child: { $0.eventLoop.makeSucceededVoidFuture() }
        ).get()
      } catch {
        play.transcript("binding").note("\(described(error))")
      }
      try await play.settle()
      try await listening.channel.close()
    },
    Case(
      "what listeners and connections cannot do",
      client: Part([
        .active: { scene in
          scene.context.triggerUserOutboundEvent("event", promise: scene.promise("event"))
          scene.context.fireUserInboundEventTriggered("upwards")
          scene.close()
        }
      ]), child: Part(),
      server: Part([
        .active: { scene in
          scene.send("hello")
          scene.note("writable \(scene.channel.isWritable)")
          scene.context.triggerUserOutboundEvent("event", promise: scene.promise("event"))
          scene.close(.output)
          scene.close(.input)
        }
      ])),
    Case("addresses are known as long as the channel lives") { play in
      @Sendable func known(_ scene: Scene) -> String {
        let channel = scene.channel
        return "local \(channel.localAddress != nil), remote \(channel.remoteAddress != nil)"
      }
      let part = Part([
        .added: { $0.note(known($0)) }, .registered: { $0.note(known($0)) },
        .active: {
          $0.note(known($0))
          $0.close()
        },
        .inactive: { $0.note(known($0)) }, .unregistered: { $0.note(known($0)) },
      ])
      let child = Part([.added: { $0.note(known($0)) }, .inactive: { $0.note(known($0)) }])
      try await play.talk(client: part, child: child)
    },
  ]
}
