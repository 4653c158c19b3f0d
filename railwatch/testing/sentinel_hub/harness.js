// Runs evaluatePixel over one block of pixels. Samples come in and results go out through two
// shared buffers of doubles, band after band; makers[k] builds the sample object of layer k.
var __io = {};

function __buffers(inBytes, outBytes) {
  __io = {input: new ArrayBuffer(inBytes), output: new ArrayBuffer(outBytes)};
}

function __has(name) {
  return eval("typeof " + name) === "function";
}

function __maker(layer, n) {
  const parts = layer.bands.map((band, b) =>
    JSON.stringify(band) + ":x[" + (layer.at + b) * n + "+i]");
  return new Function("x", "i", "return {" + parts.join(",") + "}");
}

function __values(result, output, alone) {
  const flat = Array.isArray(result) || ArrayBuffer.isView(result);
  const named = result !== null && typeof result === "object" ? result[output.id] : null;
  const values = alone && flat ? result : named;
  if (!(Array.isArray(values) || ArrayBuffer.isView(values)) || values.length !== output.bands) {
    throw new Error("__not_an_array__");
  }
  return values;
}

function __run(job) {
  const n = job.pixels, alone = job.outputs.length === 1;
  const input = new Float64Array(__io.input), output = new Float64Array(__io.output);
  const makers = job.layers.map((layer) => __maker(layer, n));
  const meta = {serviceVersion: "1.0.0", normalizationFactor: 1}, custom = {};
  const outMeta = {userData: {}};
  for (let i = 0; i < n; i++) {
    const bySource = {}, scenes = [];
    job.layers.forEach((layer, k) => {
      const here = (bySource[layer.source] = bySource[layer.source] || []);
      if (!job.simple && input[layer.present * n + i] === 0) return;
      here.push(makers[k](input, i));
      scenes.push(job.scenes[k]);
    });
    let samples = bySource;
    if (!job.fusion) {
      const list = bySource[job.layers.length ? job.layers[0].source : ""] || [];
      samples = job.simple ? list[0] : list;
    }
    const result = evaluatePixel(samples, {[job.sceneKey]: scenes}, meta, custom, outMeta);
    let at = 0;
    for (const wanted of job.outputs) {
      const values = __values(result, wanted, alone);
      for (let b = 0; b < wanted.bands; b++) output[(at + b) * n + i] = Number(values[b]);
      at += wanted.bands;
    }
  }
}
