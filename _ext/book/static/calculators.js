// The calculators of the pages: they read their inputs from the address, and write them there.
import * as laws from "./laws.js";

const shown = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(3) : x.toPrecision(4));
const percent = (x) => `${(100 * x).toPrecision(3)} %`;

const schedule = (v) => laws.rates({ shape: v.schedule, lr: v.lr, lrEnd: v.lr_end, steps: v.steps, warmup: v.warmup,
  decaySteps: v.decay_steps });

const CALCULATORS = {
  "weight-rms": (v) => {
    const path = laws.adamwRms({ lrs: schedule(v), weightDecay: v.weight_decay, beta1: v.beta1, initRms: v.init_rms });
    const most = path.reduce((a, x) => Math.max(a, x), 0);
    return { rows: [["RMS at the end", shown(path[path.length - 1])], ["largest RMS", shown(most)]],
      curve: path, axis: "weight RMS over the steps" };
  },
  "batch-memory": (v) => {
    const lrs = schedule(v);
    const weights = laws.batchWeights({ lrs, weightDecay: v.weight_decay, beta1: v.beta1 });
    const tail = (share) => weights.slice(Math.round(weights.length * (1 - share))).reduce((a, x) => a + x, 0);
    return { rows: [["share of the last tenth of the data", percent(tail(0.1))],
      ["share of the last half", percent(tail(0.5))],
      ["left of the initial weights", percent(laws.initialWeight({ lrs, weightDecay: v.weight_decay }))]],
      curve: weights, axis: "weight of each batch in the final weights" };
  },
  "batch-size": (v) => {
    const [now, then] = [v.batch_size, v.new_batch_size].map(
      (batch) => laws.ratesAtBatch({ batch, noiseScale: v.noise_scale, beta1: v.beta1 }));
    const names = { sgd: "SGD", sign: "SignSGD", adam: "Adam", muon: "Muon" };
    return { rows: Object.keys(names).map((key) => [`${names[key]}: multiply the rate by`, shown(then[key] / now[key])]) };
  },
  "noise-scale": (v) => {
    const found = laws.noiseScale({ squareSmall: v.square_small, squareLarge: v.square_large,
      batchSmall: v.batch_small, batchLarge: v.batch_large });
    const note = found.gradientSquare > 0 && found.noiseTrace >= 0 ? "" : " (noise exceeds the signal: average over more steps)";
    return { rows: [["noise scale 𝓑", shown(found.noiseScale) + note], ["squared gradient", shown(found.gradientSquare)],
      ["trace of the noise covariance", shown(found.noiseTrace)]] };
  },
  "expected-max": (v, table) => ({ rows: [["expected maximum", laws.expectedMax(v.n, table).toPrecision(7)]] }),
};

const draw = (values, label) => {
  const [width, height, steps] = [600, 200, 300];
  const top = values.reduce((a, x) => Math.max(a, x), 0) || 1;
  const points = Array.from({ length: steps + 1 }, (_, k) => {
    const at = Math.round((k / steps) * (values.length - 1));
    return `${((k / steps) * width).toFixed(1)},${(height - (values[at] / top) * (height - 10)).toFixed(1)}`;
  });
  return `<svg viewBox="0 -14 ${width} ${height + 34}" role="img" aria-label="${label}">
<polyline points="${points.join(" ")}" fill="none" stroke="currentColor" stroke-width="2"/>
<path d="M0 0V${height}H${width}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>
<text x="4" y="-2">${shown(top)}</text><text x="${width}" y="${height + 16}" text-anchor="end">${values.length - 1} steps</text></svg>`;
};

const start = (form) => {
  const name = form.dataset.calculator;
  const table = form.dataset.table && JSON.parse(form.dataset.table);
  const result = form.querySelector("output");
  const inputs = [...form.elements].filter((element) => element.name);
  const prefix = `${name}.`;
  const given = new URLSearchParams(location.search);
  inputs.forEach((input) => { if (given.has(prefix + input.name)) input.value = given.get(prefix + input.name); });
  const update = (byHand) => {
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    try {
      const { rows, curve, axis } = CALCULATORS[name](values, table);
      const list = rows.map(([term, text]) => `<dt>${term}</dt><dd>${text}</dd>`).join("");
      result.innerHTML = `<dl>${list}</dl>${curve ? draw(curve, axis) : ""}`;
      result.classList.remove("refused");
    } catch (error) {
      if (!(error instanceof laws.InputError)) throw error;
      result.textContent = error.message;
      result.classList.add("refused");
    }
    if (byHand) {
      const address = new URLSearchParams(location.search);
      inputs.forEach((input) => address.set(prefix + input.name, input.value));
      history.replaceState(null, "", `?${address}${location.hash}`);
    }
  };
  form.addEventListener("input", () => update(true));
  form.addEventListener("submit", (event) => event.preventDefault());
  update(false);
};

document.querySelectorAll("form.calculator").forEach(start);
