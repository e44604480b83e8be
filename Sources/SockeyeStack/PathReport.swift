// Holds what ICMP errors mean to TCP and UDP. Whether one is believed is decided in Stack+ICMP.

import SockeyeWire

/// What an ICMP error tells about the way to a destination.
enum PathReport {
  /// It may pass: told, and nothing given up (RFC 9293 §3.9.2.2 MUST-56).
  case soft(PathError)
  /// Nothing will answer there: ends an attempt to connect (SHLD-26).
  case hard(PathError)
  /// The path takes no larger packets than this, octets; zero from a router that doesn't say.
  case tooBig(Int)
  /// Dropped without a word.
  case ignored

  /// RFC 792, RFC 1122 §3.2.2, RFC 9293 §3.9.2.2.
  init(_ message: ICMPv4Message) {
    switch message.type {
    case ICMPv4Message.destinationUnreachable: self = Self.unreachable(message)
    case ICMPv4Message.timeExceeded:
      self = .soft(
        message.code == ICMPv4Message.timeToLiveExceeded ? .hopLimitExceeded : .reassemblyTimeExceeded)
    case ICMPv4Message.parameterProblem: self = .soft(.parameterProblem)
    // RFC 9293 §3.9.2.2 MUST-55 and RFC 6633: Source Quench is dropped; a redirect concerns routers' choices.
    default: self = .ignored
    }
  }

  private static func unreachable(_ message: ICMPv4Message) -> PathReport {
    switch message.code {
    case ICMPv4Message.networkUnreachable: .soft(.networkUnreachable)
    case ICMPv4Message.hostUnreachable: .soft(.hostUnreachable)
    case ICMPv4Message.protocolUnreachable: .hard(.protocolUnreachable)
    case ICMPv4Message.portUnreachable: .hard(.portUnreachable)
    case ICMPv4Message.fragmentationNeeded: .tooBig(message.nextHopMTU)
    case ICMPv4Message.sourceRouteFailed: .soft(.sourceRouteFailed)
    // RFC 9293 calls only codes 2 to 4 hard. These come from firewalls, which may change their mind.
    case 9, 10, ICMPv4Message.administrativelyProhibited: .soft(.prohibited)
    default: .soft(.unreachable)
    }
  }

  /// RFC 4443, RFC 9293 §3.9.2.2, RFC 5461 §2.
  init(_ message: ICMPv6Message) {
    switch (message.type, message.code) {
    case (ICMPv6Message.destinationUnreachable, ICMPv6Message.noRoute): self = .soft(.networkUnreachable)
    case (ICMPv6Message.destinationUnreachable, ICMPv6Message.addressUnreachable):
      self = .soft(.hostUnreachable)
    case (ICMPv6Message.destinationUnreachable, ICMPv6Message.administrativelyProhibited):
      self = .hard(.prohibited)
    case (ICMPv6Message.destinationUnreachable, ICMPv6Message.portUnreachable):
      self = .hard(.portUnreachable)
    case (ICMPv6Message.destinationUnreachable, _): self = .soft(.unreachable)
    case (ICMPv6Message.packetTooBig, _): self = .tooBig(message.maximumTransmissionUnit)
    case (ICMPv6Message.timeExceeded, ICMPv6Message.hopLimitExceeded): self = .soft(.hopLimitExceeded)
    case (ICMPv6Message.timeExceeded, _): self = .soft(.reassemblyTimeExceeded)
    case (ICMPv6Message.parameterProblem, _): self = .soft(.parameterProblem)
    default: self = .ignored
    }
  }

  /// The report as the user hears of it.
  var error: PathError? {
    switch self {
    case .soft(let error), .hard(let error): error
    case .tooBig: .packetTooBig
    case .ignored: nil
    }
  }

  /// The MTUs that links commonly have, for routers that don't say which (RFC 1191 §7).
  static func plateau(below length: Int) -> Int {
    for plateau in [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 552] where plateau < length {
      return plateau
    }
    return 0
  }
}
