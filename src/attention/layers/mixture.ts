import type * as tf from "@tensorflow/tfjs";
import { mixtureAttention, type MixtureOptions } from "../mixture.js";
import { AttentionLayer, register, type Size, type Sizeless } from "./attention-layer.js";

/** See `mixtureAttention`: a density block unless `residual` is false. */
export class MixtureOfDensities extends AttentionLayer<Sizeless<MixtureOptions>> {
  /** @nocollapse */
  static className = "MixtureOfDensities";

  protected required() {
    return ["heads", "gaussians"] as const;
  }

  protected create(size: Size) {
    return mixtureAttention({ ...this.args, ...size });
  }

  protected options(): tf.serialization.ConfigDict {
    const { heads, gaussians, axis = 1, residual = true, paddingValue } = this.args;
    return { heads, gaussians, axis, residual, ...(paddingValue !== undefined && { paddingValue }) };
  }
}

register(MixtureOfDensities);
