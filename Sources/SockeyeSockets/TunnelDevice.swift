// Holds a tunnel as the place where a loop's packets come from and go to.

import SockeyeBytes
package import SockeyeTunnel

/// A tunnel of the computer's own.
package final class TunnelDevice: PacketDevice {
  private let tunnel: Tunnel

  package init(_ tunnel: consuming Tunnel) {
    self.tunnel = tunnel
  }

  package var descriptor: Descriptor { tunnel.descriptor }
  package var mtu: Int { tunnel.mtu }
  package var interface: String { tunnel.interface }

  package func receive(into frame: inout OutputRawSpan) throws(NetworkError) -> Bool {
    do throws(TunnelError) {
      return try tunnel.read(into: &frame) != .empty
    } catch {
      throw .tunnel(error)
    }
  }

  package func send(_ packet: RawSpan) throws(NetworkError) -> Bool {
    do throws(TunnelError) {
      switch try tunnel.write(packet) {
      // A packet that the tunnel loses is lost as on any link.
      case .written, .lost: return true
      case .full: return false
      }
    } catch {
      throw .tunnel(error)
    }
  }
}
