// What scenario programs share: two hosts that speak plain RFC 9293, a handshake in one call, and the notes
// of what came true.

import SockeyeBytes
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

/// A program under way.
struct ScenarioProgram {
  static let port: UInt16 = 3401
  static let greeting = "服务器连接成功!"
  static let reply = "客户端发送消息啦!"

  let scenario: Scenario
  let world: World
  private var outcomes: [Outcome] = []

  /// A client at the left, 10.0.0.1, and a server at the right, 10.0.0.2, 20 ms apart.
  init(
    _ scenario: Scenario, _ seed: UInt64, client: TCPConfiguration = ScenarioProgram.plain,
    server: TCPConfiguration = ScenarioProgram.plain, leftName: String = "client",
    rightName: String = "server",
    start: Instant = .zero
  ) {
    self.scenario = scenario
    world = World(
      scenario.name,
      left: HostConfiguration(name: leftName, address: ScenarioProgram.prefix(lastByte: 1), tcp: client),
      right: HostConfiguration(name: rightName, address: ScenarioProgram.prefix(lastByte: 2), tcp: server),
      seed: seed, start: start)
  }

  /// TCP as RFC 9293 alone describes it: without window scaling, timestamps and SACK, so that a reader sees
  /// the protocol before its extensions.
  static var plain: TCPConfiguration {
    var configuration = TCPConfiguration()
    configuration.windowScaling = false
    configuration.timestamps = false
    configuration.selectiveAcknowledgments = false
    configuration.receiveBufferCapacity = 65_535
    return configuration
  }

  private static func prefix(lastByte: UInt32) -> AddressPrefix {
    let address = IPAddress.v4(IPv4Address(rawValue: 10 << 24 | lastByte))
    guard let prefix = AddressPrefix(address: address, length: 24) else {
      preconditionFailure("24 bits are no more than an address has")
    }
    return prefix
  }

  /// Listens, connects and accepts, with what a handshake needs to come through.
  /// - Returns: the client's and the server's sockets.
  func open(listening: Listener? = nil) -> (client: Socket, server: Socket) {
    guard let listener = listening ?? world.listen(.right, port: ScenarioProgram.port),
      let client = world.connect(.left, to: world.endpoint(.right, port: ScenarioProgram.port))
    else { preconditionFailure("a fresh host has a free port and a route to its neighbour") }
    world.settle()
    guard let server = listener.accept() else { preconditionFailure("the handshake came through") }
    return (client, server)
  }

  /// Notes whether something promised came true.
  mutating func promise(_ text: String, _ isKept: Bool) {
    outcomes.append(Outcome(promise: text, isKept: isKept))
  }

  var timeline: Timeline { world.timeline }

  /// The end of the program.
  func done() -> ScenarioRun {
    ScenarioRun(scenario: scenario, timeline: world.timeline, outcomes: outcomes)
  }
}

/// Whether bytes are the UTF-8 of a text.
func isText(_ bytes: [UInt8], _ text: String) -> Bool { bytes == Array(text.utf8) }
