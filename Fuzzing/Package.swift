// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who uses Sockeye builds it. `scripts/fuzz` builds and runs it, with the compiler's
// flags for libFuzzer, without which it does not link.
let package = Package(
  name: "sockeye-fuzzing",
  products: [.executable(name: "sockeye-fuzz", targets: ["SockeyeFuzz"])],
  dependencies: [.package(name: "sockeye", path: "..")],
  targets: [
    // The one function of libFuzzer that a program with a `main` of its own calls.
    .target(name: "CLibFuzzer"),
    .executableTarget(
      name: "SockeyeFuzz",
      dependencies: [
        "CLibFuzzer", .product(name: "Sockeye", package: "sockeye"),
        .product(name: "SockeyeSimulator", package: "sockeye"),
      ],
      swiftSettings: [
        .strictMemorySafety(),
        .enableExperimentalFeature("Lifetimes"),
        .enableUpcomingFeature("ExistentialAny"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)
