// Holds where the buffers end that a program's text lies in, and which of the ends are pushed: Linux pushes full buffers now
// and then, and what it has when a call must wait for room (RFC 9293 §3.9.1.2 leaves a sender free to). No segments of two
// buffers are handed to the link in one piece.

/// Places in a socket's text, counted from the first octet that was written.
struct PushMarks {
  /// How much was written, and how much of it when something was last pushed.
  private(set) var written: UInt64 = 0
  private(set) var last: UInt64 = 0
  private var ends: [(place: UInt64, isPushed: Bool)] = []

  mutating func wrote(_ octets: Int, _ portion: Portion) {
    for end in portion.ends where end.place <= octets {
      let place = written + UInt64(end.place)
      if end.isPushed { last = place }
      ends.append((place, end.isPushed))
    }
    written += UInt64(octets)
  }

  /// Whether a buffer ends here, and is pushed; nil: none does.
  func end(at place: UInt64) -> Bool? {
    ends.last { $0.place == place }?.isPushed
  }

  /// Forgets what lies before a place.
  mutating func forget(before place: UInt64) {
    if ends.count > 64 { ends.removeAll { $0.place < place } }
  }
}
