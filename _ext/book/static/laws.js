// The formulas of the calculators: ports of functions of optnotes, which a test compares with Python.

export class InputError extends Error {}

const shown = (x) => (Number.isNaN(x) ? "nan" : Number.isInteger(x) && Math.abs(x) < 1e16 ? x.toFixed(1) :
  String(x).replace("Infinity", "inf").replace(/e([-+])(\d)$/, "e$10$2"));

const must = (holds, name, rule, value, remedy = "") => {
  if (!holds) throw new InputError(`\`${name}\` must ${rule}, got ${value}${remedy && `; ${remedy}`}`);
};

const bound = (x) => (Number.isFinite(x) ? String(x) : x > 0 ? "inf" : "-inf");

const interval = (low, high, lowOpen, highOpen) => (low === -Infinity && high === Infinity ? "" :
  ` and lie in ${lowOpen ? "(" : "["}${bound(low)}, ${bound(high)}${highOpen || high === Infinity ? ")" : "]"}`);

export function real(name, value, { low = -Infinity, high = Infinity, lowOpen = false, highOpen = false, remedy = "" } = {}) {
  const x = Number(value);
  const inside = (lowOpen ? x > low : x >= low) && (highOpen ? x < high : x <= high);
  must(String(value).trim() !== "" && Number.isFinite(x) && inside, name,
    `be finite${interval(low, high, lowOpen, highOpen)}`, shown(x), remedy);
  return x;
}

export function whole(name, value, low = -Infinity, remedy = "") {
  const x = Number(value);
  if (String(value).trim() === "" || !Number.isInteger(x)) {
    throw new InputError(`\`${name}\` must be an integer, got ${shown(x)}`);
  }
  must(x >= low, name, `be at least ${low}`, x, remedy);
  return x;
}

/** Rates of the steps 1, …, steps: up from 0 in `warmup` steps, then constant, linear, cosine, or flat and down. */
export function rates({ shape, lr, lrEnd = 0, steps, warmup = 0, decaySteps = 0 }) {
  const count = whole("steps", steps, 1, "a run has at least one step");
  const peak = real("lr_max", lr, { low: 0 });
  const up = whole("warmup", warmup, 0);
  must(up < count, "warmup", `be less than steps = ${count}`, up, "shorten it or lengthen the run");
  const end = real("lr_end", lrEnd, { low: 0 });
  const falling = shape === "wsd" ? whole("decay_steps", decaySteps, 0) : count - up;
  must(falling <= count - up, "decay_steps", `be at most steps − warmup = ${count - up}`, falling);
  const forms = {
    constant: () => peak,
    linear: (share) => peak * (1 - share) + end * share,
    cosine: (share) => end + (peak - end) * Math.cos((Math.PI / 2) * share) ** 2,
  };
  const form = forms[shape === "wsd" ? "linear" : shape];
  return Float64Array.from({ length: count }, (_, k) => {
    const step = k + 1;
    if (step <= up) return peak * (step / up);
    const into = step - (count - falling);
    return into <= 0 ? peak : form(into / falling);
  });
}

const decayed = (lr, weightDecay) => {
  const share = lr * weightDecay;
  must(share < 1, "weight_decay", "keep lr * weight_decay < 1", shown(share), "lower one of the two");
  return 1 - share;
};

/** RMS of the weights before and after each step of AdamW, v replaced by its mean: the exact second-moment recursion. */
export function adamwRms({ lrs, weightDecay, beta1 = 0.9, initRms = 0, snr = 0 }) {
  const decay = real("weight_decay", weightDecay, { low: 0 });
  const b = real("beta1", beta1, { low: 0, high: 1, highOpen: true });
  const start = real("init_rms", initRms, { low: 0, high: 1e150 });
  const ratio = real("snr", snr, { low: 0 });
  const noise = (1 - b) / (1 + b) / (1 + ratio);
  const found = new Float64Array(lrs.length + 1);
  let [square, overlap, drift, forgotten] = [start * start, 0, 0, 1];
  found[0] = start;
  lrs.forEach((lr, k) => {
    const kept = decayed(lr, decay);
    forgotten *= b;
    const ramp = 1 - forgotten;
    const ages = ramp * (2 - ramp);
    square = kept * kept * square + lr * lr * ages * noise + 2 * kept * lr * b * overlap;
    overlap = kept * b * overlap + lr * ages * noise;
    drift = kept * drift + lr * Math.sqrt(ratio / (1 + ratio)) * ramp;
    found[k + 1] = Math.sqrt(square + drift * drift);
  });
  return found;
}

/** Coefficient of each past gradient in the final weights, normalised to the sum 1. */
export function batchWeights({ lrs, weightDecay, beta1 = 0.9 }) {
  const decay = real("weight_decay", weightDecay, { low: 0 });
  const b = real("beta1", beta1, { low: 0, high: 1, highOpen: true });
  const logs = new Float64Array(lrs.length);
  let survival = 0;
  for (let k = lrs.length - 1; k >= 0; k -= 1) {
    logs[k] = Math.log(lrs[k]) + survival;
    survival += Math.log1p(-(1 - decayed(lrs[k], decay)));
  }
  const most = logs.reduce((a, x) => Math.max(a, x), -Infinity);
  must(most > -Infinity, "lr", "be positive at some step", "0.0", "without a step nothing is learnt");
  const weights = new Float64Array(lrs.length);
  let carried = 0;
  for (let k = lrs.length - 1; k >= 0; k -= 1) {
    carried = Math.exp(logs[k] - most) + b * carried;
    weights[k] = carried;
  }
  const sum = weights.reduce((a, x) => a + x, 0);
  return weights.map((x) => x / sum);
}

/** Factor of the initial weights in the final ones. */
export function initialWeight({ lrs, weightDecay }) {
  const decay = real("weight_decay", weightDecay, { low: 0 });
  return Math.exp(lrs.reduce((sum, lr) => sum + Math.log1p(-(1 - decayed(lr, decay))), 0));
}

/** Optimal rates over those of a very large batch: one noise scale for all coordinates, diagonal Hessian, mean field. */
export function ratesAtBatch({ batch, noiseScale, beta1 = 0.9 }) {
  const size = real("batch_size", batch, { low: 0, lowOpen: true });
  const scale = real("noise_scale", noiseScale, { low: 0 });
  const b = real("beta1", beta1, { low: 0, high: 1, highOpen: true });
  const share = (1 - b) / (1 + b);
  const [kept, lost] = [size / (size + scale), scale / (size + scale)];
  return {
    sgd: 1 / (1 + (share * scale) / size),
    sign: 1 / Math.sqrt(1 + (share * scale) / size),
    muon: 1 / Math.sqrt(1 + (share * scale) / size),
    adam: Math.sqrt(kept) / (kept + share * lost),
  };
}

/** Noise scale from the mean squared gradient norms at two batch sizes; a negative estimate is one of too few steps. */
export function noiseScale({ squareSmall, squareLarge, batchSmall, batchLarge }) {
  const [small, large] = [real("batch_small", batchSmall, { low: 0, lowOpen: true }),
    real("batch_large", batchLarge, { low: 0, lowOpen: true })];
  must(small < large, "batch_large", `be more than batch_small = ${small}`, large, "the difference is what is measured");
  const [s, l] = [real("square_small", squareSmall, { low: 0 }), real("square_large", squareLarge, { low: 0 })];
  const gradientSquare = (large * l - small * s) / (large - small);
  const noiseTrace = (s - l) / (1 / small - 1 / large);
  return { gradientSquare, noiseTrace, noiseScale: noiseTrace / gradientSquare };
}

/** Expectation of the largest of n standard normals, by the polynomials that the package builds from the integral. */
export function expectedMax(n, table) {
  const size = real("n", n, { low: 1, remedy: "pass the number of variables" });
  const log = Math.log(size);
  const x = Math.log1p(log);
  const { edges, coefficients } = table;
  const piece = Math.min(edges.length - 2, Math.max(0, Math.floor(x / edges[1])));
  const local = x - edges[piece];
  const ratio = coefficients.reduce((sum, row) => sum * local + row[piece], 0);
  return ratio * -Math.expm1(-log);
}
