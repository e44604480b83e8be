// swift-tools-version: 6.2
import PackageDescription

// The core targets (Bytes to Simulator) compile in Embedded Swift, read no clock and do no I/O;
// `Documentation/Architecture.md` says why.
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
  .enableExperimentalFeature("RawLayout"),
  .enableUpcomingFeature("ExistentialAny"),
]

let layered = settings + [.enableUpcomingFeature("InternalImportsByDefault")]

// The one direction of dependency. A target names every target below it: one that it imports without naming would
// not be built again when the other changes.
let core = ["SockeyeBytes", "SockeyeWire", "SockeyeTCP", "SockeyeStack", "SockeyeTrace", "SockeyeSimulator"]

func upTo(_ last: String) -> [Target.Dependency] {
  core.prefix(through: core.firstIndex(of: last) ?? 0).map { .target(name: $0) }
}

func testing(_ others: [Target.Dependency] = []) -> [Target.Dependency] {
  upTo("SockeyeSimulator") + ["SockeyeTestSupport"] + others
}

// packetdrill loads a shared library into Linux programs, so nobody else has the library.
#if os(Linux)
  let packetdrillProducts: [Product] = [
    .library(name: "sockeye-packetdrill", type: .dynamic, targets: ["SockeyePacketdrill"])
  ]
  let packetdrillTargets: [Target] = [
    .target(name: "SockeyePacketdrillShims"),
    .target(
      name: "SockeyePacketdrill", dependencies: upTo("SockeyeStack") + ["SockeyePacketdrillShims"],
      swiftSettings: settings),
    .testTarget(
      name: "SockeyePacketdrillTests",
      dependencies: testing(["SockeyePacketdrill", "SockeyePacketdrillShims"])),
  ]
#else
  let packetdrillProducts: [Product] = []
  let packetdrillTargets: [Target] = []
#endif

let package = Package(
  name: "sockeye",
  products: [
    .executable(name: "sockeye", targets: ["SockeyeCommand"]),
    .library(name: "Sockeye", targets: ["SockeyeBytes", "SockeyeWire", "SockeyeTCP", "SockeyeStack"]),
    .library(name: "SockeyeSimulator", targets: ["SockeyeTrace", "SockeyeSimulator"]),
    .library(name: "SockeyeTunnel", targets: ["SockeyeTunnel"]),
    .library(name: "SockeyeSockets", targets: ["SockeyeSockets"]),
    .library(name: "SockeyeNIO", targets: ["SockeyeNIO"]),
    .library(name: "SockeyeTesting", targets: ["SockeyeTesting"]),
    .library(name: "SockeyeAuthentication", targets: ["SockeyeAuthentication"]),
  ] + packetdrillProducts,
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .target(name: "SockeyeBytes", swiftSettings: settings),
    .target(name: "SockeyeWire", dependencies: upTo("SockeyeBytes"), swiftSettings: settings),
    .target(name: "SockeyeTCP", dependencies: upTo("SockeyeWire"), swiftSettings: settings),
    .target(name: "SockeyeStack", dependencies: upTo("SockeyeTCP"), swiftSettings: settings),
    .target(name: "SockeyeTrace", dependencies: upTo("SockeyeStack"), swiftSettings: settings),
    .target(name: "SockeyeSimulator", dependencies: upTo("SockeyeTrace"), swiftSettings: settings),
    .target(name: "SockeyeTunnelShims"),
    .target(
      name: "SockeyeTunnel", dependencies: upTo("SockeyeStack") + ["SockeyeTunnelShims"],
      swiftSettings: layered),
    .target(
      name: "SockeyeSockets",
      dependencies: upTo("SockeyeTrace") + [
        "SockeyeTunnel",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: layered),
    .target(
      name: "SockeyeNIO",
      dependencies: upTo("SockeyeTrace") + [
        "SockeyeTunnel", "SockeyeSockets",
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      swiftSettings: layered),
    .target(
      name: "SockeyeTesting",
      dependencies: upTo("SockeyeSimulator") + [
        "SockeyeTunnel", "SockeyeSockets", .product(name: "DequeModule", package: "swift-collections"),
      ],
      swiftSettings: layered),
    // Beside the others, so that nobody who does not ask for it builds a cryptographic library.
    .target(
      name: "SockeyeAuthentication",
      dependencies: upTo("SockeyeStack") + [
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "SockeyeCommand",
      dependencies: upTo("SockeyeSimulator") + [
        "SockeyeTunnel", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    .target(
      name: "SockeyeTestSupport", dependencies: upTo("SockeyeSimulator"),
      path: "Tests/SockeyeTestSupport", swiftSettings: settings),
    .target(
      name: "SockeyeSocketsTestSupport",
      dependencies: upTo("SockeyeTrace") + ["SockeyeTunnel", "SockeyeSockets", "SockeyeTestSupportShims"],
      path: "Tests/SockeyeSocketsTestSupport", swiftSettings: settings),
    .target(name: "SockeyeTestSupportShims", path: "Tests/SockeyeTestSupportShims"),
    .testTarget(name: "SockeyeBytesTests", dependencies: testing()),
    .testTarget(name: "SockeyeWireTests", dependencies: testing()),
    .testTarget(name: "SockeyeTCPTests", dependencies: testing()),
    .testTarget(name: "SockeyeStackTests", dependencies: testing()),
    .testTarget(name: "SockeyeTraceTests", dependencies: testing()),
    .testTarget(name: "SockeyeSimulatorTests", dependencies: testing()),
    .testTarget(name: "SockeyeTunnelTests", dependencies: testing(["SockeyeTunnel"])),
    .testTarget(
      name: "SockeyeSocketsTests",
      dependencies: testing(["SockeyeTunnel", "SockeyeSockets", "SockeyeSocketsTestSupport"])),
    .testTarget(
      name: "SockeyeNIOTests",
      dependencies: testing([
        "SockeyeSocketsTestSupport", "SockeyeTunnel", "SockeyeSockets", "SockeyeNIO", "SockeyeTesting",
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
      ])),
    .testTarget(
      name: "SockeyeTestingTests",
      dependencies: testing(["SockeyeTunnel", "SockeyeSockets", "SockeyeTesting"])),
    .testTarget(name: "SockeyeAuthenticationTests", dependencies: testing(["SockeyeAuthentication"])),
    .testTarget(name: "SockeyeCommandTests", dependencies: testing(["SockeyeTunnel", "SockeyeCommand"])),
  ] + packetdrillTargets,
  swiftLanguageModes: [.v6]
)
