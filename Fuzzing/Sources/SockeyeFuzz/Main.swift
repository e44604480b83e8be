// The fuzzing program: which target is run, and the way from libFuzzer to it. What a target does with its input stands
// in the files named after them.
//
//     sockeye-fuzz [libFuzzer's options and corpus directories] -ignore_remaining_args=1 TARGET
//     sockeye-fuzz dissect <PACKETS

import CLibFuzzer
import SockeyeBytes

/// What can be fuzzed. Each case runs one input; it returns, or ends the process, which is how libFuzzer hears of a bug.
enum FuzzTarget: String, CaseIterable {
  case ipv4, ipv6, icmp, tcp, udp, text, trace, segments, host

  func run(_ input: [UInt8]) {
    switch self {
    case .ipv4: fuzzIPv4(input)
    case .ipv6: fuzzIPv6(input)
    case .icmp: fuzzICMP(input)
    case .tcp: fuzzTCP(input)
    case .udp: fuzzUDP(input)
    case .text: fuzzText(input)
    case .trace: fuzzTrace(input)
    case .segments: fuzzSegments(input)
    case .host: fuzzHost(input)
    }
  }
}

@main
enum Main {
  /// Set once, before libFuzzer starts.
  nonisolated(unsafe) static var target = FuzzTarget.ipv4

  static func main() {
    if CommandLine.arguments.last == "dissect" { return Dissection.run() }
    guard let name = CommandLine.arguments.last, let chosen = FuzzTarget(rawValue: name) else {
      print("the last argument names a target: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
      return
    }
    unsafe target = chosen
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
    // libFuzzer ends the process itself. The bytes it lends are copied, so that the sanitizer sees a read beyond them.
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, size in
      let lent = unsafe UnsafeBufferPointer(start: data, count: size)
      unsafe Main.target.run(unsafe [UInt8](lent))
      return 0
    }
  }
}

/// Ends the process with a message unless a property holds. It is not an assertion, so that no optimisation removes it.
@inline(__always)
func require(_ holds: Bool, _ message: @autoclosure () -> String, line: UInt = #line) {
  if !holds { fatalError("property broken (line \(line)): \(message())") }
}
