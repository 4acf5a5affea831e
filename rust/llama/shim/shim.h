// The only door between Rust and llama.cpp calls that may throw or fail
// without saying why. Every function is noexcept, returns a pt_status and
// writes a cause of at most PT_MESSAGE_BYTES into `message`.
#pragma once

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PT_MESSAGE_BYTES 512

typedef enum pt_status {
    PT_OK = 0,
    PT_NULL = 1,          // llama.cpp returned null or zero; its log says why
    PT_EXCEPTION = 2,     // message holds what()
    PT_OUT_OF_MEMORY = 3, // std::bad_alloc
    PT_DEAD_END = 4,      // no token is left to choose
} pt_status;

typedef struct pt_model_params {
    bool use_mmap;
    bool weights_absent; // metadata and vocabulary only: to measure, not to run
    llama_progress_callback progress;
    void * progress_data;
} pt_model_params;

typedef struct pt_context_params {
    uint32_t context_tokens;
    uint32_t batch_tokens;
    uint32_t micro_batch_tokens;
    uint32_t outputs_max;
    int32_t threads_decode;
    int32_t threads_prefill;
    enum ggml_type kv_type_k;
    enum ggml_type kv_type_v;
    bool full_sliding_window;
    ggml_abort_callback abort;
    void * abort_data;
} pt_context_params;

typedef struct pt_memory {
    uint64_t weights;  // buffers in the file's layout
    uint64_t repacked; // buffers in a CPU-specific layout
    uint64_t kv;
    uint64_t compute;
} pt_memory;

typedef enum pt_stage_kind {
    PT_STAGE_LOGIT_BIAS,
    PT_STAGE_PENALTIES,
    PT_STAGE_TOP_K,
    PT_STAGE_TOP_P,
    PT_STAGE_MIN_P,
    PT_STAGE_TEMPERATURE,
    PT_STAGE_DISTRIBUTION,
    PT_STAGE_GREEDY,
} pt_stage_kind;

typedef struct pt_stage {
    pt_stage_kind kind;
    int32_t integer;  // top-k; penalties: last n tokens
    float value;      // top-p, min-p, temperature; penalties: repeat
    float frequency;  // penalties
    float presence;   // penalties
    uint32_t seed;    // distribution
    const llama_logit_bias * biases;
    int32_t n_biases;
} pt_stage;

// Takes ownership of descriptor `fd`, also when it fails.
pt_status pt_model_load(int fd, pt_model_params params, struct llama_model ** out, char * message);
pt_status pt_context_new(struct llama_model * model, pt_context_params params, struct llama_context ** out, char * message);
pt_status pt_context_memory(const struct llama_context * context, pt_memory * out, char * message);

// Copies what it needs: `bytes` may go when this returns.
pt_status pt_adapter_load(struct llama_model * model, const uint8_t * bytes, size_t count,
                          struct llama_adapter_lora ** out, char * message);
// Replaces the adapters of a context. When it fails, any of the old and of the
// new ones may be attached.
pt_status pt_adapters_set(struct llama_context * context, struct llama_adapter_lora ** adapters, size_t count,
                          float * scales, char * message);

// Null when the CPU backend offers no thread pools.
struct ggml_threadpool * pt_threadpool_new(int32_t threads, uint32_t poll);
void pt_threadpool_free(struct ggml_threadpool * pool);

// *code receives llama_decode's own result.
pt_status pt_decode(struct llama_context * context, struct llama_batch batch, int32_t * code, char * message);
// *count receives the token count, or the negated count when `capacity` is too small.
pt_status pt_tokenize(const struct llama_vocab * vocab, const char * text, int32_t text_bytes, llama_token * tokens,
                      int32_t capacity, bool add_special, bool parse_special, int32_t * count, char * message);
pt_status pt_token_bytes(const struct llama_vocab * vocab, llama_token token, bool special, char * bytes,
                         int32_t capacity, int32_t * count, char * message);

pt_status pt_sampler_chain_new(int32_t n_vocab, const pt_stage * stages, size_t n_stages, struct llama_sampler ** out,
                               char * message);
pt_status pt_sampler_observe(struct llama_sampler * chain, llama_token token, char * message);
// Chooses from `n_vocab` logits a token whose logit is finite, before and after the chain; the chain does not remember
// it. PT_DEAD_END when there is none.
pt_status pt_sample(struct llama_sampler * chain, const float * logits, int32_t n_vocab, llama_token * out,
                    char * message);

pt_status pt_sequence_state_size(struct llama_context * context, llama_seq_id sequence, size_t * bytes, char * message);
pt_status pt_sequence_state_read(struct llama_context * context, llama_seq_id sequence, uint8_t * bytes, size_t capacity,
                                 size_t * written, char * message);
pt_status pt_sequence_state_write(struct llama_context * context, llama_seq_id sequence, const uint8_t * bytes,
                                  size_t count, char * message);
pt_status pt_sequence_remove(struct llama_context * context, llama_seq_id sequence, llama_pos from, llama_pos to,
                             bool * removed, char * message);

// Times an F32 product of ggml's, n x k by k x tokens: the fastest of `runs`.
pt_status pt_f32_product(int64_t n, int64_t k, int64_t tokens, int32_t threads, int32_t runs, double * seconds,
                         char * message);

#ifdef __cplusplus
}
#endif
