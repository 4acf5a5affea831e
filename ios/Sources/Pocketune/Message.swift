internal import PocketuneFFI

/// One message of a conversation.
public struct Message: Codable, Hashable, Sendable {
    /// Who wrote it.
    public var role: Role
    /// What it says.
    public var content: String
    /// Names the reply that it is, where the chat's model wrote it; nil for what the app says
    /// was said.
    public var replyId: String?

    /// A message. A chat keeps an id only where it is that of a reply of its own history,
    /// word for word.
    public init(role: Role, content: String, replyId: String? = nil) {
        self.role = role
        self.content = content
        self.replyId = replyId
    }
}

/// Who wrote a message.
public enum Role: String, Codable, Hashable, Sendable, CaseIterable {
    /// Instructions of the app.
    case system
    /// The user.
    case user
    /// The model.
    case assistant
}

/// How to start a chat.
public struct ChatOptions: Codable, Hashable, Sendable {
    /// Instructions before the first turn.
    public var systemPrompt: String?
    /// Turns that have been; must alternate, starting with the user.
    public var history: [Message]
    /// Where the chat template comes from.
    public var template: TemplateChoice
    /// What to do when the conversation no longer fits.
    public var overflow: OverflowPolicy

    /// The defaults, and what differs from them.
    public init(
        systemPrompt: String? = nil,
        history: [Message] = [],
        template: TemplateChoice = .model,
        overflow: OverflowPolicy = .error
    ) {
        self.systemPrompt = systemPrompt
        self.history = history
        self.template = template
        self.overflow = overflow
    }
}

/// Where a chat's template comes from.
public enum TemplateChoice: Codable, Hashable, Sendable {
    /// The template in the model file; a model without one is refused.
    case model
    /// ChatML, whatever the model file says.
    case chatMl
    /// A Jinja template of the app, at most 128 KiB.
    case jinja(String)
}

/// What to do when a conversation no longer fits the context.
public enum OverflowPolicy: String, Codable, Hashable, Sendable, CaseIterable {
    /// Refuse with ``PocketuneError/contextFull(promptTokens:contextTokens:)``.
    case error
    /// Leave the oldest turns out of the prompt; the history itself stays.
    case dropOldestTurns
}

extension Message {
    init(_ native: PocketuneFFI.Message) {
        self.init(role: Role(native.role), content: native.content, replyId: native.replyId)
    }

    var native: PocketuneFFI.Message {
        PocketuneFFI.Message(role: role.native, content: content, replyId: replyId)
    }
}

extension Role {
    init(_ native: PocketuneFFI.Role) {
        self =
            switch native {
            case .system: .system
            case .user: .user
            case .assistant: .assistant
            }
    }

    var native: PocketuneFFI.Role {
        switch self {
        case .system: .system
        case .user: .user
        case .assistant: .assistant
        }
    }
}

extension ChatOptions {
    var native: PocketuneFFI.ChatOptions {
        PocketuneFFI.ChatOptions(
            systemPrompt: systemPrompt, history: history.map(\.native), template: template.native,
            overflow: overflow.native)
    }
}

extension TemplateChoice {
    var native: PocketuneFFI.TemplateChoice {
        switch self {
        case .model: .model
        case .chatMl: .chatMl
        case .jinja(let source): .jinja(source: source)
        }
    }
}

extension OverflowPolicy {
    var native: PocketuneFFI.OverflowPolicy {
        switch self {
        case .error: .error
        case .dropOldestTurns: .dropOldestTurns
        }
    }
}
