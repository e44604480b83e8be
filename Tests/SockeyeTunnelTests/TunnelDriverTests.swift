// Shows that a stack on a tunnel talks to the kernel, and that its driver waits for everything it should. How
// the stack itself behaves is shown in its own tests.

#if os(Linux)
  import Glibc
  import SockeyeBytes
  import SockeyeStack
  import SockeyeTCP
  import SockeyeWire
  import Testing

  @testable import SockeyeTunnel

  @Suite(.needsTunnel, .serialized) struct TunnelDriverTests {
    @Test(arguments: [("10.9.8.2", "10.9.8.2/24"), ("fd00:9::2", "fd00:9::2/64")])
    func theKernelConnectsTalksAndCloses(address: String, prefix: String) throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        let listener = try driver.stack.listen(on: ListenEndpoint(port: 3401))
        let kernel = try KernelConnection(to: address, port: 3401)
        try expect(.socket(.acceptable(listener)), from: &driver)
        let connection = try #require(try driver.stack.accept(listener))

        try write("greeting", to: connection, of: &driver)
        try driver.drainFrames()
        #expect(try kernel.receive() == "greeting")

        try kernel.send("message")
        try expect(.socket(.readable(connection)), from: &driver)
        #expect(try read(connection, of: &driver) == "message")

        try kernel.shutDown()
        try expect(.socket(.peerFinished(connection)), from: &driver)
        try driver.stack.finish(connection, at: driver.now())
        try expect(.socket(.closed(connection, .finished)), from: &driver)
        #expect(try kernel.receive() == "")
      }
    }

    @Test(arguments: [("10.9.8.2", "10.9.8.2/24"), ("fd00:9::2", "fd00:9::2/64")])
    func theKernelBringsBackAllThatACookieTells(address: String, prefix: String) throws {
      try inOwnNetworkNamespace {
        var configuration = StackConfiguration.random()
        configuration.synCookies = .always
        var driver = try makeDriver(configuration)
        let listener = try driver.stack.listen(on: ListenEndpoint(port: 3401))
        let kernel = try KernelConnection(to: address, port: 3401)
        try expect(.socket(.acceptable(listener)), from: &driver)
        let connection = try #require(try driver.stack.accept(listener))
        let status = try driver.stack.status(of: connection)
        #expect(status.usesTimestamps && status.usesSelectiveAcknowledgments && status.usesWindowScaling)
        #expect(driver.stack.statistics.tcp.cookiesAccepted == 1)
        #expect(driver.stack.occupancy.handshakes == 0)
        try write("greeting", to: connection, of: &driver)
        try driver.drainFrames()
        #expect(try kernel.receive() == "greeting", "the kernel finds no timestamp too old")
        try kernel.send("message")
        try expect(.socket(.readable(connection)), from: &driver)
        #expect(try read(connection, of: &driver) == "message")
      }
    }

    @Test func anObserverSeesEachPacketAndWhatItDid() throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        let observer = CountingObserver()
        driver.observer = observer
        driver.stack.observing = true
        let listener = try driver.stack.listen(on: ListenEndpoint(port: 3401))
        let kernel = try KernelConnection(to: "10.9.8.2", port: 3401)
        try expect(.socket(.acceptable(listener)), from: &driver)
        // SYN and ACK came in; SYN with ACK went out, and perhaps a window update.
        #expect(observer.segmentsReceived == 2 && observer.segmentsSent >= 1)
        #expect(observer.states == ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"])
        #expect(observer.packets.filter { $0 == "received" }.count >= 2)
        #expect(observer.packets.contains("sent"))
        withExtendedLifetime(kernel.descriptor) {}
      }
    }

    @Test func aDescriptorOfTheProgramsOwnIsWaitedFor() throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        let pipe = try SystemCalls.pipe()
        let (reading, writing) = (Descriptor(pipe.reading), Descriptor(pipe.writing))
        driver.watch(reading, for: .reading)
        driver.watch(writing, for: .writing)
        try expect(.writable(writing), from: &driver)
        driver.watch(writing, for: [])
        try writing.writeAll("x")
        try expect(.readable(reading), from: &driver)
        SystemCalls.close(pipe.writing)
        // Nobody has read it: it is ready still, and at its end later.
        try expect(.readable(reading), from: &driver)
        driver.watch(reading, for: [])
        SystemCalls.close(pipe.reading)
        try expect(.timePassed, from: &driver, within: .milliseconds(1))
      }
    }

    @Test func anObserverCanStopAWaitThatWouldLastForEver() throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        let observer = CountingObserver()
        observer.letsWait = false
        driver.observer = observer
        try expect(.observerStopped, from: &driver)
      }
    }

    @Test func aSignalIsAnOccurrence() throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        try driver.watchEndRequests()
        for (signal, request) in [(SIGHUP, EndRequest.hangUp), (SIGINT, .interrupt), (SIGTERM, .terminate)] {
          kill(getpid(), signal)
          try expect(.endRequested(request), from: &driver)
        }
      }
    }

    @Test func aTunnelThatVanishesEndsTheWait() throws {
      try inOwnNetworkNamespace {
        var driver = try makeDriver()
        try NetworkLink.configure("t0") { index in .deleteLink(index: index) }
        do {
          let occurrence = try driver.next()
          Issue.record("\(occurrence) instead of an error")
        } catch let error as TunnelError {
          #expect(error == .vanished(interface: "t0"))
        }
      }
    }

    @Test func anInterfaceThatIsDownLosesPacketsAndComesBack() throws {
      try inOwnNetworkNamespace {
        let tunnel = try Tunnel(name: "t0")
        try tunnel.addHostAddress(#require(AddressPrefix(parsing: "10.9.8.1/24")))
        var driver = try TunnelDriver(
          tunnel: tunnel, addresses: [#require(AddressPrefix(parsing: "10.9.8.2/24"))])
        var configuration = TCPConfiguration()
        configuration.initialRetransmissionTimeout = .milliseconds(50)
        _ = try driver.stack.connect(
          to: #require(Endpoint(parsing: "10.9.8.1:9")), configuration: configuration, at: driver.now())
        try driver.drainFrames()
        let lost = driver.lostPackets
        #expect(lost == 1)
        try NetworkLink.configure("t0") { index in .bringUp(index: index, mtu: nil, queueLength: nil) }
        // The SYN goes out again, and the kernel, where nobody listens, refuses it.
        guard case .socket(.closed(_, .refused)) = try driver.next(until: driver.now() + .seconds(5)) else {
          Issue.record("not refused")
          return
        }
      }
    }
  }

  @Suite struct WaitingTests {
    @Test func aWaitIsRoundedUpToMilliseconds() {
      let now = Instant(nanoseconds: 5_000_000_000)
      #expect(Waiting.milliseconds(from: now, until: nil) == -1)
      #expect(Waiting.milliseconds(from: now, until: now) == 0)
      #expect(Waiting.milliseconds(from: now, until: .zero) == 0)
      #expect(Waiting.milliseconds(from: now, until: now + .nanoseconds(1)) == 1)
      #expect(Waiting.milliseconds(from: now, until: now + .milliseconds(7)) == 7)
      #expect(Waiting.milliseconds(from: now, until: now + .microseconds(7001)) == 8)
      #expect(Waiting.milliseconds(from: now, until: .distantFuture) == Int32.max)
    }
  }

  /// A host at 10.9.8.2 and fd00:9::2; the kernel is at .1.
  private func makeDriver(_ configuration: StackConfiguration = .random()) throws -> TunnelDriver {
    let tunnel = try Tunnel(name: "t0")
    for text in ["10.9.8.1/24", "fd00:9::1/64"] {
      try tunnel.addHostAddress(#require(AddressPrefix(parsing: text)))
    }
    try tunnel.bringUp()
    let addresses = ["10.9.8.2/24", "fd00:9::2/64"].compactMap { AddressPrefix(parsing: $0) }
    return try TunnelDriver(tunnel: tunnel, configuration: configuration, addresses: addresses)
  }

  /// Runs the driver up to an occurrence, whatever else occurs before it.
  private func expect(
    _ wanted: TunnelOccurrence, from driver: inout TunnelDriver, within limit: Interval = .seconds(5)
  ) throws {
    let end = driver.now() + limit
    while true {
      let occurrence = try driver.next(until: end)
      if occurrence == wanted { return }
      try #require(occurrence != .timePassed, "\(wanted) did not occur")
    }
  }

  private func write(_ text: String, to connection: ConnectionID, of driver: inout TunnelDriver) throws {
    let now = driver.now()
    let taken = try Array(text.utf8).withRawSpan { bytes throws(SocketError) in
      try driver.stack.write(connection, bytes, at: now)
    }
    #expect(taken == text.utf8.count)
  }

  private func read(_ connection: ConnectionID, of driver: inout TunnelDriver) throws -> String {
    let now = driver.now()
    let bytes = try [UInt8](capacity: 100) { output throws(SocketError) in
      _ = try driver.stack.read(connection, into: &output, at: now)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private final class CountingObserver: TunnelObserver {
    var segmentsSent = 0
    var segmentsReceived = 0
    var states: [String] = []
    var packets: [String] = []
    var letsWait = true

    func observed(_ observation: StackObservation) {
      if case .segmentSent = observation.kind { segmentsSent += 1 }
      if case .segmentReceived = observation.kind { segmentsReceived += 1 }
      if case .stateChanged(_, _, let to) = observation.kind { states.append(to.name) }
    }
    func received(_ packet: RawSpan, at: Instant) { packets.append("received") }
    func sent(_ packet: RawSpan, _ metadata: FrameMetadata, at: Instant) { packets.append("sent") }
    func willWait() -> Bool { letsWait }
  }
#endif
