package dev.pocketune.java

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.future.future
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.function.Consumer
import kotlin.coroutines.Continuation
import kotlin.coroutines.intrinsics.suspendCoroutineUninterceptedOrReturn

/**
 * Calls what suspends, and collects what streams, from Java:
 *
 *     CompletableFuture<Engine> engine = Futures.of(c -> Engine.load(source, c));
 *     CompletableFuture<Void> done = Futures.collect(chat.send("Hello!"), part -> { … });
 *
 * Cancelling a future cancels the work behind it. What fails, fails with a
 * [dev.pocketune.PocketuneException] as its cause.
 */
public object Futures {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    /**
     * The result of a suspending function, which takes a continuation as its last argument:
     * pass it on. Returns at once.
     */
    @JvmStatic
    public fun <T> of(call: SuspendingCall<T>): CompletableFuture<T> =
        scope.future { suspendCoroutineUninterceptedOrReturn { continuation -> call.start(continuation) } }

    /**
     * Collects [flow]: hands its parts to [onPart], one after the other, on background
     * threads. The future completes after the last one. What [onPart] throws ends it.
     */
    @JvmStatic
    public fun <T> collect(
        flow: Flow<T>,
        onPart: Consumer<in T>,
    ): CompletableFuture<Void?> = scope.collectFuture(flow, onPart)

    /** As the other [collect], with parts on threads of [executor], such as Android's main one. */
    @JvmStatic
    public fun <T> collect(
        flow: Flow<T>,
        executor: Executor,
        onPart: Consumer<in T>,
    ): CompletableFuture<Void?> = CoroutineScope(executor.asCoroutineDispatcher()).collectFuture(flow, onPart)

    private fun <T> CoroutineScope.collectFuture(
        flow: Flow<T>,
        onPart: Consumer<in T>,
    ): CompletableFuture<Void?> =
        future {
            flow.collect { onPart.accept(it) }
            null
        }
}

/** A call of a suspending function; see [Futures.of]. */
public fun interface SuspendingCall<T> {
    /** Calls the function with [continuation] as its last argument, and returns what it returns. */
    public fun start(continuation: Continuation<T>): Any?
}
