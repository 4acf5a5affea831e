package dev.pocketune

import dev.pocketune.ffi.Disposable
import dev.pocketune.ffi.InternalException
import kotlinx.coroutines.CancellationException
import java.util.concurrent.atomic.AtomicBoolean
import dev.pocketune.ffi.PocketuneException as NativeException

/** A native object whose calls fail with [PocketuneException.Closed] once it is closed. */
internal class Handle<T : Disposable>(
    private val native: T,
) {
    private val closed = AtomicBoolean(false)

    val isClosed: Boolean get() = closed.get()

    /** Calls [block] with the native object, and translates what it throws. */
    inline fun <R> call(block: (T) -> R): R {
        if (isClosed) throw PocketuneException.Closed()
        return translating({ isClosed }) { block(native) }
    }

    /** Runs [last] and frees the native object, after calls that are under way. The first call counts. */
    inline fun close(last: (T) -> Unit = {}) {
        if (!markClosed()) return
        try {
            last(native)
        } finally {
            native.destroy()
        }
    }

    fun markClosed(): Boolean = closed.compareAndSet(false, true)
}

/** Runs [block] and turns the native library's exceptions into this facade's. */
internal inline fun <R> translating(
    isClosed: () -> Boolean = { false },
    block: () -> R,
): R =
    try {
        block()
    } catch (error: NativeException) {
        throw error.toPublic()
    } catch (error: InternalException) {
        // A panic in the library: a bug, but the process goes on.
        throw PocketuneException.Internal(error.message.orEmpty())
    } catch (error: CancellationException) {
        throw error
    } catch (error: IllegalStateException) {
        // What a freed native object throws; here the close came during the call.
        throw if (isClosed()) PocketuneException.Closed() else error
    }
