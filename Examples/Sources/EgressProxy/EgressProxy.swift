// Holds the command line of a proxy that programs do not know of: whatever they connect to, it takes, judges by rules,
// logs, and connects for them. The rules are in Rule, what happens to a connection in Relaying.

import ArgumentParser
import ExampleSupport
import SockeyeSockets
import SockeyeStack

@main
struct EgressProxy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "egress-proxy",
    abstract: "Take connections to any address, allow them by rule, log them, and carry them outside.",
    discussion: """
      Rules are tried in the order given; the first that fits decides, and what none fits is denied. A rule is an action, \
      a prefix and perhaps a port:

        allow 203.0.113.0/24:80    connects to there and carries everything both ways
        deny 203.0.113.7/32        answers as if nobody listened
        ignore 2001:db8::/32       answers nothing at all

      The proxy connects by the system's own sockets. So that these do not lead back to it, give the other end of its \
      interface to a network namespace of the programs that it is for:

        sudo egress-proxy --tun egress0 --rule 'allow 0.0.0.0/0:443' &
        sudo ip netns add apps
        sudo ip link set egress0 netns apps
        sudo ip -n apps address add 10.34.1.1/24 dev egress0
        sudo ip -n apps link set egress0 up
        sudo ip -n apps route add default dev egress0
      """)

  @OptionGroup var host: HostOptions
  @Option(
    name: .customLong("rule"),
    help: ArgumentHelp("What to do with which connections; may be given several times.", valueName: "rule"),
    transform: Rule.argument)
  var rules: [Rule] = []

  func run() async throws {
    let rules = rules
    try await host.withNetwork(1) { network, _ in
      let forwarder = try await network.forward { request in
        // Asked before the client's SYN is answered: what is denied never was a connection.
        let action = rules.action(for: request)
        say("\(action) \(request.transport) \(request.source) > \(request.destination)")
        return action.decision
      }
      say("forwarding")
      await withDiscardingTaskGroup { group in
        do {
          for try await connection in forwarder.connections {
            group.addTask { await relay(connection) }
          }
        } catch {
          say("the network has ended: \(error)")
        }
      }
    }
  }
}
