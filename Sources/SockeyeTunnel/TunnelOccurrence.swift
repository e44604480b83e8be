// Holds what a driver tells the program it drives a stack for, and what it shows to whoever watches. It does
// not hold the loop that finds these things out: `TunnelDriver` does.

public import SockeyeBytes
public import SockeyeStack

/// What `TunnelDriver.next(until:)` waited for.
public enum TunnelOccurrence: Equatable, Sendable {
  /// News from the stack.
  case socket(SocketEvent)
  /// A watched descriptor has something to read, is at its end, or is broken: reading it will tell.
  case readable(Descriptor)
  /// A watched descriptor takes bytes, or is broken: writing it will tell.
  case writable(Descriptor)
  /// Somebody wants the program to end.
  case endRequested(EndRequest)
  /// The time that was given has come.
  case timePassed
  /// The observer let nothing wait: it has something to say first.
  case observerStopped
}

/// What a descriptor is watched for.
public struct DescriptorInterest: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  public static let reading = DescriptorInterest(rawValue: 1)
  public static let writing = DescriptorInterest(rawValue: 2)
}

/// Sees everything that passes between a driver's stack and its tunnel, to print or keep it.
public protocol TunnelObserver: AnyObject {
  /// Something happened in the stack. What a received packet led to comes before the packet itself.
  func observed(_ observation: StackObservation)

  /// The stack has been given a packet.
  /// - Parameters:
  ///   - packet: its bytes, lent for the length of the call.
  ///   - at: when it was read from the tunnel.
  func received(_ packet: RawSpan, at: Instant)

  /// The tunnel has been given a packet, or has lost one.
  /// - Parameters:
  ///   - packet: its bytes, lent for the length of the call.
  ///   - metadata: what the stack says about it.
  ///   - at: when it was written.
  func sent(_ packet: RawSpan, _ metadata: FrameMetadata, at: Instant)

  /// Nothing is left to do for now: the time to write what was collected.
  /// - Returns: false when the program should be told something before the wait, such as that nobody reads what
  ///   it prints: `next(until:)` then returns `.observerStopped`.
  func willWait() -> Bool
}
