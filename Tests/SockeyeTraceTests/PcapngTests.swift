// Shows that capture files are what the format says, and that tshark reads them without a complaint.

import Foundation
import SockeyeBytes
import SockeyeSimulator
import SockeyeTrace
import Testing

@Suite struct PcapngTests {
  /// A block's type and body, read as any reader would: its two lengths must agree.
  private struct Block {
    let type: UInt32
    let body: [UInt8]
  }

  private func little(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private func blocks(_ file: [UInt8]) throws -> [Block] {
    var blocks: [Block] = []
    var offset = 0
    while offset < file.count {
      try #require(file.count - offset >= 12)
      let length = Int(little(file[(offset + 4)..<(offset + 8)]))
      try #require(length % 4 == 0 && length >= 12 && offset + length <= file.count)
      #expect(Int(little(file[(offset + length - 4)..<(offset + length)])) == length)
      blocks.append(
        Block(
          type: little(file[offset..<(offset + 4)]), body: Array(file[(offset + 8)..<(offset + length - 4)])))
      offset += length
    }
    return blocks
  }

  @Test func aFileIsASectionAnInterfaceAndPackets() throws {
    let writer = PcapngWriter(interfaceName: "client", snapLength: 5, epochNanoseconds: 1 << 40)
    var file: [UInt8] = []
    writer.appendHeader(to: &file)
    writer.appendPacket(
      [1, 2, 3, 4, 5, 6, 7], at: Instant(nanoseconds: 3), direction: .outbound, comment: "why", to: &file)
    writer.appendPacket([9], at: .zero, direction: .inbound, comment: "", to: &file)
    let blocks = try blocks(file)
    #expect(blocks.map(\.type) == [0x0A0D_0D0A, 1, 6, 6])
    #expect(blocks[0].body.prefix(8) == [0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0])
    #expect(blocks[1].body.prefix(8) == [101, 0, 0, 0, 5, 0, 0, 0])
    // if_tsresol (option 9): nanoseconds.
    #expect(Data(blocks[1].body).range(of: Data([9, 0, 1, 0, 9, 0, 0, 0])) != nil)
    // Time 2^40 + 3, five of seven bytes, padding, comment, padding, flags, end.
    #expect(
      blocks[2].body == [
        0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0,
        1, 0, 3, 0, 0x77, 0x68, 0x79, 0, 2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0,
      ])
    #expect(blocks[3].body.suffix(12) == [2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func aLongCommentIsCutBetweenCharacters() throws {
    let writer = PcapngWriter(interfaceName: "x")
    var file: [UInt8] = []
    writer.appendPacket(
      [0], at: .zero, direction: .inbound, comment: String(repeating: "啦", count: 30_000), to: &file)
    let body = try #require(try blocks(file).first).body
    let length = Int(body[26]) | Int(body[27]) << 8
    #expect(length == 65_532 / 3 * 3)
    #expect(String(validating: body[28..<(28 + length)], as: UTF8.self) != nil)
  }

  /// One process reads all files: sections may follow one another in a file.
  @Test(.enabled(if: Tshark.path != nil)) func tsharkReadsAllScenariosFromBothSides() throws {
    var file: [UInt8] = []
    var outbound = 0
    var inbound = 0
    for scenario in Scenario.allCases {
      let timeline = scenario.run().timeline
      for vantage in HostSide.allCases {
        TimelineCapture.append(timeline, vantage: vantage, to: &file)
        outbound += timeline.sent(by: vantage).count
        inbound += timeline.entries.count { entry in
          if case .arrived(let number) = entry.kind { return timeline.flights[number].from != vantage }
          return false
        }
      }
    }
    let rows = try Tshark.fields(
      file,
      [
        "frame.comment", "_ws.malformed", "tcp.checksum.status", "ip.checksum.status",
        "frame.packet_flags_direction",
      ])
    #expect(rows.count == outbound + inbound)
    #expect(rows.count { $0[4].hasSuffix("2") } == outbound)
    for row in rows {
      #expect(row[1].isEmpty, "malformed")
      // 1 is good. A packet whose checksum is bad says that it was changed on the way.
      #expect(row[2] == "1" || row[0].contains("changed on the way"))
      #expect(row[3] == "1")
    }
  }

  @Test func theSameSeedGivesTheSameFile() {
    var files: [[UInt8]] = []
    for seed in [7, 7, 8] as [UInt64] {
      var file: [UInt8] = []
      TimelineCapture.append(Scenario.lostData.run(seed: seed).timeline, vantage: .left, to: &file)
      files.append(file)
    }
    #expect(files[0] == files[1])
    #expect(files[0] != files[2])
  }
}

/// Wireshark's command-line reader, where it is installed.
enum Tshark {
  static let path = ["/usr/bin/tshark", "/usr/local/bin/tshark", "/opt/homebrew/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// The fields of every packet of a file, with checksums verified.
  static func fields(_ file: [UInt8], _ names: [String]) throws -> [[String]] {
    let name = FileManager.default.temporaryDirectory.appendingPathComponent(
      "sockeye-\(UUID().uuidString).pcapng")
    try Data(file).write(to: name)
    defer { try? FileManager.default.removeItem(at: name) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(path))
    process.arguments =
      ["-r", name.path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"]
      + names.flatMap { ["-e", $0] }
    let output = Pipe()
    let complaints = Pipe()
    process.standardOutput = output
    process.standardError = complaints
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaint = String(decoding: complaints.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      .split(separator: "\n").filter { !$0.contains("Running as user") }
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(complaint.isEmpty)
    return text.split(separator: "\n", omittingEmptySubsequences: true).map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }
}
