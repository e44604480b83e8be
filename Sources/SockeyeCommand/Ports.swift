// Holds `sockeye ports`, which prints well-known ports; the table itself is in `PortTable`.

import ArgumentParser
import SockeyeTunnel

struct Ports: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the well-known ports, or look one up by name or number.",
    discussion: """
      Examples:
        sockeye ports            all of them
        sockeye ports https      by name, in any case
        sockeye ports 3306       by number
      """)

  @Argument(help: "A service's name, or a port number from 0 to 65535.")
  var service: String?

  func validate() throws {
    guard let service else { return }
    if let number = Int(service), !(0...65535).contains(number) {
      throw ValidationError("there is no port \(number): expected a number from 0 to 65535")
    }
    if PortTable.find(service).isEmpty {
      throw ValidationError(
        "no well-known port goes by '\(service)': expected a service's name or a number; "
          + "'sockeye ports' lists all")
    }
  }

  func run() throws {
    let found = service.map(PortTable.find) ?? PortTable.all
    try Descriptor.standardOutput.writeAll(Self.table(found))
  }

  /// The ports in columns, under a heading.
  static func table(_ ports: [WellKnownPort]) -> String {
    let names = max(7, ports.map(\.name.count).max() ?? 0)
    var text = row("PORT", "SERVICE", "TRANSPORT", "PURPOSE", names)
    for port in ports {
      text += row("\(port.number)", port.name, port.transport.rawValue, port.purpose, names)
    }
    return text
  }

  private static func row(
    _ number: String, _ name: String, _ transport: String, _ purpose: String, _ width: Int
  ) -> String {
    let cells = [pad(number, 5), pad(name, width), pad(transport, 9), purpose]
    return cells.joined(separator: "  ") + "\n"
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
