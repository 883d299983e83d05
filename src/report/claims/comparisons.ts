/** Which rows the paper's claims compare. */

/** Two rows of one table, of which the paper says that the first is better. */
export interface Comparison {
  claim: string;
  better: string;
  worse: string;
  /** The row whose figure in the paper is the first one's, where that row is not the paper's. */
  paperBetter?: string;
}

const overLora = ["LoRA", "LoRA+"].flatMap((title) =>
  [4, 8].flatMap((rank): Comparison[] => {
    const name = `${title === "LoRA" ? "lora" : "lora-plus"}-${rank}`;
    return [
      {
        claim: `DAAMv1 beats ${title} (r=${rank}) as published, on the same items`,
        better: "daam-v1-few",
        worse: name,
        paperBetter: "daam-v1",
      },
      {
        claim: `DAAMv1 beats standard ${title} (r=${rank}) on the same items`,
        better: "daam-v1-few",
        worse: `${name}-standard`,
      },
    ];
  }),
);

/** The first is the headline: what the attention module adds to the same decoder. */
export const comparisons: readonly Comparison[] = [
  { claim: "Density attention beats no attention", better: "daam-v1", worse: "no-attention" },
  { claim: "Density attention beats dot-product attention as published", better: "daam-v1", worse: "mha" },
  {
    claim: "Density attention beats dot-product attention over the layers",
    better: "daam-v1",
    worse: "mha-layers",
  },
  {
    claim: "Density attention beats softmax weights of the layers",
    better: "daam-v1",
    worse: "softmax-weights",
  },
  { claim: "GQDAAM beats grouped-query attention without density", better: "gqdaam", worse: "gqa" },
  { claim: "The mixture outperforms DAAMv1", better: "mixture", worse: "daam-v1" },
  { claim: "The mixture outperforms DAAMv2", better: "mixture", worse: "daam-v2" },
  ...overLora,
];
