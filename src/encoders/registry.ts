import type { Architecture } from "./architecture.js";
import { beit } from "./beit.js";
import { llama } from "./llama.js";
import { wavlm } from "./wavlm.js";

/** `model_type` of config.json → architecture. A new encoder is one file and one line here. */
export const architectures: Record<string, Architecture> = { beit, llama, wavlm };
