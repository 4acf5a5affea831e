package dev.pocketune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.pocketune.java.Futures;
import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An app that is written in Java. */
@Timeout(120)
class JavaTest {
    private static final EngineOptions OPTIONS = new EngineOptions.Builder().contextTokens(1024).threads(2).build();

    private static final Sampling GREEDY = new Sampling.Builder().temperature(0).build();

    private static GenerationOptions greedy(int maxTokens) {
        return new GenerationOptions.Builder().maxTokens(maxTokens).sampling(GREEDY).build();
    }

    private static Engine load() {
        CompletableFuture<Engine> engine = Futures.of(c -> Engine.load(TestModel.INSTANCE.getSource(), OPTIONS, c));
        return engine.join();
    }

    /** What a future failed with. */
    private static PocketuneException failure(CompletableFuture<?> future) {
        Throwable cause = assertThrows(CompletionException.class, future::join).getCause();
        return assertInstanceOf(PocketuneException.class, cause);
    }

    @Test
    void aModelIsLoadedAndAReplyIsStreamed() {
        assertTrue(Pocketune.getVersion().matches("\\d+\\.\\d+\\.\\d+"));
        try (Engine engine = load();
                Chat chat = engine.chat(new ChatOptions.Builder().systemPrompt("You are a helpful assistant.").build())) {
            StringBuilder text = new StringBuilder();
            AtomicReference<Reply> reply = new AtomicReference<>();
            CompletableFuture<Void> streamed = Futures.collect(chat.send("What is the capital of France?", greedy(16)), part -> {
                if (part instanceof ReplyPart.Text piece) {
                    text.append(piece.getText());
                } else if (part instanceof ReplyPart.Done done) {
                    reply.set(done.getReply());
                }
            });
            streamed.join();
            assertTrue(text.toString().contains("Paris"), text.toString());
            assertEquals(text.toString(), reply.get().getText());
            assertTrue(reply.get().getTimeToFirstToken().compareTo(Duration.ZERO) > 0);
            assertEquals(reply.get().getId(), chat.getHistory().get(1).getReplyId());

            CompletableFuture<Reply> next = Futures.of(c -> chat.reply("And of Italy?", c));
            assertTrue(next.join().getReusedTokens() > 0);
            assertEquals(4, chat.getHistory().size());
        }
    }

    @Test
    void partsComeOnTheExecutorAndACancelledFutureStopsTheReply() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor(work -> new Thread(work, "app"));
        try (Engine engine = load();
                Chat chat = engine.chat()) {
            CountDownLatch started = new CountDownLatch(1);
            AtomicReference<String> thread = new AtomicReference<>();
            CompletableFuture<Void> story = Futures.collect(chat.send("Write a long story.", greedy(900)), executor, part -> {
                thread.set(Thread.currentThread().getName());
                started.countDown();
            });
            assertTrue(started.await(30, TimeUnit.SECONDS));
            assertTrue(story.cancel(true));
            assertThrows(CancellationException.class, story::join);
            CompletableFuture<Reply> next = Futures.of(c -> chat.reply("Say hello.", greedy(4), c));
            next.join();
            assertTrue(thread.get().startsWith("app"), thread.get());
            assertEquals(4, chat.getHistory().size());
        } finally {
            executor.shutdown();
        }
    }

    @Test
    void aStoreIsOpenedAndAnAdapterIsInstalled(@TempDir Path folder) {
        Engine engine = load();
        CompletableFuture<Store> opening = Futures.of(c -> Store.open(folder.toFile(), engine, c));
        try (Store store = opening.join()) {
            CompletableFuture<Long> pinned = Futures.of(c -> store.pinPolicy(TestModelKt.deliveredBytes("policy.json"), c));
            assertEquals(1, pinned.join());
            File delivered = TestModelKt.delivered("brief.gguf");
            CompletableFuture<AdapterVerdict> installed = Futures.of(c -> store.getAdapters().install(delivered, c));
            AdapterVerdict.Accepted accepted = assertInstanceOf(AdapterVerdict.Accepted.class, installed.join());
            String sha256 = accepted.getAdapter().getSha256();
            CompletableFuture<AdapterRefusal> active = Futures.of(c -> store.getAdapters().activate(List.of(new AdapterChoice(sha256)), c));
            assertNull(active.join());
            CompletableFuture<Set<ConsentPurpose>> consents = Futures.of(c -> store.consents(c));
            assertEquals(Set.of(), consents.join());

            ExperimentDefinition definition = new ExperimentDefinition.Builder(
                            "brief",
                            "Short replies are picked.",
                            ExperimentDesign.SIDE_BY_SIDE,
                            new ArmDefinition("base"),
                            new ArmDefinition("brief", List.of(sha256)),
                            List.of(new MetricDefinition(Measure.PICK, MetricRole.PRIMARY)),
                            new ExperimentLimits(300, 28))
                    .build();
            CompletableFuture<Experiment> experiment = Futures.of(c -> store.getExperiments().start(definition, c));
            assertEquals("brief", experiment.join().getId());
        }
        assertThrows(PocketuneException.Closed.class, engine::chat);
    }

    @Test
    void errorsAreCaughtByTheirClass() {
        ModelSource nowhere = new ModelSource.Path(new File("/nowhere/model.gguf"));
        PocketuneException missing = failure(Futures.<Engine>of(c -> Engine.load(nowhere, c)));
        assertInstanceOf(PocketuneException.ModelUnreadable.class, missing);
        EngineOptions wrong = new EngineOptions.Builder().threads(-1).build();
        PocketuneException refused = failure(Futures.<Engine>of(c -> Engine.load(TestModel.INSTANCE.getSource(), wrong, c)));
        assertEquals("threads", assertInstanceOf(PocketuneException.InvalidArgument.class, refused).getArgument());
        try (Engine engine = load()) {
            TemplateChoice template = new TemplateChoice.Jinja("{% if %}");
            try {
                engine.chat(new ChatOptions.Builder().template(template).build());
            } catch (PocketuneException.InvalidArgument error) {
                assertEquals("template", error.getArgument());
                return;
            }
            throw new AssertionError("nothing was thrown");
        }
    }
}
