// Holds the cases of the comparison about options and about tasks and timers of event loops.

import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension Scene {
  fileprivate func tell<Option: ChannelOption>(_ name: String, _ option: Option) {
    do {
      guard let options = channel.syncOptions else { return note("no options") }
      note("\(name): \(try options.getOption(option))")
    } catch {
      note("\(name): \(described(error))")
    }
  }

  fileprivate func set<Option: ChannelOption>(_ name: String, _ option: Option, _ value: Option.Value) {
    do {
      try channel.syncOptions?.setOption(option, value: value)
      tell(name, option)
    } catch {
      note("\(name): \(described(error))")
    }
  }

  /// Options of all channels.
  fileprivate func common() {
    tell("autoRead", .autoRead)
    tell("maxMessagesPerRead", .maxMessagesPerRead)
    set("maxMessagesPerRead", .maxMessagesPerRead, 7)
    set("autoRead", .autoRead, false)
    set("autoRead", .autoRead, true)
    set("SO_REUSEADDR", .socketOption(.so_reuseaddr), 1)
    set("recvAllocator", .recvAllocator, FixedSizeRecvByteBufferAllocator(capacity: 99))
  }

  fileprivate func ofStreams() {
    common()
    tell("allowRemoteHalfClosure", .allowRemoteHalfClosure)
    set("allowRemoteHalfClosure", .allowRemoteHalfClosure, true)
    tell("connectTimeout", .connectTimeout)
    set("connectTimeout", .connectTimeout, .seconds(3))
    tell("watermarks", .writeBufferWaterMark)
    set("watermarks", .writeBufferWaterMark, .init(low: 1, high: 2))
    tell("writeSpin", .writeSpin)
    set("writeSpin", .writeSpin, 3)
    tell("bufferedWritableBytes", .bufferedWritableBytes)
    tell("TCP_NODELAY", .tcpOption(.tcp_nodelay))
    set("TCP_NODELAY", .tcpOption(.tcp_nodelay), 0)
    tell("SO_KEEPALIVE", .socketOption(.so_keepalive))
    set("SO_KEEPALIVE", .socketOption(.so_keepalive), 1)
    #if !canImport(Darwin)
      set("TCP_KEEPIDLE", .tcpOption(.init(rawValue: TCP_KEEPIDLE)), 100)
    #endif
    set("TCP_KEEPINTVL", .tcpOption(.init(rawValue: TCP_KEEPINTVL)), 10)
    set("TCP_KEEPCNT", .tcpOption(.init(rawValue: TCP_KEEPCNT)), 4)
    tell("SO_ERROR", .socketOption(.so_error))
    for (name, option) in [("SO_SNDBUF", NIOBSDSocket.Option.so_sndbuf), ("SO_RCVBUF", .so_rcvbuf)] {
      // How much more than was asked for there is, each system decides.
      do {
        try channel.syncOptions?.setOption(.socketOption(option), value: 100_000)
        let octets = try channel.syncOptions?.getOption(.socketOption(option)) ?? 0
        note("\(name) \(octets >= 100_000)")
      } catch {
        note("\(name): \(described(error))")
      }
    }
  }
}

extension Case {
  static let options: [Case] = [
    Case(
      "options of connections",
      client: Part([
        .added: { $0.ofStreams() },
        .active: {
          $0.ofStreams()
          $0.close()
        },
        .inactive: { $0.common() },
      ]), child: Part([.added: { $0.ofStreams() }, .inputClosed: { $0.close() }])),
    Case(
      "options of listeners", client: Part([.active: { $0.close() }]), child: Part(),
      server: Part([
        .added: {
          $0.common()
          $0.tell("backlog", .backlog)
          $0.set("backlog", .backlog, 7)
          $0.tell("TCP_NODELAY", .tcpOption(.tcp_nodelay))
          $0.set("SO_KEEPALIVE", .socketOption(.so_keepalive), 1)
        },
        .active: { $0.common() },
      ])),
    Case(
      "a listener's socket options hold for its connections", client: Part([.active: { $0.close() }]),
      child: Part([
        .added: {
          $0.tell("SO_KEEPALIVE", .socketOption(.so_keepalive))
          $0.tell("TCP_NODELAY", .tcpOption(.tcp_nodelay))
        }
      ]),
      server: .with(.socketOption(.so_keepalive), 1)),
    Case("how a connection lingers") { play in
      let listening = try await play.listen(child: Part())
      let channel = try await play.connect(Part(), to: listening.channel.localAddress).get()
      let transcript = play.transcript("client")
      guard let provider = channel as? any SocketOptionProvider else { return transcript.note("no options") }
      for value in [linger(l_onoff: 1, l_linger: 5), linger(l_onoff: 0, l_linger: 0)] {
        try await provider.setSoLinger(value).get()
        let told = try await provider.getSoLinger().get()
        transcript.note("linger \(told.l_onoff)")
      }
      try await channel.close()
      var children = listening.children.makeAsyncIterator()
      try await children.next()?.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
    },
    Case("options from another thread, and after the end") { play in
      let listening = try await play.listen(child: Part())
      let channel = try await play.connect(Part(), to: listening.channel.localAddress).get()
      let transcript = play.transcript("outside")
      transcript.note("\(try await channel.getOption(.autoRead).get())")
      try await channel.setOption(.maxMessagesPerRead, value: 3).get()
      transcript.note("\(try await channel.getOption(.maxMessagesPerRead).get())")
      try await channel.close()
      do {
        _ = try await channel.getOption(.autoRead).get()
      } catch {
        transcript.note(described(error))
      }
      var children = listening.children.makeAsyncIterator()
      try await children.next()?.closeFuture.get()
      try await listening.channel.close()
      try await play.settle()
    },
  ]

  static let tasks: [Case] = [
    task("tasks run in the order of asking, and after what is under way") { loop, transcript, done in
      for number in 1...3 {
        loop.execute {
          transcript.note("task \(number)")
          loop.execute { transcript.note("from task \(number)") }
        }
      }
      transcript.note("asked")
      loop.execute { loop.execute { loop.execute { done.succeed() } } }
    },
    task("timers of one moment run in the order of asking, others by their time") { loop, transcript, done in
      let now = loop.now
      loop.scheduleTask(deadline: now + .milliseconds(3)) { transcript.note("3") }
      loop.scheduleTask(deadline: now + .milliseconds(1)) { transcript.note("1, first") }
      loop.scheduleTask(deadline: now + .milliseconds(1)) { transcript.note("1, second") }
      loop.scheduleTask(deadline: now) { transcript.note("now") }
      loop.scheduleTask(deadline: now - .milliseconds(1)) { transcript.note("before") }
      loop.scheduleTask(in: .milliseconds(5)) { done.succeed() }
    },
    task("a timer that is cancelled does not run") { loop, transcript, done in
      let timer = loop.scheduleTask(in: .milliseconds(1)) { transcript.note("no") }
      timer.futureResult.whenComplete { transcript.note(described($0)) }
      transcript.note("cancelling")
      timer.cancel()
      transcript.note("cancelled")
      let other = loop.scheduleTask(in: .nanoseconds(0)) { transcript.note("yes") }
      loop.scheduleTask(in: .milliseconds(2)) {
        other.cancel()
        other.futureResult.whenComplete { transcript.note(described($0)) }
        done.succeed()
      }
    },
    task("a repeated task ends when it is cancelled") { loop, transcript, done in
      let ended = loop.makePromise(of: Void.self)
      ended.futureResult.whenComplete {
        transcript.note(described($0))
        done.succeed()
      }
      let count = NIOLoopBoundBox(0, eventLoop: loop)
      loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1), notifying: ended) { task in
        count.value += 1
        transcript.note("\(count.value)")
        if count.value == 3 { task.cancel() }
      }
    },
    task("failures of tasks are their futures'") { loop, transcript, done in
      loop.submit { throw ChannelError.eof }.whenComplete { transcript.note(described($0)) }
      loop.scheduleTask(in: .zero) { throw ChannelError.eof }.futureResult.whenComplete {
        transcript.note(described($0))
        done.succeed()
      }
    },
    task("callbacks run, or are told that they were cancelled") { loop, transcript, done in
      let handler = CallbackHandler(transcript)
      _ = try? loop.scheduleCallback(in: .milliseconds(1), handler: handler)
      let cancelled = try? loop.scheduleCallback(in: .milliseconds(1), handler: handler)
      cancelled?.cancel()
      loop.scheduleTask(in: .milliseconds(3)) { done.succeed() }
    },
    task("where one is") { loop, transcript, done in
      transcript.note("inside \(loop.inEventLoop)")
      transcript.note("next \(loop.next() === loop), any \(loop.any() === loop)")
      let loops = loop.makeIterator().map { $0 === loop }
      transcript.note("\(loops)")
      Task {
        transcript.note("outside \(loop.inEventLoop)")
        done.succeed()
      }
    },
    task("actors may live there") { loop, transcript, done in
      let resident = Resident(loop)
      Task {
        transcript.note("resident \(await resident.isAtHome)")
        done.succeed()
      }
    },
  ]

  /// A case that is played in the client's loop.
  private static func task(
    _ name: String,
    _ body: @escaping @Sendable (any EventLoop, Transcript, EventLoopPromise<Void>) -> Void
  ) -> Case {
    Case(name) { play in
      let loop = play.stage.clientLoop
      let done = loop.makePromise(of: Void.self)
      let transcript = play.transcript("loop")
      loop.execute { body(loop, transcript, done) }
      try await done.futureResult.get()
    }
  }
}

private final class CallbackHandler: NIOScheduledCallbackHandler, Sendable {
  private let transcript: Transcript

  init(_ transcript: Transcript) { self.transcript = transcript }

  func handleScheduledCallback(eventLoop: some EventLoop) { transcript.note("called") }
  func didCancelScheduledCallback(eventLoop: some EventLoop) { transcript.note("cancelled") }
}

private actor Resident {
  private let loop: any EventLoop

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.executor.asUnownedSerialExecutor() }

  init(_ loop: any EventLoop) { self.loop = loop }

  var isAtHome: Bool { loop.inEventLoop }
}

/// Options that NIO has no names for.
enum TestOptions {
  static var keepAliveCount: CInt { TCP_KEEPCNT }
}
