/** What the VQ-VAE's runs share and what its two variants differ in, as data. */
export interface VqVaeSettings {
  /** Images of the training and of the test split, in file order. */
  trainImages: number;
  testImages: number;
  /** Test images passed over: learning rates were compared on the first 200. */
  testFrom: number;
  /** Channels after each halving of the image; the decoder has them in reverse. */
  hidden: number[];
  /** Entries of a code vector. */
  latent: number;
  /** Vectors in the codebook. */
  codes: number;
  /** β, the weight of the commitment loss. */
  commitment: number;
  /** Of the mixture of densities over channels. */
  heads: number;
  gaussians: number;
  epochs: number;
  batch: number;
  learningRate: number;
  weightDecay: number;
  /** Gradients whose norm over all parameters exceeds it are scaled down to it. */
  clipNorm: number;
  /** Runs of each variant. */
  seeds: number;
}

/** The committed run. The authors': 256 × 256 images of COCO-2017, hidden 128/256/512, latent 256, 1024 codes, Adam 3e-4, batch 32, 176 epochs. */
export const settings: VqVaeSettings = {
  trainImages: 2000,
  testImages: 500,
  testFrom: 200,
  hidden: [16, 32],
  latent: 16,
  codes: 256,
  commitment: 0.25,
  heads: 4,
  gaussians: 3,
  epochs: 8,
  batch: 32,
  learningRate: 3e-3,
  weightDecay: 0,
  clipNorm: 1,
  seeds: 3,
};

/** What the notebook trains while one waits. */
export const shortSettings: VqVaeSettings = {
  ...settings,
  trainImages: 192,
  testImages: 32,
  hidden: [8, 16],
  latent: 16,
  codes: 64,
  epochs: 3,
  batch: 16,
  seeds: 1,
};

export interface Variant {
  name: string;
  title: string;
  /** Mixture of densities over channels behind every residual block. */
  attention: boolean;
}

export const variants: readonly Variant[] = [
  { name: "without", title: "without attention", attention: false },
  { name: "with", title: "with density attention", attention: true },
];
