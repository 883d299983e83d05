import * as tf from "@tensorflow/tfjs";
import { initialise, trainable, type ParameterSpec } from "../parameters.js";
import { UserError } from "../errors.js";
import { randomStream, type Random } from "../random.js";
import { channelAttention, down, output, pointwise, residual, up, type Layer } from "./residual.js";
import type { VqVaeSettings } from "./settings.js";
import { quantise } from "./vector-quantiser.js";

export interface VqVaeOptions extends Pick<
  VqVaeSettings,
  "hidden" | "latent" | "codes" | "commitment" | "heads" | "gaussians"
> {
  /** Height and width of the images. */
  side: number;
  attention: boolean;
  seed: number;
}

/** A layer with its variables. */
interface Stage {
  layer: Layer;
  variables: Record<string, tf.Variable>;
}

const COLOURS = 3;

/**
 * Image → down-sampling residual blocks → nearest codes → up-sampling residual blocks → image, with density attention over the channels
 * behind each residual block or without. Attention draws its initial values from a stream of its own, so that both variants of a seed
 * start from the same weights.
 */
export class VqVae {
  readonly codebook: tf.Variable;
  private readonly encoder: Stage[];
  private readonly decoder: Stage[];

  /** @throws UserError for sides that cannot be halved so often, and heads that do not fit the channels */
  constructor(private readonly options: VqVaeOptions) {
    const { side, hidden, latent, codes, seed } = options;
    if (hidden.length === 0 || side % 2 ** hidden.length !== 0)
      throw new UserError(
        `images of ${side} × ${side} cannot be halved ${hidden.length} times: choose another number of hidden widths`,
      );
    const [weights, attention] = [randomStream(seed, "vq-vae"), randomStream(seed, "attention")];
    const stages = (layers: (Layer | undefined)[][]) =>
      layers.flatMap(([own, block, density]) => [
        stage(own!, weights),
        ...(block ? [stage(block, weights)] : []),
        ...(density ? [stage(density, attention)] : []),
      ]);
    const block = (at: number) => {
      const channels = hidden[at]!;
      const density = options.attention
        ? channelAttention(side / 2 ** (at + 1), channels, options)
        : undefined;
      return [residual(channels), density];
    };
    const deepest = hidden.at(-1)!;
    this.encoder = stages([
      ...hidden.map((channels, i) => [down(hidden[i - 1] ?? COLOURS, channels), ...block(i)]),
      [pointwise(deepest, latent)],
    ]);
    this.decoder = stages([
      ...hidden
        .map((channels, i) => [
          i === hidden.length - 1 ? pointwise(latent, channels) : up(hidden[i + 1]!, channels),
          ...block(i),
        ])
        .reverse(),
      [up(hidden[0]!, hidden[0]!)],
      [output(hidden[0]!, COLOURS)],
    ]);
    // trainers place the codes on the encoder's first outputs
    this.codebook = initialise(trainable([codes, latent], { kind: "normal", sd: 1 }), weights);
  }

  /**
   * Vectors [batch · codes of an image, latent] of images, float32 [batch, side, side, 3] in 0–1. Their entries have a mean square of 1:
   * without a bound the encoder runs away from its codebook.
   */
  encode(images: tf.Tensor4D): tf.Tensor2D {
    return tf.tidy(() => {
      const z = run(this.encoder, images.sub(0.5)).reshape([-1, this.options.latent]);
      return z.div(z.square().mean(1, true).add(1e-6).sqrt());
    });
  }

  /** Images, float32 [batch, side, side, 3], not clipped, of vectors as `encode` gives them. */
  decode(vectors: tf.Tensor2D): tf.Tensor4D {
    const { side, hidden, latent } = this.options;
    const small = side / 2 ** hidden.length;
    return tf.tidy(() => run(this.decoder, vectors.reshape([-1, small, small, latent])).add(0.5));
  }

  /** Reconstruction, code numbers and the quantiser's loss. */
  forward(images: tf.Tensor4D): { images: tf.Tensor4D; codes: tf.Tensor1D; loss: tf.Scalar } {
    return tf.tidy(() => {
      const { vectors, codes, loss } = quantise(
        this.encode(images),
        this.codebook as unknown as tf.Tensor2D,
        this.options.commitment,
      );
      return { images: this.decode(vectors), codes, loss };
    });
  }

  get variables(): tf.Variable[] {
    return [
      ...[...this.encoder, ...this.decoder].flatMap(({ variables }) => Object.values(variables)),
      this.codebook,
    ];
  }

  /** Trainable numbers. */
  get parameters(): number {
    return this.variables.reduce((sum, { size }) => sum + size, 0);
  }

  dispose(): void {
    tf.dispose(this.variables);
  }
}

function stage(layer: Layer, random: Random): Stage {
  const draw = ([name, spec]: [string, ParameterSpec]) => [name, initialise(spec, random)] as const;
  return { layer, variables: Object.fromEntries(Object.entries(layer.parameters).map(draw)) };
}

const run = (stages: readonly Stage[], x: tf.Tensor4D): tf.Tensor4D =>
  stages.reduce((y, { layer, variables }) => layer.apply(y, variables), x);
