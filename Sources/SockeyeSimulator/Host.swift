// A host of a world: its stack, its end of the wire, and what its program has not looked at yet. Time and
// packets come from World.

import SockeyeBytes
public import SockeyeStack
import SockeyeTrace
public import SockeyeWire

/// What a host is to be.
public struct HostConfiguration: Sendable {
  public var name: String
  public var address: AddressPrefix
  public var maximumTransmissionUnit = 1500
  public var tcp: TCPConfiguration

  public init(name: String, address: AddressPrefix, tcp: TCPConfiguration = TCPConfiguration()) {
    self.name = name
    self.address = address
    self.tcp = tcp
  }
}

/// One of the two hosts.
final class Host {
  let side: HostSide
  let configuration: HostConfiguration
  var stack: Stack
  private(set) var link: LinkID
  /// A host without power neither sends nor receives, and its clock stands still.
  var isAlive = true
  /// Whether packets are handled by the program, by hand, instead of by the stack.
  var isHandmade = false
  var news = HostNews()
  /// What arrived at a hand-made host.
  var received: [Flight] = []
  private var frame: FrameBuffer

  init(_ side: HostSide, _ configuration: HostConfiguration, seed: UInt64) {
    self.side = side
    self.configuration = configuration
    frame = FrameBuffer(capacity: configuration.maximumTransmissionUnit)
    stack = Host.makeStack(configuration, seed: seed)
    link = Host.attach(&stack, configuration)
  }

  /// Starts again with a stack that remembers nothing, with other keys: initial sequence numbers are new.
  func restart(seed: UInt64) {
    stack = Host.makeStack(configuration, seed: seed)
    link = Host.attach(&stack, configuration)
    news = HostNews()
    isAlive = true
  }

  /// The next packet the stack wants to send.
  func nextPacket() -> (packet: [UInt8], purpose: SegmentPurpose?)? {
    let metadata = frame.fill { (output: inout OutputRawSpan) in stack.nextFrame(into: &output) }
    guard let metadata else { return nil }
    return (Host.copy(of: frame), metadata.purpose)
  }

  private static func copy(of frame: borrowing FrameBuffer) -> [UInt8] { [UInt8](frame.bytes) }

  private static func makeStack(_ configuration: HostConfiguration, seed: UInt64) -> Stack {
    var settings = StackConfiguration(keys: StackKeys(seed: seed))
    settings.tcp = configuration.tcp
    var stack = Stack(configuration: settings)
    stack.observing = true
    return stack
  }

  private static func attach(_ stack: inout Stack, _ configuration: HostConfiguration) -> LinkID {
    let interface = InterfaceConfiguration(
      maximumTransmissionUnit: configuration.maximumTransmissionUnit, addresses: [configuration.address])
    guard let link = try? stack.addInterface(interface) else {
      preconditionFailure("a world's host needs an address and MTU that a stack accepts")
    }
    return link
  }
}
