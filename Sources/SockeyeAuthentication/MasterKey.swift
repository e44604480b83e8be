// Holds one master key tuple (RFC 5925 §3.1) without the connections it is for, which the host's table has.

import SockeyeStack

/// A secret shared with a peer, and by which numbers segments refer to it. It is never changed: a key is replaced by
/// adding another to the chain.
public struct MasterKey: Sendable {
  /// The KeyID of segments sent with it; the peer's `receiveID`.
  public let sendID: UInt8
  /// The KeyID of segments received with it; the peer's `sendID`.
  public let receiveID: UInt8
  public let algorithm: AuthenticationAlgorithm
  /// Whether codes cover the other options, too (RFC 5925 §3.1). Without them middleboxes may change options, and so
  /// may others.
  public let coversOptions: Bool
  let secret: [UInt8]

  /// - Parameters:
  ///   - secret: of any length; guessing it should be as hard as guessing 128 random bits.
  ///   - identifier: the KeyID of both directions.
  public init(
    secret: [UInt8], identifier: UInt8, algorithm: AuthenticationAlgorithm = .hmacSHA1,
    coversOptions: Bool = true
  ) {
    self.init(
      secret: secret, sendID: identifier, receiveID: identifier, algorithm: algorithm,
      coversOptions: coversOptions)
  }

  public init(
    secret: [UInt8], sendID: UInt8, receiveID: UInt8, algorithm: AuthenticationAlgorithm = .hmacSHA1,
    coversOptions: Bool = true
  ) {
    self.secret = secret
    self.sendID = sendID
    self.receiveID = receiveID
    self.algorithm = algorithm
    self.coversOptions = coversOptions
  }
}

extension MasterKey {
  /// RFC 5925 §5.2, RFC 5926 §3.1 (5925-4): the key for one direction of a connection.
  ///
  /// - Parameters:
  ///   - tuple: its source is the local side.
  ///   - destinationInitial: zero for a SYN without ACK, whose sender cannot know it.
  func trafficKey(
    _ tuple: FourTuple, sourceInitial: SequenceNumber, destinationInitial: SequenceNumber
  ) -> TrafficKey {
    algorithm.trafficKey(
      trafficKeyOctets(tuple, sourceInitial: sourceInitial, destinationInitial: destinationInitial))
  }

  func trafficKeyOctets(
    _ tuple: FourTuple, sourceInitial: SequenceNumber, destinationInitial: SequenceNumber
  ) -> [UInt8] {
    var context: [UInt8] = []
    context.append(address: tuple.local.address)
    context.append(address: tuple.remote.address)
    context.append(UInt32(tuple.local.port) << 16 | UInt32(tuple.remote.port))
    context.append(sourceInitial.rawValue)
    context.append(destinationInitial.rawValue)
    return algorithm.derive(from: secret, for: context)
  }

  /// RFC 5925 §5.1 (5925-3): what the code of a segment covers.
  ///
  /// - Parameters:
  ///   - segment: from its header on; it has an authentication option.
  ///   - tuple: its source is the local side.
  ///   - extension: the upper half of the sequence number (SNE).
  func message(
    of segment: RawSpan, _ tuple: FourTuple, extension upper: UInt32, into message: inout [UInt8]
  ) -> Bool {
    guard let option = AuthenticationOption.range(in: segment) else { return false }
    let headerLength = Int(segment.byte(at: 12) >> 4) * 4
    message.removeAll(keepingCapacity: true)
    message.append(upper)
    message.append(pseudoHeader: tuple, length: segment.byteCount)
    message.append(copying: segment, 0..<TCPHeader.checksumOffset)
    message += [0, 0]
    message.append(copying: segment, 18..<20)
    if coversOptions { message.append(copying: segment, 20..<option.lowerBound) }
    message.append(copying: segment, option.lowerBound..<min(option.lowerBound + 4, option.upperBound))
    message += repeatElement(0, count: max(0, option.count - 4))
    if coversOptions { message.append(copying: segment, option.upperBound..<headerLength) }
    message.append(copying: segment, headerLength..<segment.byteCount)
    return true
  }
}

extension [UInt8] {
  /// RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6.
  fileprivate mutating func append(pseudoHeader tuple: FourTuple, length: Int) {
    append(address: tuple.local.address)
    append(address: tuple.remote.address)
    let length = UInt32(truncatingIfNeeded: length)
    switch tuple.version {
    case .v4: append(UInt32(IPProtocol.tcp) << 16 | length)
    case .v6:
      append(length)
      append(UInt32(IPProtocol.tcp))
    }
  }

  fileprivate mutating func append(address: IPAddress) {
    switch address {
    case .v4(let address): append(address.rawValue)
    case .v6(let address):
      append(UInt32(truncatingIfNeeded: address.high >> 32))
      append(UInt32(truncatingIfNeeded: address.high))
      append(UInt32(truncatingIfNeeded: address.low >> 32))
      append(UInt32(truncatingIfNeeded: address.low))
    }
  }

  /// The big end first.
  fileprivate mutating func append(_ word: UInt32) {
    for shift in [24, 16, 8, 0] as [UInt32] { append(UInt8(truncatingIfNeeded: word >> shift)) }
  }

  fileprivate mutating func append(copying bytes: RawSpan, _ range: Range<Int>) {
    self += [UInt8](bytes.extracting(range))
  }
}
