internal import PocketuneFFI

/// The native library as a whole.
public enum PocketuneLibrary {
    /// Version of the native library, such as `0.1.0`.
    public static var version: String {
        PocketuneFFI.version()
    }

    /// Sends the library's log to the unified log, subsystem `dev.pocketune`; does
    /// nothing outside iOS. Later calls change the level.
    public static func startLogging(_ level: LogLevel) {
        PocketuneFFI.startLogging(level: level.native)
    }

    /// Hands the library's log to the app, line by line, from `level` on; nil ends that. A
    /// later sink takes the place of an earlier one. What goes to the unified log stays as it
    /// is.
    ///
    /// The sink is called from one task, in order, and never from inside the library: it may
    /// take its time, and it may call the library. Of more than 512 lines that wait, the
    /// oldest are dropped, and a line says how many.
    ///
    /// - Throws: `PocketuneError.notNow` where the process has a logger of its own for Rust.
    public static func setLogSink(
        level: LogLevel = .info,
        _ sink: (@Sendable (LogLine) -> Void)?
    ) throws {
        try LogPump.shared.set(level, sink)
    }

    /// Lets all critics look at a reply: whether it is empty, cut off, repetitive, not what
    /// was asked for. Returns at once.
    public static func criticize(
        _ reply: String,
        to prompt: String,
        stopReason: StopReason = .endOfTurn,
        systemPrompt: String? = nil
    ) -> Judgement {
        Judgement(
            PocketuneFFI.criticize(
                systemPrompt: systemPrompt, prompt: prompt, reply: reply, stopReason: stopReason.native))
    }
}
