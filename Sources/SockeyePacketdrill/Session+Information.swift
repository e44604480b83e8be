// Holds what getsockopt(TCP_INFO) answers: the engine's status in Linux's words and units. It does not hold the layout, which
// is C's.

import Glibc
import SockeyeBytes
import SockeyePacketdrillShims
import SockeyeStack
import SockeyeTCP

extension Session {
  func information(of socket: SocketFile) -> sockeye_tcp_info {
    var information = sockeye_tcp_info()
    guard let id = socket.connection, let status = try? stack.status(of: id),
      let sender = try? stack.transmissionStatus(of: id)
    else {
      let state: TCPState = socket.listener != nil ? .listen : socket.laterPeer != nil ? .synSent : .closed
      information.state = state.linuxNumber
      information.rto = 1_000_000
      information.snd_mss = 536
      return information
    }
    fillState(&information, status, sender)
    fillSender(&information, status, sender)
    fillTimes(&information, status, sender)
    fillCounts(&information, status)
    information.delivered = UInt32(clamping: socket.departures.delivered(status, sender))
    information.data_segs_out = UInt32(clamping: socket.departures.texts)
    return information
  }

  private func fillState(
    _ information: inout sockeye_tcp_info, _ status: ConnectionStatus, _ sender: TransmissionStatus
  ) {
    information.state = status.state.linuxNumber
    information.congestion_state = sender.phase.linuxNumber
    information.retransmits = UInt8(clamping: sender.timeoutsInARow)
    information.probes = UInt8(clamping: sender.windowProbes + sender.keepAliveProbes)
    information.backoff = UInt8(clamping: status.backOffs)
    var options: UInt8 = 0
    if status.usesTimestamps { options |= 1 }
    if status.usesSelectiveAcknowledgments { options |= 2 }
    if status.usesWindowScaling { options |= 4 }
    if status.usesCongestionNotification { options |= 8 }
    if status.statistics.marksReceived > 0 { options |= 16 }
    if status.fastOpen == .taken { options |= 32 }
    information.options = options
    information.window_scales =
      status.usesWindowScaling ? UInt8(status.sendWindowShift & 15 | status.receiveWindowShift << 4) : 0
  }

  private func fillSender(
    _ information: inout sockeye_tcp_info, _ status: ConnectionStatus, _ sender: TransmissionStatus
  ) {
    let segment = max(1, status.segmentSize)
    information.snd_mss = UInt32(segment)
    information.rcv_mss = UInt32(
      clamping: min(status.receivedSegmentSize, flags.receivedSegmentSize ?? status.receivedSegmentSize))
    information.advmss = UInt32(status.announcedSegmentSize)
    information.pmtu = UInt32(status.pathMTU)
    information.unacked = UInt32(sender.outstandingSegments)
    information.sacked = UInt32(sender.heldSegments)
    // Linux counts a segment as lost until it is acknowledged, sent again or not.
    let isRepairing = sender.phase == .recovery || sender.phase == .loss
    information.lost = UInt32(sender.lostSegments + (isRepairing ? sender.repeatedSegments : 0))
    information.retrans = UInt32(sender.repeatedSegments)
    information.snd_cwnd = UInt32(clamping: sender.window / segment)
    let threshold = status.slowStartThreshold / segment
    information.snd_ssthresh = threshold > 0x7fff_ffff ? 0x7fff_ffff : UInt32(clamping: threshold)
    if status.slowStartThreshold >= Int(Int32.max) / 2 { information.snd_ssthresh = 0x7fff_ffff }
    // Linux counts from the beginning of what was overtaken, in segments.
    let extent = (status.reorderingExtent + segment - 1) / segment
    information.reordering = UInt32(clamping: status.reorderingExtent > 0 ? max(3, extent + 1) : 3)
    information.reord_seen = status.reorderingSeen ? 1 : 0
    information.notsent_bytes = UInt32(clamping: status.unsent)
    information.snd_wnd = UInt32(clamping: status.sendWindow)
    information.rcv_wnd = UInt32(clamping: status.receiveWindow)
    information.rate_flags =
      (status.deliveryIsApplicationLimited ? 1 : 0) | status.fastOpen.linuxFailure << 1
    information.rcv_space = UInt32(clamping: status.receiveWindow)
    information.rcv_ssthresh = UInt32(clamping: status.receiveWindow)
    information.delivery_rate = UInt64(status.deliveryRate ?? 0)
    information.pacing_rate = status.pacingRate.map { UInt64($0) } ?? .max
    information.max_pacing_rate = .max
  }

  private func fillTimes(
    _ information: inout sockeye_tcp_info, _ status: ConnectionStatus, _ sender: TransmissionStatus
  ) {
    func micros(_ interval: Interval?) -> UInt32 {
      interval.map { UInt32(clamping: $0.nanoseconds / 1_000) } ?? 0
    }
    func ago(_ instant: Instant?) -> UInt32 {
      instant.map { UInt32(clamping: (clock.now - $0).nanoseconds / 1_000_000) } ?? 0
    }
    information.rto = micros(status.retransmissionTimeout)
    information.ato = 40_000
    information.rtt = micros(status.smoothedRoundTrip)
    information.rttvar = micros(status.roundTripVariation)
    information.min_rtt = status.minimumRoundTrip == nil ? .max : micros(status.minimumRoundTrip)
    let times = status.sendingTimes
    information.busy_time = UInt64(max(0, times.busy.nanoseconds / 1_000))
    information.rwnd_limited = UInt64(max(0, times.peerWindow.nanoseconds / 1_000))
    information.sndbuf_limited = UInt64(max(0, times.sendBuffer.nanoseconds / 1_000))
    information.last_data_sent = ago(sender.lastSentAt)
    information.last_data_received = ago(sender.lastHeardAt)
    information.last_ack_received = ago(sender.lastHeardAt)
  }

  private func fillCounts(_ information: inout sockeye_tcp_info, _ status: ConnectionStatus) {
    let counts = status.statistics
    information.total_retrans = UInt32(clamping: counts.segmentsRetransmitted)
    information.bytes_acked = counts.bytesAcknowledged
    information.bytes_received = counts.bytesReceived
    information.bytes_sent = counts.bytesSent + counts.bytesRetransmitted
    information.bytes_retrans = counts.bytesRetransmitted
    information.segs_out = UInt32(clamping: counts.segmentsSent)
    information.segs_in = UInt32(clamping: counts.segmentsReceived)
    information.dsack_dups = UInt32(clamping: counts.duplicatesReported)
    information.rcv_ooopack = UInt32(clamping: counts.segmentsOutOfOrder)
    information.total_rto = UInt16(clamping: counts.retransmissionTimeouts)
    information.delivered_ce = counts.marksEchoed
    information.received_ce = UInt32(clamping: counts.marksReceived)
  }
}

extension TCPState {
  /// The number that Linux has for a state.
  var linuxNumber: UInt8 {
    switch self {
    case .established: 1
    case .synSent: 2
    case .synReceived: 3
    case .finWait1: 4
    case .finWait2: 5
    case .timeWait: 6
    case .closed: 7
    case .closeWait: 8
    case .lastAck: 9
    case .listen: 10
    case .closing: 11
    }
  }
}

extension FastOpenOutcome {
  /// The number that Linux has for why text on a SYN of ours came to nothing; zero: it did not.
  var linuxFailure: UInt8 {
    switch self {
    case .notTried, .taken: 0
    case .noCookie: 1
    case .notTaken: 2
    case .repeated: 3
    }
  }
}

extension RepairPhase {
  /// The number that Linux has for a state of congestion avoidance.
  var linuxNumber: UInt8 {
    switch self {
    case .open: 0
    case .disorder: 1
    case .reduced: 2
    case .recovery: 3
    case .loss: 4
    }
  }
}
