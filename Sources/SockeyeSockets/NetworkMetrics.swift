// Holds what a network tells the program's metrics (swift-metrics): connections that begin and end, never packets.

import Metrics

/// Counters of all networks of the process. Without a metrics backend they cost nothing.
enum NetworkMetrics {
  /// Connections that this side opened.
  static let opened = Counter(label: "sockeye.connections.opened")
  /// Attempts to open one that failed.
  static let failed = Counter(label: "sockeye.connections.failed")
  /// Connections that others opened and that were taken.
  static let accepted = Counter(label: "sockeye.connections.accepted")
  /// Connections that ended in order, and those that did not.
  static let finished = Counter(label: "sockeye.connections.finished")
  static let broken = Counter(label: "sockeye.connections.broken")
}
