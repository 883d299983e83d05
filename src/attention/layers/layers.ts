import * as tf from "@tensorflow/tfjs";
import { densityAttention, type DensityOptions } from "../density.js";
import { dotProductAttention, type DotProductOptions } from "../dot-product.js";
import { groupedQueryAttention, type GroupedQueryOptions } from "../grouped-query.js";
import { layerWeights } from "../layer-weights.js";
import { mixtureAttention, type MixtureOptions } from "../mixture.js";
import { AttentionLayer } from "./attention-layer.js";

type Size = { layers: number; features: number };
type Config = tf.serialization.ConfigDict;

/** Options without the size, which a layer takes from its input. */
type Sizeless<T> = Omit<T, keyof Size>;

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

  protected options(): Config {
    const { heads, train } = this.args;
    return { heads, ...(train && { train: [...train] }) };
  }
}

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

  protected options(): Config {
    const { heads, gaussians, axis = 1, residual = true, paddingValue } = this.args;
    return { heads, gaussians, axis, residual, ...(paddingValue !== undefined && { paddingValue }) };
  }
}

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

  protected options(): Config {
    const { heads, over = "layers" } = this.args;
    return { heads, over };
  }
}

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

  protected options(): Config {
    const { queryHeads, keyValueHeads, form = "standard" } = this.args;
    return { queryHeads, keyValueHeads, form };
  }
}

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

  protected options(): Config {
    return {};
  }
}

for (const layer of [
  DensityAdaptiveAttention,
  MixtureOfDensities,
  MultiHeadDotProductAttention,
  GroupedQueryAttention,
  LayerWeights,
]) {
  tf.serialization.registerClass(
    layer as unknown as tf.serialization.SerializableConstructor<tf.layers.Layer>,
  );
}
