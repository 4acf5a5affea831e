package dev.pocketune

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.last
import dev.pocketune.ffi.ReplyStream as NativeReplyStream

/** A part of a reply as it is generated. */
public sealed interface ReplyPart {
    /**
     * The next piece of text: whole characters, never a part of a stop string.
     *
     * @property text the piece
     */
    public data class Text(
        val text: String,
    ) : ReplyPart

    /**
     * The end; nothing follows.
     *
     * @property reply the whole reply
     */
    public data class Done(
        val reply: Reply,
    ) : ReplyPart
}

/**
 * A cold flow over the stream that [start] opens: each collection is a request
 * of its own. A collection that ends early, however it ends, stops generation.
 */
internal fun replyFlow(start: () -> NativeReplyStream): Flow<ReplyPart> =
    flow {
        val stream = start()
        var ended = false
        try {
            while (!ended) {
                // A stream that ends without its last part lost its engine.
                val part = translating { stream.next() } ?: throw PocketuneException.Closed()
                ended = part is dev.pocketune.ffi.ReplyPart.Done
                emit(part.toPublic())
            }
        } finally {
            if (!ended) stream.cancel()
            stream.close()
        }
    }.flowOn(Dispatchers.Default) // Starting compiles a constraint: not on the caller's thread.

/** Collects a reply to its end. */
internal suspend fun Flow<ReplyPart>.reply(): Reply = (last() as ReplyPart.Done).reply
