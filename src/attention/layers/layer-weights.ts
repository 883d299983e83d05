import type * as tf from "@tensorflow/tfjs";
import { layerWeights } from "../layer-weights.js";
import { AttentionLayer, register, type Size } from "./attention-layer.js";

/** See `layerWeights`: y_l = N · softmax(s)_l · x_l. */
export class LayerWeights extends AttentionLayer<object> {
  /** @nocollapse */
  static className = "LayerWeights";

  protected required(): readonly never[] {
    return [];
  }

  protected create(size: Size) {
    return layerWeights(size);
  }

  protected options(): tf.serialization.ConfigDict {
    return {};
  }
}

register(LayerWeights);
