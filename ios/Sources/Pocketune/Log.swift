import Foundation
internal import PocketuneFFI

/// How much is logged. No level logs prompts, replies or paths.
public enum LogLevel: String, Codable, Hashable, Sendable, CaseIterable {
    /// Failures.
    case error
    /// Failures and oddities.
    case warn
    /// Also what happens.
    case info
    /// Also how it happens, llama.cpp's own log included.
    case debug
}

/// One line of the library's log. It holds no prompt, reply or path.
public struct LogLine: Codable, Hashable, Sendable {
    /// How serious it is.
    public let level: LogLevel
    /// Which part of the library wrote it, such as `pocketune_core::worker` or `llama.cpp`.
    public let target: String
    /// What happened.
    public let message: String
    /// When.
    public let time: Date
}

/// Pulls the library's log lines and hands them to the app's sink.
final class LogPump: @unchecked Sendable {
    static let shared = LogPump()

    private let lock = NSLock()
    // Only touched while `lock` is held, which it never is while app code runs.
    private var lines: LogLines?

    func set(_ level: LogLevel, _ sink: (@Sendable (LogLine) -> Void)?) throws {
        let new = try sink.map { _ in try translated { try LogLines.open(level: level.native) } }
        let old = lock.withLock {
            defer { lines = new }
            return lines
        }
        // Its task takes what still waits, and ends.
        old?.end()
        guard let new, let sink else { return }
        Task.detached(priority: .utility) {
            while let line = await new.next() { sink(LogLine(line)) }
        }
    }
}

extension LogLevel {
    init(_ native: PocketuneFFI.LogLevel) {
        self =
            switch native {
            case .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            }
    }

    var native: PocketuneFFI.LogLevel {
        switch self {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        }
    }
}

extension LogLine {
    init(_ native: PocketuneFFI.LogLine) {
        level = LogLevel(native.level)
        target = native.target
        message = native.message
        time = Date(timeIntervalSince1970: TimeInterval(native.timeMs) / 1000)
    }
}
