// Holds networks on a carrier of the caller's own: whatever brings and takes IP packets in batches.

import DequeModule
public import Logging
import SockeyeBytes
public import SockeyeStack
public import SockeyeTunnel
public import SockeyeWire

/// Brings and takes IP packets: a packet-tunnel extension's flow, a virtual machine's network socket, an encrypted tunnel.
///
/// Both calls come one at a time each. A network that is busy does not ask for packets, and sends none while the carrier
/// still has the last batch.
public protocol PacketCarrier: Sendable {
  /// Waits for packets.
  /// - Returns: one or more, IPv4 or IPv6 each; none at all is the carrier's end.
  func receivePackets() async throws -> [[UInt8]]

  /// Takes packets, at most 64 at a time; returns when it can take more.
  func sendPackets(_ packets: [[UInt8]]) async throws
}

extension Network {
  /// Opens a network on a carrier of packets.
  /// - Parameters:
  ///   - carrier: where packets come from and go to.
  ///   - maximumTransmissionUnit: octets of the largest packet that the carrier takes.
  ///   - addresses: the host's own addresses, each with what can be reached next to it.
  ///   - configuration: the host's settings; its keys must come from a strong source of randomness.
  ///   - logger: gets what happens to the network and its sockets, nothing per packet.
  /// - Throws: `.interface` for impossible addresses; `.tunnel` when the system has no thread to spare.
  public convenience init(
    carrier: some PacketCarrier, maximumTransmissionUnit: Int = 1500, addresses: [AddressPrefix],
    configuration: StackConfiguration = .random(), logger: Logger? = nil
  ) throws(NetworkError) {
    let thread = try LoopThread()
    let device = CarrierDevice()
    let interface = InterfaceConfiguration(
      maximumTransmissionUnit: maximumTransmissionUnit, addresses: addresses)
    let loop = try NetworkLoop(configuration, interface, device, thread)
    try thread.start(loop, descriptor: nil)
    let transport = CarrierTransport(loop, device, carrier)
    let receiver = Task { await transport.receive() }
    // The network keeps the transport, and the transport the device.
    device.flush = { [weak transport] in transport?.send() }
    self.init(loop, logger: logger) { [transport] in
      receiver.cancel()
      transport.end()
      thread.stop()
    }
  }

  /// Opens a network on a carrier for the time of a function, and shuts it down afterwards: connections get `grace` to
  /// finish.
  /// - Returns: what the function returns.
  public nonisolated(nonsending) static func run<Result>(
    carrier: some PacketCarrier, maximumTransmissionUnit: Int = 1500, addresses: [AddressPrefix],
    configuration: StackConfiguration = .random(), grace: Duration = .seconds(5), logger: Logger? = nil,
    _ body: (Network) async throws -> Result
  ) async throws -> Result {
    let network = try Network(
      carrier: carrier, maximumTransmissionUnit: maximumTransmissionUnit, addresses: addresses,
      configuration: configuration, logger: logger)
    return try await network.use(grace: grace, body)
  }
}

/// Packets between a loop and its carrier. Used in the loop alone.
final class CarrierDevice: PacketDevice, @unchecked Sendable {
  /// Packets that have arrived and that the stack has not seen.
  private var arrived: Deque<[UInt8]> = []
  private var emptied: CheckedContinuation<Void, Never>?
  /// Packets for the carrier's next batch.
  private(set) var leaving: [[UInt8]] = []
  /// The carrier has a batch.
  var isSending = false
  private var isOver = false
  /// Hands `leaving` to the carrier.
  var flush: () -> Void = {}

  private static let batchLimit = 64

  func arrive(_ packets: [[UInt8]], _ continuation: CheckedContinuation<Void, Never>) {
    if isOver { return continuation.resume() }
    arrived.append(contentsOf: packets)
    emptied = continuation
  }

  /// Nobody will ask for packets any more.
  func release() {
    isOver = true
    emptied?.resume()
    emptied = nil
  }

  func takeLeaving() -> [[UInt8]] {
    defer { leaving = [] }
    return leaving
  }

  func receive(into frame: inout OutputRawSpan) throws(NetworkError) -> Bool {
    // What is larger than the link takes is no packet of this link.
    while let packet = arrived.popFirst() {
      if arrived.isEmpty {
        emptied?.resume()
        emptied = nil
      }
      if packet.isEmpty || packet.count > frame.freeCapacity { continue }
      unsafe frame.append(bytes: packet.span.bytes)
      return true
    }
    return false
  }

  func send(_ packet: RawSpan) throws(NetworkError) -> Bool {
    if leaving.count == Self.batchLimit { return false }
    leaving.append([UInt8](packet))
    if leaving.count == 1, !isSending { flush() }
    return true
  }
}

/// The two tasks of a carrier.
private final class CarrierTransport: Sendable {
  private weak let loop: NetworkLoop?
  private let device: CarrierDevice
  private let carrier: any PacketCarrier

  init(_ loop: NetworkLoop, _ device: CarrierDevice, _ carrier: any PacketCarrier) {
    self.loop = loop
    self.device = device
    self.carrier = carrier
  }

  /// Brings packets until the carrier ends or the network does.
  func receive() async {
    while !Task.isCancelled {
      let packets: [[UInt8]]
      do {
        packets = try await carrier.receivePackets()
      } catch {
        if !Task.isCancelled { fail("\(error)") }
        return
      }
      if packets.isEmpty { return fail("the carrier has ended") }
      guard let loop else { return }
      let device = device
      // The next batch is asked for when the stack has seen this one.
      await withCheckedContinuation { continuation in
        loop.execute { device.arrive(packets, continuation) }
      }
    }
  }

  /// Lets who brought the last packets go.
  func end() {
    let device = device
    loop?.execute { device.release() }
  }

  private func fail(_ reason: String) {
    guard let loop else { return }
    loop.execute { loop.fail(.packets(reason)) }
  }

  /// Hands over what wants to leave, after whatever else the loop does in this turn. Called in the loop.
  func send() {
    device.isSending = true
    loop?.execute { self.sendBatch() }
  }

  private func sendBatch() {
    let packets = device.takeLeaving()
    if packets.isEmpty {
      device.isSending = false
      return
    }
    loop?.deviceHasRoom()
    let carrier = carrier
    Task {
      do {
        try await carrier.sendPackets(packets)
        self.loop?.execute { self.sendBatch() }
      } catch {
        self.fail("\(error)")
      }
    }
  }
}
