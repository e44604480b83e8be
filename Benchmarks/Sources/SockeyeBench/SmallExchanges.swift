// Holds the measurements of what isn't bulk: an idle connection's size, one-byte requests, short connections.

import CHeapProbe
import SockeyeBytes
import SockeyeStack

/// What one end of an idle established connection costs, all structures counted, by the allocator's own books.
struct IdleConnections {
  static func bytesEach(count: Int) -> Double {
    var pair = Pair()
    // One connection that has come and stays, so that what a host allocates once is there already.
    _ = pair.connect()
    let before = heap_probe_bytes_in_use()
    for _ in 0..<count { _ = pair.connect() }
    // Long enough for whatever is given back after a while.
    pair.advance(by: .seconds(120))
    return Double(heap_probe_bytes_in_use() - before) / Double(2 * count)
  }
}

/// One byte there, one byte back, over one connection.
struct RequestResponse: ~Copyable {
  private var pair = Pair()
  private let client: ConnectionID
  private let server: ConnectionID
  private var scratch = FrameBuffer(capacity: 64)
  private let byte: [UInt8] = [1]

  init() { (client, server) = pair.connect() }

  mutating func run(count: Int) {
    var received = 0
    let byte = byte
    do {
      for _ in 0..<count {
        _ = try pair.clientWrites(byte.rawSpan, to: client)
        pair.exchange()
        received += try pair.serverReads(server, into: &scratch)
        _ = try pair.serverWrites(byte.rawSpan, to: server)
        pair.exchange()
        received += try pair.clientReads(client, into: &scratch)
      }
    } catch {
      fatalError("requests are answered: \(error)")
    }
    precondition(received == 2 * count, "every byte has arrived")
  }
}

/// Open, one byte there and back, close from the client's side; TIME-WAIT included.
struct ShortConnections: ~Copyable {
  private var pair = Pair()
  private var scratch = FrameBuffer(capacity: 64)
  private let byte: [UInt8] = [1]

  mutating func run(count: Int) {
    var received = 0
    let byte = byte
    do {
      for _ in 0..<count {
        let (client, server) = pair.connect()
        _ = try pair.clientWrites(byte.rawSpan, to: client)
        pair.exchange()
        received += try pair.serverReads(server, into: &scratch)
        _ = try pair.serverWrites(byte.rawSpan, to: server)
        pair.exchange()
        received += try pair.clientReads(client, into: &scratch)
        try pair.clientCloses(client)
        pair.exchange()
        try pair.serverCloses(server)
        pair.exchange()
        // A hundred connections a virtual second, so that TIME-WAIT records leave as fast as they come.
        pair.advance(by: .milliseconds(10))
      }
    } catch {
      fatalError("a connection comes and goes: \(error)")
    }
    precondition(received == 2 * count, "every byte has arrived")
  }
}
