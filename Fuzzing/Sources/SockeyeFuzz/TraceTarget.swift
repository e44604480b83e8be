// What is printed and recorded of packets that anybody may send: one line each, valid JSON, and a pcapng file that a strict
// reader finds in order with each packet in its place.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace
import SockeyeWire

/// The input is frames, each behind a byte of flags and a byte of its length.
func fuzzTrace(_ input: [UInt8]) {
  var input = FuzzInput(input)
  let settings = input.byte()
  let host = FuzzHost(mtu: 1500) { $0.memoryBudget = 4 << 20 }
  _ = try? host.stack.listen(on: ListenEndpoint(port: 80))
  _ = try? host.stack.bind(ListenEndpoint(port: 53))
  let writer = PcapngWriter(interfaceName: "fuzz", snapLength: settings & 1 == 0 ? 0 : 60)
  var file: [UInt8] = []
  writer.appendHeader(to: &file)
  var recorded: [[UInt8]] = []
  var text = TraceText(relativeSequenceNumbers: settings & 2 == 0, showsTimers: settings & 4 != 0)
  while !input.isEmpty, recorded.count < 40 {
    let flags = input.byte()
    var packet = input.take(Int(input.byte()))
    if flags & 1 != 0 { PacketRepair.repair(&packet) }
    let comment = flags & 2 == 0 ? nil : String(decoding: packet.prefix(20), as: UTF8.self)
    writer.appendPacket(
      packet, at: host.now, direction: flags & 4 == 0 ? .inbound : .outbound, comment: comment ?? "",
      to: &file)
    recorded.append(packet)
    if let segment = FlightSegment(packet: packet) {
      require(segment.payload.upperBound <= packet.count, "a segment within its packet")
    }
    host.receive(packet)
    if flags & 8 != 0 { host.advance(.milliseconds(50)) }
    for observation in host.observations { printed(observation, &text) }
    host.observations.removeAll()
    host.sent.removeAll()
  }
  require(
    PcapngCheck.packets(file) == recorded.map { settings & 1 == 0 ? $0 : Array($0.prefix(60)) },
    "the file holds what was put into it")
}

private func printed(_ observation: StackObservation, _ text: inout TraceText) {
  var line: [UInt8] = []
  text.append(observation, to: &line)
  require(line.allSatisfy { $0 == 10 || $0 >= 32 && $0 != 127 }, "a line of text")
  require(line.isEmpty || line.last == 10, "a whole line")
  var json: [UInt8] = []
  TraceJSON.append(observation, host: "fuzz", to: &json)
  require(JSONCheck.isObject(json), "a JSON object: \(String(decoding: json, as: UTF8.self))")
}

/// A strict reader of little-endian pcapng with one interface (draft-ietf-opsawg-pcapng).
enum PcapngCheck {
  static func packets(_ file: [UInt8]) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var offset = 0
    var blocks = 0
    while offset < file.count {
      require(file.count - offset >= 12, "a block's frame")
      let type = long(file, offset)
      let length = Int(long(file, offset + 4))
      require(length >= 12 && length % 4 == 0 && length <= file.count - offset, "a block's length")
      require(Int(long(file, offset + length - 4)) == length, "the length again")
      switch (blocks, Pcapng.BlockType(rawValue: type)) {
      case (0, .sectionHeader): require(long(file, offset + 8) == Pcapng.byteOrderMagic, "the byte order")
      case (1, .interfaceDescription): break
      case (2..., .enhancedPacket): packets.append(packet(file, offset, length))
      default: require(false, "block \(blocks) of type \(type)")
      }
      offset += length
      blocks += 1
    }
    return packets
  }

  private static func packet(_ file: [UInt8], _ offset: Int, _ length: Int) -> [UInt8] {
    require(long(file, offset + 8) == 0, "the one interface")
    let captured = Int(long(file, offset + 20))
    require(captured <= Int(long(file, offset + 24)), "no more than there was")
    let start = offset + 28
    let end = offset + length - 4
    require(captured <= end - start, "a packet within its block")
    options(file, start + (captured + 3) / 4 * 4, end)
    return Array(file[start..<start + captured])
  }

  private static func options(_ file: [UInt8], _ start: Int, _ end: Int) {
    var offset = start
    while offset < end {
      let code = Int(file[offset]) | Int(file[offset + 1]) << 8
      let length = Int(file[offset + 2]) | Int(file[offset + 3]) << 8
      offset += 4 + (length + 3) / 4 * 4
      require(offset <= end, "an option within its block")
      if code == 0 { require(length == 0 && offset == end, "the end of options ends the block") }
    }
  }

  private static func long(_ file: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(file[offset + $1]) << UInt32(8 * $1) }
  }
}

/// Whether bytes are a line that is one JSON object (RFC 8259), and valid UTF-8.
enum JSONCheck {
  static func isObject(_ line: [UInt8]) -> Bool {
    guard line.last == 10, String(validating: line, as: UTF8.self) != nil else { return false }
    var scan = Scan(bytes: line)
    return scan.bytes.first == UInt8(ascii: "{") && scan.value() && scan.offset == line.count - 1
  }

  private struct Scan {
    let bytes: [UInt8]
    var offset = 0
    var next: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    mutating func take(_ letter: Unicode.Scalar) -> Bool {
      guard next == UInt8(ascii: letter) else { return false }
      offset += 1
      return true
    }

    mutating func value() -> Bool {
      switch next {
      case UInt8(ascii: "{"): return list("}") { $0.string() && $0.take(":") && $0.value() }
      case UInt8(ascii: "["): return list("]") { $0.value() }
      case UInt8(ascii: "\""): return string()
      default: return word()
      }
    }

    mutating func list(_ end: Unicode.Scalar, _ item: (inout Scan) -> Bool) -> Bool {
      offset += 1
      if take(end) { return true }
      repeat { if !item(&self) { return false } } while take(",")
      return take(end)
    }

    mutating func string() -> Bool {
      guard take("\"") else { return false }
      while offset < bytes.count, next != UInt8(ascii: "\"") {
        if next < 32 { return false }
        if take("\\"), !"\"\\/bfnrtu".utf8.contains(next) { return false }
        offset += 1
      }
      return take("\"")
    }

    mutating func word() -> Bool {
      let start = offset
      while "+-.0123456789eE".utf8.contains(next) || next >= UInt8(ascii: "a") && next <= UInt8(ascii: "z") {
        offset += 1
      }
      let text = String(decoding: bytes[start..<offset], as: UTF8.self)
      return ["true", "false", "null"].contains(text) || Double(text) != nil
    }
  }
}
