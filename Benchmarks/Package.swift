// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing a benchmark needs reaches a user of Sockeye. `scripts/bench` runs it.
let package = Package(
  name: "sockeye-benchmarks",
  products: [.executable(name: "sockeye-bench", targets: ["SockeyeBench"])],
  dependencies: [.package(name: "sockeye", path: "..")],
  targets: [
    // Counts what the C library's allocator is asked for; only here, never in the stack.
    .target(name: "CHeapProbe"),
    .executableTarget(
      name: "SockeyeBench",
      dependencies: ["CHeapProbe", .product(name: "Sockeye", package: "sockeye")],
      swiftSettings: [
        .strictMemorySafety(),
        .enableExperimentalFeature("Lifetimes"),
        .enableUpcomingFeature("ExistentialAny"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
