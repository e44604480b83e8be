// Holds the host's records of TCP: listeners, handshakes, connections, TIME-WAIT. Each kind lies in a slab of its
// own, and a transition moves a record once; a listener never becomes a connection. What happens to them is in
// the extensions of Stack.

import SockeyeBytes
import SockeyeTCP
import SockeyeWire

typealias ConnectionKey = Slab<ConnectionRecord>.Key
typealias ListenerKey = Slab<Listener>.Key
typealias HandshakeKey = Slab<HandshakeRecord>.Key
typealias TimeWaitKey = Slab<TimeWaitEntry>.Key

/// LISTEN: where connections are taken, how many may be under way, and those that wait to be accepted.
struct Listener: ~Copyable {
  let endpoint: ListenEndpoint
  var configuration: TCPConfiguration
  let backlog: Int
  /// How many handshakes may be under way: more than may wait, for a handshake lasts a round trip, in which a crowd
  /// of clients can begin, and each takes little.
  var handshakeLimit: Int { backlog * Self.handshakesPerPlace }
  static var handshakesPerPlace: Int { 16 }
  var timeToLive: UInt8
  var trafficClass: UInt8
  /// Handshakes under way that began here.
  var handshakes = 0
  /// Until when a cookie of this listener may come back.
  var cookiesUntil = Instant.zero
  /// Connections that began with the text of their SYN.
  var fastOpen: FastOpenPending
  /// Cookies that other servers take, too; nil: the host's own.
  var sharedCookies: SharedFastOpenCookies?
  /// Connections that nobody has accepted yet, the oldest first.
  var waiting: BoundedQueue<ConnectionKey>

  init(
    endpoint: ListenEndpoint, configuration: TCPConfiguration, backlog: Int, fastOpenLimit: Int,
    timeToLive: UInt8, trafficClass: UInt8
  ) {
    fastOpen = FastOpenPending(limit: fastOpenLimit)
    self.endpoint = endpoint
    self.configuration = configuration
    self.backlog = backlog
    self.timeToLive = timeToLive
    self.trafficClass = trafficClass
    waiting = BoundedQueue(limit: backlog)
  }
}

/// SYN-RECEIVED of a listener.
struct HandshakeRecord: ~Copyable {
  var handshake: PassiveHandshake
  var envelope: Envelope
  let listener: ListenerKey
  /// The connection whose TIME-WAIT this one may end. It comes back if the SYN was an old duplicate
  /// (RFC 1122 §4.2.2.13 (b), MAY-2).
  let previous: TimeWaitEntry?
  /// Octets counted against the host's budget.
  let charged: Int
  /// What signs and verifies its segments (RFC 5925).
  let authenticator: SegmentAuthenticator?

  /// What one record costs without the text of its SYN, with its places in the tables beside the slab, octets.
  static var footprint: Int { MemoryLayout<HandshakeRecord>.stride + 40 }
}

/// Who has a say over a connection.
enum Ownership {
  /// The user, who has its identifier.
  case user
  /// A listener, until it is accepted.
  case listener(ListenerKey)
  /// The user gave it up and waits only to hear that it is over.
  case leaving
  /// Nobody: it goes as soon as it is over.
  case nobody
}

/// SYN-SENT to TIME-WAIT, and after it what the user hasn't read.
struct ConnectionRecord: ~Copyable {
  var connection: Connection
  var envelope: Envelope
  var ownership: Ownership
  /// News that the user has not taken yet.
  var news: Notices = []
  /// What the last soft error was (RFC 9293 §3.9.2.2 SHLD-25).
  var softError: PathError?
  /// Whether soft errors and repeated retransmissions are told (RFC 9293 §3.9.1.8 SHLD-20).
  var reportsSoftErrors = true
  /// Whether the four-tuple still leads here.
  var isIndexed = true
  /// Largest packet that may be sent, octets; less is sent while the connection looks for what its path takes.
  var pathMTU: Int
  /// Octets counted against the host's budget.
  var charged = 0
  /// Something has happened to the connection since its buffers were last looked at.
  var isBusy = false
  /// Its buffers are held small, for memory is short.
  var isPressed = false
  /// When the connection wants to be asked again. The heap may hold an earlier time, never a later one.
  var deadline = Instant.distantFuture
  /// Whose bound of connections that began with text this one counts against, until its handshake is over.
  var fastOpenListener: ListenerKey?
  /// The record that took over in TIME-WAIT, while it lives.
  var timeWait: TimeWaitKey?
  /// What signs and verifies its segments (RFC 5925).
  let authenticator: SegmentAuthenticator?

  init(
    connection: consuming Connection, envelope: Envelope, ownership: Ownership, pathMTU: Int,
    authenticator: SegmentAuthenticator?
  ) {
    self.authenticator = authenticator
    self.connection = connection
    self.envelope = envelope
    self.ownership = ownership
    self.pathMTU = pathMTU
  }

  @inline(__always)
  var hasNews: Bool { connection.hasNews(bufferedBytes: charged) }

  /// Takes from the connection what others must know, and notes the news.
  @inline(__always)
  mutating func gather() -> ConnectionChange {
    let (notices, transitions, buffered) = connection.takeNews()
    // What is known of the path is the host's affair and no news for a user.
    let news = notices.subtracting([.pathMTU, .fastOpen])
    let change = ConnectionChange(
      transitions: transitions, hasNews: !news.isEmpty, octets: buffered - charged,
      foundPathMTU: notices.contains(.pathMTU), settledFastOpen: notices.contains(.fastOpen))
    self.news.formUnion(news)
    charged = buffered
    return change
  }

  /// What one record costs without its buffers, with its places in the tables beside the slab, octets.
  static var footprint: Int { MemoryLayout<ConnectionRecord>.stride + 48 }
}

/// What has become of a connection since it was last looked at.
struct ConnectionChange {
  let transitions: TransitionLog
  let hasNews: Bool
  /// By how much its buffers have grown.
  let octets: Int
  /// Probing has told what its path takes.
  let foundPathMTU: Bool
  /// What came of Fast Open is known.
  let settledFastOpen: Bool
}

/// TIME-WAIT.
struct TimeWaitEntry {
  var record: TimeWaitRecord
  let envelope: Envelope
  /// What signs and verifies its segments (RFC 5925).
  let authenticator: SegmentAuthenticator?

  /// What one record costs, with its places in the tables beside the slab, octets.
  static var footprint: Int { MemoryLayout<TimeWaitEntry>.stride + 40 }
}

/// What a four-tuple leads to.
enum Flow {
  case connection(ConnectionKey)
  case handshake(HandshakeKey)
  case timeWait(TimeWaitKey)
}

/// A flow as the demultiplexing table keeps it: which slab, and the place in it.
enum FlowNumber {
  private static let connection: UInt32 = 0
  private static let handshake: UInt32 = 1
  private static let timeWait: UInt32 = 2

  static func of(_ key: ConnectionKey) -> UInt32 { key.index << 2 | connection }
  static func of(_ key: HandshakeKey) -> UInt32 { key.index << 2 | handshake }
  static func of(_ key: TimeWaitKey) -> UInt32 { key.index << 2 | timeWait }

  static func isConnection(_ number: UInt32) -> Bool { number & 3 == connection }
  static func isHandshake(_ number: UInt32) -> Bool { number & 3 == handshake }
  static func index(_ number: UInt32) -> UInt32 { number >> 2 }
}

/// The host's byte budget.
struct MemoryBudget {
  let limit: Int
  private(set) var used = 0

  init(limit: Int) { self.limit = limit }

  func hasRoom(_ octets: Int) -> Bool { octets <= limit - used }

  /// The last eighth is kept for those who hold little.
  @inline(__always)
  func hasPlenty(for octets: Int) -> Bool { octets <= limit - limit / 8 - used }

  /// Less than a quarter is left: nothing is kept that holds nothing.
  var isTight: Bool { used > limit - limit / 4 }

  /// - Parameter octets: negative to give back.
  mutating func charge(_ octets: Int) { used += octets }

  mutating func release(_ octets: Int) {
    assert(octets <= used, "only what was charged is released")
    used -= octets
  }
}
