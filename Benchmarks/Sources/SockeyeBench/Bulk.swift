// Holds the bulk transfer: one connection, one direction, as fast as it goes.

import CHeapProbe
import SockeyeBytes
import SockeyeStack

/// One connection between two hosts in memory: IPv4, MTU 1500, timestamps, checksums computed and verified, 1 MiB
/// buffers, 64 KiB written and read at a time, every frame handed over by itself, one thread.
struct Bulk: ~Copyable {
  struct Run {
    /// Delivered to the reading application.
    var bytes = 0
    /// Frames from the sender.
    var segments = 0
    /// Frames to the sender.
    var answers = 0
    var allocations: UInt64 = 0
  }

  static let applicationBytes = 64 << 10

  private var pair = Pair()
  private let sender: ConnectionID
  private let receiver: ConnectionID
  private let source = [UInt8](repeating: 0x5A, count: applicationBytes)
  private var sink = FrameBuffer(capacity: applicationBytes)

  init() {
    (sender, receiver) = pair.connect()
  }

  /// Goes on with the transfer until at least `bytes` more are delivered.
  mutating func run(bytes: Int) -> Run {
    do {
      return try move(bytes)
    } catch {
      fatalError("the transfer goes on: \(error)")
    }
  }

  private mutating func move(_ bytes: Int) throws(SocketError) -> Run {
    var run = Run()
    let source = source
    let sent = pair.framesSent
    let returned = pair.framesReturned
    let allocations = heap_probe_allocations()
    // What has arrived is read about 64 KiB at a time, and room to write can only come with an answer.
    let segmentsARead = Self.applicationBytes / MemoryFloor.segmentBytes
    var unread = 0
    var mayWrite = true
    while run.bytes < bytes {
      if mayWrite {
        mayWrite = false
        while try pair.client.writableCount(sender) >= Self.applicationBytes {
          _ = try pair.clientWrites(source.rawSpan, to: sender)
        }
      }
      if pair.sendOne() {
        unread += 1
        if unread >= segmentsARead {
          run.bytes += try pair.serverReads(receiver, into: &sink)
          unread = 0
        }
      } else if try pair.server.readableCount(receiver) > 0 {
        run.bytes += try pair.serverReads(receiver, into: &sink)
        unread = 0
      } else {
        pair.advance(by: .milliseconds(1))
        mayWrite = true
      }
      while pair.returnOne() { mayWrite = true }
    }
    run.segments = pair.framesSent - sent
    run.answers = pair.framesReturned - returned
    run.allocations = heap_probe_allocations() - allocations
    return run
  }
}
