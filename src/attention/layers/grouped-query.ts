import type * as tf from "@tensorflow/tfjs";
import { groupedQueryAttention, type GroupedQueryOptions } from "../grouped-query.js";
import { AttentionLayer, register, type Size, type Sizeless } from "./attention-layer.js";

/** See `groupedQueryAttention`; the standard form unless another is named. */
export class GroupedQueryAttention extends AttentionLayer<
  Omit<Sizeless<GroupedQueryOptions>, "form"> & Partial<Pick<GroupedQueryOptions, "form">>
> {
  /** @nocollapse */
  static className = "GroupedQueryAttention";

  protected required() {
    return ["queryHeads", "keyValueHeads"] as const;
  }

  protected create(size: Size) {
    return groupedQueryAttention({ form: "standard", ...this.args, ...size });
  }

  protected options(): tf.serialization.ConfigDict {
    const { queryHeads, keyValueHeads, form = "standard" } = this.args;
    return { queryHeads, keyValueHeads, form };
  }
}

register(GroupedQueryAttention);
