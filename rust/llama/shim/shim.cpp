#include "shim.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <unistd.h>
#include <vector>

// llama.cpp keeps this query in a staging header that it does not install.
// The declaration must match src/llama-ext.h of the pinned version; a change
// of its name or signature fails at link time.
struct llama_memory_breakdown_data {
    size_t model = 0;
    size_t context = 0;
    size_t compute = 0;
};
LLAMA_API std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(
    const struct llama_context * ctx);

namespace {

void write_message(char * message, const char * text) noexcept {
    if (message != nullptr) {
        std::snprintf(message, PT_MESSAGE_BYTES, "%s", text);
    }
}

// Runs `body` and turns what it throws into a status.
template <typename Body> pt_status guarded(char * message, Body body) noexcept {
    write_message(message, "");
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return PT_OUT_OF_MEMORY;
    } catch (const std::exception & error) {
        write_message(message, error.what());
        return PT_EXCEPTION;
    } catch (...) {
        write_message(message, "an exception without a description");
        return PT_EXCEPTION;
    }
}

struct closing_file {
    FILE * file;
    ~closing_file() {
        if (file != nullptr) {
            std::fclose(file);
        }
    }
};

llama_sampler * make_stage(int32_t n_vocab, const pt_stage & stage) {
    switch (stage.kind) {
        case PT_STAGE_LOGIT_BIAS:
            return llama_sampler_init_logit_bias(n_vocab, stage.n_biases, stage.biases);
        case PT_STAGE_PENALTIES:
            return llama_sampler_init_penalties(n_vocab, stage.integer, stage.value, stage.frequency,
                                                stage.presence);
        case PT_STAGE_TOP_K:
            return llama_sampler_init_top_k(stage.integer);
        case PT_STAGE_TOP_P:
            return llama_sampler_init_top_p(stage.value, 1);
        case PT_STAGE_MIN_P:
            return llama_sampler_init_min_p(stage.value, 1);
        case PT_STAGE_TEMPERATURE:
            return llama_sampler_init_temp(stage.value);
        case PT_STAGE_DISTRIBUTION:
            return llama_sampler_init_dist(stage.seed);
        case PT_STAGE_GREEDY:
            return llama_sampler_init_greedy();
    }
    return nullptr;
}

// A NaN would break the order that the chain sorts by, and with it memory.
void fill_candidates(std::vector<llama_token_data> & candidates, const float * logits, int32_t n_vocab) {
    candidates.resize(n_vocab);
    for (llama_token id = 0; id < n_vocab; id++) {
        const float logit = std::isfinite(logits[id]) ? logits[id] : -INFINITY;
        candidates[id] = llama_token_data{id, logit, 0.0f};
    }
}

// What the chain selected, unless it is forbidden: a draw of exactly 0 takes the
// first candidate, whatever its probability. Then the likeliest one, if any.
const llama_token_data * chosen(const llama_token_data_array & array) {
    if (array.selected >= 0 && static_cast<size_t>(array.selected) < array.size &&
        std::isfinite(array.data[array.selected].logit)) {
        return &array.data[array.selected];
    }
    const llama_token_data * best = nullptr;
    for (size_t i = 0; i < array.size; i++) {
        const llama_token_data & candidate = array.data[i];
        if (std::isfinite(candidate.logit) && (best == nullptr || candidate.logit > best->logit)) {
            best = &candidate;
        }
    }
    return best;
}

} // namespace

extern "C" pt_status pt_model_load(int fd, pt_model_params params, llama_model ** out, char * message) {
    return guarded(message, [&] {
        closing_file opened{fdopen(fd, "rb")};
        if (opened.file == nullptr) {
            close(fd);
            write_message(message, "the descriptor cannot be read");
            return PT_NULL;
        }
        llama_model_params llama_params = llama_model_default_params();
        llama_params.n_gpu_layers = 0;
        llama_params.load_mode =
            params.use_mmap && !params.weights_absent ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
        llama_params.lazy_mode = LLAMA_LAZY_MODE_OFF;
        llama_params.no_alloc = params.weights_absent;
        llama_params.progress_callback = params.progress;
        llama_params.progress_callback_user_data = params.progress_data;
        *out = llama_model_load_from_file_ptr(opened.file, llama_params);
        return *out == nullptr ? PT_NULL : PT_OK;
    });
}

extern "C" pt_status pt_context_new(llama_model * model, pt_context_params params, llama_context ** out,
                                    char * message) {
    return guarded(message, [&] {
        llama_context_params llama_params = llama_context_default_params();
        llama_params.n_ctx = params.context_tokens;
        llama_params.n_batch = params.batch_tokens;
        llama_params.n_ubatch = params.micro_batch_tokens;
        llama_params.n_seq_max = 1;
        llama_params.n_outputs_max = params.outputs_max;
        llama_params.n_threads = params.threads_decode;
        llama_params.n_threads_batch = params.threads_prefill;
        llama_params.pooling_type = LLAMA_POOLING_TYPE_NONE;
        llama_params.type_k = params.kv_type_k;
        llama_params.type_v = params.kv_type_v;
        llama_params.swa_full = params.full_sliding_window;
        llama_params.abort_callback = params.abort;
        llama_params.abort_callback_data = params.abort_data;
        llama_params.offload_kqv = false;
        llama_params.op_offload = false;
        *out = llama_init_from_model(model, llama_params);
        return *out == nullptr ? PT_NULL : PT_OK;
    });
}

extern "C" pt_status pt_context_memory(const llama_context * context, pt_memory * out, char * message) {
    return guarded(message, [&] {
        *out = pt_memory{};
        for (const auto & [type, bytes] : llama_get_memory_breakdown(context)) {
            const bool repacked = std::strcmp(ggml_backend_buft_name(type), "CPU_REPACK") == 0;
            (repacked ? out->repacked : out->weights) += bytes.model;
            out->kv += bytes.context;
            out->compute += bytes.compute;
        }
        return PT_OK;
    });
}

// llama.cpp copies the metadata into strings and the tensors into buffers of
// its own (src/llama-adapter.cpp, llama_adapter_lora_init_impl), and keeps no
// pointer to the file.
extern "C" pt_status pt_adapter_load(llama_model * model, const uint8_t * bytes, size_t count,
                                     llama_adapter_lora ** out, char * message) {
    return guarded(message, [&] {
        // Opened for reading, nothing is written through the pointer.
        closing_file opened{fmemopen(const_cast<uint8_t *>(bytes), count, "rb")};
        if (opened.file == nullptr) {
            write_message(message, "the bytes cannot be read as a file");
            return PT_NULL;
        }
        *out = llama_adapter_lora_init_from_file_ptr(model, opened.file);
        return *out == nullptr ? PT_NULL : PT_OK;
    });
}

extern "C" pt_status pt_adapters_set(llama_context * context, llama_adapter_lora ** adapters, size_t count,
                                     float * scales, char * message) {
    return guarded(message,
                   [&] { return llama_set_adapters_lora(context, adapters, count, scales) == 0 ? PT_OK : PT_NULL; });
}

// Looked up by name because a dynamically loaded CPU backend is not linked.
extern "C" ggml_threadpool * pt_threadpool_new(int32_t threads, uint32_t poll) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (cpu == nullptr) {
        return nullptr;
    }
    auto * make = reinterpret_cast<decltype(ggml_threadpool_new) *>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_threadpool_new"));
    if (make == nullptr) {
        return nullptr;
    }
    ggml_threadpool_params params = ggml_threadpool_params_default(threads);
    params.poll = poll;
    return make(&params);
}

extern "C" void pt_threadpool_free(ggml_threadpool * pool) {
    ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (cpu == nullptr || pool == nullptr) {
        return;
    }
    auto * free_pool = reinterpret_cast<decltype(ggml_threadpool_free) *>(
        ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_threadpool_free"));
    if (free_pool != nullptr) {
        free_pool(pool);
    }
}

extern "C" pt_status pt_decode(llama_context * context, llama_batch batch, int32_t * code, char * message) {
    return guarded(message, [&] {
        *code = llama_decode(context, batch);
        return PT_OK;
    });
}

extern "C" pt_status pt_tokenize(const llama_vocab * vocab, const char * text, int32_t text_bytes,
                                 llama_token * tokens, int32_t capacity, bool add_special, bool parse_special,
                                 int32_t * count, char * message) {
    return guarded(message, [&] {
        *count = llama_tokenize(vocab, text, text_bytes, tokens, capacity, add_special, parse_special);
        return PT_OK;
    });
}

extern "C" pt_status pt_token_bytes(const llama_vocab * vocab, llama_token token, bool special, char * bytes,
                                    int32_t capacity, int32_t * count, char * message) {
    return guarded(message, [&] {
        *count = llama_token_to_piece(vocab, token, bytes, capacity, 0, special);
        return PT_OK;
    });
}

extern "C" pt_status pt_sampler_chain_new(int32_t n_vocab, const pt_stage * stages, size_t n_stages,
                                          llama_sampler ** out, char * message) {
    return guarded(message, [&] {
        llama_sampler_chain_params params = llama_sampler_chain_default_params();
        llama_sampler * chain = llama_sampler_chain_init(params);
        for (size_t i = 0; i < n_stages; i++) {
            llama_sampler * stage = make_stage(n_vocab, stages[i]);
            if (stage == nullptr) {
                llama_sampler_free(chain);
                return PT_NULL;
            }
            llama_sampler_chain_add(chain, stage);
        }
        *out = chain;
        return PT_OK;
    });
}

extern "C" pt_status pt_sampler_observe(llama_sampler * chain, llama_token token, char * message) {
    return guarded(message, [&] {
        llama_sampler_accept(chain, token);
        return PT_OK;
    });
}

extern "C" pt_status pt_sample(llama_sampler * chain, const float * logits, int32_t n_vocab, llama_token * out,
                               char * message) {
    return guarded(message, [&] {
        static thread_local std::vector<llama_token_data> candidates;
        fill_candidates(candidates, logits, n_vocab);
        llama_token_data_array array = {candidates.data(), candidates.size(), -1, false};
        llama_sampler_apply(chain, &array);
        const llama_token_data * token = chosen(array);
        if (token == nullptr) {
            return PT_DEAD_END;
        }
        *out = token->id;
        return PT_OK;
    });
}

extern "C" pt_status pt_sequence_state_size(llama_context * context, llama_seq_id sequence, size_t * bytes,
                                            char * message) {
    return guarded(message, [&] {
        *bytes = llama_state_seq_get_size(context, sequence);
        return PT_OK;
    });
}

extern "C" pt_status pt_sequence_state_read(llama_context * context, llama_seq_id sequence, uint8_t * bytes,
                                            size_t capacity, size_t * written, char * message) {
    return guarded(message, [&] {
        *written = llama_state_seq_get_data(context, bytes, capacity, sequence);
        return *written == 0 ? PT_NULL : PT_OK;
    });
}

extern "C" pt_status pt_sequence_state_write(llama_context * context, llama_seq_id sequence, const uint8_t * bytes,
                                             size_t count, char * message) {
    return guarded(message, [&] {
        // Bytes that nobody read belong to another kind of cache.
        return llama_state_seq_set_data(context, bytes, count, sequence) == count ? PT_OK : PT_NULL;
    });
}

extern "C" pt_status pt_sequence_remove(llama_context * context, llama_seq_id sequence, llama_pos from, llama_pos to,
                                        bool * removed, char * message) {
    return guarded(message, [&] {
        *removed = llama_memory_seq_rm(llama_get_memory(context), sequence, from, to);
        return PT_OK;
    });
}

extern "C" pt_status pt_f32_product(int64_t n, int64_t k, int64_t tokens, int32_t threads, int32_t runs,
                                    double * seconds, char * message) {
    return guarded(message, [&] {
        // Tensors and graph; the values lie in a buffer of the backend.
        const ggml_init_params params = {16 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true};
        const std::unique_ptr<ggml_context, decltype(&ggml_free)> context(ggml_init(params), ggml_free);
        const std::unique_ptr<ggml_backend, decltype(&ggml_backend_free)> backend(
            ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr), ggml_backend_free);
        if (context == nullptr || backend == nullptr) {
            return PT_NULL;
        }
        ggml_tensor * weights = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, k, n);
        ggml_tensor * input = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, k, tokens);
        ggml_cgraph * graph = ggml_new_graph(context.get());
        ggml_build_forward_expand(graph, ggml_mul_mat(context.get(), weights, input));
        const std::unique_ptr<ggml_backend_buffer, decltype(&ggml_backend_buffer_free)> buffer(
            ggml_backend_alloc_ctx_tensors(context.get(), backend.get()), ggml_backend_buffer_free);
        if (buffer == nullptr) {
            return PT_OUT_OF_MEMORY;
        }
        for (ggml_tensor * tensor : {weights, input}) {
            std::vector<float> values(ggml_nelements(tensor));
            for (size_t index = 0; index < values.size(); ++index) {
                values[index] = static_cast<float>(index % 251) / 251.0f - 0.5f;
            }
            ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(float));
        }
        // Found by name, since backends may be loaded at run time.
        ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(ggml_backend_get_device(backend.get()));
        auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
            ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads"));
        if (set_threads != nullptr) {
            set_threads(backend.get(), threads);
        }
        int64_t fastest = INT64_MAX;
        for (int32_t run = 0; run <= runs; ++run) {
            const int64_t start = ggml_time_us();
            if (ggml_backend_graph_compute(backend.get(), graph) != GGML_STATUS_SUCCESS) {
                return PT_NULL;
            }
            // The first run touches the memory.
            if (run > 0) {
                fastest = std::min(fastest, ggml_time_us() - start);
            }
        }
        *seconds = static_cast<double>(fastest) / 1e6;
        return PT_OK;
    });
}
