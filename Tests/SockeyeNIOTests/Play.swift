// Holds how a case of the comparison is played on a stage, and the comparison itself.

import NIOCore
import SockeyeNIO
import SockeyeTunnel
import Testing

/// One case: what is done on a stage. What happens there is compared.
struct Case: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let play: @Sendable (Play) async throws -> Void

  init(_ name: String, _ play: @escaping @Sendable (Play) async throws -> Void) {
    testDescription = name
    self.play = play
  }

  /// A client and a server that talk until both of their channels have closed.
  init(_ name: String, client: Part, child: Part, server: Part = Part()) {
    self.init(name) { try await $0.talk(client: client, child: child, server: server) }
  }

  /// - Returns: what each channel was told.
  func played(on stage: some Stage) async throws -> [String: [String]] {
    let play = Play(stage)
    do {
      try await self.play(play)
    } catch {
      play.transcript("play").note("thrown: \(described(error))")
    }
    try await stage.end()
    return play.events
  }
}

/// A case while it is played.
final class Play: Sendable {
  let stage: any Stage
  private let transcripts = Guarded<[String: Transcript]>([:])
  private let exact = Guarded<Set<String>>([])
  private let ignored = Guarded<Set<String>>([])

  init(_ stage: some Stage) { self.stage = stage }

  func transcript(_ name: String) -> Transcript {
    transcripts.withLock { transcripts in
      let transcript = transcripts[name] ?? Transcript()
      transcripts[name] = transcript
      return transcript
    }
  }

  /// What happens to this channel is compared to the last read-complete.
  func compareExactly(_ name: String) { _ = exact.withLock { $0.insert(name) } }

  /// What happens to these channels is not compared.
  func ignore(_ names: Set<String>) { ignored.withLock { $0.formUnion(names) } }

  var events: [String: [String]] {
    let ignored = ignored.withLock { $0 }
    let exact = exact.withLock { $0 }
    return transcripts.withLock { transcripts in
      transcripts.filter { !ignored.contains($0.key) }
        .reduce(into: [:]) { $0[$1.key] = exact.contains($1.key) ? $1.value.raw : $1.value.events }
    }
  }

  /// An initializer that has a part played.
  func initializer(_ name: String, _ part: Part) -> @Sendable (any Channel) -> EventLoopFuture<Void> {
    let transcript = transcript(name)
    return { channel in
      channel.closeFuture.whenComplete { transcript.note("closeFuture: \(described($0))") }
      return channel.eventLoop.makeCompletedFuture {
        try part.prepare(channel)
        try channel.pipeline.syncOperations.addHandler(Recorder(transcript, part))
      }
    }
  }

  /// A server whose connections all play one part. Their channels come to `children`.
  func listen(child: Part, server: Part = Part(), port: Int = 0) async throws -> Listening {
    let children = AsyncStream<any Channel>.makeStream()
    let childInitializer = initializer("child", child)
    let channel = try await stage.bind(
      port: port, server: initializer("server", server),
      child: { channel in
        children.continuation.yield(channel)
        return childInitializer(channel)
      }
    ).get()
    return Listening(channel: channel, children: children.stream)
  }

  func connect(
    _ part: Part, to address: SocketAddress?, name: String = "client", timeout: TimeAmount? = nil
  ) -> EventLoopFuture<any Channel> {
    guard let address else { return stage.clientLoop.makeFailedFuture(ChannelError.unknownLocalAddress) }
    return stage.connect(to: address, timeout: timeout, initializer(name, part))
  }

  func talk(client: Part, child: Part, server: Part = Part()) async throws {
    let listening = try await listen(child: child, server: server)
    let transcript = transcript("connecting")
    let connecting = connect(client, to: listening.channel.localAddress)
    connecting.whenFailure { transcript.note("connect: \(described($0))") }
    let channel = try? await connecting.get()
    if channel != nil {
      var children = listening.children.makeAsyncIterator()
      if let child = await children.next() { try await child.closeFuture.get() }
    }
    try? await channel?.closeFuture.get()
    try await listening.channel.close()
    try await settle()
  }

  /// Waits until something has been written down so many times.
  func wait(for line: String, of name: String, times: Int = 1) async throws {
    while transcript(name).raw.count(where: { $0 == line }) < times { try await settle() }
  }

  /// Waits until both loops have done what was under way.
  func settle() async throws {
    for loop in [stage.clientLoop, stage.serverLoop] {
      for _ in 0..<3 { try await loop.submit {}.get() }
    }
  }
}

/// A server that is up.
struct Listening {
  let channel: any Channel
  let children: AsyncStream<any Channel>
}

@Suite("The same happens as on the computer's sockets", .serialized)
struct ComparisonTests {
  @Test(arguments: Case.closing)
  func closing(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.reading)
  func reading(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.failing)
  func failing(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.options)
  func options(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.tasks)
  func tasks(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.datagrams)
  func datagrams(_ one: Case) async throws { try await compare(one) }

  @Test(arguments: Case.writing)
  func writing(_ one: Case) async throws { try await compare(one) }

  private func compare(_ one: Case) async throws {
    let theirs = try await one.played(on: SystemStage())
    let ours = try await one.played(on: NetworkStage())
    for name in Set(theirs.keys).union(ours.keys).sorted() {
      #expect(ours[name] ?? [] == theirs[name] ?? [], "\(name)")
    }
  }
}
