/** Published encoders by short names; any other of these architectures goes by its repository's name. */

export interface PublishedEncoder {
  name: string;
  /** On the hub. */
  repository: string;
  /** The task of the experiment that it serves. */
  task: string;
  layers: number;
  features: number;
  /** About so many are fetched. */
  bytes: number;
  licence: string;
  /** Its licence must be accepted on the hub first. */
  gated?: true;
}

export const published: readonly PublishedEncoder[] = [
  {
    name: "wavlm-large",
    repository: "microsoft/wavlm-large",
    task: "speech",
    layers: 24,
    features: 1024,
    bytes: 1.26e9,
    licence: "see its card",
  },
  {
    name: "wavlm-base-plus",
    repository: "microsoft/wavlm-base-plus",
    task: "speech",
    layers: 12,
    features: 768,
    bytes: 0.38e9,
    licence: "see its card",
  },
  {
    name: "llama-2-13b",
    repository: "meta-llama/Llama-2-13b-hf",
    task: "text",
    layers: 40,
    features: 5120,
    bytes: 26.03e9,
    licence: "Llama 2",
    gated: true,
  },
  {
    name: "llama-2-7b",
    repository: "meta-llama/Llama-2-7b-hf",
    task: "text",
    layers: 32,
    features: 4096,
    bytes: 13.48e9,
    licence: "Llama 2",
    gated: true,
  },
  {
    name: "smollm2-135m",
    repository: "HuggingFaceTB/SmolLM2-135M",
    task: "text",
    layers: 30,
    features: 576,
    bytes: 0.27e9,
    licence: "Apache-2.0",
  },
  {
    name: "tinyllama-1.1b",
    repository: "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
    task: "text",
    layers: 22,
    features: 2048,
    bytes: 4.4e9,
    licence: "Apache-2.0",
  },
  {
    name: "beit-large",
    repository: "microsoft/beit-large-patch16-224",
    task: "vision",
    layers: 24,
    features: 1024,
    bytes: 1.22e9,
    licence: "see its card",
  },
  {
    name: "beit-base",
    repository: "microsoft/beit-base-patch16-224",
    task: "vision",
    layers: 12,
    features: 768,
    bytes: 0.35e9,
    licence: "see its card",
  },
];
