// Holds a session as packetdrill sees it: the table of C functions, called through their pointers, and packets made by
// hand. Each test is a small script in the calls' own names.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeTestSupport
import SockeyeWire
import Testing

@testable import SockeyePacketdrill

/// One session, and the peer on the other side of its link.
final class Script {
  /// The table's places, by packetdrill's numbers.
  private let slots: [UnsafeMutableRawPointer?]
  private let version: IPVersion
  /// Whether sockets are IPv6's while packets are IPv4's.
  private let isMapped: Bool
  /// Whom the peer talks to: where the script binds, or where a connection came from.
  private(set) var local: IPAddress
  let peer: IPAddress
  /// The last packet's acknowledgment and sequence numbers are told from these.
  var hostStart: UInt32 = 0
  let peerStart: UInt32 = 5000
  var hostPort: UInt16 = 8080
  var peerPort: UInt16 = 40_001

  init(_ flags: String = "wscale=8,sysctl=off", _ version: IPVersion = .v4, isMapped: Bool = false) {
    self.version = version
    self.isMapped = isMapped
    switch version {
    case .v4: (local, peer) = (IPAddress(parsing: "192.168.7.9")!, IPAddress(parsing: "192.0.2.1")!)
    case .v6: (local, peer) = (IPAddress(parsing: "fd3d:fa7b:d17d::9")!, IPAddress(parsing: "2001:db8::1")!)
    }
    var table = [UnsafeMutableRawPointer?](repeating: nil, count: 33)
    flags.withCString { text in
      table.withUnsafeMutableBufferPointer { packetdrill_interface_init(text, $0.baseAddress) }
    }
    slots = table
  }

  deinit { call(1, (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)(user) }

  var user: UnsafeMutableRawPointer? { slots[0] }
  var filledSlots: Int { slots.count { $0 != nil } }

  func call<Function>(_ slot: Int, _: Function.Type) -> Function {
    unsafeBitCast(slots[slot]!, to: Function.self)
  }

  typealias Pointer = UnsafeMutableRawPointer?
  typealias Address = UnsafePointer<sockaddr>?
  typealias Room = UnsafeMutablePointer<sockaddr>?
  typealias Length = UnsafeMutablePointer<socklen_t>?

  // MARK: Calls

  var family: Int32 { version == .v4 && !isMapped ? AF_INET : AF_INET6 }

  func socket(_ type: Int32 = Int32(SOCK_STREAM.rawValue)) -> Int32 {
    call(2, (@convention(c) (Pointer, Int32, Int32, Int32) -> Int32).self)(user, family, type, 0)
  }

  private func withAddress<Result>(
    _ address: IPAddress, _ port: UInt16, _ body: (Address, socklen_t) -> Result
  ) -> Result {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    withUnsafeMutableBytes(of: &storage) {
      SocketAddress.write(
        Endpoint(address: address, port: port), family: family == AF_INET ? .v4 : .v6, to: $0.baseAddress!,
        &length)
    }
    return withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  func bind(_ socket: Int32, port: UInt16 = 8080) -> Int32 {
    withAddress(local, port) {
      call(3, (@convention(c) (Pointer, Int32, Address, socklen_t) -> Int32).self)(user, socket, $0, $1)
    }
  }

  func listen(_ socket: Int32, _ backlog: Int32 = 1) -> Int32 {
    call(4, (@convention(c) (Pointer, Int32, Int32) -> Int32).self)(user, socket, backlog)
  }

  /// - Returns: the new socket, and whom it says it is connected to.
  func accept(_ socket: Int32) -> (Int32, Endpoint?) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        call(5, (@convention(c) (Pointer, Int32, Room, Length) -> Int32).self)(user, socket, $0, &length)
      }
    }
    let from = withUnsafeBytes(of: &storage) {
      try? SocketAddress.read(
        UnsafeRawBufferPointer(rebasing: $0.prefix(Int(length))), family: family == AF_INET ? .v4 : .v6)
    }
    return (result, from)
  }

  func connect(_ socket: Int32, port: UInt16 = 8080) -> Int32 {
    withAddress(peer, port) {
      call(6, (@convention(c) (Pointer, Int32, Address, socklen_t) -> Int32).self)(user, socket, $0, $1)
    }
  }

  /// - Returns: what was read, or nil with the error in `errno`.
  func receive(_ socket: Int32, _ count: Int, flags: Int32 = 0) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    let taken = call(9, (@convention(c) (Pointer, Int32, Pointer, Int, Int32) -> Int).self)(
      user, socket, &bytes, count, flags)
    return taken < 0 ? nil : Array(bytes.prefix(taken))
  }

  func read(_ socket: Int32, _ count: Int) -> Int {
    var bytes = [UInt8](repeating: 0, count: count)
    return call(7, (@convention(c) (Pointer, Int32, Pointer, Int) -> Int).self)(user, socket, &bytes, count)
  }

  func write(_ socket: Int32, _ count: Int) -> Int {
    let bytes = Conversation.text(at: 1, count)
    return call(12, (@convention(c) (Pointer, Int32, UnsafeRawPointer?, Int) -> Int).self)(
      user, socket, bytes, count)
  }

  func send(_ socket: Int32, _ count: Int, flags: Int32) -> Int {
    let bytes = Conversation.text(at: 1, count)
    return call(14, (@convention(c) (Pointer, Int32, UnsafeRawPointer?, Int, Int32) -> Int).self)(
      user, socket, bytes, count, flags)
  }

  /// sendto: to the peer.
  func send(_ socket: Int32, _ count: Int, flags: Int32, to port: UInt16) -> Int {
    let bytes = Conversation.text(at: 1, count)
    return withAddress(peer, port) {
      call(
        15, (@convention(c) (Pointer, Int32, UnsafeRawPointer?, Int, Int32, Address, socklen_t) -> Int).self)(
          user, socket, bytes, count, flags, $0, $1)
    }
  }

  /// connect and sendto with no address at all, AF_UNSPEC.
  func connectToNobody(_ socket: Int32) -> Int32 {
    var nobody = sockaddr()
    return call(6, (@convention(c) (Pointer, Int32, Address, socklen_t) -> Int32).self)(
      user, socket, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
  }

  func sendToNobody(_ socket: Int32, flags: Int32) -> Int {
    var nobody = sockaddr()
    return call(
      15, (@convention(c) (Pointer, Int32, UnsafeRawPointer?, Int, Int32, Address, socklen_t) -> Int).self)(
        user, socket, [0], 1, flags, &nobody, socklen_t(MemoryLayout<sockaddr>.size))
  }

  func fcntl(_ descriptor: Int32, _ command: Int32, _ argument: Int = 0) -> Int32 {
    // A variadic function gets a whole number where another one does, on all processors that the library is for.
    call(17, (@convention(c) (Pointer, Int32, Int32, Int) -> Int32).self)(user, descriptor, command, argument)
  }

  func ioctl(_ descriptor: Int32, _ request: UInt) -> Int32? {
    var value: Int32 = 0
    let result = call(18, (@convention(c) (Pointer, Int32, UInt, Pointer) -> Int32).self)(
      user, descriptor, request, &value)
    return result == 0 ? value : nil
  }

  func close(_ descriptor: Int32) -> Int32 {
    call(19, (@convention(c) (Pointer, Int32) -> Int32).self)(user, descriptor)
  }

  func shutdown(_ descriptor: Int32, _ how: Int) -> Int32 {
    call(20, (@convention(c) (Pointer, Int32, Int32) -> Int32).self)(user, descriptor, Int32(how))
  }

  func option<Value>(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: inout Value) -> Int32 {
    var length = socklen_t(MemoryLayout<Value>.size)
    return withUnsafeMutableBytes(of: &value) {
      call(21, (@convention(c) (Pointer, Int32, Int32, Int32, Pointer, Length) -> Int32).self)(
        user, descriptor, level, name, $0.baseAddress, &length)
    }
  }

  func number(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    return option(descriptor, level, name, &value) == 0 ? value : nil
  }

  func set<Value>(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Value) -> Int32 {
    withUnsafeBytes(of: value) {
      call(22, (@convention(c) (Pointer, Int32, Int32, Int32, UnsafeRawPointer?, socklen_t) -> Int32).self)(
        user, descriptor, level, name, $0.baseAddress, socklen_t($0.count))
    }
  }

  func setBytes(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ bytes: [UInt8]) -> Int32 {
    call(22, (@convention(c) (Pointer, Int32, Int32, Int32, UnsafeRawPointer?, socklen_t) -> Int32).self)(
      user, descriptor, level, name, bytes, socklen_t(bytes.count))
  }

  func bytes(_ descriptor: Int32, _ level: Int32, _ name: Int32, room: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: room)
    var length = socklen_t(room)
    let result = call(21, (@convention(c) (Pointer, Int32, Int32, Int32, Pointer, Length) -> Int32).self)(
      user, descriptor, level, name, &bytes, &length)
    return result == 0 ? Array(bytes.prefix(Int(length))) : []
  }

  /// - Returns: what the file is ready for.
  func poll(_ descriptor: Int32, _ events: Int32, milliseconds: Int32 = 0) -> Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    _ = call(23, (@convention(c) (Pointer, UnsafeMutablePointer<pollfd>?, nfds_t, Int32) -> Int32).self)(
      user, &entry, 1, milliseconds)
    return Int32(entry.revents)
  }

  func sleep(milliseconds: Int) {
    _ = call(26, (@convention(c) (Pointer, UInt32) -> Int32).self)(user, UInt32(milliseconds * 1000))
  }

  /// Microseconds.
  func now() -> Int {
    var time = timeval()
    _ = call(27, (@convention(c) (Pointer, UnsafeMutablePointer<timeval>?, Pointer) -> Int32).self)(
      user, &time, nil)
    return time.tv_sec * 1_000_000 + Int(time.tv_usec)
  }

  // MARK: Packets

  /// A segment of the peer arrives; numbers count from each side's SYN.
  func inject(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0, win: UInt16 = 32_792,
    options: TCPOptions = TCPOptions(), urgent: UInt16 = 0
  ) {
    var header = TCPHeader(
      sourcePort: peerPort, destinationPort: hostPort,
      sequence: SequenceNumber(peerStart &+ UInt32(truncatingIfNeeded: seq)),
      acknowledgment: SequenceNumber(ack.map { hostStart &+ UInt32(truncatingIfNeeded: $0) } ?? 0),
      flags: Self.flags(flags), window: win, options: options)
    header.urgentPointer = urgent
    var segment = [UInt8](capacity: 100) { header.write(into: &$0) } + Conversation.text(at: seq, length)
    let pseudo = PseudoHeader.sum(
      source: peer, destination: local, protocolNumber: IPProtocol.tcp, length: segment.count)
    let sum = segment.withRawSpan { InternetChecksum.finish(InternetChecksum.sum($0, initial: pseudo)) }
    segment[16] = UInt8(sum >> 8)
    segment[17] = UInt8(sum & 0xff)
    let packet = Conversation.packet(segment, from: peer, to: local, protocolNumber: IPProtocol.tcp)
    #expect(
      call(24, (@convention(c) (Pointer, UnsafeRawPointer?, Int) -> Int32).self)(user, packet, packet.count)
        == 0)
  }

  struct Sent {
    /// Microseconds.
    let at: Int
    let header: TCPHeader
    let length: Int
    let seq: Int
    let ack: Int
  }

  /// The next packet that the host sends; nil when none is to come.
  func next() -> Sent? {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var count = bytes.count
    var time: Int64 = 0
    let result = call(
      25,
      (@convention(c) (Pointer, Pointer, UnsafeMutablePointer<Int>?, UnsafeMutablePointer<Int64>?) -> Int32)
        .self)(
        user, &bytes, &count, &time)
    guard result == 0, count > 0,
      let (source, destination, _, segment) = Conversation.unwrap(Array(bytes.prefix(count))),
      let parsed = segment.withRawSpan({ try? TCPHeader.parse($0) })
    else { return nil }
    #expect(segment.withRawSpan { TCPHeader.hasValidChecksum($0, source: source, destination: destination) })
    if parsed.header.flags.contains(.syn) {
      hostStart = parsed.header.sequence.rawValue
      hostPort = parsed.header.sourcePort
      local = source
    }
    return Sent(
      at: Int(time), header: parsed.header, length: parsed.payload.count,
      seq: Int(Int32(bitPattern: parsed.header.sequence.rawValue &- hostStart)),
      ack: Int(Int32(bitPattern: parsed.header.acknowledgment.rawValue &- peerStart)))
  }

  /// The next packet is this.
  @discardableResult
  func expect(
    _ flags: String, seq: Int, ack: Int? = nil, length: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Sent? {
    guard let sent = next() else {
      Issue.record("nothing was sent", sourceLocation: sourceLocation)
      return nil
    }
    #expect(sent.header.flags == Self.flags(flags), sourceLocation: sourceLocation)
    #expect(sent.seq == seq && sent.length == length, sourceLocation: sourceLocation)
    if let ack { #expect(sent.ack == ack, sourceLocation: sourceLocation) }
    return sent
  }

  /// tcpdump's letters.
  static func flags(_ letters: String) -> TCPFlags {
    let known: [(Character, TCPFlags)] = [
      ("S", .syn), ("F", .fin), ("R", .rst), ("P", .psh), (".", .ack), ("U", .urg), ("E", .ece), ("W", .cwr),
    ]
    return known.reduce(into: []) { if letters.contains($1.0) { $0.insert($1.1) } }
  }

  /// A connection that was accepted; its round trip is 10 ms.
  func established(options: TCPOptions = TCPOptions()) -> (listener: Int32, connection: Int32) {
    let listener = socket()
    #expect(bind(listener) == 0 && listen(listener) == 0)
    inject("S", seq: 0, win: 32_792, options: options)
    expect("S.", seq: 0, ack: 1)
    sleep(milliseconds: 10)
    inject(".", seq: 1, ack: 1)
    let (connection, from) = accept(listener)
    #expect(connection >= 0)
    #expect(from == Endpoint(address: peer, port: peerPort))
    return (listener, connection)
  }
}
