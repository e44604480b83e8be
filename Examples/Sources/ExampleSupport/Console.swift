// Holds how examples print and read what they are given; it does not hold what they say.

import ArgumentParser
import Foundation
public import SockeyeStack

/// Prints a line at once, even into a file or a pipe. A text that ends with a line break gets no second one.
public func say(_ line: String) {
  FileHandle.standardOutput.write(Data((line.hasSuffix("\n") ? line : line + "\n").utf8))
}

extension Endpoint {
  /// Reads an endpoint that was given to a program, such as "10.34.1.2:80" or "[fd34:1::2]:80".
  /// - Throws: `ValidationError`.
  public static func argument(_ text: String) throws -> Endpoint {
    guard let endpoint = Endpoint(parsing: text) else {
      throw ValidationError("'\(text)' is no address with a port, such as 10.34.1.2:80 or [fd34:1::2]:80")
    }
    return endpoint
  }
}
