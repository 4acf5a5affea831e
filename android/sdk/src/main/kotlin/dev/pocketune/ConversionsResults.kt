package dev.pocketune

import java.time.Duration
import java.time.Instant
import java.util.concurrent.TimeUnit
import dev.pocketune.ffi.BestOf as NativeBestOf
import dev.pocketune.ffi.ConsentPurpose as NativeConsentPurpose
import dev.pocketune.ffi.DoubtfulReply as NativeDoubtfulReply
import dev.pocketune.ffi.Draft as NativeDraft
import dev.pocketune.ffi.Embedding as NativeEmbedding
import dev.pocketune.ffi.Judgement as NativeJudgement
import dev.pocketune.ffi.LogLevel as NativeLogLevel
import dev.pocketune.ffi.LogLine as NativeLogLine
import dev.pocketune.ffi.MemoryEstimate as NativeMemoryEstimate
import dev.pocketune.ffi.Message as NativeMessage
import dev.pocketune.ffi.ModelFacts as NativeModelFacts
import dev.pocketune.ffi.Objection as NativeObjection
import dev.pocketune.ffi.Penalties as NativePenalties
import dev.pocketune.ffi.Reply as NativeReply
import dev.pocketune.ffi.ReplyPart as NativeReplyPart
import dev.pocketune.ffi.ReplySampling as NativeReplySampling
import dev.pocketune.ffi.RewardScore as NativeRewardScore
import dev.pocketune.ffi.Role as NativeRole
import dev.pocketune.ffi.Ruling as NativeRuling
import dev.pocketune.ffi.Score as NativeScore
import dev.pocketune.ffi.StopReason as NativeStopReason

// No branch is `else`: a new native variant does not build until someone decides
// what an app sees.

internal fun NativeModelFacts.toPublic(): ModelFacts =
    ModelFacts(
        architecture = architecture,
        name = name,
        quantization = quantization,
        license = license,
        parameters = parameters.capped(),
        contextLength = contextLength.capped(),
        embeddingLength = embeddingLength.capped(),
        blockCount = blockCount.capped(),
        vocabularySize = vocabularySize.capped(),
        hasChatTemplate = hasChatTemplate,
        fileBytes = fileBytes.capped(),
    )

internal fun NativeMemoryEstimate.toPublic(): MemoryEstimate =
    MemoryEstimate(
        contextTokens = contextTokens.capped(),
        requiredBytes = requiredBytes.capped(),
        weightBytes = weightBytes.capped(),
        repackedBytes = repackedBytes.capped(),
        kvBytes = kvBytes.capped(),
        computeBytes = computeBytes.capped(),
        overheadBytes = overheadBytes.capped(),
        availableBytes = availableBytes?.capped(),
        fits = fits,
    )

internal fun NativeScore.toPublic(): Score = Score(logProbability, tokens.map { TokenScore(it.token, it.logProbability) })

internal fun NativeEmbedding.toPublic(): Embedding = Embedding(values, tokens.capped())

internal fun NativeMessage.toPublic(): Message = Message(role.toPublic(), content, replyId)

private fun NativeRole.toPublic(): Role =
    when (this) {
        NativeRole.SYSTEM -> Role.SYSTEM
        NativeRole.USER -> Role.USER
        NativeRole.ASSISTANT -> Role.ASSISTANT
    }

internal fun NativeReplyPart.toPublic(): ReplyPart =
    when (this) {
        is NativeReplyPart.Text -> ReplyPart.Text(text)
        is NativeReplyPart.Done -> ReplyPart.Done(reply.toPublic())
    }

internal fun NativeReply.toPublic(): Reply =
    Reply(
        id = id,
        time = Instant.ofEpochSecond(timeS),
        adapters = adapters.map { it.toPublic() },
        sampling = sampling.toPublic(),
        text = text,
        stopReason = stopReason.toPublic(),
        promptTokens = promptTokens.capped(),
        reusedTokens = reusedTokens.capped(),
        generatedTokens = generatedTokens.capped(),
        droppedMessages = droppedMessages.capped(),
        timeToFirstToken = duration(timeToFirstTokenMs),
        prefillTokensPerS = prefillTokensPerS,
        decodeTokensPerS = decodeTokensPerS,
    )

private fun duration(ms: Double): Duration = Duration.ofNanos((ms * TimeUnit.MILLISECONDS.toNanos(1)).toLong())

private fun NativeReplySampling.toPublic(): ReplySampling =
    ReplySampling(
        temperature = temperature,
        topK = topK.capped(),
        topP = topP,
        minP = minP,
        penalties = penalties.toPublic(),
        seed = seed.toLong(),
        maxTokens = maxTokens.capped(),
    )

private fun NativePenalties.toPublic(): Penalties = Penalties(lastTokens.capped(), repeat, frequency, presence)

private fun NativeStopReason.toPublic(): StopReason =
    when (this) {
        NativeStopReason.END_OF_TURN -> StopReason.END_OF_TURN
        NativeStopReason.STOP_STRING -> StopReason.STOP_STRING
        NativeStopReason.MAX_TOKENS -> StopReason.MAX_TOKENS
        NativeStopReason.CONTEXT_FULL -> StopReason.CONTEXT_FULL
        NativeStopReason.CANCELLED -> StopReason.CANCELLED
    }

internal fun StopReason.toNative(): NativeStopReason =
    when (this) {
        StopReason.END_OF_TURN -> NativeStopReason.END_OF_TURN
        StopReason.STOP_STRING -> NativeStopReason.STOP_STRING
        StopReason.MAX_TOKENS -> NativeStopReason.MAX_TOKENS
        StopReason.CONTEXT_FULL -> NativeStopReason.CONTEXT_FULL
        StopReason.CANCELLED -> NativeStopReason.CANCELLED
    }

internal fun NativeRewardScore.toPublic(): RewardScore = RewardScore(reward, quality, computedTokens.capped())

internal fun NativeBestOf.toPublic(): BestOf = BestOf(drafts.map { it.toPublic() }, best.toInt())

private fun NativeDraft.toPublic(): Draft = Draft(reply.toPublic(), score?.toPublic())

internal fun NativeJudgement.toPublic(): Judgement = Judgement(ruling.toPublic(), score, objections.map { it.toPublic() })

private fun NativeRuling.toPublic(): Ruling =
    when (this) {
        NativeRuling.PASS -> Ruling.PASS
        NativeRuling.FAIL -> Ruling.FAIL
        NativeRuling.NEEDS_REVIEW -> Ruling.NEEDS_REVIEW
    }

private fun NativeObjection.toPublic(): Objection = Objection(critic, score, reason)

internal fun NativeDoubtfulReply.toPublic(): DoubtfulReply =
    DoubtfulReply(
        id = id,
        keptAt = Instant.ofEpochSecond(keptAtS),
        systemPrompt = systemPrompt,
        prompt = prompt,
        reply = reply,
        score = score,
        objections = objections.map { it.toPublic() },
        shared = shared,
        exportedAt = exportedAtS?.let(Instant::ofEpochSecond),
        labels = labels.map { ReviewLabel(it.annotator, it.label) },
    )

internal fun NativeLogLine.toPublic(): LogLine = LogLine(level.toPublic(), target, message, Instant.ofEpochMilli(timeMs))

private fun NativeLogLevel.toPublic(): LogLevel =
    when (this) {
        NativeLogLevel.ERROR -> LogLevel.ERROR
        NativeLogLevel.WARN -> LogLevel.WARN
        NativeLogLevel.INFO -> LogLevel.INFO
        NativeLogLevel.DEBUG -> LogLevel.DEBUG
    }

internal fun NativeConsentPurpose.toPublic(): ConsentPurpose =
    when (this) {
        NativeConsentPurpose.REVIEW -> ConsentPurpose.REVIEW
        NativeConsentPurpose.REVIEW_SHARING -> ConsentPurpose.REVIEW_SHARING
        NativeConsentPurpose.LEARN -> ConsentPurpose.LEARN
        NativeConsentPurpose.KEEP_EXAMPLES -> ConsentPurpose.KEEP_EXAMPLES
        NativeConsentPurpose.SHARE_COUNTS -> ConsentPurpose.SHARE_COUNTS
        NativeConsentPurpose.SHARE_UPDATES -> ConsentPurpose.SHARE_UPDATES
    }

internal fun ConsentPurpose.toNative(): NativeConsentPurpose =
    when (this) {
        ConsentPurpose.REVIEW -> NativeConsentPurpose.REVIEW
        ConsentPurpose.REVIEW_SHARING -> NativeConsentPurpose.REVIEW_SHARING
        ConsentPurpose.LEARN -> NativeConsentPurpose.LEARN
        ConsentPurpose.KEEP_EXAMPLES -> NativeConsentPurpose.KEEP_EXAMPLES
        ConsentPurpose.SHARE_COUNTS -> NativeConsentPurpose.SHARE_COUNTS
        ConsentPurpose.SHARE_UPDATES -> NativeConsentPurpose.SHARE_UPDATES
    }
