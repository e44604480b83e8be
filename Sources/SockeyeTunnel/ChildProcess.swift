// Holds how a program starts itself once more and reads what its child prints: work that may end the process is done in
// another one. It does not hold what the child does.

package import SockeyeBytes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Another process of the same program, whose standard output comes here.
package final class ChildProcess {
  /// How it ended.
  package enum Ending: Equatable, Sendable {
    case exited(Int32)
    /// A trap, a kill: the signal's number.
    case signalled(Int32)
  }

  /// Where what it prints can be read; at its end when the child has ended.
  package let output: Descriptor
  private let identifier: pid_t
  private var ending: Ending?

  /// Starts this program with other arguments. Its standard error is ours.
  package init(arguments: [String]) throws(SystemError) {
    let ends = try SystemCalls.pipe()
    defer { SystemCalls.close(ends.writing) }
    do {
      identifier = try ChildProcess.spawn(arguments, output: ends.writing)
    } catch {
      SystemCalls.close(ends.reading)
      throw error
    }
    output = Descriptor(ends.reading)
  }

  deinit {
    SystemCalls.close(output.rawValue)
    if ending == nil {
      _ = kill(identifier, SIGKILL)
      _ = waited()
    }
  }

  /// Waits until it has ended.
  package func wait() -> Ending {
    let result = ending ?? waited()
    ending = result
    return result
  }

  /// Asks it to end at once.
  package func stop() {
    if ending == nil { _ = kill(identifier, SIGTERM) }
  }

  /// Waits until one of the children has printed something or has ended, or the time is up.
  package static func waitForOutput(
    of children: [ChildProcess], atMost interval: Interval
  ) throws(SystemError) {
    try SystemCalls.waitUntilReadable(
      children.map(\.output.rawValue), nanoseconds: max(0, interval.nanoseconds))
  }

  private func waited() -> Ending {
    var status: Int32 = 0
    while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }

  /// The program's own file: what the kernel says, or the name it was called by.
  private static var program: String {
    unsafe access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : CommandLine.arguments[0]
  }

  private static func spawn(_ arguments: [String], output: Int32) throws(SystemError) -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = unsafe posix_spawn_file_actions_t()
    #endif
    _ = unsafe posix_spawn_file_actions_init(&actions)
    defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
    _ = unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    // The loader may need to know where libraries are; nothing else of the environment matters.
    let names = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH"]
    let environment = names.compactMap { name in SystemCalls.environment(name).map { "\(name)=\($0)" } }
    // Copies that the call reads and that are freed behind it.
    var words: [UnsafeMutablePointer<CChar>?] = unsafe ([CommandLine.arguments[0]] + arguments).map {
      unsafe strdup($0)
    }
    var settings: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) }
    unsafe words.append(nil)
    unsafe settings.append(nil)
    defer {
      for index in unsafe words.indices { unsafe free(words[index]) }
      for index in unsafe settings.indices { unsafe free(settings[index]) }
    }
    var child: pid_t = 0
    let number = unsafe posix_spawn(&child, program, &actions, nil, &words, &settings)
    if number != 0 { throw SystemError(number: number, operation: "posix_spawn") }
    return child
  }
}
