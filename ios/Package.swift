// swift-tools-version: 6.0
import PackageDescription

// Apps get the Rust core as an XCFramework (scripts/build-ios.sh). Host tests
// (scripts/test-swift.sh) load the library that cargo built for this machine:
// POCKETUNE_HOST_LIBRARY names the folder it lies in.
let hostLibrary = Context.environment["POCKETUNE_HOST_LIBRARY"]

let core: Target
let linkerSettings: [LinkerSetting]
if let hostLibrary {
    core = .target(name: "CPocketune")
    linkerSettings = [
        .linkedLibrary("pocketune_ffi"),
        .unsafeFlags(["-L\(hostLibrary)", "-Xlinker", "-rpath", "-Xlinker", hostLibrary]),
    ]
} else {
    core = .binaryTarget(name: "CPocketune", path: "build/Pocketune.xcframework")
    // The core is a static library: what it was compiled against is named here.
    linkerSettings = [
        .linkedLibrary("c++"),
        .linkedFramework("Accelerate"),
        .linkedFramework("Foundation"),
    ]
}

let package = Package(
    name: "Pocketune",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Pocketune", targets: ["Pocketune"])
    ],
    targets: [
        core,
        // Generated. Swift 6 mode refuses what UniFFI 0.32 generates for
        // foreign traits; the facade above it is in Swift 6 mode.
        .target(
            name: "PocketuneFFI",
            dependencies: ["CPocketune"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linkerSettings
        ),
        .target(name: "Pocketune", dependencies: ["PocketuneFFI"]),
        .testTarget(name: "PocketuneTests", dependencies: ["Pocketune"]),
    ]
)
