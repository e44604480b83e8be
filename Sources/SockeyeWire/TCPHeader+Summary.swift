// Holds the one-line printing of TCP headers, in the form of tcpdump.

extension TCPHeader {
  /// The header as tcpdump prints it: "10.0.0.1.3401 > 10.0.0.2.49152: Flags [S.], seq 1, ack 2, win 65535,
  /// options [mss 1460,nop,wscale 7], length 0".
  /// - Parameters:
  ///   - source: the sender's address.
  ///   - destination: the receiver's address.
  ///   - payloadLength: the data's length, in bytes.
  ///   - sequenceBase: subtracted from the sequence number, to print it relative to the first.
  ///   - acknowledgmentBase: likewise for the acknowledgment number and the edges of SACK blocks.
  public func summary(
    source: IPAddress, destination: IPAddress, payloadLength: Int,
    sequenceBase: SequenceNumber = SequenceNumber(0), acknowledgmentBase: SequenceNumber = SequenceNumber(0)
  ) -> String {
    let from = Endpoint(address: source, port: sourcePort)
    let to = Endpoint(address: destination, port: destinationPort)
    return "\(from.dotted) > \(to.dotted): "
      + summary(
        payloadLength: payloadLength, sequenceBase: sequenceBase, acknowledgmentBase: acknowledgmentBase)
  }

  /// The same without the endpoints: "Flags [S.], seq 1, …".
  public func summary(
    payloadLength: Int, sequenceBase: SequenceNumber = SequenceNumber(0),
    acknowledgmentBase: SequenceNumber = SequenceNumber(0)
  ) -> String {
    var text = "Flags \(flags.description)"
    if segmentLength(payload: payloadLength) > 0 || flags.contains(.rst) {
      let first = sequence.rawValue &- sequenceBase.rawValue
      text += ", seq \(first)"
      // tcpdump prints the end of the data, not of the SYN or FIN.
      if payloadLength > 0 { text += ":\(first &+ UInt32(truncatingIfNeeded: payloadLength))" }
    }
    if flags.contains(.ack) {
      text += ", ack \(acknowledgment.rawValue &- acknowledgmentBase.rawValue)"
    }
    text += ", win \(window)"
    if flags.contains(.urg) { text += ", urg \(urgentPointer)" }
    let list = options.summary(acknowledgmentBase: acknowledgmentBase)
    if !list.isEmpty { text += ", options [\(list)]" }
    return text + ", length \(payloadLength)"
  }
}

extension TCPOptions {
  /// The options as tcpdump names them, in the order they are written in, padding included: "nop,nop,TS val
  /// 1 ecr 2".
  /// - Parameter acknowledgmentBase: subtracted from the SACK blocks' edges.
  public func summary(acknowledgmentBase: SequenceNumber = SequenceNumber(0)) -> String {
    var items: [String] = []
    if let maximumSegmentSize { items.append("mss \(maximumSegmentSize)") }
    if sackPermitted {
      items.append(timestamps == nil ? "nop,nop,sackOK" : "sackOK")
    }
    if let timestamps {
      if !sackPermitted { items.append("nop,nop") }
      items.append("TS val \(timestamps.value) ecr \(timestamps.echo)")
    }
    if let windowScale { items.append("nop,wscale \(windowScale)") }
    if let fastOpen { items.append(fastOpen.summary) }
    if !sackBlocks.isEmpty {
      var blocks = "nop,nop,sack \(sackBlocks.count) "
      for index in 0..<sackBlocks.count {
        let block = sackBlocks[index]
        let left = block.left.rawValue &- acknowledgmentBase.rawValue
        let right = block.right.rawValue &- acknowledgmentBase.rawValue
        blocks += "{\(left):\(right)}"
      }
      items.append(blocks)
    }
    if let authentication {
      var item = "tcp-ao keyid \(authentication.keyID) rnextkeyid \(authentication.nextKeyID)"
      if authentication.codeLength > 0 { item += " mac 0x\(authentication.code.hexadecimal)" }
      items.append(item)
    }
    if malformed || hasAuthenticationFault { items.append("[bad opt]") }
    var text = ""
    for item in items {
      if !text.isEmpty { text += "," }
      text += item
    }
    return text
  }
}

extension AuthenticationCode {
  /// 24 digits.
  fileprivate var hexadecimal: String {
    Self.padded(String(high, radix: 16), to: 16) + Self.padded(String(low, radix: 16), to: 8)
  }

  private static func padded(_ digits: String, to count: Int) -> String {
    String(repeating: "0", count: count - digits.utf8.count) + digits
  }
}
