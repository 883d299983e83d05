import * as tf from "@tensorflow/tfjs";
import { hasKernel } from "../kernel.js";

export interface AdamWOptions {
  weightDecay: number;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** Gradients whose norm over all parameters exceeds it are scaled down to it (PyTorch's `clip_grad_norm_`). */
  clipNorm?: number;
}

/**
 * Adam with decoupled weight decay on every parameter (Loshchilov & Hutter, 2019), equal to PyTorch's `AdamW`. All
 * parameters are one flat vector, so that a step costs a fixed number of operations.
 */
export class AdamW {
  private readonly mean: tf.Variable;
  private readonly variance: tf.Variable;
  /** Taken so far. */
  steps = 0;

  constructor(
    private readonly variables: readonly tf.Variable[],
    private readonly options: AdamWOptions,
  ) {
    const size = variables.reduce((sum, { size }) => sum + size, 0);
    const zeros = () => tf.tidy(() => tf.variable(tf.zeros([size]), false));
    [this.mean, this.variance] = [zeros(), zeros()];
  }

  /** What it remembers of the gradients, float32 [parameters] each. */
  get moments(): Record<"mean" | "variance", tf.Variable> {
    return { mean: this.mean, variance: this.variance };
  }

  /** One step along `gradients`, in the order of the variables. The caller keeps and disposes the gradients. */
  step(gradients: readonly tf.Tensor[], learningRate: number): void {
    const { weightDecay, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, clipNorm = Infinity } = this.options;
    this.steps++;
    if (hasKernel("AdamWStep")) return this.stepInOneKernel(gradients, learningRate);
    const correction1 = 1 - beta1 ** this.steps;
    const correction2 = Math.sqrt(1 - beta2 ** this.steps);
    tf.tidy(() => {
      const flat = (tensors: readonly tf.Tensor[]) =>
        tf.concat1d(tensors.map((t) => t.flatten() as tf.Tensor1D));
      let gradient: tf.Tensor1D = flat(gradients);
      if (clipNorm < Infinity) {
        const norm = gradient.square().sum().sqrt();
        gradient = gradient.mul(tf.minimum(1, tf.scalar(clipNorm).div(norm.add(1e-6))));
      }
      this.mean.assign(this.mean.mul(beta1).add(gradient.mul(1 - beta1)));
      this.variance.assign(this.variance.mul(beta2).add(gradient.square().mul(1 - beta2)));
      const denominator = this.variance.sqrt().div(correction2).add(epsilon);
      const update = this.mean.mul(-learningRate / correction1).div(denominator);
      const next = flat(this.variables)
        .mul(1 - learningRate * weightDecay)
        .add(update);
      let at = 0;
      for (const variable of this.variables) {
        variable.assign(next.slice(at, variable.size).reshape(variable.shape));
        at += variable.size;
      }
    });
  }

  private stepInOneKernel(gradients: readonly tf.Tensor[], learningRate: number): void {
    const { weightDecay, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, clipNorm = Infinity } = this.options;
    const inputs: tf.NamedTensorMap = { mean: this.mean, variance: this.variance };
    this.variables.forEach((variable, i) => {
      inputs[`parameter${i}`] = variable;
      inputs[`gradient${i}`] = gradients[i]!;
    });
    const step = this.steps;
    const attributes = { step, learningRate, weightDecay, beta1, beta2, epsilon, clipNorm };
    const next: tf.Tensor[] = tf.engine().runKernel("AdamWStep", inputs, attributes);
    [this.mean, this.variance, ...this.variables].forEach((variable, i) => {
      variable.assign(next[i]!);
      next[i]!.dispose();
    });
  }

  dispose(): void {
    tf.dispose([this.mean, this.variance]);
  }
}
