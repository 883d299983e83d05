import type * as tf from "@tensorflow/tfjs";
import { dotProductAttention, type DotProductOptions } from "../dot-product.js";
import { AttentionLayer, register, type Size, type Sizeless } from "./attention-layer.js";

/** See `dotProductAttention`; over the layers unless `over` is "batch". */
export class MultiHeadDotProductAttention extends AttentionLayer<
  Omit<Sizeless<DotProductOptions>, "over"> & Partial<Pick<DotProductOptions, "over">>
> {
  /** @nocollapse */
  static className = "MultiHeadDotProductAttention";

  protected required() {
    return ["heads"] as const;
  }

  protected create(size: Size) {
    return dotProductAttention({ over: "layers", ...this.args, ...size });
  }

  protected options(): tf.serialization.ConfigDict {
    const { heads, over = "layers" } = this.args;
    return { heads, over };
  }
}

register(MultiHeadDotProductAttention);
