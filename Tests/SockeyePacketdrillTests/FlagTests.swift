// Shows what `--so_flags` understands and refuses.

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
    #expect(!flags.pushesBursts && flags.settings == .never)
  }

  @Test func nothingSaidIsVirtualTimeAndLinuxsDefaults() throws {
    let flags = try SessionFlags(parsing: "")
    #expect(flags == SessionFlags())
    #expect(flags.clock == .virtual && !flags.usesEngineDefaults && flags.windowScale == nil)
  }

  @Test(arguments: ["wscale=15", "mss=big", "congestion=vegas", "time=soon", "wscales=3", "local=1.2.3"])
  func whatMeansNothingIsRefused(word: String) {
    #expect(throws: SessionFlags.Unknown(word: word)) { try SessionFlags(parsing: "wscale=7,\(word)") }
  }

  @Test func whatPacketdrillWasToldOfTheDeviceCounts() {
    var flags = SessionFlags()
    flags.takeProgramArguments([
      "packetdrill", "--mtu=1520", "--local_ip=fd3d:a0b:17d6::1", "--verbose", "x.pkt",
    ])
    #expect(flags.maximumTransmissionUnit == 1520)
    #expect(flags.localAddresses.contains(IPAddress(parsing: "fd3d:a0b:17d6::1")!))
  }

  @Test func addressesAreTheHosts() throws {
    let flags = try SessionFlags(parsing: "local=192.168.7.7,local=fd00::7")
    #expect(flags.localAddresses == [IPAddress(parsing: "192.168.7.7"), IPAddress(parsing: "fd00::7")])
  }
}
