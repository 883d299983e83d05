import { loraMethods } from "./lora-methods.js";
import type { Method, Stage } from "../types.js";

type Size = Parameters<Method["stages"]>[0];

/** Three layers a head, as the paper's 24 layers in 8 heads; its 40 layers of Llama2-13B stand in 8 heads too. */
export const densityHeads = ({ layers }: Size) =>
  layers % 8 === 0 ? 8 : Math.max(1, Math.floor(layers / 3));

const density = (size: Size): Stage => ({ kind: "density", heads: densityHeads(size) });
const dotProduct = (over: "layers" | "batch"): Stage => ({ kind: "dot-product", heads: 8, over });
/** 512 features as in the paper, half the width where that is fewer. */
const narrow = ({ features }: Size): Stage => ({ kind: "linear", features: Math.min(512, features / 2) });
const groupedQuery = (form: "published" | "standard"): Stage => ({
  kind: "grouped-query",
  queryHeads: 8,
  keyValueHeads: 2,
  form,
});
/** The published speech baseline sees one layer, the last but one (the 23rd of 24), where density attention sees all. */
const publishedLayers = ({ layers, task }: Size): Stage[] =>
  task === "speech" ? [{ kind: "layers", indices: [layers - 2] }] : [];

const decoders: readonly Method[] = [
  {
    name: "mha",
    title: "MHA, as published (over the batch)",
    group: "published",
    paperRow: "MHA",
    stages: (size) => [...publishedLayers(size), dotProduct("batch")],
    note: "attends over the items of a batch, as the published code does; on speech to one layer",
  },
  {
    name: "mha-bn",
    title: "MHA → BN, as published (over the batch)",
    group: "published",
    paperRow: "MHA → BN",
    stages: (size) => [...publishedLayers(size), dotProduct("batch"), { kind: "batch-norm" }],
    note: "over the batch; batch norm over batch and features of each layer",
  },
  {
    name: "daam-v1",
    title: "DAAMv1",
    group: "published",
    paperRow: "DAAMv1",
    stages: (size) => [density(size)],
  },
  {
    name: "daam-v2",
    title: "DAAMv2",
    group: "published",
    paperRow: "DAAMv2",
    stages: () => [{ kind: "density", heads: 1 }],
  },
  {
    name: "gqdaam",
    title: "GQDAAM",
    group: "published",
    paperRow: "GQDAAM",
    stages: (size) => [density(size), narrow(size), groupedQuery("published")],
    note: "similarities summed over a group, scaled twice",
  },
  {
    name: "mixture",
    title: "Mixture of DAAM",
    group: "published",
    paperRow: "Mixture of DAAM",
    stages: (size) => [{ kind: "mixture", heads: densityHeads(size), gaussians: 4 }],
  },
  {
    name: "mha-layers",
    title: "MHA over the layers",
    group: "corrected",
    stages: () => [dotProduct("layers")],
    note: "attends over the layers, as the text says; all layers on every task",
  },
  {
    name: "mha-bn-layers",
    title: "MHA → BN over the layers",
    group: "corrected",
    stages: () => [dotProduct("layers"), { kind: "batch-norm" }],
  },
  {
    name: "gqdaam-standard",
    title: "GQDAAM, standard GQA",
    group: "corrected",
    stages: (size) => [density(size), narrow(size), groupedQuery("standard")],
    note: "one softmax a query head, heads concatenated",
  },
  {
    name: "gqa",
    title: "GQA without density",
    group: "corrected",
    stages: (size) => [narrow(size), groupedQuery("published")],
    note: "differs from GQDAAM by density attention alone",
  },
  { name: "no-attention", title: "No attention", group: "corrected", stages: () => [] },
  {
    name: "softmax-weights",
    title: "Softmax weights of the layers",
    group: "corrected",
    stages: () => [{ kind: "layer-weights" }],
    note: "y_l = N · softmax(s)_l · x_l",
  },
];

/** Decoders with the items, epochs and runs of the rows that fine-tune. */
const fewItems = ["daam-v1", "mha-layers", "no-attention"].map((name): Method => {
  const { title, stages } = decoders.find((method) => method.name === name)!;
  return {
    name: `${name}-few`,
    title: `${title}, LoRA's budget`,
    group: "corrected",
    budget: "fine-tuning",
    stages,
    note: "as many items, epochs and runs as the standard LoRA rows",
  };
});

/** The rows of the tables: the published methods, then those that correct a baseline or add a control. */
export const methods: readonly Method[] = [...decoders, ...loraMethods, ...fewItems];
