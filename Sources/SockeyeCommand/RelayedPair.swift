// Holds what a relay knows of one connection that it carries: the stack's end, the kernel's, and how far each direction
// is. It moves no bytes: RelayLoop does.

import SockeyeBytes
import SockeyeStack
import SockeyeTunnel
import SockeyeWire

/// A connection of the stack and a socket of the kernel that are joined.
final class RelayedPair {
  let number: UInt64
  let connection: ConnectionID
  /// Nil once the kernel's end is over.
  var socket: StreamSocket?
  let client: Endpoint
  let since: Instant

  /// The stack's handshake is complete.
  var isConnected: Bool
  /// The kernel's is.
  var isSocketConnected: Bool
  /// The kernel's end may have something to read, or room to write: so until a call finds otherwise.
  var isReadable = false
  var isWritable = false

  /// What was read from the kernel and the stack has not taken yet, and where in it we are.
  var leftover: [UInt8] = []
  var offset = 0

  /// The kernel's program has ended its stream, and we the stack's.
  var socketEnded = false
  var isFinished = false
  /// The peer has ended its stream, all of it was passed on, and the kernel's end was told.
  var isShutDown = false
  /// The stack's connection is over, in order; something of it may still have to be passed on.
  var isClosed = false

  /// Octets from the stack to the kernel, and from the kernel to the stack.
  var fromStack = 0
  var toStack = 0

  init(
    number: UInt64, connection: ConnectionID, socket: StreamSocket, client: Endpoint, since: Instant,
    isConnected: Bool
  ) {
    self.number = number
    self.connection = connection
    self.socket = socket
    self.client = client
    self.since = since
    self.isConnected = isConnected
    isSocketConnected = !isConnected
  }

  var hasLeftover: Bool { offset < leftover.count }

  /// Both streams were carried to their ends.
  var isDone: Bool { isFinished && isShutDown }

  /// Gives up the kernel's end.
  /// - Parameter reset: whether its program learns that something went wrong.
  func endSocket(reset: Bool) {
    if reset { socket?.resetAtEnd() }
    socket = nil
  }
}
