// Holds the cases of the comparison about datagrams.

import NIOCore

extension Scene {
  fileprivate func send(_ text: String, to address: SocketAddress) {
    send(ByteBuffer(string: text), "write \(text)", to: address)
  }

  fileprivate func send(_ buffer: ByteBuffer, _ name: String, to address: SocketAddress) {
    let envelope = AddressedEnvelope(remoteAddress: address, data: buffer)
    context.writeAndFlush(NIOAny(envelope), promise: promise(name))
  }
}

extension Play {
  /// The client's part is made with the server's address.
  fileprivate func exchange(
    server: Part, isConnected: Bool = false, client: @Sendable (SocketAddress) -> Part
  ) async throws {
    let there = try await stage.datagrams(
      ofServer: true, connectedTo: nil, initializer("server", server)
    ).get()
    guard let address = there.localAddress else { return }
    let here = try await stage.datagrams(
      ofServer: false, connectedTo: isConnected ? address : nil, initializer("client", client(address))
    ).get()
    try await here.closeFuture.get()
    try await there.close()
    try await settle()
  }
}

extension Case {
  /// Sends each datagram back.
  private static var mirror: Part {
    Part().preparing { try $0.pipeline.syncOperations.addHandler(MirrorHandler()) }
  }

  static let datagrams: [Case] = [
    Case("a datagram goes there and back") { play in
      try await play.exchange(server: mirror) { address in
        Part([.active: { $0.send("hello", to: address) }, .received(5): { $0.close() }])
      }
    },
    Case("datagrams stay apart, and in order") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            for text in ["one", "", "two", "three"] { scene.send(text, to: address) }
          },
          .received(11): { $0.later { $0.close() } },
        ])
      }
    },
    Case("a connected socket needs no address") { play in
      try await play.exchange(server: mirror, isConnected: true) { address in
        Part([
          .active: { scene in
            scene.note("remote \(scene.channel.remoteAddress == address)")
            scene.send("hello")
            scene.later { $0.send("world", to: address) }
          },
          .received(10): { $0.close() },
        ])
      }
    },
    Case("a connected socket writes to nobody else") { play in
      try await play.exchange(server: mirror, isConnected: true) { address in
        Part([
          .active: { scene in
            guard let other = try? SocketAddress(ipAddress: "10.9.9.9", port: 9) else { return }
            let promise = scene.context.eventLoop.makePromise(of: Void.self)
            let transcript = scene.transcript
            promise.futureResult.whenFailure { transcript.note("failed: \(type(of: $0))") }
            let envelope = AddressedEnvelope(remoteAddress: other, data: ByteBuffer(string: "x"))
            scene.context.writeAndFlush(NIOAny(envelope), promise: promise)
            scene.close()
          }
        ])
      }
    },
    Case("a socket that is not connected needs an address") { play in
      try await play.exchange(server: mirror) { _ in
        Part([
          .active: { scene in
            let promise = scene.context.eventLoop.makePromise(of: Void.self)
            let transcript = scene.transcript
            promise.futureResult.whenFailure { transcript.note("failed: \(type(of: $0))") }
            scene.context.writeAndFlush(NIOAny(ByteBuffer(string: "x")), promise: promise)
            scene.close()
          }
        ])
      }
    },
    Case("a datagram may be too long") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            scene.send(ByteBuffer(repeating: 1, count: 70_000), "long", to: address)
            scene.later { $0.send("short", to: address) }
          },
          .received(5): { $0.close() },
        ]).preparing {
          try $0.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 1 << 20))
        }
      }
    },
    Case("what does not fit into the buffer is lost") { play in
      try await play.exchange(server: mirror) { address in
        Part([.active: { $0.send("hello, world", to: address) }, .received(5): { $0.close() }]).preparing {
          try $0.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 5))
        }
      }
    },
    Case("nothing is read before it is asked for") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            scene.send("hello", to: address)
            scene.later { scene in
              scene.note("reading")
              scene.context.read()
            }
          },
          .received(5): { $0.close() },
        ]).withoutAutoRead()
      }
    },
    Case("datagrams have no halves") { play in
      try await play.exchange(server: mirror) { _ in
        Part([
          .active: { scene in
            scene.close(.output)
            scene.close(.input)
            scene.close()
            scene.close()
          }
        ])
      }
    },
    Case("above the high watermark and below the low one") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            scene.later { scene in
              let envelope = AddressedEnvelope(
                remoteAddress: address, data: ByteBuffer(string: "hello, world"))
              scene.context.write(NIOAny(envelope), promise: scene.promise("first"))
              scene.note("writable \(scene.channel.isWritable)")
              scene.context.write(NIOAny(envelope), promise: scene.promise("second"))
              scene.note("flushing")
              scene.flush()
              scene.note("flushed")
            }
          },
          .received(24): { $0.later { $0.close() } },
        ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 4, high: 8)) }
      }
    },
    Case("what was written and not flushed fails when the channel closes") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            let envelope = AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: "hello"))
            scene.context.write(NIOAny(envelope), promise: scene.promise("write"))
            scene.close()
          }
        ])
      }
    },
    Case("a datagram tells where it went to") { play in
      try await play.exchange(server: mirror) { address in
        Part([
          .active: { scene in
            try scene.channel.syncOptions?.setOption(.receivePacketInfo, value: true)
            scene.note("told \(try scene.channel.syncOptions?.getOption(.receivePacketInfo) ?? false)")
            scene.send("hello", to: address)
          },
          .received(5): { $0.close() },
        ])
      }
    },
    Case("nobody is at the port") { play in
      let there = try await play.stage.datagrams(
        ofServer: true, connectedTo: nil, play.initializer("server", Part())
      ).get()
      let address = there.localAddress
      try await there.close()
      let here = try await play.stage.datagrams(
        ofServer: false, connectedTo: address,
        play.initializer("client", Part([.active: { $0.send("hello") }, .error: { $0.close() }]))
      ).get()
      try await here.closeFuture.get()
      try await play.settle()
    },
  ]
}

private final class MirrorHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}
