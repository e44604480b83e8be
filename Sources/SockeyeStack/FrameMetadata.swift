// Holds what the driver learns about a frame beside its bytes.

import SockeyeTCP

/// What `nextFrame` says about the frame it has written.
public struct FrameMetadata: Sendable, Equatable {
  /// Where the frame is to go.
  public let link: LinkID
  /// Octets written.
  public let length: Int
  /// The connection the frame belongs to, if it is one that the user knows.
  public let connection: ConnectionID?
  /// What the frame's segment is for; nil when it carries no TCP segment.
  public let purpose: SegmentPurpose?
}

/// Whether somebody below the stack has verified a received frame's transport checksum.
public enum ReceivedChecksum: Sendable {
  /// Nobody has: the stack does.
  case unverified
  /// The link vouches for it.
  case verified
}
