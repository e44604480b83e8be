// Holds what a bulk run leaves for people to look at: samples over time, and a capture at the sender. Nothing of it
// changes the run.

import SockeyeBytes
import SockeyeStack
import SockeyeTCP
import SockeyeTrace

extension BulkSimulation {
  /// Each transfer over time; empty unless asked for.
  public var flowRecordings: [BulkFlowRecording] { recording?.flows ?? [] }

  func takeSamples() {
    guard recording?.isDue(at: now) == true else { return }
    var samples: [BulkSample?] = []
    for flow in flows { samples.append(flow.isOver ? nil : sample(of: flow)) }
    recording?.add(samples, at: now)
  }

  private func sample(of flow: BulkFlow) -> BulkSample? {
    guard let status = try? sender.stack.status(of: flow.sender) else { return nil }
    return BulkSample(
      at: now, congestionWindow: status.congestionWindow, inFlight: status.outstanding,
      roundTrip: status.smoothedRoundTrip, sent: flow.text.sent,
      acknowledged: status.statistics.bytesAcknowledged)
  }

  // MARK: Capture

  /// How many octets wait to be taken.
  public var capturedCount: Int { captured.count }

  /// Takes what was captured at the sender since the last time: the next part of a pcapng file.
  public func takeCapture() -> [UInt8] {
    defer { captured.removeAll(keepingCapacity: true) }
    return captured
  }

  func beginCapture() {
    let writer = PcapngWriter(interfaceName: "sender")
    writer.appendHeader(to: &captured)
    capture = writer
  }

  func captureDeparture(_ frame: BulkFrame, _ purpose: SegmentPurpose?, _ verdict: LinkVerdict) {
    guard let capture else { return }
    var comment = purpose?.explanation ?? ""
    let fate =
      switch verdict {
      case .dropped(let cause): cause.explanation
      case .queued: ""
      case .taken(_, isCorrupted: true): "changed on the way"
      case .taken(let arrivals, isCorrupted: false): arrivals > 1 ? "arrives twice" : ""
      }
    if !fate.isEmpty { comment += (comment.isEmpty ? "" : "; ") + fate }
    capture.appendPacket(
      frame.bytes, at: now, direction: .outbound, comment: comment, to: &captured)
  }

  func captureArrival(_ packet: [UInt8]) {
    guard let capture else { return }
    capture.appendPacket(packet, at: now, direction: .inbound, comment: "", to: &captured)
  }
}
