import PocketuneFFI

/// The native library as a whole.
public enum PocketuneLibrary {
    /// Version of the native library, such as `0.1.0`.
    public static var version: String {
        PocketuneFFI.version()
    }

    /// Sends the library's log to the unified log, subsystem `dev.pocketune`; does
    /// nothing outside iOS. Later calls change the level.
    public static func startLogging(_ level: LogLevel) {
        PocketuneFFI.startLogging(level: level)
    }
}
