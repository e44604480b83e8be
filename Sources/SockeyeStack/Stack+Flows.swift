// Holds the way from a segment's addresses and ports to what they belong to: connection, handshake, TIME-WAIT or
// listener. What is done with the segment is in Stack+Segments.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// What a four-tuple leads to.
  @inline(__always)
  mutating func flow(_ tuple: FourTuple) -> Flow? {
    if let last = lastConnection, connections.contains(last), connections[last].isIndexed,
      connections[last].envelope.tuple == tuple
    {
      return .connection(last)
    }
    let flow = search(tuple)
    if case .connection(let key) = flow { lastConnection = key }
    return flow
  }

  /// What the table of four-tuples says.
  private func search(_ tuple: FourTuple) -> Flow? {
    var cursor = flows.cursor(for: tuple.hash(with: configuration.keys.tables))
    while let number = flows.next(&cursor) {
      let index = FlowNumber.index(number)
      if FlowNumber.isConnection(number) {
        if let key = connections.key(at: index), connections[key].envelope.tuple == tuple {
          return .connection(key)
        }
      } else if FlowNumber.isHandshake(number) {
        if let key = handshakes.key(at: index), handshakes[key].envelope.tuple == tuple {
          return .handshake(key)
        }
      } else if let key = timeWaits.key(at: index), timeWaits[key].envelope.tuple == tuple {
        return .timeWait(key)
      }
    }
    return nil
  }

  mutating func index(_ number: UInt32, under tuple: FourTuple) {
    flows.insert(number, hash: tuple.hash(with: configuration.keys.tables))
  }

  mutating func unindex(_ number: UInt32, under tuple: FourTuple) {
    flows.remove(number, hash: tuple.hash(with: configuration.keys.tables))
  }

  /// The listener for an address and port: the most specific one (RFC 9293 §3.10.1).
  func listener(at endpoint: Endpoint) -> ListenerKey? {
    var best: ListenerKey?
    var bestMatch = Specificity.none
    var cursor = listenerPorts.cursor(for: UInt64(endpoint.port))
    while let number = listenerPorts.next(&cursor) {
      guard let key = listeners.key(at: number), listeners[key].endpoint.port == endpoint.port else {
        continue
      }
      let match = listeners[key].endpoint.specificity(for: endpoint.address)
      if match > bestMatch {
        best = key
        bestMatch = match
      }
    }
    return best
  }

  /// The listener that holds exactly this address and port.
  func listener(holding endpoint: ListenEndpoint) -> ListenerKey? {
    var cursor = listenerPorts.cursor(for: UInt64(endpoint.port))
    while let number = listenerPorts.next(&cursor) {
      if let key = listeners.key(at: number), listeners[key].endpoint == endpoint { return key }
    }
    return nil
  }

  /// Whether any listener has the port, at whatever address.
  func isListening(on port: UInt16) -> Bool {
    var cursor = listenerPorts.cursor(for: UInt64(port))
    while let number = listenerPorts.next(&cursor) {
      if let key = listeners.key(at: number), listeners[key].endpoint.port == port { return true }
    }
    return false
  }

  /// The datagram socket for an address and port: the most specific one.
  func datagramSocket(at endpoint: Endpoint) -> DatagramSocketKey? {
    var best: DatagramSocketKey?
    var bestMatch = Specificity.none
    var cursor = datagramPorts.cursor(for: UInt64(endpoint.port))
    while let number = datagramPorts.next(&cursor) {
      guard let key = datagramSockets.key(at: number), datagramSockets[key].endpoint.port == endpoint.port
      else { continue }
      let match = datagramSockets[key].endpoint.specificity(for: endpoint.address)
      if match > bestMatch {
        best = key
        bestMatch = match
      }
    }
    return best
  }

  /// The datagram socket that holds exactly this address and port.
  func datagramSocket(holding endpoint: ListenEndpoint) -> DatagramSocketKey? {
    var cursor = datagramPorts.cursor(for: UInt64(endpoint.port))
    while let number = datagramPorts.next(&cursor) {
      if let key = datagramSockets.key(at: number), datagramSockets[key].endpoint == endpoint { return key }
    }
    return nil
  }
}

/// How closely a listening address fits a packet's destination.
enum Specificity: UInt8, Comparable {
  case none, anyVersion, anyOfVersion, exact

  static func < (left: Specificity, right: Specificity) -> Bool { left.rawValue < right.rawValue }
}

extension ListenEndpoint {
  func specificity(for destination: IPAddress) -> Specificity {
    guard let address else { return .anyVersion }
    if address == destination { return .exact }
    return address.isUnspecified && address.version == destination.version ? .anyOfVersion : .none
  }
}
