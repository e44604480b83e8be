// Holds the exit statuses of the tool and the error that carries one; it does not hold the texts of the
// errors, which are made where they are found.

import SockeyeTunnel

/// What the tool's exit status tells. The numbers from 64 to 78 are those of `sysexits.h`.
enum ExitStatus: Int32 {
  case success = 0
  /// The peer refused the connection.
  case refused = 1
  /// The peer reset the connection.
  case reset = 2
  /// The peer did not answer in time.
  case timedOut = 3
  /// The network said that the peer can't be reached.
  case unreachable = 4
  /// The arguments are wrong (EX_USAGE).
  case usage = 64
  /// Something in the tool itself is wrong (EX_SOFTWARE).
  case software = 70
  /// The system refused something other than for want of a right (EX_OSERR).
  case system = 71
  /// An output file can't be made (EX_CANTCREAT).
  case cannotCreate = 73
  /// Reading or writing failed on the way: a full disk, a device that is gone (EX_IOERR).
  case inputOutput = 74
  /// The right to do it is missing (EX_NOPERM).
  case noPermission = 77
  /// Ended by Ctrl-C before the work was done.
  case interrupted = 130
  /// Ended by SIGTERM before the work was done.
  case terminated = 143

  /// The table as the help shows it.
  static let help = """
    Exit status: 0 done, 1 refused, 2 reset, 3 timed out, 4 unreachable, 64 wrong arguments, \
    71 the system said no, 73 a file can't be made, 74 reading or writing failed, 77 no permission, \
    130 Ctrl-C.
    """
}

/// Ends the tool: a line or two for the person, and a status for the script.
struct Failure: Error {
  /// What is printed on standard error, each line after the tool's name.
  var lines: [String]
  var status: ExitStatus

  init(_ lines: String..., status: ExitStatus) {
    self.lines = lines
    self.status = status
  }

  /// Prints the lines. A standard error that is closed leaves nobody to tell.
  func report() {
    for line in lines {
      try? Descriptor.standardError.writeAll("sockeye: \(line)\n")
    }
  }
}
