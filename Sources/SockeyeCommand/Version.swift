// Holds the version, once; the tool's `--version` and whatever else names it read it here.

/// The version of the project (semantic versioning).
enum Version {
  static let current = "0.1.0"
}
