// Holds `sockeye ping`: its arguments and help. What it sends and counts is in `Pinger`.

import ArgumentParser
import SockeyeBytes
import SockeyeTunnel
import SockeyeWire

struct Ping: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Send ICMP echo requests through a TUN interface, and time the answers.",
    discussion: """
      It ends after --count requests, or with Ctrl-C, and prints a summary.
      \(LinkOptions.help)

      By default the stack is 10.34.2.2 and fd34:2::2, and this computer is 10.34.2.1 and fd34:2::1.

      Examples:
        sudo sockeye ping 10.34.2.1
        sudo sockeye ping fd34:2::1 --count 100 --interval 0.01
        sudo sockeye ping 10.34.2.1 --size 8000 --trace    in fragments

      Exit status: 0 an answer came, 3 none did, 4 unreachable, 64 wrong arguments, 77 no permission.
      """)

  @OptionGroup(title: "Link options")
  var link: LinkOptions

  @Argument(help: "The IPv4 or IPv6 address to ask.", transform: Arguments.host)
  var host: IPAddress

  @Option(
    help: ArgumentHelp("How many requests to send. (default: 4)", valueName: "number"),
    transform: Arguments.count)
  var count = 4

  @Option(
    help: ArgumentHelp("The time between two requests. (default: 1)", valueName: "seconds"),
    transform: Arguments.seconds)
  var interval = Interval.seconds(1)

  @Option(
    help: ArgumentHelp("How long to wait for the last answers. (default: 2)", valueName: "seconds"),
    transform: Arguments.seconds)
  var timeout = Interval.seconds(2)

  @Option(
    help: ArgumentHelp("Bytes of data in a request. (default: 56)", valueName: "size"),
    transform: Arguments.echoSize)
  var size = 56

  func run() throws {
    let session = try Session(link, network: 2, console: Console(.standardOutput))
    var pinger = Pinger(session, self)
    try pinger.run()
  }
}
