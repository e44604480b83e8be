// The meanings that drawn text can have, and the terminal colours that show them. Colour never carries a
// meaning alone: the words and signs say the same.

/// What a piece of drawn text is, for whoever gives it a colour.
public enum TextStyle: UInt8, Sendable, CaseIterable {
  case plain, faint, strong
  /// The name of a connection state.
  case state
  /// A segment that opens, carries data, acknowledges, closes, or resets.
  case opening, data, acknowledgment, closing, reset
  /// Something that went wrong on the way.
  case loss
  case timer
  /// What an application does or reads.
  case application
  /// The story told beside the protocol.
  case narration
  /// A promise kept.
  case success

  /// The parameters of the "select graphic rendition" sequence (ECMA-48 §8.3.117); empty for plain text.
  public var ansiParameters: String {
    switch self {
    // A bare ACK in the terminal's own colour, which can be read on any background.
    case .plain, .acknowledgment: ""
    case .faint: "2"
    case .strong: "1"
    case .state: "1;94"
    case .opening: "32"
    case .data: "36"
    case .closing: "33"
    case .reset: "1;31"
    case .loss: "31"
    case .timer: "35"
    case .application: "1"
    case .narration: "3"
    case .success: "32"
    }
  }
}
