// Holds a network namespace for one test: an own loopback and own interfaces, so that nothing the test does
// can be seen or reached from outside. It does not hold any test.

#if os(Linux)
  import Glibc
  import Testing

  /// Runs the body in a network namespace of its own, which ends with it.
  /// - Parameter body: what to do there. It can't suspend: a namespace is a property of a thread.
  func inOwnNetworkNamespace(_ body: () throws -> Void) throws {
    let previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    try #require(previous >= 0, "no way back: \(String(cString: strerror(errno)))")
    defer { close(previous) }
    try #require(unshareNetwork() == 0, "no namespace: \(String(cString: strerror(errno)))")
    defer {
      // A thread that can't go back must not run other tests.
      precondition(returnToNetwork(previous) == 0, "lost in a network namespace")
    }
    try body()
  }

  // Swift's view of the C library leaves these two out.

  private func unshareNetwork() -> Int32 {
    typealias Unshare = @convention(c) (Int32) -> Int32
    guard let symbol = dlsym(nil, "unshare") else { return -1 }
    return unsafeBitCast(symbol, to: Unshare.self)(newNetwork)
  }

  private func returnToNetwork(_ descriptor: Int32) -> Int32 {
    typealias SetNamespace = @convention(c) (Int32, Int32) -> Int32
    guard let symbol = dlsym(nil, "setns") else { return -1 }
    return unsafeBitCast(symbol, to: SetNamespace.self)(descriptor, newNetwork)
  }

  private let newNetwork: Int32 = 0x4000_0000  // CLONE_NEWNET

  extension Trait where Self == ConditionTrait {
    /// The test needs the right to make a TUN interface. Where CI promises it, the test runs and fails
    /// rather than being skipped.
    static var needsTunnel: Self {
      .enabled(
        if: tunnelsArePossible() || environment("CI") == "true",
        "making a TUN interface takes root and /dev/net/tun")
    }
  }

  private func tunnelsArePossible() -> Bool {
    geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0
  }

  private func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
#endif
