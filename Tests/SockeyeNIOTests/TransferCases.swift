// Holds the cases of the comparison about reading and writing: demand, automatic reads, flushes, watermarks, pressure.

import NIOCore

extension Part {
  /// Sets options before the channel is registered.
  static func with<Option: ChannelOption>(_ option: Option, _ value: Option.Value) -> Part {
    Part().preparing { try $0.syncOptions?.setOption(option, value: value) }
  }
}

extension Case {
  private static func text(_ count: Int) -> ByteBuffer {
    ByteBuffer(repeating: UInt8(ascii: "x"), count: count)
  }

  /// Sends so much and closes the output behind it.
  private static func sender(_ count: Int, pieces: Int = 1) -> Part {
    Part([
      .active: { scene in
        for number in 0..<pieces { scene.write(text(count / pieces), "write \(number)") }
        scene.flush()
        scene.close(.output)
      }
    ])
  }

  private static let marks = ChannelOptions.Types.WriteBufferWaterMark(low: 8, high: 16)

  static let reading: [Case] = [
    Case(
      "nothing is read before it is asked for",
      client: Part([.active: { $0.send("hello") }]),
      child: Part([
        .active: { scene in
          scene.note("waiting")
          scene.later { scene in
            scene.note("reading")
            scene.context.read()
          }
        },
        .received(5): { $0.close() },
      ]).withoutAutoRead()),
    Case(
      "a read asked for as soon as the channel is active",
      client: Part([.active: { $0.send("hello") }]),
      child: Part([.active: { $0.context.read() }, .received(5): { $0.close() }]).withoutAutoRead()),
    Case(
      "automatic reads are switched on later",
      client: Part([.active: { $0.send("hello") }]),
      child: Part([
        .active: {
          $0.later { scene in
            try scene.channel.syncOptions?.setOption(.autoRead, value: true)
            scene.note("switched on")
          }
        },
        .received(5): { $0.close() },
      ]).withoutAutoRead()),
    Case(
      "automatic reads are switched off while reading, and on again by and by",
      client: Part([.active: { $0.send("hello") }, .received(5): { $0.send("world") }]),
      child: Part([
        .received(5): { scene in
          try scene.channel.syncOptions?.setOption(.autoRead, value: false)
          scene.send("12345")
          scene.later { try $0.channel.syncOptions?.setOption(.autoRead, value: true) }
        },
        .received(10): { $0.close() },
      ])),
    Case("each read brings one small buffer") { play in
      play.compareExactly("child")
      try await play.talk(
        client: Part([.active: { $0.send("hello, world") }]),
        child: Part([.received(12): { $0.later { $0.close() } }]).preparing { channel in
          try channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4))
          try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        })
    },
    Case("two reads between read-completes") { play in
      play.compareExactly("child")
      try await play.talk(
        client: Part([.active: { $0.send("hello, world.") }]),
        child: Part([.received(13): { $0.later { $0.close() } }]).preparing { channel in
          try channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4))
          try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 2)
        })
    },
    Case("one read at a time, each asked for") { play in
      play.compareExactly("child")
      try await play.talk(
        client: Part([.active: { $0.send("hello, world") }]),
        child: Part([
          .active: { $0.context.read() },
          .received(4): { $0.later { $0.context.read() } },
          .received(8): { $0.context.read() },
          .received(12): { $0.close() },
        ]).preparing { channel in
          try channel.syncOptions?.setOption(.autoRead, value: false)
          try channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4))
          try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        })
    },
    Case(
      "text without demand is read at the peer's end",
      client: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ]), child: Part().withoutAutoRead()),
    Case("a connection waits until the listener reads") { play in
      let listening = try await play.listen(
        child: Part([.active: { $0.close() }]), server: Part().withoutAutoRead())
      let client = try await play.connect(Part(), to: listening.channel.localAddress).get()
      play.transcript("server").note("reading")
      listening.channel.read()
      try await client.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
    },
    Case(
      "four megabytes come whole", client: sender(4 << 20).withoutReads().ignoringWritability(),
      child: Part([.received(4 << 20): { $0.note("all here") }]).withoutReads()),
    Case(
      "four megabytes in pieces go there and back",
      client: Part([
        .active: { scene in
          for number in 0..<16 { scene.write(text(256 << 10), "write \(number)") }
          scene.flush()
        },
        .received(4 << 20): {
          $0.note("all back")
          $0.close()
        },
      ]).withoutReads().ignoringWritability(),
      child: Part().withoutReads().ignoringWritability().preparing { channel in
        try channel.pipeline.syncOperations.addHandler(EchoHandler())
      }),
  ]

  static let writing: [Case] = [
    Case(
      "what is written before the channel is active leaves when it is",
      client: Part([.registered: { $0.send("hello") }, .active: { $0.note("now") }]),
      child: Part([.received(5): { $0.close() }])),
    Case(
      "what is written before and not flushed stays",
      client: Part([.registered: { $0.write("hello") }, .active: { $0.later { $0.flush() } }]),
      child: Part([.received(5): { $0.close() }])),
    Case(
      "only what is flushed leaves",
      client: Part([
        .active: {
          $0.write("hello")
          $0.flush()
          $0.write("world")
        }
      ]), child: Part([.received(5): { $0.close() }])),
    Case(
      "an empty buffer is written, too",
      client: Part([
        .active: {
          $0.send("")
          $0.send("hello")
          $0.send("")
        }
      ]), child: Part([.received(5): { $0.close() }])),
    Case(
      "flushing nothing is nothing", client: Part([.active: { $0.flush() }]),
      child: Part([.active: { $0.close() }])),
    Case(
      "a write from the promise of another",
      client: Part([
        .active: { scene in
          let promise = scene.promise("first")
          let (context, transcript) = (scene.context.loopBound, scene.transcript)
          promise.futureResult.whenSuccess {
            Scene(context: context.value, transcript: transcript).send("world")
          }
          scene.context.writeAndFlush(NIOAny(ByteBuffer(string: "hello")), promise: promise)
        }
      ]), child: Part([.received(10): { $0.close() }])),
    Case(
      "above the high watermark and below the low one",
      client: Part([
        .active: {
          $0.send("0123456789abcdefg")
          $0.later {
            $0.note("writing")
            $0.write("0123456789abcdefg")
            $0.note("flushing")
            $0.flush()
            $0.note("flushed")
          }
        }
      ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
      child: Part([.received(34): { $0.close() }])),
    Case(
      "writing and flushing when the channel becomes writable",
      client: Part([
        .active: { $0.send("0123456789abcdefg") },
        .writable: { $0.send("0123456789abcdefghi") },
      ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
      child: Part([.received(36): { $0.close() }])),
    Case(
      "flushing when the channel becomes unwritable",
      client: Part([
        .active: { $0.later { $0.write("0123456789abcdefg") } },
        .unwritable: {
          $0.note("flushing")
          $0.flush()
        },
      ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
      child: Part([.received(17): { $0.close() }])),
    Case(
      "closing when the channel becomes unwritable",
      client: Part([
        .active: { $0.later { $0.write("0123456789abcdefg") } }, .unwritable: { $0.close() },
      ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
      child: Part()),
    Case(
      "closing when the channel becomes writable",
      client: Part([.active: { $0.send("0123456789abcdefg") }, .writable: { $0.close() }])
        .preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
      child: Part()),
    Case(
      "octets that wait are counted",
      client: Part([
        .active: { scene in
          scene.write("hello")
          scene.note("waiting \(try scene.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? -1)")
          scene.later { scene in
            scene.flush()
            scene.note("waiting \(try scene.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? -1)")
          }
        }
      ]), child: Part([.received(5): { $0.close() }])),
    Case("writes that wait fail when the channel closes") { play in
      // Nobody reads: neither stack takes it all.
      let listening = try await play.listen(child: Part().withoutAutoRead().withoutReads())
      let client = Part([
        .active: {
          $0.write(text(64 << 20), "write")
          $0.flush()
          $0.later { $0.close() }
        }
      ])
      let channel = try await play.connect(client, to: listening.channel.localAddress).get()
      try await channel.closeFuture.get()
      var children = listening.children.makeAsyncIterator()
      try await play.wait(for: "active", of: "child")
      try await children.next()?.close()
      try await listening.channel.close()
      try await play.settle()
    },
    Case("parts of a file between buffers") { play in
      let file = try TestFile(Array("0123456789".utf8))
      try await play.talk(
        client: Part([
          .active: { scene in
            scene.write("hello")
            scene.write(file.region(2..<8), "part")
            scene.write(file.region(4..<4), "nothing")
            scene.note("waiting \(try scene.channel.syncOptions?.getOption(.bufferedWritableBytes) ?? -1)")
            scene.write("world")
            scene.flush()
          }
        ]), child: Part([.received(16): { $0.close() }]))
      try file.close()
    },
    Case("a file above the high watermark") { play in
      let file = try TestFile([UInt8](repeating: UInt8(ascii: "x"), count: 17))
      try await play.talk(
        client: Part([
          .active: {
            $0.write(file.region(0..<17), "file")
            $0.note("flushing")
            $0.flush()
          }
        ]).preparing { try $0.syncOptions?.setOption(.writeBufferWaterMark, value: marks) },
        child: Part([.received(17): { $0.close() }]))
      try file.close()
    },
    Case(
      "closing the output behind four megabytes",
      client: sender(4 << 20, pieces: 4).withoutReads().ignoringWritability(),
      child: Part([.received(4 << 20): { $0.note("all here") }]).withoutReads()),
  ]
}

extension Part {
  /// How often a channel becomes writable in a transfer is chance's.
  func ignoringWritability() -> Part {
    var part = self
    part.recordsWritability = false
    return part
  }
}

/// Sends back what comes, as fast as the peer takes it.
final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
    context.fireChannelReadComplete()
  }
}
