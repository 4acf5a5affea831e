//! The JNI entry that the Kotlin facade calls once with the application context.

use std::path::PathBuf;

use jni::objects::{JClass, JObject, JString};
use jni::{EnvUnowned, errors::LogErrorAndDefault};
use jni::{jni_sig, jni_str};

use crate::engine::CACHE_DIRECTORY;

/// Behind `Pocketune.initialize(context)` in `PocketuneAndroid.kt`: remembers the
/// application's cache directory. Calling it again changes nothing.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_dev_pocketune_PocketuneAndroid_nativeInitialize<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    context: JObject<'local>,
) {
    env.with_env(|env| -> jni::errors::Result<()> {
        let directory = env
            .call_method(
                &context,
                jni_str!("getCacheDir"),
                jni_sig!("()Ljava/io/File;"),
                &[],
            )?
            .l()?;
        let path = env
            .call_method(
                &directory,
                jni_str!("getAbsolutePath"),
                jni_sig!("()Ljava/lang/String;"),
                &[],
            )?
            .l()?;
        let path = env.cast_local::<JString>(path)?.to_string();
        // Set once: later contexts of the same application name the same place.
        let _ = CACHE_DIRECTORY.set(PathBuf::from(path));
        Ok(())
    })
    .resolve::<LogErrorAndDefault>()
}
