//! The `llama` architecture: Llama 2 and 3, SmolLM2, TinyLlama, Mistral.
//!
//! A layer with input x (E features):
//!
//! ```text
//! n₁ = norm(x)   q, k, v = rope(Q n₁), rope(K n₁), V n₁   o = attention(q, k, v)
//! m  = x + O o
//! n₂ = norm(m)   y = m + Down(silu(Gate n₂)·(Up n₂))
//! ```
//!
//! States kept for the backward pass: q, k, v, o, m and, unless the feed-forward
//! layer is computed in chunks of tokens, Gate n₂ and Up n₂.

use pocketune_gguf::ModelHeader;
use pocketune_kernels::{
    Attention, Matrix, Panels, RopeTable, add, attention_backward, attention_forward,
    rms_norm_backward, rms_norm_forward, rope_backward, rope_forward, swiglu_backward,
    swiglu_forward,
};

use crate::error::TrainError;
use crate::lora::Projection;
use crate::model::weights::Weights;
use crate::model::{Architecture, LayerOutput, LayerStates};
use crate::pass::layer::{Env, Gradient, LayerInput};
use crate::plan::LayerSizes;

#[derive(Debug)]
pub(crate) struct Llama {
    weights: Weights,
    norms: Vec<Norms>,
    final_norm: Vec<f32>,
    head: &'static str,
    epsilon: f32,
    attention: Attention,
    // Radians a position, one a pair of features.
    frequencies: Vec<f32>,
    width: usize,
    hidden: usize,
    vocabulary: usize,
}

#[derive(Debug)]
struct Norms {
    attention: Vec<f32>,
    feed_forward: Vec<f32>,
}

const EMBEDDINGS: &str = "token_embd.weight";
const OUTPUT: &str = "output.weight";

impl Llama {
    pub(crate) fn new(weights: Weights, header: &ModelHeader) -> Result<Self, TrainError> {
        let size = |n: u32| n as usize;
        if header.key_length != header.value_length {
            return unsupported("keys and values differ in width");
        }
        if header.sliding_window.is_some() {
            return unsupported("it has sliding-window layers");
        }
        let layers = size(header.block_count);
        let mut norms = Vec::with_capacity(layers);
        for layer in 0..layers {
            for projection in Projection::ALL {
                let tensor = projection.tensor(layer);
                weights.matrix(&tensor)?;
                if weights.has(&tensor.replace(".weight", ".bias")) {
                    return unsupported("its projections have biases");
                }
            }
            norms.push(Norms {
                attention: weights.vector(&format!("blk.{layer}.attn_norm.weight"))?,
                feed_forward: weights.vector(&format!("blk.{layer}.ffn_norm.weight"))?,
            });
        }
        let head = if weights.has(OUTPUT) {
            OUTPUT
        } else {
            EMBEDDINGS
        };
        weights.matrix(EMBEDDINGS)?;
        weights.matrix(head)?;
        let frequencies = frequencies(&weights, header)?;
        Ok(Self {
            final_norm: weights.vector("output_norm.weight")?,
            weights,
            norms,
            head,
            epsilon: header.rms_norm_epsilon,
            attention: Attention {
                heads: size(header.head_count),
                kv_heads: size(header.head_count_kv),
                head_features: size(header.key_length),
                scale: 1.0 / (header.key_length as f32).sqrt(),
            },
            frequencies,
            width: size(header.embedding_length),
            hidden: size(header.feed_forward_length),
            vocabulary: size(header.vocabulary_size),
        })
    }

    fn matrix(&self, name: &str) -> Matrix<'_> {
        // `new` has looked at every matrix that is asked for.
        self.weights
            .matrix(name)
            .unwrap_or_else(|_| Matrix::dense(&[], 0, 0))
    }

    fn normed(&self, env: &Env<'_>, x: &Panels, w: &[f32]) -> Panels {
        let mut y = Panels::to_write(x.tokens(), x.features());
        rms_norm_forward(env.pool(), x, w, self.epsilon, &mut y);
        y
    }

    /// q, k, v, o and m of a layer.
    fn attend(&self, env: &Env<'_>, layer: usize, x: &Panels) -> Result<[Panels; 5], TrainError> {
        let n1 = self.normed(env, x, &self.norms[layer].attention);
        let mut q = env.project(layer, Projection::Q, &n1)?;
        let mut k = env.project(layer, Projection::K, &n1)?;
        let v = env.project(layer, Projection::V, &n1)?;
        let head = self.attention.head_features;
        rope_forward(env.pool(), env.rope, head, &mut q);
        rope_forward(env.pool(), env.rope, head, &mut k);
        let mut o = Panels::to_write(q.tokens(), q.features());
        attention_forward(env.workers(), &self.attention, env.mask, &q, &k, &v, &mut o);
        let mut m = env.project(layer, Projection::O, &o)?;
        add(env.pool(), x, &mut m);
        Ok([q, k, v, o, m])
    }

    /// Gate n₂ and Up n₂, and n₂.
    fn gate(&self, env: &Env<'_>, layer: usize, m: &Panels) -> Result<[Panels; 3], TrainError> {
        let n2 = self.normed(env, m, &self.norms[layer].feed_forward);
        let gate = env.project(layer, Projection::Gate, &n2)?;
        let up = env.project(layer, Projection::Up, &n2)?;
        Ok([gate, up, n2])
    }

    /// Down(silu(gate)·up).
    fn down(
        &self,
        env: &Env<'_>,
        layer: usize,
        gate: &Panels,
        up: &Panels,
    ) -> Result<Panels, TrainError> {
        let mut act = Panels::to_write(gate.tokens(), gate.features());
        swiglu_forward(env.pool(), gate, up, &mut act);
        env.project(layer, Projection::Down, &act)
    }

    /// The feed-forward layer's share of dM, given dY and what `gate` returned for m.
    fn feed_forward_backward(
        &self,
        env: &Env<'_>,
        layer: usize,
        m: &Panels,
        [mut gate, mut up]: [Panels; 2],
        dy: &Panels,
        gradient: &mut Gradient<'_>,
    ) -> Result<Panels, TrainError> {
        let mut act = Panels::to_write(gate.tokens(), gate.features());
        swiglu_forward(env.pool(), &gate, &up, &mut act);
        let mut d_act = Panels::to_write(gate.tokens(), gate.features());
        env.project_backward(
            layer,
            Projection::Down,
            &act,
            dy,
            Some((&mut d_act, false)),
            gradient,
        )?;
        drop(act);
        swiglu_backward(env.pool(), &mut gate, &mut up, &d_act);
        drop(d_act);
        let norm = &self.norms[layer].feed_forward;
        let n2 = self.normed(env, m, norm);
        let mut d_n2 = Panels::to_write(m.tokens(), m.features());
        env.project_backward(
            layer,
            Projection::Gate,
            &n2,
            &gate,
            Some((&mut d_n2, false)),
            gradient,
        )?;
        env.project_backward(
            layer,
            Projection::Up,
            &n2,
            &up,
            Some((&mut d_n2, true)),
            gradient,
        )?;
        let mut dm = dy.clone();
        rms_norm_backward(env.pool(), m, norm, self.epsilon, &d_n2, &mut dm);
        Ok(dm)
    }
}

impl Architecture for Llama {
    fn layers(&self) -> usize {
        self.norms.len()
    }

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn projection(&self, layer: usize, projection: Projection) -> Matrix<'_> {
        self.matrix(&projection.tensor(layer))
    }

    fn head(&self) -> Matrix<'_> {
        self.matrix(self.head)
    }

    fn final_norm(&self) -> (&[f32], f32) {
        (&self.final_norm, self.epsilon)
    }

    fn embed(&self, tokens: &[u32]) -> Panels {
        let embeddings = self.matrix(EMBEDDINGS);
        let mut x = Panels::new(tokens.len(), self.width);
        let mut row = vec![0.0; self.width];
        for (index, &token) in tokens.iter().enumerate() {
            embeddings.dequantize_row(token as usize, 0, &mut row);
            x.set_token(index, &row);
        }
        x
    }

    fn rope(&self, positions: &[u32]) -> RopeTable {
        // GGUF stores the rows of Q and K so that neighbours turn together.
        RopeTable::new(positions, &self.frequencies, false)
    }

    fn sizes(&self) -> LayerSizes {
        let attention = &self.attention;
        let (q, kv) = (
            attention.heads * attention.head_features,
            attention.kv_heads * attention.head_features,
        );
        LayerSizes {
            width: self.width,
            heads: q,
            kv_heads: kv,
            hidden: self.hidden,
        }
    }

    fn layer_forward(
        &self,
        env: &Env<'_>,
        layer: usize,
        x: &Panels,
    ) -> Result<LayerOutput, TrainError> {
        let [q, k, v, o, m] = self.attend(env, layer, x)?;
        let mut y = m.clone();
        let mut states = vec![q, k, v, o, m];
        let tokens = x.tokens();
        for (range, env) in env.chunks(tokens) {
            let m = states[4].stretch(range.clone());
            let [gate, up, _] = self.gate(&env, layer, &m)?;
            y.add_stretch(range.start, &self.down(&env, layer, &gate, &up)?);
            if range.len() == tokens {
                states.extend([gate, up]);
            }
        }
        Ok(LayerOutput {
            y,
            states: LayerStates(states),
        })
    }

    fn layer_backward(
        &self,
        env: &Env<'_>,
        layer: usize,
        input: LayerInput<'_>,
        dy: Panels,
        gradient: &mut Gradient<'_>,
    ) -> Result<Panels, TrainError> {
        let x = input.x;
        let mut states = match input.states {
            Some(LayerStates(states)) => states,
            None => self.attend(env, layer, x)?.into(),
        };
        let mut gates = (states.len() == 7).then(|| [states.remove(5), states.remove(5)]);
        let states: Result<[Panels; 5], _> = states.try_into();
        let Ok([q, k, v, o, m]) = states else {
            unreachable!("attend makes five states, layer_forward adds two");
        };
        let mut dm = Panels::new(m.tokens(), m.features());
        for (range, env) in env.chunks(m.tokens()) {
            let m = m.stretch(range.clone());
            let dy = dy.stretch(range.clone());
            let gates = match gates.take() {
                Some(gates) => gates,
                None => {
                    let [gate, up, _] = self.gate(&env, layer, &m)?;
                    [gate, up]
                }
            };
            let part = self.feed_forward_backward(&env, layer, &m, gates, &dy, gradient)?;
            dm.add_stretch(range.start, &part);
        }
        drop((m, dy));
        let mut d_o = Panels::to_write(o.tokens(), o.features());
        env.project_backward(
            layer,
            Projection::O,
            &o,
            &dm,
            Some((&mut d_o, false)),
            gradient,
        )?;
        drop(o);
        let [mut dq, mut dk, mut dv] =
            [&q, &k, &v].map(|x| Panels::to_write(x.tokens(), x.features()));
        attention_backward(
            env.workers(),
            &self.attention,
            env.mask,
            [&q, &k, &v],
            &d_o,
            [&mut dq, &mut dk, &mut dv],
        );
        drop((q, k, v, d_o));
        let head = self.attention.head_features;
        rope_backward(env.pool(), env.rope, head, &mut dq);
        rope_backward(env.pool(), env.rope, head, &mut dk);
        let norm = &self.norms[layer].attention;
        let n1 = self.normed(env, x, norm);
        let mut d_n1 = Panels::to_write(x.tokens(), x.features());
        let parts = [
            (Projection::Q, &dq),
            (Projection::K, &dk),
            (Projection::V, &dv),
        ];
        for (index, (projection, dy)) in parts.into_iter().enumerate() {
            let dx = input.wanted.then_some((&mut d_n1, index > 0));
            env.project_backward(layer, projection, &n1, dy, dx, gradient)?;
        }
        if input.wanted {
            rms_norm_backward(env.pool(), x, norm, self.epsilon, &d_n1, &mut dm);
        }
        Ok(dm)
    }
}

/// Frequencies of the rotary embedding: `base^(−2i/D)`, divided by the file's own
/// factors (Llama 3's scaling) and by a linear context extension.
fn frequencies(weights: &Weights, header: &ModelHeader) -> Result<Vec<f32>, TrainError> {
    let rope = &header.rope;
    let linear = match rope.scaling.as_str() {
        "none" => 1.0,
        "linear" => rope.scaling_factor,
        other => return unsupported(&format!("its context extension is {other}")),
    };
    let pairs = rope.dimension_count as usize / 2;
    let factors = if weights.has("rope_freqs.weight") {
        weights.vector("rope_freqs.weight")?
    } else {
        vec![1.0; pairs]
    };
    if factors.len() != pairs {
        return unsupported("rope_freqs.weight has another length than half a head");
    }
    // The same products in the same order as llama.cpp takes them.
    let ratio = rope.freq_base.powf(-2.0 / rope.dimension_count as f32);
    let mut frequency = 1.0;
    Ok(factors
        .iter()
        .map(|factor| {
            let this = frequency / factor / linear;
            frequency *= ratio;
            this
        })
        .collect())
}

fn unsupported<T>(reason: &str) -> Result<T, TrainError> {
    Err(TrainError::UnsupportedModel {
        reason: reason.to_owned(),
    })
}
