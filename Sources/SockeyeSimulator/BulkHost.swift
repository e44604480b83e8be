// Holds what a bulk run's hosts and wires are made of: a stack with its one link, and the frames that are on their way.
// Who sends what when is BulkSimulation's.

import SockeyeBytes
import SockeyeStack
import SockeyeWire

/// A host with one link.
final class BulkHost {
  var stack: Stack
  let link: LinkID
  let address: IPAddress

  init(address: UInt32, memoryBudget: Int, seed: UInt64) {
    self.address = .v4(IPv4Address(rawValue: address))
    var configuration = StackConfiguration(keys: StackKeys(seed: seed))
    configuration.memoryBudget = memoryBudget
    stack = Stack(configuration: configuration)
    let interface = AddressPrefix(address: self.address, length: 24).map {
      InterfaceConfiguration(
        maximumTransmissionUnit: BulkConfiguration.maximumTransmissionUnit, addresses: [$0])
    }
    guard let interface, let link = try? stack.addInterface(interface) else {
      preconditionFailure("a fresh host takes a link and an address")
    }
    self.link = link
  }
}

/// A packet on its way.
final class BulkFrame {
  var buffer = FrameBuffer(capacity: BulkConfiguration.maximumTransmissionUnit)
  /// The transfer whose text it carries, and where in the stream that belongs.
  var flow: BulkFlow?
  var range: Range<UInt64> = 0..<0

  /// A copy of the packet.
  var bytes: [UInt8] { BulkFrame.copy(of: buffer) }

  private static func copy(of buffer: borrowing FrameBuffer) -> [UInt8] { [UInt8](buffer.bytes) }
}

/// Frames that are used again, so that none is allocated once as many were made as there are on the way at a time.
struct FramePool {
  private var frames: [BulkFrame] = []
  private var free: [Int] = []

  subscript(ticket: Int) -> BulkFrame { frames[ticket] }

  mutating func take() -> Int {
    if let ticket = free.popLast() { return ticket }
    frames.append(BulkFrame())
    return frames.count - 1
  }

  mutating func giveBack(_ ticket: Int) {
    frames[ticket].flow = nil
    free.append(ticket)
  }
}
