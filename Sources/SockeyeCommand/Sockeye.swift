// Holds the tool's entry point: the list of subcommands and how an error ends the process. It does not hold
// what any subcommand does.

import ArgumentParser
import SockeyeTunnel

@main
struct Sockeye: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sockeye",
    abstract: "A TCP/IP stack that shows everything it does.",
    discussion: """
      Examples:
        sockeye demo
        sockeye demo --list
        sockeye simulate bulk --loss 1%
        sudo sockeye serve
        sudo sockeye connect 10.34.2.1 22
        sudo sockeye relay --listen 80 --to 127.0.0.1:8080
        sudo sockeye bridge a b --rtt 40ms --loss 1%
        sockeye ports https
      """,
    version: Version.current,
    subcommands: [
      Demo.self, Simulate.self, Serve.self, Connect.self, Relay.self, Ping.self, Bridge.self, Ports.self,
    ])

  /// Parses and runs. Unlike the parser's own `main`, a wrong argument is one line on standard error.
  static func main() {
    CurrentProcess.ignoreBrokenPipes()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      failure.report()
      CurrentProcess.exit(failure.status.rawValue)
    } catch let interruption as Interruption {
      CurrentProcess.exit(interruption.status.rawValue)
    } catch let failure as SystemError where failure.isBrokenPipe {
      // Whoever read our output has seen enough (`| head -1`): nothing went wrong.
      CurrentProcess.exit(ExitStatus.success.rawValue)
    } catch let failure as SystemError {
      Failure("\(failure)", status: .inputOutput).report()
      CurrentProcess.exit(ExitStatus.inputOutput.rawValue)
    } catch {
      end(with: error)
    }
  }

  private static func end(with error: any Error) -> Never {
    let code = exitCode(for: error)
    if code.isSuccess { exit(withError: error) }
    // The parser's longer messages go on with suggestions; the first line says what is wrong.
    var line = message(for: error).split(separator: "\n").first.map(String.init) ?? "wrong arguments"
    let pieces = line.split(separator: ". Please provide ", maxSplits: 1)
    if pieces.count == 2 { line = "\(pieces[0]): expected \(pieces[1])" }
    if line.last == "." { line.removeLast() }
    let hint = fullMessage(for: error).split(separator: "\n").last { $0.hasPrefix("  See '") }
    if let hint, !line.contains(" expected") {
      line += "; see '\(hint.dropFirst(7).prefix { $0 != "'" })' for what is expected"
    }
    Failure(line, status: .usage).report()
    CurrentProcess.exit(code.rawValue)
  }
}
