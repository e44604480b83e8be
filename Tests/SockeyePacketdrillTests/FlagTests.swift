// Shows what `--so_flags` understands and refuses.

import Glibc
import SockeyeTCP
import SockeyeWire
import Testing

@testable import SockeyePacketdrill

@Suite struct SessionFlagTests {
  @Test func wordsSetWhatTheyName() throws {
    let flags = try SessionFlags(
      parsing: "ecn=request,wscale=8,congestion=bbr,mss=1000,time=real,mtu=9000,push=end,sysctl=off")
    #expect(flags.windowScale == 8 && flags.congestionControl == .bbr && flags.maximumSegmentSize == 1000)
    #expect(flags.congestionNotification == .requested)
    #expect(flags.clock == .real && flags.maximumTransmissionUnit == 9000)
    #expect(flags.fastOpen == nil && flags.fastOpenKeys == nil)
    #expect(!flags.pushesBursts && flags.settings == .never)
  }

  @Test func nothingSaidIsVirtualTimeAndLinuxsDefaults() throws {
    let flags = try SessionFlags(parsing: "")
    #expect(flags == SessionFlags())
    #expect(flags.clock == .virtual && !flags.usesEngineDefaults && flags.windowScale == nil)
  }

  @Test(arguments: [
    "wscale=15", "mss=big", "congestion=vegas", "time=soon", "wscales=3", "local=1.2.3", "fastopen=yes",
    "fastopen=-1",
    "fastopen_key=1-2-3", "fastopen_key=1-2-3-123456789",
  ])
  func whatMeansNothingIsRefused(word: String) {
    #expect(throws: SessionFlags.Unknown(word: word)) { try SessionFlags(parsing: "wscale=7,\(word)") }
  }

  @Test func fastOpenHasTheBitsAndTheKeyOfTheSystemsSettings() throws {
    let flags = try SessionFlags(parsing: "fastopen=0x603,fastopen_key=03020100-7060504-b0a0908-0f0e0d0c")
    #expect(flags.fastOpen == [.client, .server, .serverWithoutCookie, .everyListener])
    #expect(flags.fastOpenKeys?.octets == Array(0..<16))
    #expect(try SessionFlags(parsing: "fastopen=4").fastOpen == .clientWithoutCookie)
    let octets = Array(UInt8(0)..<32)
    let keys = octets.withUnsafeBytes { FastOpenKeys(octets: $0) }
    #expect(keys?.octets == octets)
    #expect(
      keys == FastOpenKeys(parsing: "03020100-07060504-0b0a0908-0f0e0d0c,13121110-17161514-1b1a1918-1f1e1d1c")
    )
    #expect(octets.prefix(15).withUnsafeBytes { FastOpenKeys(octets: $0) } == nil)
  }

  @Test func whatPacketdrillWasToldOfTheDeviceCounts() {
    var flags = SessionFlags()
    flags.takeProgramArguments([
      "packetdrill", "--mtu=1520", "--local_ip=fd3d:a0b:17d6::1", "--verbose", "x.pkt",
    ])
    #expect(flags.maximumTransmissionUnit == 1520)
    #expect(flags.localAddresses.contains(IPAddress(parsing: "fd3d:a0b:17d6::1")!))
  }

  @Test func whatAScriptAsksForInItsFirstLinesCounts() throws {
    var name = Array("/tmp/sockeyeXXXXXX.pkt".utf8CString)
    let file = name.withUnsafeMutableBufferPointer { mkstemps($0.baseAddress!, 4) }
    let path = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    let text = "// A script.\n--mss=1000\n--local_ip=192.168.7.7 // Twice.\n--mtu=1400\n0 socket() = 3\n"
    #expect(write(file, text, text.utf8.count) == text.utf8.count)
    close(file)
    var flags = SessionFlags()
    flags.takeProgramArguments(["packetdrill", "--local_ip=192.168.7.7", path])
    #expect(flags.receivedSegmentSize == 1000 && flags.maximumTransmissionUnit == 1400)
    #expect(flags.addresses == [IPAddress(parsing: "192.168.7.7")])
  }

  @Test func addressesAreTheHosts() throws {
    let flags = try SessionFlags(parsing: "local=192.168.7.7,local=fd00::7")
    #expect(flags.localAddresses == [IPAddress(parsing: "192.168.7.7"), IPAddress(parsing: "fd00::7")])
  }
}
