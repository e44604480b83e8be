// Holds the proxy's rules: how they are written, and which one decides.

import ArgumentParser
import SockeyeSockets
import SockeyeStack

/// What becomes of connections to some addresses.
struct Rule: Sendable {
  enum Action: String, Sendable {
    case allow, deny, ignore
  }

  let action: Action
  let prefix: AddressPrefix
  /// Nil: all ports.
  let port: UInt16?

  /// Reads a rule such as "allow 203.0.113.0/24:80".
  /// - Throws: `ValidationError`.
  static func argument(_ text: String) throws -> Rule {
    let words = text.split(separator: " ")
    guard words.count == 2, let action = Action(rawValue: String(words[0])) else {
      throw ValidationError("'\(text)' is no rule, such as 'allow 203.0.113.0/24:80'")
    }
    // An IPv6 prefix has colons of its own; a port's comes after the prefix length.
    let parts = words[1].split(separator: "/", maxSplits: 1)
    let ends = parts.last?.split(separator: ":", maxSplits: 1) ?? []
    guard parts.count == 2, let length = ends.first,
      let prefix = AddressPrefix(parsing: "\(parts[0])/\(length)")
    else { throw ValidationError("'\(words[1])' is no prefix, such as 203.0.113.0/24") }
    if ends.count == 1 { return Rule(action: action, prefix: prefix, port: nil) }
    guard let port = UInt16(ends[1]) else { throw ValidationError("'\(ends[1])' is no port") }
    return Rule(action: action, prefix: prefix, port: port)
  }

  func fits(_ request: FlowRequest) -> Bool {
    let destination = request.destination
    return prefix.contains(destination.address) && (port ?? destination.port) == destination.port
  }
}

extension Rule.Action {
  /// What the stack is told.
  var decision: OpenDecision {
    switch self {
    case .allow: .accept
    case .deny: .reset
    case .ignore: .ignore
    }
  }
}

extension [Rule] {
  /// What the first rule that fits says. Datagrams are denied: this proxy carries TCP.
  func action(for request: FlowRequest) -> Rule.Action {
    switch request.transport {
    case .tcp: first { $0.fits(request) }?.action ?? .deny
    case .udp: .deny
    }
  }
}
