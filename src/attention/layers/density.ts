import type * as tf from "@tensorflow/tfjs";
import { densityAttention, type DensityOptions } from "../density.js";
import { AttentionLayer, register, type Size, type Sizeless } from "./attention-layer.js";

/** See `densityAttention`. `new DensityAdaptiveAttention({ heads: 4 })`; `map(x)` gives the weights. */
export class DensityAdaptiveAttention extends AttentionLayer<Sizeless<DensityOptions>> {
  /** @nocollapse */
  static className = "DensityAdaptiveAttention";

  protected required() {
    return ["heads"] as const;
  }

  protected create(size: Size) {
    return densityAttention({ ...this.args, ...size });
  }

  protected options(): tf.serialization.ConfigDict {
    const { heads, train } = this.args;
    return { heads, ...(train && { train: [...train] }) };
  }
}

register(DensityAdaptiveAttention);
