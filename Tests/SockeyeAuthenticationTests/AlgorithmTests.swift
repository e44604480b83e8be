// Shows that codes and keys are those of the RFCs, by their own examples.

import SockeyeTestSupport
import Testing

@testable import SockeyeAuthentication

@Suite struct AlgorithmTests {
  @Test(
    .requirement("5925-2"),
    arguments: [
      // RFC 4493 §4: the first octets of one message.
      (0, "bb1d6929e95937287fa37d129b756746"), (16, "070a16b46b4d4144f79bdd9dd04a287c"),
      (40, "dfa66747de9ae63030ca32611497c827"), (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ])
  func cmacIsThatOfRFC4493(length: Int, code: String) {
    let message = octets(
      """
      6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
      30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710
      """)
    let cipher = AuthenticationAlgorithm.cipher(octets("2b7e151628aed2a6abf7158809cf4f3c"))
    #expect(AuthenticationAlgorithm.cmac(of: Array(message.prefix(length)), cipher) == octets(code))
  }

  @Test(.requirement("5925-2"))
  func hmacIsThatOfRFC2202() {
    #expect(
      AuthenticationAlgorithm.hmac(
        of: Array("what do ya want for nothing?".utf8), .init(data: Array("Jefe".utf8)))
        == octets("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"))
  }

  @Test(
    .requirement("5925-2"),
    arguments: [
      // RFC 4615 §4: a key of 18, 16 and 10 octets makes AES-CMAC-PRF-128 of twenty octets.
      ("000102030405060708090a0b0c0d0e0fedcb", "84a348a4a45d235babfffc0d2b4da09a"),
      ("000102030405060708090a0b0c0d0e0f", "980ae87b5f4c9c5214f5b6a8455e4c2d"),
      ("00010203040506070809", "290d9e112edb09ee141fcf64c0b72f3d"),
    ])
  func aSecretOfAnyLengthMakesAKeyOfAES(secret: String, code: String) {
    let cipher = AuthenticationAlgorithm.cipher(AuthenticationAlgorithm.block(octets(secret)))
    #expect(
      AuthenticationAlgorithm.cmac(of: octets("000102030405060708090a0b0c0d0e0f10111213"), cipher)
        == octets(code))
  }

  @Test(
    .requirement("5925-2", "5925-3", "5925-4"), arguments: AuthenticationVector.all)
  func keysAndCodesAreThoseOfRFC9235(vector: AuthenticationVector) throws {
    let key = vector.key
    let segments = try vector.packets.map { try VectorSegment($0.bytes) }
    let client = segments[0].header.sequence
    let server = segments[1].header.sequence
    for (packet, segment) in zip(vector.packets, segments) {
      let fromClient = segment.header.destinationPort == 179
      // RFC 5925 §5.2: whoever sends a SYN does not know the other's number.
      let others =
        segment.header.flags == segments[0].header.flags ? SequenceNumber(0) : fromClient ? server : client
      let octets = key.trafficKeyOctets(
        segment.tuple, sourceInitial: fromClient ? client : server, destinationInitial: others)
      #expect(octets == packet.trafficKey)
      var message: [UInt8] = []
      let isAuthenticated = segment.bytes.withRawSpan {
        key.message(of: $0, segment.tuple, extension: 0, into: &message)
      }
      #expect(isAuthenticated)
      #expect(
        key.algorithm.trafficKey(octets).code(of: message) == segment.header.options.authentication?.code)
    }
  }

  /// Both ends of the connections of RFC 9235, each with the other's packets.
  @Test(.requirement("5925-3", "5925-4", "5925-6"), arguments: AuthenticationVector.all)
  func bothEndsOfRFC9235AgreeWithIt(vector: AuthenticationVector) throws {
    let segments = try vector.packets.map { try VectorSegment($0.bytes) }
    let client = KeyChain(vector.key).authenticator(for: segments[0].tuple)
    let server = KeyChain(vector.key.mirrored).authenticator(for: segments[1].tuple)
    client.begin(at: segments[0].header.sequence)
    for (index, segment) in segments.enumerated() {
      let (from, to) = index % 2 == 0 ? (client, server) : (server, client)
      #expect(segment.bytes.withRawSpan { from.code(of: $0, segment.header) } == segment.option?.code)
      #expect(
        from.option.keyID == segment.option?.keyID && from.option.nextKeyID == segment.option?.nextKeyID)
      #expect(segment.isAuthentic(to))
      // One bit of anything that the code covers makes it another's.
      for position in segment.coveredPositions(options: vector.coversOptions) {
        #expect(try !segment.changed(at: position).isAuthentic(to), "octet \(position)")
      }
      if index == 0 { server.begin(at: segments[1].header.sequence) }
    }
  }
}

extension AuthenticationVector {
  /// The client's key.
  var key: MasterKey {
    MasterKey(
      secret: Array("testvector".utf8), sendID: 61, receiveID: 84, algorithm: algorithm,
      coversOptions: coversOptions)
  }
}

extension MasterKey {
  /// The same as the other side has it.
  var mirrored: MasterKey {
    MasterKey(
      secret: secret, sendID: receiveID, receiveID: sendID, algorithm: algorithm, coversOptions: coversOptions
    )
  }
}

/// A segment of a vector, taken out of its packet.
struct VectorSegment {
  let bytes: [UInt8]
  let header: TCPHeader
  /// The sender is the local side.
  let tuple: FourTuple

  init(_ packet: [UInt8]) throws {
    if packet[0] >> 4 == 4 {
      let parsed = try packet.withRawSpan { span throws(WireError) in try IPv4Header.parse(span) }
      try self.init(
        Array(packet[parsed.payload]), from: .v4(parsed.header.source), to: .v4(parsed.header.destination))
    } else {
      let parsed = try packet.withRawSpan { span throws(WireError) in try IPv6Header.parse(span) }
      try self.init(
        Array(packet[parsed.payload]), from: .v6(parsed.header.source), to: .v6(parsed.header.destination))
    }
  }

  init(_ bytes: [UInt8], from source: IPAddress, to destination: IPAddress) throws {
    self.bytes = bytes
    header = try bytes.withRawSpan { span throws(WireError) in try TCPHeader.parse(span).header }
    tuple = FourTuple(
      local: Endpoint(address: source, port: header.sourcePort),
      remote: Endpoint(address: destination, port: header.destinationPort))
  }

  var option: AuthenticationOption? { header.options.authentication }

  func isAuthentic(_ authenticator: SegmentAuthenticator) -> Bool {
    bytes.withRawSpan { authenticator.isAuthentic($0, header) }
  }

  /// Where a change must be found out: not in the checksum, which is of no account, nor in the data offset and the
  /// options' lengths, without which the segment is another.
  func coveredPositions(options: Bool) -> [Int] {
    let length = Int(bytes[12] >> 4) * 4
    let option = length - 16
    return [0, 3, 4, 7, 8, 11, 13, 14, 15, 18, 19] + (options ? [option - 1] : []) + [option + 2, option + 3]
      + Array((option + 4)..<bytes.count)
  }

  func changed(at position: Int) throws -> VectorSegment {
    var bytes = bytes
    bytes[position] ^= 1
    return try VectorSegment(bytes, from: tuple.local.address, to: tuple.remote.address)
  }
}
