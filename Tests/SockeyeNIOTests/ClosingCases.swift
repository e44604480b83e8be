// Holds the cases of the comparison about how channels end: who closes, when, and which direction.

import NIOCore

extension Case {
  /// A part that answers a greeting and closes when the other side does.
  private static let polite = Part([.received(5): { $0.send("world") }])

  static let closing: [Case] = [
    Case("the client closes when it is active", client: Part([.active: { $0.close() }]), child: Part()),
    Case(
      "the server's side closes when it is active", client: Part(), child: Part([.active: { $0.close() }])),
    Case(
      "the client closes when it has its answer",
      client: Part([.active: { $0.send("hello") }, .received(5): { $0.close() }]), child: polite),
    Case(
      "the server's side closes behind its answer",
      client: Part([.active: { $0.send("hello") }]),
      child: Part([
        .received(5): {
          $0.send("world")
          $0.close()
        }
      ])),
    Case(
      "the client closes when all is read",
      client: Part([.active: { $0.send("hello") }, .readComplete: { $0.close() }]), child: polite),
    Case(
      "the client closes when it is registered", client: Part([.registered: { $0.close() }]), child: Part()),
    Case(
      "the client closes when the handler is added", client: Part([.added: { $0.close() }]), child: Part()),
    Case(
      "the client closes twice",
      client: Part([
        .active: {
          $0.close()
          $0.close()
        }
      ]), child: Part()),
    Case(
      "the client closes once more when it is inactive",
      client: Part([.active: { $0.close() }, .inactive: { $0.close() }, .unregistered: { $0.close() }]),
      child: Part()),
    Case(
      "the client closes a little later",
      client: Part([.active: { $0.later { $0.close() } }]), child: Part()),
    Case("the client closes as soon as it is connected") { play in
      let listening = try await play.listen(child: Part())
      let transcript = play.transcript("client")
      let address = listening.channel.localAddress
      let channel = try await play.stage.clientLoop.flatSubmit {
        play.connect(Part(), to: address).map { channel in
          channel.close().whenComplete { transcript.note("close: \(described($0))") }
          return channel
        }
      }.get()
      try await channel.closeFuture.get()
      var children = listening.children.makeAsyncIterator()
      try await children.next()?.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
    },
    Case(
      "the client closes its output, and the server's side closes with it",
      client: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ]), child: Part()),
    Case(
      "the client closes its output, and the server's side answers all the same",
      client: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ]),
      child: Part([
        .inputClosed: {
          $0.send("world")
          $0.close(.output)
        }
      ]).halfClosing()),
    Case(
      "both may half-close, and both do",
      client: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ]).halfClosing(),
      child: Part([
        .inputClosed: {
          $0.send("world")
          $0.close()
        }
      ]).halfClosing()),
    Case(
      "the server's side closes its output first, and the client goes on for a while",
      client: Part([
        .inputClosed: {
          $0.send("hello")
          $0.close(.output)
        }
      ]).halfClosing(),
      child: Part([.active: { $0.close(.output) }])),
    Case(
      "the output is closed twice",
      client: Part([
        .active: {
          $0.close(.output)
          $0.close(.output)
        }
      ]), child: Part()),
    Case(
      "the output is closed, then the input",
      client: Part([
        .active: {
          $0.close(.output)
          $0.close(.input)
        }
      ]), child: Part().halfClosing().with(.inputClosed) { $0.close() }),
    Case(
      "the input is closed, then the output",
      client: Part([
        .active: {
          $0.close(.input)
          $0.close(.output)
        }
      ]), child: Part()),
    Case("the input is closed", client: Part([.active: { $0.close(.input) }]), child: Part()),
    Case(
      "the input is closed twice, and half-closing is allowed",
      client: Part([
        .active: {
          $0.close(.input)
          $0.close(.input)
          $0.send("hello")
        },
        .readComplete: { $0.close() },
      ]).halfClosing(), child: Part()),
    Case(
      "writes after closing the output fail",
      client: Part([
        .active: {
          $0.close(.output)
          $0.send("hello")
        }
      ]), child: Part()),
    Case(
      "writes after closing fail",
      client: Part([
        .active: {
          $0.close()
          $0.send("hello")
        },
        .inactive: { $0.send("hello") },
        .unregistered: { $0.send("hello") },
      ]), child: Part()),
    Case(
      "what was written and not flushed fails when the channel closes",
      client: Part([
        .active: {
          $0.write("hello")
          $0.close()
        }
      ]), child: Part()),
    Case(
      "what was flushed arrives although the channel closes",
      client: Part([
        .active: {
          $0.send("hello")
          $0.write("lost")
          $0.close()
        }
      ]), child: Part()),
    Case(
      "closing the output waits for what was not flushed yet",
      client: Part([
        .active: {
          $0.write("hello")
          $0.close(.output)
          $0.note("closing")
          $0.flush()
        }
      ]), child: Part()),
    Case(
      "the server's side closes in the middle of reading",
      client: Part([.active: { $0.send("hello") }]), child: Part([.received(1): { $0.close() }])),
    Case(
      "text and the end come together",
      client: Part(),
      child: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ])),
    Case(
      "the peer finishes while nobody reads",
      client: Part([.inactive: { $0.note("end") }]).withoutAutoRead(),
      child: Part([
        .active: {
          $0.send("hello")
          $0.close()
        }
      ])),
    Case(
      "the peer finishes while nobody reads, and half-closing is allowed",
      client: Part([.inputClosed: { $0.close() }]).preparing {
        try $0.syncOptions?.setOption(.autoRead, value: false)
        try $0.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
      },
      child: Part([
        .active: {
          $0.send("hello")
          $0.close(.output)
        }
      ])),
    Case(
      "the client closes when the peer's end is told",
      client: Part([.inputClosed: { $0.close() }]).halfClosing(),
      child: Part([.active: { $0.close(.output) }])),
  ]
}

extension Part {
  func with(_ moment: Moment, _ action: @escaping Action) -> Part {
    var part = self
    part.actions[moment] = action
    return part
  }
}
