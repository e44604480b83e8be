// Why something happened, in a few words: the one place where the engine's reasons become English. Trace
// lines, JSON, pcapng comments and ladders all take their words from here.

public import SockeyeStack
public import SockeyeTCP

extension SegmentPurpose {
  /// Why the segment was sent, such as "retransmission 2, RTO 2 s"; empty where the flags say it all.
  public var explanation: String {
    switch self {
    case .synchronize, .synchronizeAcknowledge, .data, .finish: ""
    case .retransmission(let count, let timeout, let cause):
      switch cause {
      case .timeout: "retransmission \(count), RTO \(timeout.description)"
      case .fastRetransmit: "fast retransmission \(count), 3 duplicate ACKs"
      case .partialAcknowledgment: "retransmission \(count), partial ACK in recovery"
      case .overdue: "retransmission \(count), a later segment has arrived"
      case .tailLossProbe: "tail-loss probe, the last segment again"
      case .afterTimeout: "retransmission \(count), going back after a timeout"
      case .windowOpened: "retransmission \(count), the window opened"
      case .pathMTU: "retransmission \(count), smaller for the path's MTU"
      }
    case .acknowledgment(let reason): reason.explanation
    case .windowUpdate: "window update"
    case .tailLossProbe: "tail-loss probe, new data"
    case .pathProbe(let length): "probe of the path MTU, \(length) bytes"
    case .zeroWindowProbe(let count): "zero-window probe \(count)"
    case .keepAlive(let count): "keep-alive probe \(count)"
    case .reset(let reason): reason.explanation
    }
  }

  /// The explanation in a word or two, for where room is short.
  package var briefExplanation: String {
    switch self {
    case .retransmission(let count, _, _): "retransmission \(count)"
    case .acknowledgment(.outOfOrder): ""
    case .acknowledgment(.unacceptable): "ACK again"
    case .synchronize, .synchronizeAcknowledge, .data, .finish, .acknowledgment, .windowUpdate,
      .tailLossProbe, .pathProbe, .zeroWindowProbe, .keepAlive, .reset:
      explanation
    }
  }

  /// A short fixed name for programs, such as "retransmission".
  public var key: String {
    switch self {
    case .synchronize: "synchronize"
    case .synchronizeAcknowledge: "synchronize-acknowledge"
    case .data: "data"
    case .tailLossProbe: "tail-loss-probe"
    case .pathProbe: "path-mtu-probe"
    case .finish: "finish"
    case .retransmission: "retransmission"
    case .acknowledgment: "acknowledgment"
    case .windowUpdate: "window-update"
    case .zeroWindowProbe: "zero-window-probe"
    case .keepAlive: "keep-alive"
    case .reset: "reset"
    }
  }
}

extension AcknowledgmentReason {
  /// Why an ACK without data was sent; empty where there is nothing special about it.
  public var explanation: String {
    switch self {
    case .immediate, .handshake, .finish: ""
    case .delayed: "delayed ACK"
    case .outOfOrder: "a gap seen or filled"
    case .unacceptable: "ACK for a segment outside the window"
    case .challenge: "challenge ACK"
    }
  }
}

extension ResetReason {
  /// Why a RST was sent.
  public var explanation: String {
    switch self {
    case .noConnection: "no connection, no listener"
    case .unacceptableAcknowledgment: "acknowledges what was never sent"
    case .aborted: "aborted"
    case .unreadData: "closed with data unread"
    }
  }
}

extension DropReason {
  /// Why a segment was not used.
  public var explanation: String {
    switch self {
    case .malformed: "malformed"
    case .badChecksum: "bad checksum"
    case .notForUs: "not for this host"
    case .invalidSource: "impossible source address"
    case .invalidDestination: "impossible destination address"
    case .unknownProtocol: "unknown protocol"
    case .noMemory: "out of memory"
    case .noConnection: "no connection, no listener"
    case .noListener: "nobody listens on this port"
    case .backlogFull: "backlog full"
    case .acceptQueueFull: "accept queue full"
    case .duplicateHandshake: "duplicate of a handshake under way"
    case .rateLimited: "rate limit"
    case .outsideWindow: "outside the window"
    case .oldTimestamp: "old timestamp"
    case .missingTimestamp: "timestamp missing"
    case .resetNotExact: "RST not exactly at the next sequence number"
    case .resetUnacceptable: "RST without the right to reset"
    case .unexpectedSynchronize: "SYN inside a connection"
    case .missingAcknowledgment: "ACK missing"
    case .unacceptableAcknowledgment: "acknowledges what was never sent"
    case .notForState: "nothing in it for this state"
    case .reassemblyFull: "no room for more out-of-order data"
    case .timeWait: "TIME-WAIT keeps the port"
    case .malformedAuthentication: "impossible authentication option"
    case .missingAuthentication: "authentication missing"
    case .unauthentic: "not authentic"
    }
  }
}

extension CloseReason {
  /// How a connection ended.
  public var explanation: String {
    switch self {
    case .finished: "closed by both sides"
    case .aborted: "aborted"
    case .reset: "connection reset by peer"
    case .refused: "connection refused"
    case .timedOut: "timed out: no acknowledgment"
    case .keepAliveTimedOut: "timed out: no keep-alive probe was answered"
    case .unreachable: "peer unreachable"
    case .orphaned: "gave up waiting for the peer's FIN"
    case .noResources: "out of resources"
    }
  }
}

extension SocketError {
  /// Why a call was refused, with the value that was wrong.
  public var explanation: String {
    switch self {
    case .invalidRemoteAddress(let address): "\(address.description) is no host to connect to"
    case .invalidRemotePort: "port 0 cannot be connected to"
    case .noRoute(let address): "no route to \(address.description)"
    case .addressNotAvailable(let address): "\(address.description) is not an address of this host"
    case .versionMismatch(let local, let remote):
      "\(local.description) and \(remote.description) are of different IP versions"
    case .addressInUse(let endpoint): "port \(endpoint.port) is in use"
    case .connectionExists(let tuple): "the connection \(tuple.summary) exists"
    case .noEphemeralPort(let endpoint): "no port is free towards \(endpoint.description)"
    case .tooMany(_, let limit): "a table of the host is full (\(limit) entries)"
    case .noMemory(let budget): "the memory budget of \(budget) bytes is used up"
    case .noSuchConnection: "no such connection"
    case .noSuchListener: "no such listener"
    case .noSuchSocket: "no such socket"
    case .connection(let error):
      switch error {
      case .closed(let reason): reason.explanation
      case .closing: "the connection is closing"
      case .readingClosed: "reading was given up"
      }
    case .configuration(let error): "a setting of \(error.value) where \(error.limit) would do"
    case .invalidBacklog(let backlog): "a backlog of \(backlog) has room for nobody"
    case .datagramTooLong(let length, let limit): "\(length) bytes, and a datagram holds \(limit)"
    case .queueFull: "the queue is full"
    case .invalidCodepoint(let value): "codepoint \(value) has more than six bits"
    case .invalidTimeToLive: "no hops to live"
    case .noKeys(let endpoint): "no keys for \(endpoint.description)"
    }
  }
}
