// Holds the system calls that a tunnel and its driver make, each as one checked function; other files import the
// C library for its constants. It does not hold what the calls are used for, nor those that Linux alone has.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The calls, without state. A call that was interrupted (EINTR) is made again.
enum SystemCalls {
  static var lastErrorNumber: Int32 { errno }

  /// The system's own words for an error number.
  static func reason(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text)
  }

  /// Opens what is there, for reading and writing, without waiting.
  static func open(_ path: String) throws(SystemError) -> Int32 {
    try check("open \(path)") { systemOpen(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0) }
  }

  /// Makes a file, or empties the one that is there, for writing.
  static func create(_ path: String) throws(SystemError) -> Int32 {
    try check("open \(path)") { systemOpen(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
  }

  /// The number is free for others after this, whatever the call answers, so there is nothing to report.
  static func close(_ descriptor: Int32) {
    _ = systemClose(descriptor)
  }

  /// Reads once into the free part of the destination.
  /// - Returns: how many bytes; 0 at the end of a file.
  static func read(_ descriptor: Int32, into destination: inout OutputRawSpan) throws(SystemError) -> Int {
    try unsafe fill(&destination) { unsafe systemRead(descriptor, $0.baseAddress, $0.count) }
  }

  /// Reads once from a place in a file, whatever was read before.
  /// - Parameter limit: how many bytes at most.
  /// - Returns: how many bytes; 0 at the end of the file.
  static func read(
    _ descriptor: Int32, at place: Int, upTo limit: Int, into destination: inout OutputRawSpan
  ) throws(SystemError) -> Int {
    try unsafe fill(&destination) { bytes in
      unsafe pread(descriptor, bytes.baseAddress, min(bytes.count, limit), off_t(place))
    }
  }

  private static func fill(
    _ destination: inout OutputRawSpan, _ read: (UnsafeMutableRawBufferPointer) -> Int
  ) throws(SystemError) -> Int {
    while true {
      let count = unsafe destination.withUnsafeMutableBytes { bytes, initialized in
        let count = unsafe read(UnsafeMutableRawBufferPointer(rebasing: bytes[initialized...]))
        if count > 0 { initialized += count }
        return count
      }
      if count >= 0 { return count }
      if errno != EINTR { throw SystemError.last("read") }
    }
  }

  /// Writes once.
  /// - Returns: how many bytes were taken.
  static func write(_ descriptor: Int32, _ bytes: RawSpan) throws(SystemError) -> Int {
    while true {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        unsafe systemWrite(descriptor, bytes.baseAddress, bytes.count)
      }
      if count >= 0 { return count }
      if errno != EINTR { throw SystemError.last("write") }
    }
  }

  /// Makes reads and writes return instead of wait.
  static func setNonBlocking(_ descriptor: Int32) throws(SystemError) {
    let flags = try check("fcntl") { fcntl(descriptor, F_GETFL, 0) }
    _ = try check("fcntl") { fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
  }

  /// A pipe whose two ends don't wait and are not inherited.
  static func pipe() throws(SystemError) -> (reading: Int32, writing: Int32) {
    var ends: (Int32, Int32) = (-1, -1)
    _ = try check("pipe") {
      unsafe withUnsafeMutableBytes(of: &ends) { bytes in
        unsafe systemPipe(bytes.bindMemory(to: Int32.self).baseAddress)
      }
    }
    for end in [ends.0, ends.1] {
      try setNonBlocking(end)
      _ = try check("fcntl") { fcntl(end, F_SETFD, FD_CLOEXEC) }
    }
    return (ends.0, ends.1)
  }

  /// Waits until one of the descriptors is ready, a signal came, or the time is up.
  /// - Parameters:
  ///   - entries: what to wait for; their `revents` are set.
  ///   - milliseconds: how long at most; below 0 for ever.
  /// - Returns: how many entries are ready; 0 also when a signal interrupted the wait.
  static func poll(_ entries: inout [pollfd], milliseconds: Int32) throws(SystemError) -> Int {
    let ready = unsafe entries.withUnsafeMutableBufferPointer { entries in
      unsafe systemPoll(entries.baseAddress, nfds_t(entries.count), milliseconds)
    }
    if ready >= 0 { return Int(ready) }
    if errno == EINTR { return 0 }
    throw SystemError.last("poll")
  }

  /// Waits until one of the descriptors has something to read, a signal came, or the time is up. Finer than `poll`,
  /// whose unit is the millisecond.
  /// - Parameters:
  ///   - descriptors: below 1024 each, which is as far as the call goes.
  ///   - nanoseconds: how long at most; nil for ever.
  static func waitUntilReadable(_ descriptors: [Int32], nanoseconds: Int64?) throws(SystemError) {
    var set = fd_set()
    unsafe withUnsafeMutableBytes(of: &set) { bytes in
      for descriptor in descriptors {
        precondition(descriptor >= 0 && descriptor < 8 * bytes.count, "select knows no such descriptor")
        unsafe bytes[Int(descriptor) / 8] |= 1 << UInt8(descriptor % 8)
      }
    }
    let count = (descriptors.max() ?? -1) + 1
    let ready: Int32
    if let nanoseconds {
      var patience = timespec(
        tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
      ready = unsafe pselect(count, &set, nil, nil, &patience, nil)
    } else {
      ready = unsafe pselect(count, &set, nil, nil, nil, nil)
    }
    if ready < 0, errno != EINTR { throw SystemError.last("pselect") }
  }

  /// Waits until a descriptor takes bytes.
  static func waitUntilWritable(_ descriptor: Int32) throws(SystemError) {
    var entries = [pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)]
    _ = try poll(&entries, milliseconds: -1)
  }

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The size of a terminal's window in character cells; nil for what has none.
  static func windowSize(_ descriptor: Int32) -> (columns: Int, rows: Int)? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// A variable of the process's environment; nil when it isn't set.
  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// A clock that never jumps: nanoseconds since some moment before the process began.
  static func monotonicNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

  /// Nanoseconds since the start of 1970 (UTC).
  static func wallClockNanoseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) }

  private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// The time of day where the computer is.
  /// - Parameter seconds: seconds since the start of 1970 (UTC).
  static func localTimeOfDay(_ seconds: UInt64) -> (hour: Int, minute: Int, second: Int) {
    var time = time_t(seconds)
    var parts = unsafe tm()
    _ = unsafe localtime_r(&time, &parts)
    return unsafe (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
  }

  /// Makes a write to a closed pipe an error (EPIPE) instead of the end of the process.
  static func ignoreBrokenPipes() {
    _ = signal(SIGPIPE, SIG_IGN)
  }

  /// Runs a handler on a signal; calls that wait are interrupted by it.
  static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
    _ = signal(number, handler)
  }

  /// Lets a signal do again what it does unless told otherwise.
  static func restoreDefault(_ number: Int32) {
    _ = signal(number, SIG_DFL)
  }

  static func exit(_ status: Int32) -> Never { systemExit(status) }

  static func check(_ name: String, _ call: () -> Int32) throws(SystemError) -> Int32 {
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno != EINTR { throw SystemError.last(name) }
    }
  }
}

// Inside the enumeration the C functions' names mean its own members; these give them other names.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
  unsafe open(path, flags, mode)
}
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func systemExit(_ status: Int32) -> Never { exit(status) }
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  unsafe read(descriptor, bytes, count)
}
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  unsafe write(descriptor, bytes, count)
}
private func systemPipe(_ ends: UnsafeMutablePointer<Int32>?) -> Int32 { unsafe pipe(ends) }
private func systemPoll(_ entries: UnsafeMutablePointer<pollfd>?, _ count: nfds_t, _ wait: Int32) -> Int32 {
  unsafe poll(entries, count, wait)
}
