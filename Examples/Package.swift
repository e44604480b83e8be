// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing an example needs reaches a user of Sockeye. `scripts/examples` builds its
// programs and tries each.
let package = Package(
  name: "sockeye-examples",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "course", targets: ["Course"]),
    .executable(name: "course-nio", targets: ["CourseNIO"]),
    .executable(name: "web-server", targets: ["WebServer"]),
    .executable(name: "grpc-echo", targets: ["GRPCEcho"]),
    .executable(name: "tls-echo", targets: ["TLSEcho"]),
    .executable(name: "egress-proxy", targets: ["EgressProxy"]),
  ],
  dependencies: [
    .package(name: "sockeye", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
  ],
  targets: [
    .target(
      name: "ExampleSupport",
      dependencies: [
        .product(name: "Sockeye", package: "sockeye"),
        .product(name: "SockeyeSockets", package: "sockeye"),
        .product(name: "SockeyeTunnel", package: "sockeye"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")]),
    .executableTarget(name: "Course", dependencies: ["ExampleSupport"]),
    .executableTarget(
      name: "CourseNIO",
      dependencies: [
        "ExampleSupport",
        .product(name: "SockeyeNIO", package: "sockeye"),
        .product(name: "NIOCore", package: "swift-nio"),
      ]),
    .executableTarget(
      name: "WebServer",
      dependencies: [
        "ExampleSupport",
        .product(name: "SockeyeNIO", package: "sockeye"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdHTTP2", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    .executableTarget(
      name: "GRPCEcho",
      dependencies: [
        "ExampleSupport",
        .product(name: "SockeyeNIO", package: "sockeye"),
        .product(name: "GRPCCore", package: "grpc-swift-2"),
        .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
        .product(name: "NIOCore", package: "swift-nio"),
      ]),
    .executableTarget(
      name: "TLSEcho",
      dependencies: [
        "ExampleSupport",
        .product(name: "SockeyeNIO", package: "sockeye"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    .executableTarget(
      name: "EgressProxy",
      dependencies: [
        "ExampleSupport",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    .target(
      name: "Chat",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
      ],
      swiftSettings: [.enableUpcomingFeature("InternalImportsByDefault")]),
    .testTarget(
      name: "ExampleTests",
      dependencies: [
        "Chat",
        .product(name: "SockeyeNIO", package: "sockeye"),
        .product(name: "SockeyeTesting", package: "sockeye"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
