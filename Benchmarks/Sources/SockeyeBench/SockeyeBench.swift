// Holds the entry point: reads the options, runs the measurements, prints them. What is measured is in the
// other files.

import CHeapProbe
import Glibc

@main
struct SockeyeBench {
  static func main() {
    guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
      print(Options.usage)
      exit(64)
    }
    if let segments = options.profiledSegments {
      var bulk = Bulk()
      _ = bulk.run(bytes: segments * MemoryFloor.segmentBytes)
      return
    }
    for part in options.parts {
      switch part {
      case .bulk: bulk(options)
      case .idle: idle()
      case .request: request(options)
      case .connect: connect(options)
      }
    }
  }

  /// The floor, the floor in one pass, and the transfer, in turns, so that a slow minute hits all three.
  static func bulk(_ options: Options) {
    let bytes = options.megabytes << 20
    var separate = Throughput()
    var fused = Throughput()
    var transfer = Throughput()
    var share = Figures()
    var allocations = Figures()
    var floor = MemoryFloor()
    var bulk = Bulk()
    // Buffers grow to their size and the congestion window opens before anything is measured.
    _ = floor.run(bytes: bytes / 8, fused: false)
    _ = bulk.run(bytes: bytes / 8)
    for _ in 0..<options.runs {
      let (fusedTime, fusedRun) = seconds { floor.run(bytes: bytes, fused: true) }
      fused.append(bytes: fusedRun.bytes, segments: fusedRun.segments, seconds: fusedTime)
      let (floorTime, floorRun) = seconds { floor.run(bytes: bytes, fused: false) }
      separate.append(bytes: floorRun.bytes, segments: floorRun.segments, seconds: floorTime)
      let (time, run) = seconds { bulk.run(bytes: bytes) }
      transfer.append(bytes: run.bytes, segments: run.segments, seconds: time)
      share.append((Double(run.bytes) / time) / (Double(floorRun.bytes) / floorTime))
      allocations.append(Double(run.allocations) / Double(run.segments))
    }
    separate.print("memory floor")
    fused.print("memory floor, summed as copied")
    transfer.print("bulk between two hosts")
    print(row: "bulk, share of the floor", fixed(share.median, 2), "(\(share.spread(2)))")
    guard heap_probe_available() != 0 else { return }
    print(row: "allocations a segment", fixed(allocations.median, 4), "(\(allocations.spread(4)))")
  }

  static func idle() {
    guard heap_probe_available() != 0 else { return }
    let count = 10_000
    print(
      row: "idle established connection", fixed(IdleConnections.bytesEach(count: count), 0),
      "bytes an end, over \(fixed(Double(count), 0)) connections")
  }

  static func request(_ options: Options) {
    var figures = Figures()
    var exchange = RequestResponse()
    let count = 200_000
    exchange.run(count: count / 10)
    for _ in 0..<options.runs {
      let (time, _) = seconds { exchange.run(count: count) }
      figures.append(Double(count) / time / 1000)
    }
    print(
      row: "1-byte request and response", fixed(figures.median, 0), "thousand a second (\(figures.spread(0)))"
    )
  }

  static func connect(_ options: Options) {
    var figures = Figures()
    var connections = ShortConnections()
    let count = 20_000
    connections.run(count: count / 2)
    for _ in 0..<options.runs {
      let (time, _) = seconds { connections.run(count: count) }
      figures.append(Double(count) / time / 1000)
    }
    print(
      row: "connect, 1-byte echo, close", fixed(figures.median, 1), "thousand a second (\(figures.spread(1)))"
    )
  }
}

/// Runs of something that moves segments.
struct Throughput {
  private var gigabits = Figures()
  private var nanoseconds = Figures()

  mutating func append(bytes: Int, segments: Int, seconds: Double) {
    gigabits.append(Double(bytes) * 8 / seconds / 1e9)
    nanoseconds.append(seconds / Double(segments) * 1e9)
  }

  func print(_ name: String) {
    SockeyeBench.printRow(
      name, fixed(gigabits.median, 1),
      "Gbit/s (\(gigabits.spread(1))), \(fixed(nanoseconds.median, 0)) ns a segment")
  }
}

extension SockeyeBench {
  static func printRow(_ name: String, _ value: String, _ note: String) { print(row: name, value, note) }
}
