// What the user of a script's host is told beside bytes: reports of trouble, the end of the stream, what a call says
// that can't be done. Segments, calls and time are Conversation.swift's.

public import SockeyeStack
public import Testing

extension Conversation {
  /// How often the connection's user was told of repeated retransmissions; all events are forgotten.
  public func takeTroubleReports() -> Int {
    takeEvents().count { if case .retransmissionTrouble = $0 { true } else { false } }
  }

  /// Everything has been read, and the peer has finished.
  public func expectEndOfStream(sourceLocation: SourceLocation = #_sourceLocation) {
    expectRead(.endOfStream, sourceLocation: sourceLocation)
  }

  /// Nothing is here to be read, and more may come.
  public func expectNothingToRead(sourceLocation: SourceLocation = #_sourceLocation) {
    expectRead(.wouldBlock, sourceLocation: sourceLocation)
  }

  /// Offers octets to SEND, and throws as the call does.
  @discardableResult
  public func writeOrThrow(_ count: Int) throws(SocketError) -> Int {
    let id = try need()
    let taken = try [UInt8](repeating: 0, count: count)
      .withRawSpanThrowing { span throws(SocketError) in try stack.write(id, span, at: now) }
    drain()
    return taken
  }

  private func expectRead(_ expected: ReadResult, sourceLocation: SourceLocation) {
    var result: ReadResult?
    var failure: SocketError?
    _ = Self.bytes(capacity: 65_536) { out in
      do throws(SocketError) { result = try stack.read(need(), into: &out, at: now) } catch {
        failure = error
      }
    }
    drain()
    if result != expected {
      Issue.record(
        "reading gives \(result.map { "\($0)" } ?? "\(failure!)"); expected \(expected)",
        sourceLocation: sourceLocation)
    }
  }
}
