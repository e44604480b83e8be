// Holds benchmarks of single pieces of the data path. Ratios to a floor are in ../../../Sources/SockeyeBench.

import Benchmark
import SockeyeBytes
import SockeyeWire

let segmentBytes = 1448

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock], scalingFactor: .kilo, maxDuration: .seconds(1))

  Benchmark("Internet checksum of 1448 B") { benchmark in
    let bytes = [UInt8](repeating: 0x5A, count: segmentBytes)
    for _ in benchmark.scaledIterations { blackHole(InternetChecksum.sum(bytes.rawSpan)) }
  }

  Benchmark("Ring: append, copy and sum, discard 1448 B") { benchmark in
    let bytes = [UInt8](repeating: 0x5A, count: segmentBytes)
    var ring = ByteRing(capacity: 1 << 20)
    var frame = FrameBuffer(capacity: 2048)
    for _ in benchmark.scaledIterations {
      _ = ring.append(bytes.rawSpan)
      blackHole(frame.fill { ring.copyAndSum(from: 0, count: segmentBytes, into: &$0) })
      ring.discard(segmentBytes)
    }
  }

  Benchmark("SipHash of an IPv4 four-tuple") { benchmark in
    let key = HashKey(1, 2)
    for i in benchmark.scaledIterations { blackHole(SipHash.hash(of: UInt64(i), 3, key: key)) }
  }

  Benchmark("Deadline of one in 100,000 moves") { benchmark in
    var heap = DeadlineHeap()
    for id in 0..<UInt32(100_000) { heap.set(id, Instant(nanoseconds: UInt64(id) * 1000)) }
    for i in benchmark.scaledIterations {
      heap.set(UInt32(i % 100_000), Instant(nanoseconds: UInt64(i) * 999))
    }
    blackHole(heap.earliest)
  }

  let header = TCPHeader(
    sourcePort: 3401, destinationPort: 49152, sequence: SequenceNumber(1),
    acknowledgment: SequenceNumber(2), flags: [.ack], window: 65535,
    options: {
      var options = TCPOptions()
      options.timestamps = TimestampOption(value: 3, echo: 4)
      return options
    }())

  Benchmark("TCP header with timestamps: write") { benchmark in
    var frame = FrameBuffer(capacity: 64)
    for _ in benchmark.scaledIterations { frame.fill { header.write(into: &$0) } }
    blackHole(frame.count)
  }

  Benchmark("TCP header with timestamps: parse") { benchmark in
    var frame = FrameBuffer(capacity: 64)
    frame.fill { header.write(into: &$0) }
    for _ in benchmark.scaledIterations { blackHole(try? TCPHeader.parse(frame.bytes).payload.lowerBound) }
  }

  let packet = IPv4Header(
    source: IPv4Address(rawValue: 0x0A00_0001), destination: IPv4Address(rawValue: 0x0A00_0002),
    protocolNumber: IPProtocol.tcp, payloadLength: 0)

  Benchmark("IPv4 header: write") { benchmark in
    var frame = FrameBuffer(capacity: 64)
    for _ in benchmark.scaledIterations { frame.fill { packet.write(into: &$0) } }
    blackHole(frame.count)
  }

  Benchmark("IPv4 header: parse") { benchmark in
    var frame = FrameBuffer(capacity: 64)
    frame.fill { packet.write(into: &$0) }
    for _ in benchmark.scaledIterations { blackHole(try? IPv4Header.parse(frame.bytes).payload.lowerBound) }
  }
}
