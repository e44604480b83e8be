// Holds `sockeye relay`: its arguments and help. The loop is RelayLoop's.

import ArgumentParser
import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTunnel
import SockeyeWire

struct Relay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Carry TCP connections between the stack and this computer's own sockets.",
    discussion: """
      With --listen the stack takes connections on the TUN interface, and each goes on through a socket of the kernel: \
      a program that knows nothing of Sockeye serves behind it. With --local the kernel takes them, and each goes on \
      through the stack. The end of one direction, a reset, and a reader who doesn't read are carried through, both \
      ways; between the two ends it holds at most 64 KiB a connection. Ctrl-C ends it.
      \(LinkOptions.help)

      By default the stack is 10.34.1.2 and fd34:1::2 with --listen, 10.34.2.2 and fd34:2::2 with --local; this \
      computer is .1 and ::1 of the same network.

      Examples:
        sudo sockeye relay --listen 80 --to 127.0.0.1:8080     then: curl http://10.34.1.2/
        sudo sockeye relay --local 127.0.0.1:2222 --to 10.34.2.1:22     then: ssh -p 2222 127.0.0.1

      Exit status: 0 done, 64 wrong arguments, 71 the system said no, 73 a file can't be made, 74 reading or writing \
      failed, 77 no permission.
      """)

  @OptionGroup(title: "Link options")
  var link: LinkOptions

  @Option(
    help: ArgumentHelp("A port on which the stack takes connections.", valueName: "port"),
    transform: Arguments.service)
  var listen: UInt16?

  @Option(
    help: ArgumentHelp("Where the kernel takes connections.", valueName: "address:port"),
    transform: Arguments.listenEndpoint)
  var local: Endpoint?

  @Option(
    help: ArgumentHelp(
      "Where each connection goes on to: through the kernel with --listen, through the stack with --local.",
      valueName: "address:port"),
    transform: Arguments.endpoint)
  var to: Endpoint

  @Option(
    help: ArgumentHelp("How many connections at a time; others wait. (default: 1000)", valueName: "number"),
    transform: Arguments.backlog)
  var connections = 1000

  @Option(
    help: ArgumentHelp(
      "How many connections may wait to be accepted. (default: 128)", valueName: "number"),
    transform: Arguments.backlog)
  var backlog = 128

  @Option(
    help: ArgumentHelp(
      "The stack's congestion control: \(Arguments.algorithmNames). (default: cubic)", valueName: "name"),
    transform: Arguments.algorithm)
  var congestion: CongestionControlAlgorithm = .cubic

  @Option(
    help: ArgumentHelp(
      "Print how each connection of the stack stood when it ended, and the stack's counters at the end: text or json.",
      valueName: "form"))
  var statistics: StatisticsForm?

  func validate() throws {
    if (listen == nil) == (local == nil) {
      throw ValidationError("expected either --listen or --local, to say who takes the connections")
    }
  }

  func run() throws {
    let session = try Session(link, network: listen == nil ? 2 : 1, console: Console(.standardOutput))
    var loop = try RelayLoop(session, self)
    try loop.run()
  }

  /// Of the stack's connections. Nagle's algorithm is left to the programs at the ends, which know what belongs together.
  var tcp: TCPConfiguration {
    var configuration = TCPConfiguration()
    configuration.noDelay = true
    configuration.congestionControl = congestion
    return configuration
  }
}

extension Arguments {
  /// A host and a port to connect to.
  static func endpoint(_ text: String) throws -> Endpoint {
    if let endpoint = Endpoint(parsing: text), endpoint.port > 0, !endpoint.address.isUnspecified,
      !endpoint.address.isMulticast, !endpoint.address.isLimitedBroadcast
    {
      return endpoint
    }
    throw ValidationError("expected one host's address and a port, such as 127.0.0.1:8080 or [::1]:8080")
  }

  /// An address of this computer, or all of them, and a port.
  static func listenEndpoint(_ text: String) throws -> Endpoint {
    if let endpoint = Endpoint(parsing: text), endpoint.port > 0, !endpoint.address.isMulticast {
      return endpoint
    }
    throw ValidationError(
      "expected an address of this computer and a port, such as 127.0.0.1:2222, [::1]:2222 or 0.0.0.0:2222")
  }
}
