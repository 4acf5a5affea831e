package dev.pocketune

import dev.pocketune.ffi.PocketuneException as NativeException
import dev.pocketune.ffi.StorageFault as NativeStorageFault

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun NativeException.toPublic(): PocketuneException =
    when (this) {
        is NativeException.ModelUnreadable -> PocketuneException.ModelUnreadable(reason)
        is NativeException.ModelInvalid -> PocketuneException.ModelInvalid(reason)
        is NativeException.ModelUnsupported -> PocketuneException.ModelUnsupported(architecture, feature, reason)
        is NativeException.OutOfMemory -> PocketuneException.OutOfMemory(requiredBytes.capped(), availableBytes.capped())
        is NativeException.ContextFull -> PocketuneException.ContextFull(promptTokens.capped(), contextTokens.capped())
        is NativeException.InvalidArgument -> PocketuneException.InvalidArgument(argument, reason, refusal?.toPublic())
        is NativeException.NotNow -> PocketuneException.NotNow(reason)
        is NativeException.ConsentMissing -> PocketuneException.ConsentMissing(purpose.toPublic())
        is NativeException.StateMismatch -> PocketuneException.StateMismatch(reason)
        is NativeException.Closed -> PocketuneException.Closed()
        is NativeException.StorageFailed -> PocketuneException.StorageFailed(kind.toPublic(), reason)
        is NativeException.Internal -> PocketuneException.Internal(reason)
    }

private fun NativeStorageFault.toPublic(): StorageFault =
    when (this) {
        NativeStorageFault.FULL -> StorageFault.FULL
        NativeStorageFault.READ_ONLY -> StorageFault.READ_ONLY
        NativeStorageFault.BUSY -> StorageFault.BUSY
        NativeStorageFault.NEWER -> StorageFault.NEWER
        NativeStorageFault.DAMAGED -> StorageFault.DAMAGED
        NativeStorageFault.KEY_MISSING -> StorageFault.KEY_MISSING
        NativeStorageFault.LOCKED -> StorageFault.LOCKED
        NativeStorageFault.OTHER -> StorageFault.OTHER
    }

/** A number that the library takes without a sign: one below 0 is refused, not wrapped around. */
internal fun Int.unsigned(argument: String): UInt = if (this < 0) throw negative(argument, this) else toUInt()

/** As the other [unsigned]. */
internal fun Long.unsigned(argument: String): ULong = if (this < 0) throw negative(argument, this) else toULong()

/** A seed, which the library takes as 32 bits without a sign. */
internal fun Long.seed(): UInt {
    if (this in 0..UInt.MAX_VALUE.toLong()) return toUInt()
    throw PocketuneException.InvalidArgument("seed", "is $this; 0 to ${UInt.MAX_VALUE} are possible", null)
}

/** What no file in use reaches is capped, not wrapped around. */
internal fun UInt.capped(): Int = coerceAtMost(Int.MAX_VALUE.toUInt()).toInt()

/** As the other [capped]. */
internal fun ULong.capped(): Long = coerceAtMost(Long.MAX_VALUE.toULong()).toLong()

private fun negative(
    argument: String,
    value: Number,
) = PocketuneException.InvalidArgument(argument, "is $value; less than 0 is not possible", null)
