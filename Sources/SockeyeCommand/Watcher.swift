// Holds what a command shows of what passes through its tunnel: state changes, trace lines, a pcapng file. It
// does not hold the formats, which are SockeyeTrace's.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeTunnel

/// Watches a driver for `--states`, `--trace` and `--pcap`.
final class Watcher: TunnelObserver {
  private let console: Console
  private let showsStates: Bool
  private let showsPackets: Bool
  private var text = TraceText()
  private var capture: Capture?
  /// Why the packet that is about to be reported as received was not used.
  private var dropReason: DropReason?
  private var clock: SystemClock?

  /// - Parameters:
  ///   - options: what to show.
  ///   - interface: the tunnel's name, for the file.
  ///   - console: where lines go.
  /// - Throws: `Failure` when the file can't be made.
  init(_ options: LinkOptions, console: Console) throws {
    self.console = console
    showsStates = options.states
    showsPackets = options.trace
    capture = try options.pcap.map { path in try Capture(path: path) }
  }

  /// Whether the stack has to tell what happens in it.
  var wantsObservations: Bool { showsStates || showsPackets || capture != nil }

  /// Writes the file's header, now that the interface has its name and the clock runs.
  func begin(interface: String, clock: SystemClock) {
    self.clock = clock
    capture?.begin(interface: interface, clock: clock)
  }

  /// What went wrong with the output since the beginning, if anything.
  var failure: Failure? {
    if let error = capture?.failure {
      return Failure("\(capture?.path ?? ""): \(error.reason); the capture ends here", status: .inputOutput)
    }
    guard let error = console.failure else { return nil }
    return error.isBrokenPipe
      ? Failure("nobody reads the output any more; stopping", status: .inputOutput)
      : Failure("can't print: \(error.reason)", status: .inputOutput)
  }

  func observed(_ observation: StackObservation) {
    switch observation.kind {
    case .segmentDropped(_, let reason), .datagramDropped(_, let reason), .packetDropped(_, _, let reason):
      dropReason = reason
    case .segmentSent, .segmentReceived, .datagramSent, .datagramReceived, .stateChanged, .timerArmed,
      .timerCancelled, .timerFired, .connectionClosed:
      break
    }
    if showsPackets {
      console.append { bytes in text.append(observation, to: &bytes) }
    } else if showsStates, case .stateChanged(let tuple, let from, let to) = observation.kind {
      let time = clock?.timeOfDay(observation.at) ?? ""
      console.print("\(time) \(tuple.local) \(tuple.remote): \(from.name) -> \(to.name)")
    }
  }

  func received(_ packet: RawSpan, at: Instant) {
    let comment = dropReason.map { "dropped: \($0.explanation)" } ?? ""
    dropReason = nil
    capture?.add(packet, at: at, direction: .inbound, comment: comment)
  }

  func sent(_ packet: RawSpan, _ metadata: FrameMetadata, at: Instant) {
    capture?.add(packet, at: at, direction: .outbound, comment: metadata.purpose?.explanation ?? "")
  }

  func willWait() -> Bool {
    flush()
    return failure == nil
  }

  /// Writes what was collected.
  func flush() {
    console.flush()
    capture?.flush()
  }
}

/// A pcapng file being written.
private final class Capture {
  var path: String { file.path }
  private(set) var failure: SystemError?
  private let file: OutputFile
  private var writer: PcapngWriter
  private var bytes: [UInt8] = []
  private static let limit = 1 << 18

  init(path: String) throws(Failure) {
    do {
      file = try OutputFile(path: path)
    } catch {
      throw Failure("--pcap \(path): \(error.reason)", status: .cannotCreate)
    }
    writer = PcapngWriter(interfaceName: "")
  }

  func begin(interface: String, clock: SystemClock) {
    writer = PcapngWriter(interfaceName: interface, epochNanoseconds: clock.epochNanoseconds)
    writer.appendHeader(to: &bytes)
    flush()
  }

  func add(_ packet: RawSpan, at: Instant, direction: Pcapng.Direction, comment: String) {
    writer.appendPacket(Array(packet), at: at, direction: direction, comment: comment, to: &bytes)
    if bytes.count >= Self.limit { flush() }
  }

  func flush() {
    if bytes.isEmpty { return }
    if failure == nil {
      do {
        try file.descriptor.writeAll(bytes)
      } catch {
        failure = error
      }
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
