// swift-tools-version: 6.2
import PackageDescription

// The pieces of the data path one by one, with ordo-one's benchmark library: nanoseconds a call.
//   cd Benchmarks/Micro && swift package benchmark
let package = Package(
  name: "sockeye-micro-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "sockeye", path: "../.."),
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "Pieces",
      dependencies: [
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "Sockeye", package: "sockeye"),
      ],
      path: "Benchmarks/Pieces",
      swiftSettings: [.enableExperimentalFeature("Lifetimes")],
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ],
  swiftLanguageModes: [.v6]
)
