// Holds the trait by which a test runs again with sequence numbers that pass zero on the way, and again where they
// pass from the lower half of the sequence space to the upper (RFC 9293 §3.4).

public import Testing

/// Runs each test three times: with the numbers that it names, with both sides' numbers past zero from the second
/// octet on, and with both past 2^31.
public struct PastZeroTrait: TestTrait, SuiteTrait, TestScoping {
  public var isRecursive: Bool { true }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await function()
    for start: UInt32 in [.max - 1, 0x7fff_fffe] {
      try await Conversation.$starts.withValue((host: start, peer: start)) { try await function() }
    }
  }
}

extension Trait where Self == PastZeroTrait {
  /// The test's conversations are held again with numbers that pass zero, and that pass 2^31.
  public static var pastZero: PastZeroTrait { PastZeroTrait() }
}
