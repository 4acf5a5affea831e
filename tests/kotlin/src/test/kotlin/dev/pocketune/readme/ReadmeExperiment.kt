package dev.pocketune.readme

import dev.pocketune.Asked
import dev.pocketune.Choice
import dev.pocketune.ExperimentDefinition
import dev.pocketune.GenerationOptions
import dev.pocketune.Store
import dev.pocketune.Verdict

// The README shows what stands between the markers.
// snippet:start
suspend fun compare(
    store: Store,
    definition: ExperimentDefinition,
    choose: (String, String) -> Choice,
) {
    store.experiments.start(definition).use { experiment ->
        experiment.sideBySide().use { chat ->
            val asked = chat.ask("Why is the sky blue?", GenerationOptions(maxTokens = 60))
            if (asked is Asked.Two) chat.pick(choose(asked.first.text, asked.second.text))
        }
        val decision = experiment.verdict() // valid at every look
        println(decision.sentence)
        if (decision.verdict != Verdict.KEEP_GOING) experiment.conclude()
    }
}
// snippet:end
