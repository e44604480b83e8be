// Holds `sockeye connect`: its arguments and help. What the client does is in `Client`.

import ArgumentParser
import SockeyeBytes
import SockeyeTunnel
import SockeyeWire

struct Connect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect to a TCP port through a TUN interface, as nc does.",
    discussion: """
      What arrives goes to standard output; standard input is sent, and its end closes that direction alone. It \
      ends when both directions are closed. What --states, --trace and --statistics print goes to standard error.
      \(LinkOptions.help)

      By default the stack is 10.34.2.2 and fd34:2::2, and this computer is 10.34.2.1 and fd34:2::1: to reach a \
      server on this computer, connect there. Farther hosts take a kernel that forwards packets.

      Examples:
        sudo sockeye connect 10.34.2.1 22                  this computer's SSH server says hello
        echo hello | sudo sockeye connect 10.34.2.1 3401
        sudo sockeye connect fd34:2::1 http --message $'GET / HTTP/1.0\\r\\n\\r\\n'
        sudo sockeye connect 10.34.2.1 9000 <file --pcap out.pcapng --states

      \(ExitStatus.help)
      """)

  @OptionGroup(title: "Link options")
  var link: LinkOptions

  @Argument(help: "The IPv4 or IPv6 address to connect to.", transform: Arguments.host)
  var host: IPAddress

  @Argument(help: "The port to connect to: a number, or a service's name.", transform: Arguments.service)
  var port: UInt16

  @Option(help: ArgumentHelp("Send this instead of standard input.", valueName: "text"))
  var message: String?

  @Option(
    help: ArgumentHelp("Give up connecting after so long. (default: 180)", valueName: "seconds"),
    transform: Arguments.seconds)
  var timeout: Interval?

  @Option(
    help: ArgumentHelp(
      "Print how the connection stood at its end, and the stack's counters, to standard error: text or json.",
      valueName: "form"))
  var statistics: StatisticsForm?

  func validate() throws {
    if host.isLoopback {
      let neighbour = try link.linkAddresses(network: 2).host.first { $0.address.version == host.version }
      throw ValidationError(
        "\(host) is the stack itself, where nobody listens: expected another host's address"
          + (neighbour.map { ", such as \($0.address) for this computer" } ?? ""))
    }
  }

  func run() throws {
    let session = try Session(link, network: 2, console: Console(.standardError))
    var client = try Client(session, self)
    try client.run()
  }
}
