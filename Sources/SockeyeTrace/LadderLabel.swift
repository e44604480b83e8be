// What stands on a packet's arrow: flags, numbers, the reason. The most telling parts first; what finds no
// room is left out, the least telling first.

import SockeyeTCP
import SockeyeWire

/// The label of one flight.
struct LadderLabel: Sendable {
  /// One number of the label.
  private struct Part: Sendable {
    enum Kind: Sendable {
      case sequence, acknowledgment, length, window, option
    }

    let kind: Kind
    let text: String
  }

  /// The flags' names, such as "SYN ACK".
  let flags: String
  let style: TextStyle
  private var numbers: [Part] = []
  private var reason = ""
  private var briefReason = ""
  private var payload: String?

  /// - Parameters:
  ///   - flight: the packet.
  ///   - header: its header with the sequence numbers to print.
  ///   - showsWindow: whether the window field is news.
  init(_ flight: Flight, header: TCPHeader?, showsWindow: Bool) {
    guard let header, let segment = flight.segment else {
      flags = "packet"
      style = .plain
      return
    }
    let length = segment.payload.count
    flags = LadderLabel.names(of: header.flags)
    style = LadderLabel.style(of: header.flags, length: length)
    let showsSequence =
      length > 0 || !header.flags.isDisjoint(with: [.syn, .fin, .rst]) || isProbe(flight.purpose)
    if showsSequence { add(.sequence, "seq \(header.sequence.rawValue)") }
    // The acknowledgment is all there is to a bare ACK, and a closed window all there is to its answer.
    if header.flags.contains(.ack) {
      add(showsSequence ? .acknowledgment : .sequence, "ack \(header.acknowledgment.rawValue)")
    }
    if length > 0 { add(.length, "len \(length)") }
    if showsWindow { add(header.window == 0 ? .acknowledgment : .window, "win \(header.window)") }
    if let size = header.options.maximumSegmentSize { add(.option, "mss \(size)") }
    if header.flags.contains(.urg) { add(.option, "urg \(header.urgentPointer)") }
    (reason, briefReason) = LadderLabel.reason(of: flight)
    payload = PayloadText.text(flight.payload)
  }

  /// The label in at most `columns` columns.
  /// - Parameter quotesPayload: whether to quote the data, where there is room.
  func text(columns: Int, quotesPayload: Bool = true) -> String {
    for level in Level.allCases {
      let text = compose(level)
      let width = DisplayWidth.of(text)
      guard width <= columns else { continue }
      if quotesPayload, let payload, columns - width >= 10 {
        return text + "  " + PayloadText.quote(payload, columns: columns - width - 2)
      }
      return text
    }
    return DisplayWidth.prefix(of: flags, columns: columns)
  }

  /// What is left out when there is too little room, in this order.
  private enum Level: CaseIterable {
    case everything, noWindow, noOptions, briefReason, noAcknowledgment, noReason, noLength, flagsOnly

    func keeps(_ kind: Part.Kind) -> Bool {
      switch (self, kind) {
      case (.flagsOnly, _): false
      case (.everything, _), (_, .sequence): true
      case (_, .window): false
      case (.noWindow, _): true
      case (_, .option): false
      case (.noOptions, _), (.briefReason, _): true
      case (_, .acknowledgment): false
      case (.noLength, .length): false
      case (.noAcknowledgment, .length), (.noReason, .length): true
      }
    }
  }

  private func compose(_ level: Level) -> String {
    var result = flags
    var separator = "  "
    for part in numbers where level.keeps(part.kind) {
      result += separator + part.text
      separator = ", "
    }
    let shown: String
    switch level {
    case .everything, .noWindow, .noOptions: shown = reason
    case .briefReason, .noAcknowledgment: shown = briefReason
    case .noReason, .noLength, .flagsOnly: shown = ""
    }
    return shown.isEmpty ? result : result + " · " + shown
  }

  private mutating func add(_ kind: Part.Kind, _ text: String) {
    numbers.append(Part(kind: kind, text: text))
  }

  /// What is special about the packet: at length, and in a word or two.
  private static func reason(of flight: Flight) -> (String, String) {
    switch flight.fate {
    case .corrupted(let offset): return ("byte \(offset) corrupted", "corrupted")
    case .copy: return ("a copy", "a copy")
    case .delivered, .lost: break
    }
    if flight.extraDelay > .zero { return ("held up for \(flight.extraDelay.description)", "held up") }
    return (flight.purpose?.explanation ?? "", flight.purpose?.briefExplanation ?? "")
  }

  private static func names(of flags: TCPFlags) -> String {
    var result = ""
    func add(_ flag: TCPFlags, _ name: String) {
      if flags.contains(flag) { result += (result.isEmpty ? "" : " ") + name }
    }
    add(.syn, "SYN")
    add(.fin, "FIN")
    add(.rst, "RST")
    add(.psh, "PSH")
    add(.urg, "URG")
    add(.ack, "ACK")
    return result.isEmpty ? "no flags" : result
  }

  private static func style(of flags: TCPFlags, length: Int) -> TextStyle {
    if flags.contains(.rst) { return .reset }
    if flags.contains(.syn) { return .opening }
    if flags.contains(.fin) { return .closing }
    return length > 0 ? .data : .acknowledgment
  }
}

/// Probes carry a sequence number on purpose, though there may be no data in them.
private func isProbe(_ purpose: SegmentPurpose?) -> Bool {
  switch purpose {
  case .zeroWindowProbe, .keepAlive: true
  case .synchronize, .synchronizeAcknowledge, .data, .finish, .retransmission, .acknowledgment, .windowUpdate,
    .tailLossProbe, .pathProbe, .reset,
    nil:
    false
  }
}
