// Holds how observations are made and kept. Nothing here runs unless somebody observes.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

extension Stack {
  /// Takes out the oldest observation.
  public mutating func nextObservation() -> StackObservation? { observations.popFirst() }

  mutating func observe(_ kind: StackObservation.Kind) {
    if observations.isFull {
      _ = observations.popFirst()
      observationsLost += 1
    }
    observations.append(StackObservation(at: now, kind: kind))
  }

  /// Tells the changes of state and of timers since `prepare`.
  mutating func observe(_ change: ConnectionChange, of key: ConnectionKey) {
    let tuple = connections[key].envelope.tuple
    let before = timersBefore
    var transitions = change.transitions
    while let transition = transitions.next() {
      observe(.stateChanged(tuple, from: transition.from, to: transition.to))
    }
    let after = connections[key].connection.armedTimers
    for kind in TimerKind.allCases where before[kind] != after[kind] {
      if let deadline = after[kind] {
        observe(.timerArmed(tuple, kind, deadline: deadline))
      } else if let deadline = before[kind], deadline > now {
        // One whose time had come has been told of when it fired.
        observe(.timerCancelled(tuple, kind))
      }
    }
  }

  mutating func observeFiredTimers(of key: ConnectionKey) {
    let armed = connections[key].connection.armedTimers
    for kind in TimerKind.allCases {
      if let deadline = armed[kind], deadline <= now {
        observe(.timerFired(connections[key].envelope.tuple, kind))
      }
    }
  }

  mutating func observeListener(_ endpoint: ListenEndpoint, from: TCPState, to: TCPState) {
    let version = endpoint.address?.version ?? .v4
    let tuple = FourTuple(
      local: Endpoint(address: endpoint.address ?? .unspecified(version), port: endpoint.port),
      remote: Endpoint(address: .unspecified(version), port: 0))
    observe(.stateChanged(tuple, from: from, to: to))
  }

  mutating func observeDatagram(
    _ arrival: Arrival, _ content: DatagramRecord.Content, length: Int, dropped: DropReason? = nil
  ) {
    let record = DatagramRecord(
      source: arrival.source, destination: arrival.destination, protocolNumber: arrival.protocolNumber,
      content: content, length: length)
    if let dropped { observe(.datagramDropped(record, dropped)) } else { observe(.datagramReceived(record)) }
  }

  mutating func observeFragment(
    _ fragment: Fragment, length: Int, _ arrival: Arrival, _ outcome: FragmentOutcome
  ) {
    let dropped: DropReason? =
      switch outcome {
      case .dropped: .reassemblyFull
      case .kept, .complete: nil
      }
    observeDatagram(
      arrival, .fragment(offset: fragment.offset, more: fragment.more), length: length, dropped: dropped)
  }

  mutating func observeSent(_ datagram: OutgoingDatagram, isFragment: Bool) {
    let content: DatagramRecord.Content
    if isFragment {
      content = .fragment(offset: datagram.sent, more: datagrams.isInTheMiddle)
    } else if datagram.header.protocolNumber == IPProtocol.udp {
      content = .udp(
        sourcePort: UInt16(truncatingIfNeeded: datagram.first >> 48),
        destinationPort: UInt16(truncatingIfNeeded: datagram.first >> 32))
    } else {
      content = .icmp(
        type: UInt8(truncatingIfNeeded: datagram.first >> 56),
        code: UInt8(truncatingIfNeeded: datagram.first >> 48))
    }
    observe(
      .datagramSent(
        DatagramRecord(
          source: datagram.header.source, destination: datagram.header.destination,
          protocolNumber: datagram.header.protocolNumber, content: content, length: datagram.length)))
  }
}
