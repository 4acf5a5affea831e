@file:JvmName("PocketuneAndroid")

package dev.pocketune

import android.content.Context
import android.os.ParcelFileDescriptor

/**
 * Loads the native library and tells it where the app's cache directory is. Call it
 * once, such as in `Application.onCreate`; further calls change nothing.
 *
 * @throws UnsatisfiedLinkError when the app carries no library for this CPU
 */
public fun Pocketune.initialize(context: Context) {
    System.loadLibrary("pocketune_ffi")
    nativeInitialize(context)
}

/**
 * The model file behind this descriptor, such as one that
 * `ContentResolver.openFileDescriptor(uri, "r")` returned. Close the descriptor
 * after the call that takes the source has returned, not before:
 *
 *     val engine = descriptor.use { Engine.load(it.toModelSource()) }
 */
public fun ParcelFileDescriptor.toModelSource(): ModelSource = ModelSource.Descriptor(fd)

// The symbol is Java_dev_pocketune_PocketuneAndroid_nativeInitialize.
private external fun nativeInitialize(context: Context)
