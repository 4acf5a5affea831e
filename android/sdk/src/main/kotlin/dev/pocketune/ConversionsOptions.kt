package dev.pocketune

import dev.pocketune.ffi.ChatOptions as NativeChatOptions
import dev.pocketune.ffi.Constraint as NativeConstraint
import dev.pocketune.ffi.EngineOptions as NativeEngineOptions
import dev.pocketune.ffi.GenerationOptions as NativeGenerationOptions
import dev.pocketune.ffi.KvCacheType as NativeKvCacheType
import dev.pocketune.ffi.LogLevel as NativeLogLevel
import dev.pocketune.ffi.Message as NativeMessage
import dev.pocketune.ffi.ModelSource as NativeModelSource
import dev.pocketune.ffi.OverflowPolicy as NativeOverflowPolicy
import dev.pocketune.ffi.Penalties as NativePenalties
import dev.pocketune.ffi.Pooling as NativePooling
import dev.pocketune.ffi.Prompt as NativePrompt
import dev.pocketune.ffi.Role as NativeRole
import dev.pocketune.ffi.Sampling as NativeSampling
import dev.pocketune.ffi.TemplateChoice as NativeTemplateChoice
import dev.pocketune.ffi.TokenBias as NativeTokenBias

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun ModelSource.toNative(): NativeModelSource =
    when (this) {
        is ModelSource.Path -> NativeModelSource.Path(path.path)
        is ModelSource.Descriptor -> NativeModelSource.Descriptor(fd)
    }

internal fun EngineOptions.toNative(): NativeEngineOptions =
    NativeEngineOptions(
        contextTokens = contextTokens?.unsigned("contextTokens"),
        threads = threads?.unsigned("threads"),
        batchTokens = batchTokens.unsigned("batchTokens"),
        microBatchTokens = microBatchTokens.unsigned("microBatchTokens"),
        kvCacheType = kvCacheType.toNative(),
        fullSlidingWindow = fullSlidingWindow,
        useMmap = useMmap,
        kvLimitBytes = kvLimitBytes?.unsigned("kvLimitBytes"),
        ignoreMemoryEstimate = ignoreMemoryEstimate,
        cacheDirectory = cacheDirectory?.path,
    )

private fun KvCacheType.toNative(): NativeKvCacheType =
    when (this) {
        KvCacheType.F16 -> NativeKvCacheType.F16
        KvCacheType.Q8_0 -> NativeKvCacheType.Q8_0
        KvCacheType.F32 -> NativeKvCacheType.F32
    }

internal fun ChatOptions.toNative(): NativeChatOptions =
    NativeChatOptions(
        systemPrompt = systemPrompt,
        history = history.map { it.toNative() },
        template = template.toNative(),
        overflow = overflow.toNative(),
    )

internal fun Message.toNative(): NativeMessage = NativeMessage(role.toNative(), content, replyId)

private fun Role.toNative(): NativeRole =
    when (this) {
        Role.SYSTEM -> NativeRole.SYSTEM
        Role.USER -> NativeRole.USER
        Role.ASSISTANT -> NativeRole.ASSISTANT
    }

internal fun TemplateChoice.toNative(): NativeTemplateChoice =
    when (this) {
        TemplateChoice.Model -> NativeTemplateChoice.Model
        TemplateChoice.ChatMl -> NativeTemplateChoice.ChatMl
        is TemplateChoice.Jinja -> NativeTemplateChoice.Jinja(source)
    }

private fun OverflowPolicy.toNative(): NativeOverflowPolicy =
    when (this) {
        OverflowPolicy.ERROR -> NativeOverflowPolicy.ERROR
        OverflowPolicy.DROP_OLDEST_TURNS -> NativeOverflowPolicy.DROP_OLDEST_TURNS
    }

internal fun GenerationOptions.toNative(): NativeGenerationOptions =
    NativeGenerationOptions(
        maxTokens = maxTokens.unsigned("maxTokens"),
        sampling = sampling.toNative(),
        stop = stop,
        constraint = constraint?.toNative(),
    )

private fun Sampling.toNative(): NativeSampling =
    NativeSampling(
        temperature = temperature,
        topK = topK.unsigned("topK"),
        topP = topP,
        minP = minP,
        penalties = penalties?.toNative(),
        seed = seed?.seed(),
        logitBias = logitBias.map { NativeTokenBias(it.token, it.bias) },
    )

private fun Penalties.toNative(): NativePenalties = NativePenalties(lastTokens.unsigned("lastTokens"), repeat, frequency, presence)

private fun Constraint.toNative(): NativeConstraint =
    when (this) {
        is Constraint.Gbnf -> NativeConstraint.Gbnf(grammar)
        is Constraint.JsonSchema -> NativeConstraint.JsonSchema(schema)
    }

internal fun Prompt.toNative(): NativePrompt =
    when (this) {
        is Prompt.Raw -> NativePrompt.Raw(text)
        is Prompt.Chat -> NativePrompt.Chat(systemPrompt, turns.map { it.toNative() }, template.toNative())
    }

internal fun Pooling.toNative(): NativePooling =
    when (this) {
        Pooling.MEAN -> NativePooling.MEAN
        Pooling.LAST -> NativePooling.LAST
    }

internal fun LogLevel.toNative(): NativeLogLevel =
    when (this) {
        LogLevel.ERROR -> NativeLogLevel.ERROR
        LogLevel.WARN -> NativeLogLevel.WARN
        LogLevel.INFO -> NativeLogLevel.INFO
        LogLevel.DEBUG -> NativeLogLevel.DEBUG
    }
