// Holds the trait by which a test names the requirements it shows; it does not hold the list of
// requirements, nor a check that each has a test.

public import Testing

/// The requirements, by identifier (such as "MUST-5"), that a test or a suite shows to be met.
///
///     @Test(.requirement("MUST-5")) func optionsMayEndAnywhere() { … }
public struct RequirementTrait: TestTrait, SuiteTrait {
  /// The identifiers, as `Documentation` spells them.
  public let identifiers: [String]

  /// A suite's requirements hold for each test in it.
  public var isRecursive: Bool { true }

  /// The identifiers as comments, so that they show up next to a failure.
  public var comments: [Comment] {
    identifiers.map { Comment(rawValue: "requirement \($0)") }
  }
}

extension Trait where Self == RequirementTrait {
  /// Marks a test as showing that one or more requirements are met.
  /// - Parameter identifiers: RFC 9293's labels (such as "MUST-5") or the project's own.
  public static func requirement(_ identifiers: String...) -> RequirementTrait {
    RequirementTrait(identifiers: identifiers)
  }
}
