// Holds the two algorithms that every implementation has (RFC 5926): how traffic keys are derived, and what code a
// message gets. The only place that knows the cryptographic library.

import Crypto
import CryptoExtras
import SockeyeStack

/// What codes are computed with, and traffic keys derived (RFC 5926 §3; 5925-2).
public enum AuthenticationAlgorithm: UInt8, Sendable, CaseIterable {
  /// KDF_HMAC_SHA1 and HMAC-SHA-1-96.
  case hmacSHA1
  /// KDF_AES_128_CMAC and AES-128-CMAC-96.
  case aes128CMAC

  /// RFC 5926 §3.1.1: a traffic key; one turn of the key derivation function gives all the bits that are needed.
  func derive(from secret: [UInt8], for context: [UInt8]) -> [UInt8] {
    // i, Label, Context, Output_Length in bits.
    let label: [UInt8] = Array("TCP-AO".utf8)
    switch self {
    case .hmacSHA1: return Self.hmac(of: [1] + label + context + [0, 160], SymmetricKey(data: secret))
    case .aes128CMAC:
      return Self.cmac(of: [1] + label + context + [0, 128], Self.cipher(Self.block(secret)))
    }
  }

  /// Makes a traffic key ready for use.
  func trafficKey(_ octets: [UInt8]) -> TrafficKey {
    switch self {
    case .hmacSHA1: .hmacSHA1(SymmetricKey(data: octets))
    case .aes128CMAC: .aes128CMAC(Self.cipher(octets))
    }
  }

  /// RFC 5926 §3.1.1.2: a secret that is not a key of AES-128 is made one (RFC 4615).
  static func block(_ secret: [UInt8]) -> [UInt8] {
    secret.count == 16 ? secret : cmac(of: secret, cipher([UInt8](repeating: 0, count: 16)))
  }

  /// The whole code of a message, 20 octets.
  static func hmac(of message: [UInt8], _ key: SymmetricKey) -> [UInt8] {
    Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
  }

  /// The whole code of a message, 16 octets (RFC 4493).
  static func cmac(of message: [UInt8], _ cipher: AES.CMAC) -> [UInt8] {
    var cipher = cipher
    cipher.update(data: message)
    return Array(cipher.finalize())
  }

  static func cipher(_ key: [UInt8]) -> AES.CMAC {
    do {
      return try AES.CMAC(key: SymmetricKey(data: key))
    } catch {
      preconditionFailure("16 octets are a key of AES-128")
    }
  }
}

/// A key for one direction of one connection.
enum TrafficKey {
  case hmacSHA1(SymmetricKey)
  case aes128CMAC(AES.CMAC)

  /// The first 96 bits of the message's code (RFC 5926 §3.2).
  func code(of message: [UInt8]) -> AuthenticationCode {
    let whole =
      switch self {
      case .hmacSHA1(let key): AuthenticationAlgorithm.hmac(of: message, key)
      case .aes128CMAC(let cipher): AuthenticationAlgorithm.cmac(of: message, cipher)
      }
    return whole.withRawSpan { AuthenticationCode(high: $0.uint64(at: 0), low: $0.uint32(at: 8)) }
  }
}
