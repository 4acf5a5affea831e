package dev.pocketune

import dev.pocketune.ffi.Asked as NativeAsked
import dev.pocketune.ffi.ChatOptions as NativeChatOptions
import dev.pocketune.ffi.Constraint as NativeConstraint
import dev.pocketune.ffi.GenerationOptions as NativeGenerationOptions
import dev.pocketune.ffi.ModelSource as NativeModelSource
import dev.pocketune.ffi.Outcome as NativeOutcome
import dev.pocketune.ffi.PocketuneException as NativeException
import dev.pocketune.ffi.Prompt as NativePrompt
import dev.pocketune.ffi.ReplyPart as NativeReplyPart
import dev.pocketune.ffi.TemplateChoice as NativeTemplateChoice

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun ModelSource.toNative(): NativeModelSource =
    when (this) {
        is ModelSource.Path -> NativeModelSource.Path(path)
        is ModelSource.Descriptor -> NativeModelSource.Descriptor(fd)
    }

internal fun TemplateChoice.toNative(): NativeTemplateChoice =
    when (this) {
        TemplateChoice.Model -> NativeTemplateChoice.Model
        TemplateChoice.ChatMl -> NativeTemplateChoice.ChatMl
        is TemplateChoice.Jinja -> NativeTemplateChoice.Jinja(source)
    }

internal fun ChatOptions.toNative(): NativeChatOptions = NativeChatOptions(systemPrompt, history, template.toNative(), overflow)

internal fun GenerationOptions.toNative(): NativeGenerationOptions =
    NativeGenerationOptions(maxTokens, sampling, stop, constraint?.toNative())

internal fun Prompt.toNative(): NativePrompt =
    when (this) {
        is Prompt.Raw -> NativePrompt.Raw(text)
        is Prompt.Chat -> NativePrompt.Chat(systemPrompt, turns, template.toNative())
    }

internal fun NativeReplyPart.toPublic(): ReplyPart =
    when (this) {
        is NativeReplyPart.Text -> ReplyPart.Text(text)
        is NativeReplyPart.Done -> ReplyPart.Done(reply)
    }

internal fun Outcome.toNative(): NativeOutcome =
    when (this) {
        is Outcome.Picked -> NativeOutcome.Picked(arm)
        is Outcome.Value -> NativeOutcome.Value(value)
        is Outcome.Pair -> NativeOutcome.Pair(incumbent, challenger)
    }

internal fun NativeAsked.toPublic(): Asked =
    when (this) {
        is NativeAsked.One -> Asked.One(reply)
        is NativeAsked.Two -> Asked.Two(unit, first, second)
    }

internal fun NativeException.toPublic(): PocketuneException =
    when (this) {
        is NativeException.ModelUnreadable -> PocketuneException.ModelUnreadable(reason)
        is NativeException.ModelInvalid -> PocketuneException.ModelInvalid(reason)
        is NativeException.ModelUnsupported -> PocketuneException.ModelUnsupported(architecture)
        is NativeException.OutOfMemory -> PocketuneException.OutOfMemory(requiredBytes, availableBytes)
        is NativeException.NoChatTemplate -> PocketuneException.NoChatTemplate()
        is NativeException.ContextFull -> PocketuneException.ContextFull(promptTokens, contextTokens)
        is NativeException.InvalidArgument -> PocketuneException.InvalidArgument(option, reason)
        is NativeException.NotNow -> PocketuneException.NotNow(reason)
        is NativeException.ConsentMissing -> PocketuneException.ConsentMissing(consent)
        is NativeException.StateMismatch -> PocketuneException.StateMismatch(reason)
        is NativeException.Cancelled -> PocketuneException.Cancelled()
        is NativeException.Closed -> PocketuneException.Closed()
        is NativeException.StorageFailed -> PocketuneException.StorageFailed(reason)
        is NativeException.Internal -> PocketuneException.Internal(reason)
    }

private fun Constraint.toNative(): NativeConstraint =
    when (this) {
        is Constraint.Gbnf -> NativeConstraint.Gbnf(grammar)
        is Constraint.JsonSchema -> NativeConstraint.JsonSchema(schema)
    }
