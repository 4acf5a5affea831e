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

    /// Lets all critics look at a reply: whether it is empty, cut off, repetitive, not what
    /// was asked for. Returns at once.
    public static func criticize(
        _ reply: String,
        to prompt: String,
        stopReason: StopReason = .endOfTurn,
        systemPrompt: String? = nil
    ) -> Judgement {
        PocketuneFFI.criticize(
            systemPrompt: systemPrompt, prompt: prompt, reply: reply, stopReason: stopReason)
    }
}
