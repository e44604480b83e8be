// Holds what the command line says; it runs nothing.

/// Which measurements, how often, and how long each.
struct Options {
  enum Part: String, CaseIterable {
    /// The memory floor and the bulk transfer, interleaved, with their ratio.
    case bulk
    /// What an idle established connection costs.
    case idle
    /// One-byte requests and responses over one connection.
    case request
    /// Connections opened, used for one byte each way, and closed.
    case connect
  }

  static let usage = """
    usage: sockeye-bench [bulk] [idle] [request] [connect] [--runs N] [--megabytes N] [--profile SEGMENTS]

      no part       all of them
      --runs        interleaved runs of each measurement, 5 to 100 (7)
      --megabytes   bytes moved in one bulk run, 1 to 100000 (256)
      --profile     one bulk run of that many segments and nothing else, for a profiler
    """

  var parts: [Part] = Part.allCases
  var runs = 7
  var megabytes = 256
  var profiledSegments: Int?

  /// - Returns: nil when the arguments make no sense.
  init?(_ arguments: [String]) {
    var named: [Part] = []
    var rest = arguments[...]
    func number(_ range: ClosedRange<Int>) -> Int? {
      guard let text = rest.popFirst(), let value = Int(text), range.contains(value) else { return nil }
      return value
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--runs":
        guard let value = number(5...100) else { return nil }
        runs = value
      case "--megabytes":
        guard let value = number(1...100_000) else { return nil }
        megabytes = value
      case "--profile":
        guard let value = number(1...1_000_000_000) else { return nil }
        profiledSegments = value
      default:
        guard let part = Part(rawValue: argument) else { return nil }
        named.append(part)
      }
    }
    if !named.isEmpty { parts = named }
  }
}
