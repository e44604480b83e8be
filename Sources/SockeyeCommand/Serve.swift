// Holds `sockeye serve`: its arguments and help. What the server does is in `Server`.

import ArgumentParser
import SockeyeTunnel

/// What `--statistics` prints.
enum StatisticsForm: String, CaseIterable, ExpressibleByArgument {
  case text, json
}

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Listen on a TUN interface and serve many clients at once.",
    discussion: """
      Each client is greeted, and what it says is printed with the time and where it came from. Ctrl-C ends it.
      \(LinkOptions.help)

      By default the stack is 10.34.1.2 and fd34:1::2, and this computer is 10.34.1.1 and fd34:1::1.

      Modes:
        log      greet each client, print what it says, close when it closes
        echo     send back what arrives
        discard  count what arrives
        source   send --bytes bytes (0, 1, …, 250, 0, 1, …), then close

      Examples:
        sudo sockeye serve                     then, elsewhere: nc 10.34.1.2 3401
        sudo sockeye serve --states --trace    with everything that happens
        sudo sockeye serve --mode source --bytes 100MB --pcap serve.pcapng
        sudo sockeye serve --address 192.168.7.2/24 --port 80
        unshare -Urn sh -c 'sockeye serve & sleep 1; echo hello | nc -q 1 10.34.1.2 3401; kill $!'
      """)

  enum Mode: String, CaseIterable, ExpressibleByArgument {
    case log, echo, discard, source
  }

  static let defaultGreeting = "服务器连接成功!"
  static let defaultBytes = 1_000_000

  @OptionGroup(title: "Link options")
  var link: LinkOptions

  @Option(
    help: ArgumentHelp("The port to listen on. (default: 3401)", valueName: "port"), transform: Arguments.port
  )
  var port: UInt16 = 3401

  @Option(
    help: ArgumentHelp(
      "How many connections may wait to be accepted. (default: 15)",
      valueName: "number"),
    transform: Arguments.backlog)
  var backlog = 15

  @Option(
    help: ArgumentHelp(
      "The line each client is sent first; '' sends none. (default: \(defaultGreeting) in log mode, else none)",
      valueName: "text"))
  var greeting: String?

  @Option(help: ArgumentHelp("What to do with clients: log, echo, discard or source.", valueName: "mode"))
  var mode = Mode.log

  @Option(
    help: ArgumentHelp(
      "How much each client is sent in source mode, such as 100MB or 64KiB. (default: 1MB)", valueName: "size"
    ),
    transform: Arguments.size)
  var bytes: Int?

  @Option(
    help: ArgumentHelp(
      "Print how each connection stood when it ended, and the stack's counters at the end: text or json.",
      valueName: "form"))
  var statistics: StatisticsForm?

  func validate() throws {
    if bytes != nil, mode != .source {
      throw ValidationError(
        "--bytes says how much --mode source sends: expected no --bytes with --mode \(mode)")
    }
  }

  func run() throws {
    let session = try Session(link, network: 1, console: Console(.standardOutput))
    var server = try Server(session, self)
    try server.run()
  }

  /// What a client is sent first.
  var greetingBytes: [UInt8] {
    let text = greeting ?? (mode == .log ? Self.defaultGreeting : "")
    return text.isEmpty ? [] : Array((text + "\n").utf8)
  }
}
