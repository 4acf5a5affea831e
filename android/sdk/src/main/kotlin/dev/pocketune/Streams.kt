package dev.pocketune

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.last
import dev.pocketune.ffi.AskedPart as NativeAskedPart
import dev.pocketune.ffi.AskedStream as NativeAskedStream
import dev.pocketune.ffi.ReplyPart as NativeReplyPart
import dev.pocketune.ffi.ReplyStream as NativeReplyStream

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
                ended = part is NativeReplyPart.Done
                emit(part.toPublic())
            }
        } finally {
            if (!ended) stream.cancel()
            stream.close()
        }
    }.flowOn(Dispatchers.Default) // Starting compiles a constraint: not on the caller's thread.

/** As [replyFlow], of both replies to a question. */
internal fun askedFlow(start: () -> NativeAskedStream): Flow<AskedPart> =
    flow {
        val stream = start()
        var ended = false
        try {
            while (!ended) {
                val part = translating { stream.next() } ?: throw PocketuneException.Internal("the stream has no end")
                ended = part is NativeAskedPart.Done
                emit(part.toPublic())
            }
        } finally {
            if (!ended) stream.cancel()
            stream.close()
        }
    }.flowOn(Dispatchers.Default)

/** Collects a reply to its end. */
internal suspend fun Flow<ReplyPart>.reply(): Reply = (last() as ReplyPart.Done).reply
