package dev.pocketune.readme

import dev.pocketune.ChatOptions
import dev.pocketune.Engine
import dev.pocketune.ModelSource
import dev.pocketune.ReplyPart
import java.io.File

// The README shows what stands between the markers.
// snippet:start
suspend fun askTheModel(model: File) {
    Engine.load(ModelSource.Path(model)).use { engine ->
        engine.chat(ChatOptions(systemPrompt = "You are a friendly assistant.")).use { chat ->
            chat.send("Why is the sky blue? Answer in one sentence.").collect { part ->
                when (part) {
                    is ReplyPart.Text -> print(part.text)
                    is ReplyPart.Done -> println("\n${part.reply.decodeTokensPerS.toInt()} tokens/s")
                }
            }
        }
    }
}
// snippet:end
