import Foundation

// What the native library takes: unsigned numbers and paths. Nothing in here traps.

/// A number in the range of the native type.
func exactly<Native: FixedWidthInteger>(
    _ number: Int, _ argument: String, as type: Native.Type = Native.self
) throws -> Native {
    guard let native = Native(exactly: number) else {
        throw PocketuneError.invalidArgument(
            argument: argument, reason: "is \(number), allowed are \(Native.min) to \(Native.max)")
    }
    return native
}

/// The path of a file or folder.
func path(of url: URL, _ argument: String = "url") throws -> String {
    guard url.isFileURL else {
        throw PocketuneError.invalidArgument(argument: argument, reason: "must be a file URL")
    }
    return url.path
}

extension Date {
    init(seconds: Int64) {
        self.init(timeIntervalSince1970: TimeInterval(seconds))
    }
}
