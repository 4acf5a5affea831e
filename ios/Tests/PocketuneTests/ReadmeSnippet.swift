import Foundation
import Pocketune

// The README shows what stands between the markers.
// snippet:start
func askTheModel(at modelURL: URL) async throws {
    let engine = try await Engine.load(.file(modelURL))
    defer { engine.close() }

    let chat = try engine.chat(ChatOptions(systemPrompt: "You are a friendly assistant."))
    for try await part in chat.send("Why is the sky blue? Answer in one sentence.") {
        switch part {
        case .text(let text): print(text, terminator: "")
        case .done(let reply): print("\n\(Int(reply.decodeTokensPerS)) tokens/s")
        }
    }
}
// snippet:end
