import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { permutation, type Random } from "../random.js";

export interface Quantised {
  /** The nearest codes, float32 [n, latent]; their gradient reaches the vectors unchanged and the codebook not at all. */
  vectors: tf.Tensor2D;
  /** Their numbers, int32 [n]. */
  codes: tf.Tensor1D;
  /** Mean of ‖sg(z) − e‖² + β ‖z − sg(e)‖² over all entries: moves the codebook, and commits the encoder to it. */
  loss: tf.Scalar;
}

/**
 * Vector quantisation with the straight-through gradient (van den Oord, Vinyals & Kavukcuoglu, 2017, equations 1–3).
 * @param z float32 [n, latent]
 * @param codebook float32 [codes, latent]
 * @param commitment β
 * @throws UserError where vectors and codes differ in length
 */
export function quantise(z: tf.Tensor2D, codebook: tf.Tensor2D, commitment: number): Quantised {
  const codes = nearestCodes(z, codebook);
  const vectors = tf.customGrad(() => ({
    value: tf.gather(codebook, codes),
    gradFunc: (dy: tf.Tensor) => [dy],
  }))(z) as tf.Tensor2D;
  return { vectors, codes, loss: codebookLoss(z, codebook, codes, commitment) };
}

/** Number of the nearest code by L2 distance, the first of equals, int32 [n]; not differentiable. Throws as `quantise` does. */
export function nearestCodes(z: tf.Tensor2D, codebook: tf.Tensor2D): tf.Tensor1D {
  if (z.shape[1] !== codebook.shape[1])
    throw new UserError(
      `vectors of ${z.shape[1]} entries do not fit codes of ${codebook.shape[1]}: give both the same length`,
    );
  // ‖z − e‖² without ‖z‖², which is the same for every code
  return tf.tidy(() =>
    codebook
      .square()
      .sum(1)
      .sub(tf.matMul(z, codebook, false, true).mul(2)) // (n, codes)
      .argMin(1),
  );
}

function codebookLoss(z: tf.Tensor2D, codebook: tf.Tensor2D, codes: tf.Tensor1D, commitment: number) {
  const loss = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [z, codebook, save] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc];
    const error = z.sub(tf.gather(codebook, codes));
    save([error, codes]);
    return {
      value: error
        .square()
        .mean()
        .mul(1 + commitment),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [error, codes] = saved as [tf.Tensor2D, tf.Tensor1D];
        const slope = error.mul(dy).mul(2 / error.size);
        return [
          slope.mul(commitment),
          tf.unsortedSegmentSum(slope.neg(), codes, codebook.shape[0]), // (n, latent) → (codes, latent)
        ];
      },
    };
  });
  return loss(z, codebook) as tf.Scalar;
}

/** How often each of `size` codes stands in the list. */
export function countCodes(codes: Iterable<number>, size: number): Int32Array {
  const counts = new Int32Array(size);
  for (const code of codes) counts[code]!++;
  return counts;
}

/** Share of codes that occur (0–1), and perplexity: the exponential of the entropy of their use, 1 to the number of codes. */
export function codebookUse(counts: Int32Array): { usage: number; perplexity: number } {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const entropy = counts.reduce((sum, n) => sum - (n ? (n / total) * Math.log(n / total) : 0), 0);
  return { usage: counts.filter((n) => n > 0).length / counts.length, perplexity: Math.exp(entropy) };
}

/**
 * Moves every code that no vector took onto a vector drawn without replacement (random restarts; Dhariwal et al., 2020): a code that is
 * nearest to nothing gets no gradient and would stay unused.
 * @param z float32 [n, latent], the encoder's output; codes beyond n stay where they are
 */
export async function restartDeadCodes(
  codebook: tf.Variable,
  counts: Int32Array,
  z: tf.Tensor2D,
  random: Random,
): Promise<void> {
  const [values, vectors] = [(await codebook.data()).slice(), await z.data()];
  const [n, latent] = z.shape;
  const order = permutation(n, random);
  let next = 0;
  counts.forEach((count, code) => {
    if (count > 0 || next === n) return;
    const from = order[next++]! * latent;
    values.set(vectors.subarray(from, from + latent), code * latent);
  });
  tf.tidy(() => codebook.assign(tf.tensor(values, codebook.shape, "float32")));
}
