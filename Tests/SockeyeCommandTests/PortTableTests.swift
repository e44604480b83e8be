// Shows that well-known ports are found by name and number; what the command prints is in the tool's own
// end-to-end script.

import Testing

@testable import SockeyeCommand

@Suite struct PortTableTests {
  @Test(arguments: [
    ("ftp", [20, 21]), ("FTP", [20, 21]), ("Ssh", [22]), ("telnet", [23]), ("SMTP", [25]), ("dns", [53]),
    ("TFTP", [69]), ("http", [80]), ("https", [443]), ("MySQL", [3306]), ("dhcp", [67, 68]),
    ("postgres", [5432]),
    ("3306", [3306]), ("20", [20]), ("postg", [5432]), ("65535", []), ("no-such-service", []), ("", []),
  ])
  func find(text: String, numbers: [Int]) {
    #expect(PortTable.find(text).map { Int($0.number) } == numbers)
  }

  @Test func transportsOfTheClassics() {
    #expect(PortTable.find("tftp").map(\.transport) == [.udp])
    #expect(PortTable.find("http").map(\.transport) == [.tcp])
    #expect(PortTable.find("dns").map(\.transport) == [.both])
  }

  @Test func theTableIsInOrderAndNamesAreUpperCase() {
    let all = PortTable.all
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.number < $1.number })
    #expect(all.allSatisfy { ([$0.name] + $0.aliases).allSatisfy { $0 == $0.uppercased() } })
  }

  @Test func theListHasARowAPort() {
    #expect(Ports.table(PortTable.all).split(separator: "\n").count == PortTable.all.count + 1)
  }
}
